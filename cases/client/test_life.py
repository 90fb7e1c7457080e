# SPDX-License-Identifier: MIT
"""The life of a mapping: made, renewed, lost with the router, moved with its address, taken away."""
import contextlib

import pytest

from cases.harness import effect, outcome
from cases.harness.drive import Wanted, reached, table
from cases.harness.lab import until
from cases.harness.requirement import inconclusive, nonstrict, notrun
from cases.harness.scenario import bend, place, scenario, unhurried
from cases.harness.wire import Watch

WANTED = Wanted()
MOVED = "44.0.1.77"


def add(lab, session, wanted=WANTED):
    """The client maps; returns (what it said, the open ports). Ends the test where it does not."""
    said = session.perform("add", wanted)
    ports = outcome.open_ports(lab, said, wanted)
    found = outcome.judge(said, ports, wanted)
    assert ports, f"{outcome.sentence(found)}: {(said.stdout + said.stderr)[-300:]}"
    return said, ports


def is_open(lab, ports):
    """Whether packets still arrive through any of those mappings."""
    return any(reached(lab, *port) for port in ports)


@scenario("CP-01")
@pytest.mark.parametrize("profile", ["conformant-igd1", "conformant-igd2",
                                     pytest.param("conformant-ppp", marks=scenario("CP-02"))])
def test_whole_life(client, visit, profile):
    """From the search to the open port, and to the closed one."""
    with visit(place("life", profile=profile, must="mapped")) as (lab, session):
        said, ports = add(lab, session)
        assert said.claim == "mapped", f"it does not say so: {(said.stdout + said.stderr)[-300:]}"
        if client.offers("external-ip") and not client.resident:
            address = session.perform("external-ip", WANTED)
            assert address.unsupported or address.address == lab.wan_address(), address
        if client.offers("delete"):
            session.perform("delete", WANTED)
            assert not is_open(lab, ports), "the port is open after delete"


@scenario("CP-05", "WIPC-23", operation="delete")
@pytest.mark.parametrize("profile", ["conformant-igd1", "conformant-igd2"])
def test_clean_end_takes_the_mapping_away(client, visit, profile):
    """A clean end, or delete, leaves no mapping behind."""
    del client
    with visit(place("end", profile=profile)) as (lab, session):
        _, ports = add(lab, session)
        said = session.perform("delete", WANTED)
        assert not said.crashed and not said.hung, said
        assert not table(lab) and not is_open(lab, ports), f"left behind: {table(lab)}"


@scenario("WIPC-23", resident=False)
def test_adding_again_renews(client, visit):
    """Adding a mapping again before its lease ends makes the port stay open."""
    with visit(place("again")) as (lab, session):
        _, ports = add(lab, session)
        lab.advance(3000)
        session.perform("renew" if client.offers("renew") else "add", WANTED)
        lab.advance(1200)
        assert is_open(lab, ports) or is_open(lab, add_ports(lab)), "the lease that was there first ended"


def add_ports(lab):
    """The mappings of the table as ports."""
    return [(m["protocol"].lower(), m["external_port"], m["internal_port"]) for m in table(lab)]


@scenario("WIPC-23", resident=True)
def test_running_program_renews(client, visit, tmp_path):
    """A program that runs renews before its lease ends, also one that the router shortened to a minute."""
    unhurried()
    del client
    with visit(place("renewal", quirks=bend(tmp_path, {"policy": {"lease": {"max": 60, "too-long": "cap"}}}))) as (lab, session):
        with Watch(lab) as watch:
            _, ports = add(lab, session)
        asked = {dict(r.arguments or ()).get("NewLeaseDuration") for r in watch.actions("AddPortMapping")}
        with contextlib.suppress(TimeoutError):
            until(lambda: not table(lab), timeout=75, what="the end of the lease")
        if asked <= {"0"}:
            nonstrict("it asks for a permanent mapping, which nobody has to renew")
        elif not is_open(lab, ports) and all(int(lease or 0) > 60 for lease in asked):
            nonstrict(f"it asked for {', '.join(sorted(asked))} s and did not look what it got: the mapping ended after 60 s")
        else:
            assert is_open(lab, ports), "the lease ended, and it was not renewed"


