# SPDX-License-Identifier: MIT
"""The plugin of the daemon suite: subjects, fixtures, grades, what is known, and results.

Options come from the environment, because igdlab test daemon starts this:

    IGDLAB_SUBJECT   names of subjects (harness/subject.py), separated by blanks; when left out, the profiles of fakeigd
                     that were made from the specifications, each for what its "conforms" says
    IGDLAB_SELECT    which requirements (harness/requirement.py, Selection)
    IGDLAB_PLAN      a JSON file {subject: {select: selection, named: [ids]}}, in place of both. With "named",
                     checks of other ids run with their first parameters only, and not at all when marked bulk
    IGDLAB_SHARD     I/N   IGDLAB_REPEAT N   IGDLAB_LONG (wait as long as it takes)
    IGDLAB_OUTPUT    a folder for results.json, junit.xml and a folder per check that failed
    IGDLAB_KEEP      the lab of a check that failed stays   IGDLAB_SHELL  a shell in it
    IGDLAB_JSON      a descriptor that results.json is written to
"""
import copy
import json
import os
import pathlib

import pytest
from _pytest.runner import runtestprotocol

from cases.harness import foundation, natpmp, pcp, progress, results, trace
from cases.harness.grading import apply_known, grade_of, status_of
from cases.harness.http import BadMessage
from cases.harness.lab import LabError
from cases.harness.matrix import conformant
from cases.harness.requirement import Selection, catalogue
from cases.harness.subject import FORMS, Subject, WrongAdapter, adapter_of

HERE = pathlib.Path(__file__).resolve().parent
_subjects = {}  # name -> a Subject that runs, kept between checks
_evidence = {}  # item -> folder of its second run


def _option(name, default=""):
    return os.environ.get(f"IGDLAB_{name}") or default


class _Both(list):
    """What fits each of several selections."""

    def __init__(self, *selections):
        super().__init__(selections)

    def __contains__(self, row):
        return all(row in selection for selection in self)


def _plan():
    """{subject: (Selection, named ids or None)}"""
    if not _option("PLAN") and not _option("SUBJECT"):
        selection = Selection(_option("SELECT"))
        return {f"fakeigd:{name}": (_Both(selection, Selection(asked)), None) for name, asked in conformant().items() if asked}
    if _option("PLAN"):
        plan = json.loads(pathlib.Path(_option("PLAN")).read_text())
    else:
        plan = {name: {"select": _option("SELECT")} for name in _option("SUBJECT").split()}
    return {name: (Selection(one["select"]), one.get("named")) for name, one in plan.items()}


# -- which checks of which subjects ---------------------------------------------------------------------


def pytest_configure(config):
    try:
        config.igdlab_plan = _plan()
        for name in config.igdlab_plan:
            adapter_of(name)
    except (ValueError, WrongAdapter) as error:
        raise pytest.UsageError(str(error)) from None


def pytest_generate_tests(metafunc):
    if "subject" in metafunc.fixturenames:
        metafunc.parametrize("subject", list(metafunc.config.igdlab_plan), indirect=True, scope="function")


def _is_ours(item):
    return item.path.parent == HERE and "subject" in getattr(item, "fixturenames", ())


def _rows(item):
    marks = item.iter_markers("requirement")
    return [catalogue()[name] for mark in marks for name in mark.args]


def _subject_name(item):
    return item.callspec.params["subject"] if hasattr(item, "callspec") else ""


def _is_wanted(item, plan, seen):
    """Whether a check is wanted; seen: (subject, function) of those before it."""
    selection, named = plan[_subject_name(item)]
    rows, key = _rows(item), (_subject_name(item), item.function)
    first = key not in seen
    seen.add(key)
    if named is not None and not any(row.id in named for row in rows):
        if not first or item.get_closest_marker("bulk"):
            return False
    return any(row in selection for row in rows)


def _again(item):
    """The same check as an item of its own: pytest does not set up again one that is also the next one."""
    made = copy.copy(item)
    made._initrequest()
    return made


def pytest_collection_modifyitems(config, items):
    """Leave what is selected; those of one subject together, so that its lab is used on."""
    own = [i for i in items if _is_ours(i)]
    for item in own:
        if not _rows(item):
            raise pytest.UsageError(f"{item.nodeid}: a check names its requirement")
    seen = set()
    wanted = [i for i in own if _is_wanted(i, config.igdlab_plan, seen)]
    index, _, count = (_option("SHARD", "1/1")).partition("/")
    wanted = wanted[int(index) - 1::int(count)]
    kept, ours = set(wanted), set(own)
    dropped = [i for i in own if i not in kept]
    repeat = int(_option("REPEAT", "1"))
    order = {name: n for n, name in enumerate(config.igdlab_plan)}
    wanted.sort(key=lambda item: order[_subject_name(item)])
    items[:] = [i for i in items if i not in ours] + wanted + [_again(i) for _ in range(1, repeat) for i in wanted]
    if dropped:
        config.hook.pytest_deselected(items=dropped)


# -- fixtures ----------------------------------------------------------------------------------------------


def _close(name):
    running = _subjects.pop(name, None)
    if running:
        running.__exit__(None, None, None)


def _open(name, evidence=None, form=""):
    """A subject that runs, in a lab of that form, and is as good as new."""
    running = _subjects.get(name)
    if running and evidence is None and not running.spoilt and running.form == form:
        try:
            running.reset()
            return running
        except (LabError, OSError, EOFError, TimeoutError, KeyError, BadMessage):
            pass  # whatever the last check did to it: the next lab is new
    _close(name)
    for other in list(_subjects):
        _close(other)
    adapter = adapter_of(name)
    if adapter.missing():
        raise LabError(adapter.missing())
    made = Subject(adapter, evidence=evidence, long=bool(_option("LONG")), stay=bool(evidence and _option("KEEP")),
                   form=form)
    made.__enter__()
    _subjects[name] = made
    return made


