# SPDX-License-Identifier: MIT
"""A fleet shares the cases: the parts together are the whole, and the example for a forge's CI does what it says."""
import json
import re
import subprocess

import yaml

from cases.harness import matrix
from cases.harness.lab import REPOSITORY, program

SELECT = "kind:profile conformant-*"
EXAMPLE = REPOSITORY / "scripts" / "client-matrix.yaml"


def test_parts_are_the_whole_and_merge_into_one_report(tmp_path):
    seen = []
    for part in (1, 2):
        done = subprocess.run([program("igdlab"), "test", "client", "igdlab", "--select", SELECT, "--shard", f"{part}/2",
                               "-o", tmp_path / f"part-{part}"], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        seen += [case["name"] for case in json.loads((tmp_path / f"part-{part}" / "results.json").read_text())["cases"]]
    profiles = [p.stem for p in (REPOSITORY / "fakeigd" / "profiles").glob("conformant-*.yaml")]
    assert sorted(seen) == sorted(profiles)
    done = subprocess.run([program("igdlab"), "report", tmp_path / "part-1", tmp_path / "part-2", "-o", tmp_path / "r.html",
                           "--markdown", tmp_path / "r.md", "--json"], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["cases"] == len(profiles)
    met = sum("igd" in matrix.spoken(name) for name in profiles)  # the others are unsupported, and not counted
    assert f"| Profiles | {met}/{met} |" in (tmp_path / "r.md").read_text()


def test_commands_of_the_example_are_ours():
    """Every line that it runs is a script, a target or a verb with options that there are."""
    jobs = yaml.safe_load(EXAMPLE.read_text())["jobs"]
    lines = [step["run"] for job in jobs.values() for step in job["steps"] if "run" in step]
    targets = re.findall(r"^([a-z-]+):", (REPOSITORY / "Makefile").read_text(), re.M)
    steps = re.search(r"expected ([a-z, ]+) or --list", (REPOSITORY / "scripts" / "install-deps").read_text())[1].split(", ")
    for line in lines:
        for words in (part.split() for part in re.split(r"&&|\|\|", line)):
            if words[0] == "make":
                assert set(words[1:]) <= set(targets), line
            elif words[0] == "scripts/install-deps":
                assert words[1] in steps, line
            elif words[0] == "build/igdlab":
                text = subprocess.run([program("igdlab"), words[1], "--help"], capture_output=True, text=True, check=True).stdout
                assert all(word in text for word in words if word.startswith("-")), line
    parts = jobs["part"]["strategy"]["matrix"]["part"]
    assert parts == list(range(1, len(parts) + 1)) and any(f"/{len(parts)} " in line for line in lines)
