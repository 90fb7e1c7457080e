# SPDX-License-Identifier: MIT
"""Clients that open IPv6 pinholes (WANIPv6FirewallControl:1): what they ask for, and what they say when they may not."""
import contextlib
import ipaddress

import pytest

from cases.harness import effect6
from cases.harness.drive import Wanted
from cases.harness.requirement import nonstrict
from cases.harness.scenario import place, scenario

WANTED = Wanted()
GLOBAL = ipaddress.ip_network("2000::/3")


@pytest.fixture
def firewall(visit):
    """firewall(): (lab, session) behind a closed IPv6 firewall, in ``with``."""
    @contextlib.contextmanager
    def place_it(**switches):
        with visit(place("firewall", topology="dual-stack", profile="conformant-igd2")) as (lab, session):
            if switches:
                lab.router(op="firewall", **switches)
            yield lab, session
    return place_it


def adds(lab):
    """How often AddPinhole was called."""
    return sum(line["event"] == "received" and line["what"].startswith("AddPinhole") for line in lab.journal())


@scenario("6FC-27", speaks="igd-ipv6")
@pytest.mark.parametrize("protocol", ["tcp", "udp"])
def test_opens_its_own_global_address(firewall, protocol):
    """The pinhole is for the client's global address and the IANA number of the protocol; packets come through."""
    with firewall() as (lab, session):
        assert not effect6.reaches(lab, 1872, protocol.upper()), "it is open already"
        said = session.perform("add", Wanted(protocol=protocol))
        held = lab.router(op="pinholes")["pinholes"]
        assert len(held) == 1, f"{len(held)} pinholes: {(said.stdout + said.stderr)[-300:]}"
        assert held[0]["protocol"] == {"tcp": 6, "udp": 17}[protocol]
        assert ipaddress.ip_address(held[0]["internal_client"]) in GLOBAL and held[0]["internal_client"] == lab.address6_of("client")
        assert effect6.reaches(lab, 1872, protocol.upper()) and said.claim == "mapped", said.claim


@scenario("6FC-28", speaks="igd-ipv6")
def test_firewall_that_is_off(firewall):
    """The firewall is off: nothing has to be opened, and AddPinhole is not called."""
    with firewall(enabled=False) as (lab, session):
        said = session.perform("add", WANTED)
        assert not said.crashed and not said.hung, said
        assert not adds(lab), f"AddPinhole is called all the same; it says {said.claim}: {(said.stdout + said.stderr)[-200:]}"


@scenario("6FC-28", speaks="igd-ipv6")
def test_pinholes_are_not_allowed(firewall):
    """The router lets nobody open pinholes: the client says that it is not open."""
    with firewall(inbound_allowed=False) as (lab, session):
        said = session.perform("add", WANTED)
        assert said.claim != "mapped" and not said.crashed and not lab.router(op="pinholes")["pinholes"], said.stdout[-300:]
        if adds(lab) and "703" not in said.stdout + said.stderr:
            nonstrict("it does not tell this from other failures")
