# SPDX-License-Identifier: MIT
"""grading.py - what both suites do alike: the grade of a call, the letter of a grade, known failures."""
import datetime
import os

import pytest

from .requirement import Verdict, catalogue, take_notes

LETTERS = {"non-strict": "n", "fail": "F", "known": "k", "unsupported": "u", "inconclusive": "?", "not-run": "-"}


def grade_of(call):
    """(grade, reason) of what pytest has just called of a check or scenario, with the sentences of nonstrict(); None of what
    has no grade: a set-up that held, and a teardown."""
    notes = take_notes()
    if call.when == "teardown" or (call.when == "setup" and call.excinfo is None):
        return None
    if call.excinfo is None:
        return ("non-strict", "; ".join(notes)) if notes else ("pass", "")
    error = call.excinfo.value
    if isinstance(error, Verdict):
        return error.grade, error.reason
    if isinstance(error, pytest.skip.Exception):
        return "not-run", str(error)
    return "fail", call.excinfo.exconly().removeprefix("AssertionError: ")


def status_of(report):
    """What pytest shows of a report that has a grade other than pass, else None (pytest_report_teststatus)."""
    grade = dict(report.user_properties).get("grade") if hasattr(report, "user_properties") else None
    if not grade or report.when == "teardown" or grade == "pass":
        return None
    return "failed" if grade == "fail" else grade, LETTERS[grade], grade.upper()


def apply_known(entries, grade, reason, report):
    """The grade after what an adapter lists as known to fail; changes the report where it matters.

    entries: [(id, {"reason", "link", "expires"})] that concern this check. One that fails is ``known``; one that passes,
    or whose date has come, fails.
    """
    for name, entry in entries if not os.environ.get("IGDLAB_NO_KNOWN") else ():
        said = f'{name} is known to fail ({entry["reason"]}; {entry["link"]})'
        if str(entry["expires"]) < datetime.date.today().isoformat():
            sentence = f'{said}, but that expired on {entry["expires"]}'
        elif grade == "fail":
            report.outcome, report.wasxfail, report.longrepr = "skipped", said, (__file__, 0, said)
            return "known", said
        elif grade in ("pass", "non-strict"):
            sentence = f"{said}, but passed: take it off the list"
        else:
            continue
        report.outcome, report.longrepr = "failed", f"{catalogue()[name].sentence}\n\n{sentence}"
        return "fail", sentence
    return grade, reason
