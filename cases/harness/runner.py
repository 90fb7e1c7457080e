# SPDX-License-Identifier: MIT
"""runner.py - what "igdlab test" starts: pytest on cases/daemon or cases/client, with igdlab's exit status.

The options are in the environment (the conftest.py of either); IGDLAB_SUITE says which, IGDLAB_WORKERS is pytest-xdist's -n. What
is wrong with them is said in a sentence before anything runs.
"""
import os
import re
import signal
import sys

from .lab import REPOSITORY

USAGE, NO_LAB = 2, 3


def complain(sentence, status):
    """Say it and leave."""
    print(f"igdlab test: {sentence}", file=sys.stderr)
    raise SystemExit(status)


def _check_shard():
    shard = re.fullmatch(r"(\d+)/(\d+)", os.environ.get("IGDLAB_SHARD", "1/1"))
    if not shard or not 1 <= int(shard[1]) <= int(shard[2]):
        complain(f'--shard: expected I/N with I from 1 to N, found "{os.environ["IGDLAB_SHARD"]}"', USAGE)


def check_daemons():
    """Look at the options of "test daemon"; SystemExit after a complaint. Returns what names the bars of progress."""
    from .progress import area_of
    from .requirement import Selection, catalogue
    from .subject import Adapter, WrongAdapter, builds
    try:
        selection = Selection(os.environ.get("IGDLAB_SELECT", ""))
        subjects = [Adapter(build) for name in os.environ["IGDLAB_SUBJECT"].split() for build in builds(name)]
    except (ValueError, WrongAdapter) as error:
        complain(str(error), USAGE)
    if not any(row in selection for row in catalogue().values()):
        complain(f'--select: no requirement fits "{os.environ["IGDLAB_SELECT"]}"', USAGE)
    for subject in subjects:
        if subject.alone and os.environ.get("IGDLAB_WORKERS", "1") != "1":
            complain("a remote router is one: leave -n out", USAGE)
    here = [subject for subject in subjects if not subject.missing()]
    for subject in subjects:
        if subject not in here:
            print(f"igdlab test: {subject.missing()}", file=sys.stderr)
    if not here:
        raise SystemExit(NO_LAB)
    os.environ["IGDLAB_SUBJECT"] = " ".join(subject.name for subject in here)
    return area_of


def check_clients():
    """The same of "test client"; "all" becomes every client that is here."""
    from .client import Client, WrongAdapter, names
    from .progress import of_clients
    from .scenario import CaseSelection
    wanted = os.environ["IGDLAB_CLIENTS"].split()
    try:
        CaseSelection(os.environ.get("IGDLAB_SELECT", ""))
        clients = [Client(name) for name in (names() if wanted == ["all"] else wanted)]
    except (ValueError, WrongAdapter) as error:
        complain(str(error), USAGE)
    for client in clients if wanted != ["all"] else []:
        if client.missing():
            complain(f"{client.name}: {client.missing()}", NO_LAB)
    twice = {c.name for c in clients if sum(o.name == c.name for o in clients) > 1}
    if twice:
        complain(f"two clients are named {sorted(twice)[0]}", USAGE)
    os.environ["IGDLAB_CLIENTS"] = " ".join(c.word for c in clients)
    return of_clients([client.name for client in clients])


def _arguments(suite):
    arguments = ["-q", "-p", "no:cacheprovider", "-c", str(REPOSITORY / "cases/pytest.ini"), "--rootdir",
                 str(REPOSITORY), "--tb=short", "-r", "", "-o", "console_output_style=classic",
                 str(REPOSITORY / "cases" / suite)]
    if os.environ.get("IGDLAB_WORKERS", "1") != "1":
        arguments += ["-n", os.environ["IGDLAB_WORKERS"]]
    if os.environ.get("IGDLAB_OUTPUT"):
        os.makedirs(os.environ["IGDLAB_OUTPUT"], exist_ok=True)
        arguments.append(f"--junitxml={os.environ['IGDLAB_OUTPUT']}/junit.xml")
    if os.environ.get("IGDLAB_SHELL"):
        arguments.append("--capture=no")
    return arguments


def main():
    """Run the suite; the exit status of igdlab(1)."""
    suite = os.environ.get("IGDLAB_SUITE", "daemon")
    try:
        import pytest
        from . import clientresults, results
        from .progress import Progress
        _check_shard()
        group = check_clients() if suite == "client" else check_daemons()
    except ImportError as error:
        complain(f"{error}; run scripts/install-deps test", NO_LAB)
    sys.dont_write_bytecode = True
    try:
        status = int(pytest.main(_arguments(suite), plugins=[Progress(group)]))
        sys.stdout.flush()
    except BrokenPipeError:  # nobody reads on; what is buffered has nowhere to go
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + signal.SIGPIPE
    if status in (2, 5) and not results.gathered and not clientresults.gathered:
        complain("no check is selected" if suite == "daemon" else "no case is selected", USAGE)
    return {0: 0, 1: 1, 2: 2, 3: 3, 4: USAGE, 5: USAGE}.get(status, NO_LAB)


if __name__ == "__main__":
    sys.exit(main())