@scenario("CP-11", resident=False)
@pytest.mark.parametrize("quirk", ["", "ssdp-port-changes-on-reboot", "ssdp-port-changes-on-reboot-path"])
def test_router_reboots_before_the_renewal(client, visit, quirk):
    """The router reboots, forgets the mapping, may be at other URLs: renewing makes the port open again."""
    with visit(place("reboot", quirks=quirk or ())) as (lab, session):
        _, ports = add(lab, session)
        lab.router(op="reboot")
        until(lambda: is_up(lab), what="the router after its reboot")
        assert not is_open(lab, ports), "this router should have forgotten the mapping"
        session.perform("renew" if client.offers("renew") else "add", WANTED)
        assert is_open(lab, ports), "the mapping is not made again"


def is_up(lab):
    """Whether the router serves HTTP."""
    location = lab.router(op="state").get("location", "")
    address, _, port = location.removeprefix("http://").partition("/")[0].partition(":")
    try:
        lab.connect("client", address, int(port or 80), timeout=1).close()
    except OSError:
        return False
    return True


@scenario("SSDP-62", resident=True)
def test_running_program_notices_a_reboot(client, visit):
    """The router reboots and says so: a program that runs makes its mapping again."""
    unhurried()
    del client
    with visit(place("reboot")) as (lab, session):
        _, ports = add(lab, session)
        lab.router(op="reboot")
        with contextlib.suppress(TimeoutError):
            until(lambda: table(lab), timeout=120, what="the mapping made again")
        assert is_open(lab, ports), "two minutes after the reboot the mapping is not made again"


@scenario(operation="external-ip", resident=False, layer="wipc")
def test_external_address_changes(client, visit):
    """The external address changes: the client tells the new one, and the port is open there."""
    del client
    with visit(place("renumbering")) as (lab, session):
        _, ports = add(lab, session)
        lab.router(op="renumber", address=MOVED)
        said = session.perform("external-ip", WANTED)
        if said.unsupported:
            notrun("it does not tell the external address")
        assert said.address == MOVED, said
        session.perform("add", WANTED)
        assert any(effect.tcp_reaches(lab, port, address=MOVED, internal=internal) for _, port, internal in ports), table(lab)


@scenario("WIPC-23", resident=True)
def test_program_is_killed(client, visit):
    """A program that is killed cannot clean up: its mapping should end with its lease, not stay for ever."""
    with visit(place("kill")) as (lab, session):
        _, ports = add(lab, session)
        session.process.finish(9)
        if not table(lab):
            inconclusive("the mapping was gone at once")
        lab.advance(7 * 86400 + 1)
        if is_open(lab, ports):
            nonstrict(f"a week after it was killed the mapping is still there ({client.name} asks for no lease)")


@scenario("WIPC-22", resident=False)
def test_mapping_ends_with_its_lease(client, visit):
    """The mapping of a program that never comes back ends with its lease."""
    with visit(place("lease", profile="conformant-igd2")) as (lab, session):
        _, ports = add(lab, session)
        lab.advance(3601 if client.asks["lease"] == "as-told" else 604801)
        assert not is_open(lab, ports), f"still there: {table(lab)}"


@scenario(layer="wipc")
def test_udp(client, visit):
    """UDP is opened as TCP is."""
    if "{protocol}" not in client.values["run"].get("add", "") and not client.contract:
        notrun("the protocol cannot be told")
    with visit(place("udp")) as (lab, session):
        _, ports = add(lab, session, Wanted(protocol="udp"))
        assert {protocol for protocol, _, _ in ports} == {"udp"}, ports
