# SPDX-License-Identifier: MIT
"""runner.py - what "igdlab test daemon" starts: pytest on cases/daemon, with igdlab's exit status.

The options are in the environment (cases/daemon/conftest.py); IGDLAB_WORKERS is pytest-xdist's -n. What
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


def check():
    """Look at the options; SystemExit after a complaint."""
    from .requirement import Selection, catalogue
    from .subject import Adapter, WrongAdapter
    shard = re.fullmatch(r"(\d+)/(\d+)", os.environ.get("IGDLAB_SHARD", "1/1"))
    if not shard or not 1 <= int(shard[1]) <= int(shard[2]):
        complain(f'--shard: expected I/N with I from 1 to N, found "{os.environ["IGDLAB_SHARD"]}"', USAGE)
    try:
        selection = Selection(os.environ.get("IGDLAB_SELECT", ""))
        subjects = [Adapter(name) for name in os.environ["IGDLAB_SUBJECT"].split()]
    except (ValueError, WrongAdapter) as error:
        complain(str(error), USAGE)
    if not any(row in selection for row in catalogue().values()):
        complain(f'--select: no requirement fits "{os.environ["IGDLAB_SELECT"]}"', USAGE)
    for subject in subjects:
        if subject.alone and os.environ.get("IGDLAB_WORKERS", "1") != "1":
            complain("a remote router is one: leave -n out", USAGE)
        if subject.missing():
            complain(subject.missing(), NO_LAB)


def main():
    """Run the suite; the exit status of igdlab(1)."""
    try:
        import pytest
        from .progress import Progress
        from .results import gathered
        check()
    except ImportError as error:
        complain(f"{error}; run scripts/install-deps test", NO_LAB)
    arguments = ["-q", "-p", "no:cacheprovider", "-c", str(REPOSITORY / "cases/pytest.ini"), "--rootdir",
                 str(REPOSITORY), "--tb=short", "-r", "", "-o", "console_output_style=classic",
                 str(REPOSITORY / "cases/daemon")]
    if os.environ.get("IGDLAB_WORKERS", "1") != "1":
        arguments += ["-n", os.environ["IGDLAB_WORKERS"]]
    if os.environ.get("IGDLAB_OUTPUT"):
        os.makedirs(os.environ["IGDLAB_OUTPUT"], exist_ok=True)
        arguments.append(f"--junitxml={os.environ['IGDLAB_OUTPUT']}/junit.xml")
    if os.environ.get("IGDLAB_SHELL"):
        arguments.append("--capture=no")
    sys.dont_write_bytecode = True
    try:
        status = int(pytest.main(arguments, plugins=[Progress()]))
    except BrokenPipeError:  # nobody reads on; what is buffered has nowhere to go
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + signal.SIGPIPE
    if status in (2, 5) and not gathered:
        complain("no check is selected", USAGE)
    return {0: 0, 1: 1, 2: 2, 3: 3, 4: USAGE, 5: USAGE}.get(status, NO_LAB)


if __name__ == "__main__":
    sys.exit(main())
