# SPDX-License-Identifier: MIT
"""loop.py - the daemon suite run over many subjects at once, and what a quirk broke in it.

Under a quirk a check is broken when it fails or is non-strict. What a quirk breaks is told per
requirement: an id is broken when one of its checks is, and whole when one of them ran and none is. A
check of several ids breaks none that its quirk does not name as long as it breaks one that it names.
"""
import concurrent.futures
import fcntl
import functools
import importlib
import itertools
import json
import os
import re
import subprocess

import yaml

from .lab import REPOSITORY
from .requirement import BROKEN

QUIRKS = REPOSITORY / "fakeigd" / "quirks"
BATCH = 2         # subjects per run: pytest wants all checks of all subjects in memory
WORKERS = 7 * os.cpu_count()  # runs at a time; they wait more than they reckon
SLOW = 5          # and of those that do nothing but wait
PATIENCE = "5"    # seconds after which a router that a quirk made mute is given up
RAN = ("pass", "fail", "non-strict", "inconclusive")


def load(path):
    """A YAML file."""
    return yaml.load(path.read_text(), getattr(yaml, "CSafeLoader", yaml.SafeLoader))


def quirks():
    """{name: quirk} of those that change a router, wherever it is shown; the lab of a subject has a place for each check."""
    return {p.stem: q for p in sorted(QUIRKS.glob("*.yaml")) for q in [load(p)] if q["overlay"]}


@functools.lru_cache(maxsize=None)
def checks():
    """{function: ids} of the daemon checks."""
    found = {}
    for path in sorted((REPOSITORY / "cases" / "daemon").glob("test_*.py")):
        module = importlib.import_module(f"cases.daemon.{path.stem}")
        for name, value in vars(module).items():
            ids = {i for mark in getattr(value, "pytestmark", ()) if mark.name == "requirement" for i in mark.args} \
                if callable(value) and value.__module__ == module.__name__ else set()
            if name.startswith("test_") and ids:
                found[f"{path.stem}.{name}"] = ids
    return found


def once(tmp_path_factory, name, make):
    """make(folder), as JSON has it: done by the worker of this run that comes first, for all of them."""
    base = tmp_path_factory.getbasetemp()
    base = base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base
    with open(base / f"{name}.lock", "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = base / f"{name}.json"
        if not done.exists():
            done.write_text(json.dumps(make(base)))
        return json.loads(done.read_text())


def subject_of(name, quirk):
    """The subject under a quirk: the profile that the quirk is shown on, with it."""
    return f"fakeigd:{quirk.get('base', 'conformant-igd1')}+{name}"


def run(plan, folder, workers=WORKERS):
    """Run a plan {subject: {select, named, slow}} (cases/daemon/conftest.py); returns {subject: [result, ...]} as in
    results.json. Those that are slow run beside the others, each by itself. What an earlier run of the same plan has left
    in the folder is not done again."""
    names = list(plan)
    quick, slow = ([name for name in names if bool(plan[name].get("slow")) == is_slow] for is_slow in (False, True))

    def done(part):
        return _run({name: plan[name] for name in part}, folder / f"results-{names.index(part[0])}.json")
    with concurrent.futures.ThreadPoolExecutor(workers) as pool, concurrent.futures.ThreadPoolExecutor(SLOW) as beside:
        runs = [beside.map(done, [[name] for name in slow]),
                pool.map(done, [quick[start:start + BATCH] for start in range(0, len(quick), BATCH)])]
        found = {name: [] for name in names}
        for result in itertools.chain.from_iterable(itertools.chain(*runs)):
            found[result["subject"]].append(result)
    return found


def _run(plan, out):
    """The results of a part of a plan, by a pytest of its own; they are left in the file out, too."""
    file = out.with_name(f"plan-{out.name}")
    if file.exists() and out.exists() and out.stat().st_size and json.loads(file.read_text()) == plan:
        return json.loads(out.read_text())["checks"]
    file.write_text(json.dumps(plan))
    environment = {k: v for k, v in os.environ.items()
                   if not k.startswith(("IGDLAB_", "PYTEST_")) or k == "IGDLAB_BUILD"}
    environment |= {"IGDLAB_PLAN": str(file), "IGDLAB_DEADLINE": PATIENCE, "IGDLAB_NO_KNOWN": "1",
                    "PYTHONPYCACHEPREFIX": str(out.parent / "pycache")}  # every part compiles the checks otherwise
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    with open(out, "w", encoding="utf-8") as results:
        environment["IGDLAB_JSON"] = str(results.fileno())
        done = subprocess.run(
            ["/usr/bin/python3", "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", "-c", "cases/pytest.ini",
             "--rootdir", ".", "--tb=no", "-r", "", "cases/daemon"],
            cwd=REPOSITORY, env=environment, pass_fds=[results.fileno()], capture_output=True, text=True, check=False)
    if not out.read_text().strip():
        raise RuntimeError(f"the suite did not run: {done.stdout}{done.stderr}")
    return json.loads(out.read_text())["checks"]


def check_name(result):
    """A check without its subject: test_x[TCP]."""
    name = result["check"].partition("::")[2]
    subject = result["subject"]
    return name.replace(f"{subject}-", "").replace(f"-{subject}", "").replace(f"[{subject}]", "")


def _short(result):
    """Grade and first line of the reason, without what differs from run to run."""
    line = (result["reason"].splitlines() or [""])[0]
    return re.sub(r"0x[0-9a-f]+", "...", f"{result['grade']}: {line}")[:200]


def judge(results, breaks):
    """What a quirk broke, against what it says: ({id: reason} missing, {id: reason} extra).

    Only ids of which a check ran are judged.
    """
    breaks = set(breaks)
    ran, broken = {}, {}
    for result in results:
        if result["grade"] not in RAN:
            continue
        ids = set(result["requirements"])
        for name in ids:
            ran.setdefault(name, []).append(result)
        if result["grade"] not in BROKEN:
            continue
        for name in (ids & breaks) or ids:
            broken.setdefault(name, f"{check_name(result)}: {_short(result)}")
    missing = {name: "every check of it passes" for name in sorted(breaks & set(ran)) if name not in broken}
    return missing, {name: why for name, why in sorted(broken.items()) if name not in breaks}
