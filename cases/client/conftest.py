# SPDX-License-Identifier: MIT
"""The plugin of the client suite: clients, what they meet, outcomes, grades, and results.

Options come from the environment, because igdlab test client starts this:

    IGDLAB_CLIENTS   names or files of clients (harness/client.py), separated by blanks; the reference control
                     point when left out
    IGDLAB_SELECT    which cases (harness/scenario.py, CaseSelection)
    IGDLAB_PLAN      a selection for each client, as JSON, instead of IGDLAB_SELECT
    IGDLAB_SHARD     I/N   IGDLAB_REPEAT N   IGDLAB_LONG (what waits for minutes, too)
    IGDLAB_OUTPUT    a folder for cases.ndjson (a line per case as soon as it is done), results.json, junit.xml,
                     summary.md, report.html and a folder per case that failed
    IGDLAB_RESUME    what is in its cases.ndjson is not done again
    IGDLAB_JSON      a descriptor that results.json is written to
"""
import contextlib
import json
import os
import pathlib
import zlib

import pytest
from _pytest.runner import runtestprotocol

from cases.harness import clientresults as results
from cases.harness import exchange, matrix, meeting
from cases.harness.client import Client, WrongAdapter
from cases.harness.gateway import Gateway, topology
from cases.harness.grading import apply_known, grade_of, status_of
from cases.harness.lab import LabError
from cases.harness.requirement import catalogue, notrun, unsupported
from cases.harness.scenario import CaseSelection, place

DEFAULT = "igdlab"
HERE = pathlib.Path(__file__).resolve().parent
LATE = 3 << 30  # of _turn()'s chances: a quarter of the cases may come at the end
_seen = {}      # (client, profile) -> what it sent
_evidence = {}  # item -> folder of its second run
_worker = []    # something in it: another process has started this one, and gathers


def _option(name, default=""):
    return os.environ.get(f"IGDLAB_{name}") or default


# -- which cases of which clients --------------------------------------------------------------------------


def pytest_configure(config):
    _worker.extend(["worker"] if hasattr(config, "workerinput") else [])
    config.addinivalue_line("markers", "scenario(ids, operation, speaks, resident): requirements of clients that it tests")
    try:
        clients = [Client(name) for name in _option("CLIENTS", DEFAULT).split()]
        config.igdlab_clients = {client.name: client for client in clients}
        config.igdlab_selection = CaseSelection(_option("SELECT") if _option("CLIENTS") else "")
        config.igdlab_plan = {name: CaseSelection(words) for name, words in json.loads(_option("PLAN", "{}")).items()}
    except (ValueError, WrongAdapter) as error:
        raise pytest.UsageError(str(error)) from None


def _may_want(config, kind):
    """Whether any client can meet cases of a kind in this run."""
    return any(config.igdlab_plan.get(name, config.igdlab_selection).may_want(kind) for name in config.igdlab_clients)


def pytest_ignore_collect(collection_path, config):
    """Each of many workers collects: files in which nothing can be wanted are not read."""
    if not _option("CLIENTS") or collection_path.parent != HERE or not collection_path.name.startswith("test_"):
        return None
    kinds = matrix.KINDS if collection_path.name == "test_matrix.py" else ["scenario"]
    return None if any(_may_want(config, kind) for kind in kinds) else True


def pytest_generate_tests(metafunc):
    if "client" in metafunc.fixturenames:
        metafunc.parametrize("client", list(metafunc.config.igdlab_clients), indirect=True)
    if hasattr(metafunc.module, "chosen_cases"):
        cases = metafunc.module.chosen_cases(lambda kind: _may_want(metafunc.config, kind))
        metafunc.parametrize("case", cases, ids=lambda case: case.id)


def _is_ours(item):
    return item.path.parent == HERE and "client" in getattr(item, "fixturenames", ())


def _described(item):
    """What results say of an item: client, kind, name, layer, summary, must, requirements."""
    client = item.callspec.params["client"]
    case = item.callspec.params.get("case")
    marks = list(item.iter_markers("scenario"))
    ids = [name for mark in marks for name in mark.args]
    if case is not None and hasattr(case, "kind"):
        return {"client": client, "kind": case.kind, "name": case.name, "layer": case.layer, "summary": case.summary,
                "must": case.must, "requirements": [*ids, *matrix.requirements_of(case)]}
    name = item.originalname.removeprefix("test_").replace("_", "-")
    rest = [str(p) for p in item.callspec.id.split("-") if p] if len(item.callspec.params) > 1 else []
    other = item.callspec.id.removeprefix(client).strip("-").removesuffix(client).strip("-") if rest else ""
    layer = next((m.kwargs["layer"] for m in marks if "layer" in m.kwargs), ids[0].rpartition("-")[0].lower() if ids else "scenario")
    summary = (item.function.__doc__ or name.replace("-", " ")).strip().splitlines()[0]
    return {"client": client, "kind": "scenario", "name": f"{name}[{other}]" if other else name, "layer": layer,
            "summary": summary, "must": "", "requirements": ids}


def _turn(item):
    """What sorts the cases: mixed, as each worker gets the next ones in a row, and one that has those that wait would be the last;
    at the end only those in which nobody waits in vain. The same in every worker and each time."""
    chance = zlib.crc32(item.nodeid.encode())
    return item.igdlab["must"] == "mapped" and chance > LATE, chance


