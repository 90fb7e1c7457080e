# SPDX-License-Identifier: MIT
"""The closed loop of the client suite: the reference control point passes what its naive modes fail (naive.yaml).

``make test`` runs some of the modes; all of them, and the reference control point over every case, are of the long lane.
IGDLAB_NAIVE="MODE ..." does those modes only.
"""
import ast
import json
import os
import pathlib
import subprocess
import sys
import zlib

import pytest
import yaml

from cases.harness import loop
from cases.harness.lab import REPOSITORY, program
from cases.harness.requirement import BROKEN

HERE = pathlib.Path(__file__).parent
TABLE = yaml.safe_load((HERE / "naive.yaml").read_text())
LONG = bool(os.environ.get("IGDLAB_LONG"))
PART = 6       # make test does one of so many modes
LEAST = 0.75   # of the scenarios, failed by a naive mode; raise it when it grows
REFERENCE = "igdlab"
FORMS = "layer:natpmp layer:pcp layer:fallback layer:6fc layer:ipv6-pinhole"  # cases of the protocols that its other forms speak


def chosen():
    """The modes of this run."""
    if os.environ.get("IGDLAB_NAIVE"):
        return os.environ["IGDLAB_NAIVE"].split()
    return [mode for mode in TABLE["modes"] if LONG or zlib.crc32(mode.encode()) % PART == 0]


def modes():
    """Those that the reference control point has."""
    done = subprocess.run([program("igdlab"), "map", "--naive", "list", "--json"], capture_output=True, text=True, check=True)
    return [mode["name"] for mode in json.loads(done.stdout)]


def client_of(key):
    """(client, naive) of a key of the table: MODE, MODE+MODE, or CLIENT:MODE for another form of the reference control point."""
    name, _, mode = key.rpartition(":")
    return (name or REFERENCE), f"{name or REFERENCE}:{mode}"


def named(case):
    """(kind, name, outcome allowed or None) of a case of the table."""
    name, _, outcome = case.partition("=")
    kind, _, plain = name.rpartition(":")
    return kind or "quirk", plain, outcome or None


def words(cases):
    """A selection of just those names; kinds are told apart when the results are read."""
    return " ".join(named(case)[1].replace("[", "[[]") for case in cases)


def scenarios():
    """Names of the scenarios: the functions of cases/client that bear the mark."""
    found = set()
    for path in sorted((REPOSITORY / "cases" / "client").glob("test_*.py")):
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_") and "client" in [a.arg for a in node.args.args] + (
                    ["client"] if {"sent", "meet", "visit", "gateway", "server", "router", "firewall"} & {a.arg for a in node.args.args} else []):
                found.add(node.name.removeprefix("test_").replace("_", "-"))
    return found - {"client-meets"}


def run(plan, folder, **more):
    """Run the client suite by a plan {client: selection}; {client: {(kind, name): case}}. more: of its environment."""
    out = folder / "naive.results.json"
    with open(out, "w", encoding="utf-8") as file:
        env = {k: v for k, v in os.environ.items() if not k.startswith(("IGDLAB_", "PYTEST_")) or k in ("IGDLAB_BUILD",)}
        env |= {"IGDLAB_CLIENTS": " ".join(plan), "IGDLAB_PLAN": json.dumps(plan), "IGDLAB_JSON": str(file.fileno())} | more
        done = subprocess.run([sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", "cases/pytest.ini", "--rootdir", ".",
                               "-n", "3", "--dist", "load", "cases/client"], cwd=REPOSITORY, env=env, pass_fds=[file.fileno()],
                              capture_output=True, text=True, check=False)
    text = out.read_text()
    assert text, done.stdout[-2000:] + done.stderr[-2000:]
    found = {}
    for case in json.loads(text)["cases"]:
        found.setdefault(case["client"], {})[case["kind"], case["name"]] = case
    return found


