# SPDX-License-Identifier: MIT
"""The plugin of the client suite: clients, the labs around them, outcomes, grades, and results.

Options come from the environment, because igdlab test client starts this:

    IGDLAB_CLIENTS   names or files of clients (harness/client.py), separated by blanks; the reference control
                     point when left out
    IGDLAB_SELECT    which cases: patterns of names, kind:quirk, layer:soap, must:mapped, id:WIPC-*
    IGDLAB_SHARD I/N   IGDLAB_REPEAT N   IGDLAB_LONG
    IGDLAB_OUTPUT    a folder for cases.ndjson (a line per case as soon as it is done), results.json, junit.xml and
                     a folder per case that did not pass
    IGDLAB_RESUME    what is in its cases.ndjson is not done again
    IGDLAB_JSON      a descriptor that results.json is written to
"""
import os

import pytest

from cases.harness import outcome
from cases.harness.client import Client, WrongAdapter
from cases.harness.drive import Session, Wanted
from cases.harness.lab import Lab

DEFAULT = "igdlab"


def _option(name, default=""):
    return os.environ.get(f"IGDLAB_{name}") or default


def pytest_configure(config):
    config.addinivalue_line("markers", "scenario(ids, needs): requirements of clients that a scenario tests")
    try:
        config.igdlab_clients = {name: Client(name) for name in _option("CLIENTS", DEFAULT).split()}
    except WrongAdapter as error:
        raise pytest.UsageError(str(error)) from None


def pytest_generate_tests(metafunc):
    if "client" in metafunc.fixturenames:
        metafunc.parametrize("client", list(metafunc.config.igdlab_clients), indirect=True, scope="session")


@pytest.fixture(scope="session")
def client(request):
    """The client under test."""
    chosen = request.config.igdlab_clients[request.param]
    if chosen.missing():
        pytest.skip(chosen.missing())
    return chosen


@pytest.fixture
def meet(client, record_property):
    """meet(case): the client is told to map in the lab of a case; returns (outcome, Said, ports)."""
    def meet(case, wanted=Wanted()):
        with Lab(case.topology, profile=list(case.profile), quirks=list(case.quirks)) as lab:
            with Session(client, lab) as session:
                said = session.perform("add", wanted)
                ports = outcome.open_ports(lab, said, wanted)
                found = outcome.judge(said, ports, wanted)
        record_property("outcome", found)
        return found, said, ports
    return meet
