# SPDX-License-Identifier: MIT
"""Clients that speak several protocols: one of them is silent, refuses, or does half of it; the port is mapped by the next one."""
import contextlib

import pytest

from cases.harness import outcome
from cases.harness.drive import Wanted, table
from cases.harness.gateway import USUAL, Gateway, settled, topology
from cases.harness.requirement import inconclusive, nonstrict, unsupported
from cases.harness.scenario import place, scenario

WANTED = Wanted()
PATIENCE = 10.0  # seconds; more is for people with time


@pytest.fixture
def router(visit, tmp_path):
    """router(igd, speaks, script): (lab, session, Gateway or None) in ``with``; igd: its profile, "none" for no UPnP."""
    @contextlib.contextmanager
    def place_it(igd, speaks=None, script=None, quirks=()):
        case = place("fallback", topology=topology(tmp_path, igd=igd), quirks=quirks)
        with visit(case) as (lab, session):
            if speaks is None:
                yield lab, session, None
                return
            with Gateway(lab, speaks=speaks) as gate:
                gate.script = (lambda ask: script(gate, ask)) if script else gate.script
                yield lab, session, gate
    return place_it


def speaks_also(client, *protocols):
    """Only for clients that speak those, too."""
    missing = [name for name in protocols if name not in client.speaks]
    if missing:
        unsupported(f"does not speak {' and '.join(missing)}")


def silent(gate, ask):
    """Nothing answers."""
    del gate, ask


def refuses(gate, ask):
    """Requests are answered, and each mapping is refused."""
    if not ask.is_map:
        return USUAL
    return gate.pcp(ask, 2) if ask.version == 2 else gate.natpmp(ask, 2)


def grants_nothing(gate, ask):
    """Each mapping is a success for 0 seconds."""
    if not ask.is_map:
        return USUAL
    return gate.pcp(ask, lifetime=0) if ask.version == 2 else gate.natpmp(ask, lifetime=0)


def falls_silent(gate, ask):
    """Everything is answered but a request for a mapping."""
    del gate
    return None if ask.is_map else USUAL


HALF = {"silent": silent, "refuses": refuses, "grants-nothing": grants_nothing, "falls-silent": falls_silent}


def opened(lab, session):
    """The client maps by UPnP: packets say so. Says how long it took."""
    said = session.perform("add", WANTED)
    ports = outcome.open_ports(lab, said, WANTED)
    found = outcome.judge(said, ports, WANTED)
    assert ports, f"{outcome.sentence(found)}: {(said.stdout + said.stderr)[-300:]}"
    assert found == "mapped-and-said" or session.client.resident, outcome.sentence(found)
    if said.seconds > PATIENCE:
        nonstrict(f"after {said.seconds:.0f} s")


@scenario(speaks="igd", layer="fallback")
def test_port_5351_is_closed(client, router):
    """The router speaks UPnP alone, and says by ICMP that port 5351 is closed: the port is open by UPnP."""
    if not {"natpmp", "pcp"} & set(client.speaks):
        unsupported("speaks no other protocol")
    with router("conformant-igd1") as (lab, session, _):
        opened(lab, session)


@scenario(speaks="igd", layer="fallback")
@pytest.mark.parametrize("how", HALF)
@pytest.mark.parametrize("protocol", ["natpmp", "pcp"])
def test_igd_after_half_a_protocol(client, router, protocol, how):
    """NAT-PMP or PCP does not answer, refuses, grants nothing, or answers all but mappings: the port is open by UPnP."""
    speaks_also(client, protocol)
    with router("conformant-igd1", (protocol,), HALF[how]) as (lab, session, gate):
        opened(lab, session)
        if not gate.all():
            inconclusive(f"it did not ask by {protocol}")


@scenario(speaks="pcp", layer="fallback")
@pytest.mark.parametrize("how", HALF)
def test_natpmp_after_half_of_pcp(client, router, how):
    """PCP does not answer, refuses, grants nothing, or answers all but mappings: the port is mapped by NAT-PMP."""
    speaks_also(client, "natpmp")

    def script(gate, ask):
        return HALF[how](gate, ask) if ask.version == 2 else USUAL
    with router("none", ("natpmp", "pcp"), script) as (_, session, gate):
        said = settled(session, WANTED, lambda left: gate.wait(lambda: gate.maps(0), 1, left), session.patience)
        assert gate.maps(0), "no mapping is asked for by NAT-PMP"
        assert said.claim == "mapped", f"{said.claim}: {(said.stdout + said.stderr)[-300:]}"
        if said.seconds > PATIENCE:
            nonstrict(f"after {said.seconds:.0f} s")


@scenario(speaks="igd", layer="fallback")
@pytest.mark.parametrize("quirk", ["http-hang-on-request", "pm-501-catch-all-every-add", "desc-no-wan-services"])
def test_natpmp_beside_half_an_igd(client, router, quirk):
    """UPnP hangs, refuses each mapping, or maps nothing: the port is mapped by NAT-PMP."""
    speaks_also(client, "natpmp")
    with router("conformant-igd1", ("natpmp",), quirks=(f"r1={quirk}",)) as (_, session, gate):
        said = settled(session, WANTED, lambda left: gate.wait(lambda: gate.maps(0), 1, left), session.patience)
        assert gate.maps(0), "no mapping is asked for by NAT-PMP"
        assert said.claim == "mapped", f"{said.claim}: {(said.stdout + said.stderr)[-300:]}"


@scenario(speaks="igd", layer="fallback")
def test_everything_refuses(client, router):
    """Whatever the router speaks, it refuses: the client says that the port is not open."""
    speaks_also(client, "natpmp")
    with router("conformant-igd1", ("natpmp", "pcp"), refuses) as (lab, session, _):
        for action in ("AddPortMapping", "AddAnyPortMapping"):
            lab.router(op="add-rule", rule={"when": {"action": action}, "fault": {"code": 501, "text": "no"}})
        said = session.perform("add", WANTED)
        assert said.claim != "mapped" and not table(lab), f"{said.claim}, {table(lab)}"