def _form(item):
    """Which form of lab a check needs."""
    needs = {word for mark in item.iter_markers("requirement") for word in mark.kwargs.get("needs", ())}
    return next(iter(sorted(needs & set(FORMS))), "")


@pytest.fixture
def subject(request):
    """The router under test in its lab, as good as new."""
    name, item = request.param, request.node
    for mark in item.iter_markers("requirement"):
        Subject(adapter_of(name)).require(**mark.kwargs)
    evidence = _evidence.get(item)
    if evidence or item.get_closest_marker("fresh"):
        _close(name)
    running = _open(name, evidence, _form(item))
    yield running
    if evidence:
        failed = getattr(item, "igdlab_failed", False)
        if _option("SHELL") and failed:
            results.open_shell(running, item)
            if shown := item.config.pluginmanager.getplugin(progress.NAME):
                shown.forget()
        running.lab.kept = bool(_option("KEEP") and failed)
        _close(name)


@pytest.fixture
def lab(subject):
    """The subject's lab."""
    return subject.lab


@pytest.fixture
def cp(subject):
    """A control point on the client that has read the description."""
    return subject.control_point()


@pytest.fixture
def other(subject):
    """A control point on the second host of the LAN."""
    subject.require(needs="other")
    return subject.control_point("other")


@pytest.fixture
def upstream(subject):
    """The PCP server behind a router that interworks; it has not been asked anything yet."""
    if not subject.upstream:
        subject.require(interworking=True)
    return subject.upstream


def _port_control(client, node="client"):
    """A fixture: a client of NAT-PMP or PCP on a host."""
    @pytest.fixture
    def opened(subject):
        if node != "client":
            subject.require(igd=0, needs=node)
        with client(subject.lab, node) as made:
            yield made
    return opened


pc, pc2 = _port_control(pcp.Client), _port_control(pcp.Client, "other")
pmp, pmp2 = _port_control(natpmp.Client), _port_control(natpmp.Client, "other")


def pytest_sessionfinish(session, exitstatus):
    """The end of the labs; exit status of igdlab: 0, 1 a verdict, 2 wrong use, 3 no lab."""
    for name in list(_subjects):
        _close(name)
    if hasattr(session.config, "workerinput"):
        return
    if any("no-lab" in found for found in results.gathered):
        session.exitstatus = 3
    elif exitstatus in (pytest.ExitCode.NO_TESTS_COLLECTED, pytest.ExitCode.USAGE_ERROR):
        session.exitstatus = 2
    if _option("OUTPUT"):
        results.write(pathlib.Path(_option("OUTPUT")), int(session.exitstatus))
    if _option("JSON"):
        results.write_to(int(_option("JSON")), int(session.exitstatus))


# -- grades ---------------------------------------------------------------------------------------------------


def _explain(item, reason, report):
    """The text of a failure: the requirement first, then what happened, then where."""
    lines = [row.sentence + f"\n    expected: {row.expect}" for row in _rows(item)]
    lines += [f"    subject:  {_subject_name(item)}"]
    if _option("KEEP") and item in _evidence:
        lines += [f"    lab:      igdlab shell {_subjects[_subject_name(item)].lab.name}:client; igdlab down ends it"]
    lines += ["", reason, "", str(report.longreprtext)]
    return "\n".join(lines)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    report = outcome.get_result()
    if not _is_ours(item):
        return
    graded = grade_of(call)
    if graded is None:
        if report.failed:
            report.user_properties = [("grade", "fail"), ("reason", call.excinfo.exconly()),
                                      *_properties(item)]
        return
    grade, reason = graded
    broken_lab = call.when == "setup" and grade == "fail"
    item.igdlab_failed = grade == "fail"
    if grade == "fail":
        report.longrepr = _explain(item, reason, report)
    grade, reason = apply_known(results.known_entries(adapter_of(_subject_name(item)), [r.id for r in _rows(item)], item.name),
                                grade, reason, report)
    report.user_properties = [("grade", grade), ("reason", reason), *_properties(item)]
    if broken_lab and call.excinfo.errisinstance(LabError):
        report.user_properties.append(("no-lab", reason))


def _properties(item):
    rows = _rows(item)
    return [("subject", _subject_name(item)), ("requirements", " ".join(row.id for row in rows)),
            ("check", item.nodeid)]


def pytest_report_teststatus(report):
    return status_of(report)


def pytest_runtest_logreport(report):
    """In the controlling process: gather."""
    found = dict(getattr(report, "user_properties", ()))
    if "grade" in found:
        results.gathered.append({**found, "seconds": report.duration, "text": report.longreprtext
                                 if report.failed else ""})


def _missing(item):
    """What a check that has just failed rests on and does not hold (harness/foundation.py), or None."""
    used = trace.take()
    try:
        running = _open(_subject_name(item), form=_form(item))
    except LabError:
        return None
    return foundation.missing(running, used, [row.id for row in _rows(item)])


def pytest_runtest_protocol(item, nextitem):
    """A failing check tells nothing when what it rests on is missing; otherwise it runs again, with evidence."""
    if not _is_ours(item):
        return None
    return results.run(item, nextitem, runtestprotocol, _evidence, _missing)


def pytest_terminal_summary(terminalreporter):
    results.print_summary(terminalreporter, catalogue())
