# SPDX-License-Identifier: MIT
"""The report in a real browser (Debian's chromium, headless): filtering, sorting, turning, opening, links, a phone.

It runs in a network namespace of its own, where there is nothing but loopback for its driver.
"""
import os
import pathlib
import shutil
import subprocess
import sys

import pytest

from cases.harness import report
from cases.harness.lab import REPOSITORY
from cases.unit import report_data

BROWSER, DRIVER = "/usr/bin/chromium", "/usr/bin/chromedriver"
MISSING = [p for p in (BROWSER, DRIVER) if not os.path.exists(p)]
pytestmark = pytest.mark.skipif(bool(MISSING), reason=f"{MISSING} is missing; run scripts/install-deps report")
NAMES = ["desktop", "filter", "sort", "turn", "open", "links", "address", "changes", "phone", "keyboard", "quiet"]


@pytest.fixture(scope="module")
def outcome(tmp_path_factory):
    """{name: None or what was wrong} of the steps below, done in one browser."""
    pytest.importorskip("selenium", reason="python3-selenium is missing; run scripts/install-deps report")
    folder = tmp_path_factory.mktemp("report")
    for name in ("old", "new"):
        (folder / name).mkdir()
        report_data.write(folder / name, change={("client-3", "http-always-chunked"): "pass" if name == "old" else "fail"})
    (folder / "r.html").write_text(report.page([folder / "new"], folder / "r.html", [folder / "old"]))
    enter = ["unshare", "-rn", "sh", "-c", 'ip link set lo up && exec "$@"', "sh"]
    done = subprocess.run([*enter, sys.executable, "-m", "cases.unit.report_steps", folder / "r.html", folder], cwd=REPOSITORY,
                          capture_output=True, text=True, check=False, env={**os.environ, "HOME": str(folder)})
    assert done.returncode == 0, done.stderr
    keep = os.environ.get("IGDLAB_SCREENSHOTS")
    if keep:
        for picture in pathlib.Path(folder).glob("*.png"):
            shutil.copy(picture, keep)
    return dict(line.split(": ", 1) for line in done.stdout.splitlines())


@pytest.mark.parametrize("name", NAMES)
def test_step(outcome, name):
    assert outcome[name] == "ok"
