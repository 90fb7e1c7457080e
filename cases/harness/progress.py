# SPDX-License-Identifier: MIT
"""progress.py - what "igdlab test" shows while it runs.

On a terminal a bar for each area or client, drawn again in place, and above the bars a line for each check that
fails. Anywhere else (a file, CI) the same lines for failures, and a line whenever a tenth is done.
A pytest plugin of the controlling process; it takes the place of pytest's dots.
"""
import os
import re
import time

import pytest

from .requirement import GRADES

NAME = "igdlab-progress"
WIDTH, FRAME = 24, 0.1  # columns of a bar; seconds between two drawings
_UP, _CLEAR = "\x1b[{}A\r", "\x1b[J"


def area_of(check):
    """The area of a check, by its node id: files are named after their area."""
    return re.search(r"test_([a-z0-9]+)", check)[1].upper()


def bar(row, total, width=20):
    """Of a {grade: number} and what it will add up to: passed, neither, failed, not yet run."""
    done = sum(row.values())
    filled = -(-width * done // (total or 1))
    bad = min(-(-width * row["fail"] // (total or 1)), filled)
    good = filled - bad if row["pass"] + row["fail"] == done else min(width * row["pass"] // total, filled - bad)
    return "█" * good + "▒" * (filled - good - bad) + "╳" * bad + "·" * (width - filled)


def of_clients(names):
    """The client that a case belongs to, by its node id: its first parameter."""
    def group(check):
        words = check.partition("[")[2]
        return max((name for name in names if words.startswith(name)), key=len, default="other")
    return group


def _failure(found):
    ids = found["requirements"] if isinstance(found["requirements"], str) else " ".join(found["requirements"])
    return " ".join(filter(None, ("FAIL", ids, found["check"].rpartition("::")[2])))


class Progress:
    """The plugin. Made before pytest takes standard output, which it asks for the size of the terminal.

    group: the bar that a check belongs to, by its node id.
    """

    def __init__(self, group=area_of):
        self.reporter, self._terminal, self._group = None, None, group
        if os.isatty(1) and os.environ.get("TERM", "dumb") != "dumb":
            self._terminal = os.dup(1)
        self.total, self.done = {}, {}  # area -> checks; area -> grade -> checks
        self._drawn, self._when, self._tenth, self._start = 0, 0.0, 0, time.monotonic()

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionstart(self, session):
        """Find out where to write; others be quiet."""
        plugins = session.config.pluginmanager
        self.reporter = plugins.getplugin("terminalreporter")
        if quiet := plugins.unregister(name="terminaldistreporter"):  # pytest-xdist's lines on its workers
            quiet.ensure_show_status = lambda: None

    def pytest_collection_finish(self, session):
        """One process: these will run."""
        self._expect(item.nodeid for item in session.items)

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, ids):
        """Many processes: each has collected the same."""
        if not self.total:
            self._expect(ids)

    def _expect(self, ids):
        for check in ids:
            area = self._group(check)
            self.total[area] = self.total.get(area, 0) + 1
            self.done.setdefault(area, dict.fromkeys(GRADES, 0))

    @pytest.hookimpl(tryfirst=True)
    def pytest_report_teststatus(self, report):
        """Counted under its grade, but nothing is written."""
        grade = dict(getattr(report, "user_properties", ())).get("grade")
        if report.when == "teardown" and not report.failed:
            return "", "", ""
        return ("passed" if grade == "pass" else "failed" if report.failed else grade or "", "", "")

    def pytest_runtest_logreport(self, report):
        """One more check is done."""
        found = dict(getattr(report, "user_properties", ()))
        if "grade" not in found:
            return
        self.done[self._group(found["check"])][found["grade"]] += 1
        told = _failure(found) if found["grade"] == "fail" else ""
        if self._terminal is not None:
            self._draw(told)
        else:
            self._tell(told)

    def forget(self):
        """Somebody else writes to the terminal: the next bars stand below that."""
        self._drawn = 0

    # -- plain lines ---------------------------------------------------------------------------------------

    def _sum(self, grade=None):
        return sum(sum(row.values()) if grade is None else row[grade] for row in self.done.values())

    def _tell(self, told):
        if told:
            self.reporter.write_line(told)
        whole, done = sum(self.total.values()), self._sum()
        if done * 10 // whole > self._tenth:
            self._tenth = done * 10 // whole
            self.reporter.write_line(f"{self._tenth * 10:3} %  {done} of {whole} checks, {self._sum('fail')} failed, "
                                     f"{time.monotonic() - self._start:.0f} s{self._left(done, whole)}")

    def _left(self, done, whole):
        """What is left at the speed so far, in words."""
        seconds = (time.monotonic() - self._start) / max(1, done) * (whole - done)
        return f", about {seconds / 60:.0f} min left" if seconds >= 90 else f", about {seconds:.0f} s left" if seconds >= 1 else ""

    # -- bars ----------------------------------------------------------------------------------------------

    def _line(self, name, row, total):
        told = ", ".join(f"{row[grade]} {grade}" for grade in GRADES if row[grade] and grade != "pass")
        return f"{name:{max(6, *map(len, self.total))}} {bar(row, total, WIDTH)} {sum(row.values()):5}/{total:<5} {told}"

    def _block(self):
        lines = [self._line(area, self.done[area], self.total[area]) for area in self.total]
        row = {grade: self._sum(grade) for grade in GRADES}
        whole = sum(self.total.values())
        lines.append(self._line("all", row, whole) + self._left(self._sum(), whole))
        size = os.get_terminal_size(self._terminal)
        return [line[:(size.columns or 80) - 1] for line in lines][-max(1, (size.lines or 24) - 2):]

    def _draw(self, told):
        now, whole = time.monotonic(), sum(self.total.values())
        if not told and now - self._when < FRAME and self._sum() < whole:
            return
        self._when = now
        text = (_UP.format(self._drawn) if self._drawn else "") + _CLEAR
        lines = ([told] if told else []) + (block := self._block())
        self._drawn = len(block)
        self.reporter.write(text + "\n".join(lines) + "\n", flush=True)