@pytest.fixture(scope="session")
def results(tmp_path_factory):
    """What the modes of this run, and the reference control point, make of their cases: run once."""
    def play(base):
        plan, every = {}, {}
        for mode in chosen():
            good, naive = client_of(mode)
            plan[naive] = words(TABLE["modes"][mode])
            every.setdefault(good, set()).update(TABLE["modes"][mode])
        found = run({**plan, **{good: words(sorted(cases)) for good, cases in every.items()}}, base)
        return [[client, *key, case] for client, cases in found.items() for key, case in cases.items()]
    found = {}
    for client, kind, name, case in loop.once(tmp_path_factory, "naive", play):
        found.setdefault(client, {})[kind, name] = case
    return found


def test_every_mode_has_what_it_fails():
    assert {mode for key in [*TABLE["modes"], *TABLE["long"]] for mode in key.rpartition(":")[2].split("+")} == set(modes())
    assert all(TABLE["modes"].values()) and all(TABLE["long"].values())


@pytest.mark.parametrize("mode", chosen())
def test_naive_mode_fails_what_it_should(results, mode):
    fails(results, mode, TABLE["modes"][mode])


def fails(results, mode, entries):
    """A mode fails its cases, and the reference control point passes them."""
    reference, bad = client_of(mode)
    for entry in entries:
        kind, name, outcome = named(entry)
        good, naive = results[reference].get((kind, name)), results[bad].get((kind, name))
        assert good and naive, f"there is no case {entry}"
        assert good["grade"] == "pass", f"{entry}: the reference control point: {good['grade']}: {good['reason']}"
        if outcome:
            assert (good["outcome"], naive["outcome"]) == ("mapped-and-said", outcome), f"{entry}: {naive['outcome']}"
        else:
            assert naive["grade"] in BROKEN, f"{entry}: {naive['grade']}, {naive['outcome']}: {naive['reason']}"


@pytest.mark.long
def test_naive_modes_fail_what_takes_minutes(tmp_path):
    plan = {}
    for mode, cases in TABLE["long"].items():
        for client in client_of(mode):
            plan[client] = f"{plan.get(client, '')} {words(cases)}".strip()
    found = run(plan, tmp_path, IGDLAB_LONG="1")
    for mode, cases in TABLE["long"].items():
        fails(found, mode, cases)


def test_scenarios_are_failed_by_a_naive_mode_or_have_a_reason(capsys):
    entries = [case for part in ("modes", "long") for cases in TABLE[part].values() for case in cases]
    failed = {named(case)[1].partition("[")[0] for case in entries if named(case)[0] == "scenario"}
    every, listed = scenarios(), TABLE["scenarios"]
    share = len(failed & every) / len(every)
    with capsys.disabled():
        print(f"\nloop: {len(failed & every)} of {len(every)} scenarios are failed by one of {len({*TABLE['modes'], *TABLE['long']})} naive modes "
              f"({share:.0%}); {len(listed)} have a reason")
    assert failed <= every, f"there are no such scenarios: {failed - every}"
    assert not every - failed - set(listed), "no naive mode fails these: say why in naive.yaml"
    assert not set(listed) & failed and set(listed) <= every, "take these off naive.yaml"
    assert share >= LEAST


def left_over(cases):
    """{kind:name: why} of the cases that were not passed outright."""
    return {f"{kind}:{name}": f"{case['grade']}: {case['reason']}" for (kind, name), case in cases.items()
            if case["grade"] not in ("pass", "unsupported", "not-run")}


@pytest.mark.long
def test_reference_passes_everything(tmp_path):
    left = left_over(run({REFERENCE: "*"}, tmp_path)[REFERENCE])
    assert not {name: why for name, why in left.items() if name not in TABLE["reference"]}
    assert set(TABLE["reference"]) <= set(left), "take these off naive.yaml"


@pytest.mark.long
def test_its_other_forms_pass_everything_of_their_protocols(tmp_path):
    found = run({client: FORMS for client in TABLE["forms"]}, tmp_path)
    left = {client: left_over(found[client]) for client in TABLE["forms"]}
    assert not {name: why for client, names in left.items() for name, why in names.items() if name not in TABLE["forms"][client]}
    assert not [name for client, names in TABLE["forms"].items() for name in names if name not in left[client]], "take these off naive.yaml"
