# SPDX-License-Identifier: MIT
"""make install: the installed programs find their data, wherever they were put."""
import json
import subprocess

from cases.harness.lab import REPOSITORY


def test_installed_programs_work_and_uninstall_leaves_nothing(tmp_path):
    prefix = tmp_path / "prefix"
    make = ["make", "-s", "-C", REPOSITORY, f"PREFIX={prefix}"]
    subprocess.run([*make, "install"], check=True, capture_output=True)
    igdlab = prefix / "bin" / "igdlab"
    done = subprocess.run([igdlab, "run", "-t", "flat", "--json"], capture_output=True, text=True,
                          check=False, cwd="/")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["verdict"] == "pass"
    listed = subprocess.run([igdlab, "list", "profiles", "--json"], capture_output=True, text=True,
                            check=True)
    assert any(p["name"] == "broadcom-brcm400" for p in json.loads(listed.stdout))
    tested = subprocess.run([igdlab, "test", "daemon", "fakeigd:conformant-igd2", "--select", "WIPC-01", "--json"],
                            capture_output=True, text=True, check=False, cwd="/")
    assert tested.returncode == 0 and json.loads(tested.stdout)["counts"]["pass"] >= 1, tested.stderr
    shown = subprocess.run(["man", "-l", prefix / "share/man/man1/igdlab.1"], capture_output=True,
                           text=True, check=True)
    assert "igdlab" in shown.stdout
    subprocess.run([*make, "uninstall"], check=True, capture_output=True)
    assert [p for p in prefix.rglob("*") if p.is_file()] == []