def pytest_collection_modifyitems(config, items):
    """Leave what is selected and not done yet, in an order that keeps all workers busy to the end."""
    own = [i for i in items if _is_ours(i)]
    for item in own:
        item.igdlab = _described(item)
    plan = config.igdlab_plan
    wanted = [i for i in own if i.igdlab in plan.get(i.igdlab["client"], config.igdlab_selection)]
    wanted.sort(key=_turn)
    index, _, count = (_option("SHARD", "1/1")).partition("/")
    wanted = wanted[int(index) - 1::int(count)]
    done = results.resumed(_option("OUTPUT")) if _option("RESUME") else {}
    left = [i for i in wanted if results.key(i.igdlab) not in done]
    kept, ours = set(left), set(own)
    dropped = [i for i in own if i not in kept]
    others = [] if _option("CLIENTS") else [i for i in items if i not in ours]
    items[:] = others + left * int(_option("REPEAT", "1"))
    if dropped:
        config.hook.pytest_deselected(items=dropped)


# -- fixtures ----------------------------------------------------------------------------------------------


@pytest.fixture
def client(request):
    """The client under test."""
    chosen = request.config.igdlab_clients[request.param]
    if chosen.missing():
        notrun(chosen.missing())
    for mark in request.node.iter_markers("scenario"):
        _require(chosen, **{"speaks": "igd", **mark.kwargs})
    case = request.node.callspec.params.get("case")
    asked = getattr(case, "speaks", ("igd",))
    if not any(request.node.iter_markers("scenario")) and not set(asked) & set(chosen.speaks):
        unsupported(f"speaks {' and '.join(chosen.speaks)}, not {' or '.join(asked)}")
    return chosen


def _require(client, speaks="igd", operation=(), resident=None, layer=None):
    del layer
    if speaks not in client.speaks:
        unsupported(f"speaks {' and '.join(client.speaks)}, not {speaks}")
    for name in [operation] if isinstance(operation, str) else operation:
        if not client.offers(name):
            unsupported(f"cannot be asked for {name}")
    if resident is not None and resident != client.resident:
        unsupported("maps by running" if client.resident else "is one process per operation")


@pytest.fixture
def evidence(request):
    """The folder that this run leaves evidence in, or None."""
    return _evidence.get(request.node)


@pytest.fixture
def meet(client, evidence, record_property):
    """meet(case, wanted): the client is told to map in the lab of a case; a Meeting, which the results tell."""
    def meet(case, wanted=None):
        met = meeting.meet(client, case, wanted, evidence)
        record_property("outcome", met.found)
        record_property("seen", met.seen)
        if case.must:
            record_property("expected", met.expected(case))
        return met
    return meet


@pytest.fixture
def visit(client, evidence):
    """visit(case): (lab, session) in ``with``, for a scenario of more than one step."""
    return lambda case, **more: meeting.visit(client, case, evidence=evidence, **more)


@pytest.fixture
def scripted(visit, tmp_path):
    """scripted(name, speaks, net, ...): (lab, session, Gateway) in ``with``; the router has nothing else."""
    @contextlib.contextmanager
    def place_it(name, speaks, net="192.168.1", **more):
        with visit(place(name, topology=topology(tmp_path, net=net))) as (lab, session):
            with Gateway(lab, speaks=speaks, **more) as made:
                yield lab, session, made
    return place_it


@pytest.fixture
def sent(client, evidence):
    """sent(profile): what the client sends while it maps on a router by the letter (exchange.Sent). Seen once for each client
    and profile by each worker; again for evidence."""
    def sent(profile="conformant-igd1"):
        key = client.name, profile
        if evidence or key not in _seen:
            _seen[key] = exchange.send(client, profile, evidence)
        return _seen[key]
    return sent


# -- grades ---------------------------------------------------------------------------------------------------


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    report = outcome.get_result()
    if not _is_ours(item):
        return
    graded = grade_of(call)
    if graded is None:
        return
    grade, reason = graded
    if grade == "fail":
        rows = [catalogue()[name] for name in item.igdlab["requirements"]]
        report.longrepr = "\n".join([*(row.sentence for row in rows), reason, "", str(report.longreprtext)])
    told = dict(item.user_properties)
    client = item.config.igdlab_clients[item.igdlab["client"]]
    known = [(name, client.known[name]) for name in item.igdlab["requirements"] if name in client.known]
    grade, reason = apply_known(known, grade, reason, report)
    report.user_properties = [*item.igdlab.items(), ("outcome", told.get("outcome", "")), ("expected", told.get("expected", "")),
                              ("seen", told.get("seen", "")), ("grade", grade), ("reason", reason), ("check", item.nodeid)]
    if call.when == "setup" and grade == "fail" and call.excinfo.errisinstance(LabError):
        report.user_properties.append(("no-lab", reason))
    item.user_properties.clear()


def pytest_report_teststatus(report):
    return status_of(report)


def pytest_runtest_protocol(item, nextitem):
    """A case that failed is done once more, in a fresh lab that leaves evidence."""
    if not _is_ours(item):
        return None
    return results.run(item, nextitem, runtestprotocol, _evidence)


def pytest_runtest_logreport(report):
    """In the controlling process: gather, and write the line at once."""
    found = dict(getattr(report, "user_properties", ()))
    if "grade" in found and "client" in found and not _worker:
        results.gather(found, report.duration, _option("OUTPUT"))


def pytest_sessionfinish(session, exitstatus):
    """Exit status of igdlab: 0, 1 a verdict, 2 wrong use, 3 no lab."""
    if hasattr(session.config, "workerinput") or not results.gathered and not _option("RESUME"):
        return
    if _option("RESUME"):
        results.take_over(results.resumed(_option("OUTPUT")))
        if exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED) and results.gathered:
            session.exitstatus = 1 if any(c["grade"] == "fail" for c in results.gathered) else 0
    if any("no-lab" in found for found in results.gathered):
        session.exitstatus = 3
    results.write(session.config.igdlab_clients, int(session.exitstatus), _option("OUTPUT"), _option("JSON"))


def pytest_terminal_summary(terminalreporter):
    results.print_summary(terminalreporter)
