# SPDX-License-Identifier: MIT
"""A gateway that asks a PCP server upstream for each mapping (RFC 6970): what it asks, and what the answers become (area IWF).

The upstream is harness/pcp_server.py, which grants everything until a check tells it otherwise. How mappings last is in
test_iwf_life.py.
"""
import pytest

from cases.harness import pcp
from cases.harness.controlpoint import fault_of
from cases.harness.portmap import WEEK, add_any, begin, delete_range, ports, version, wanted
from cases.harness.requirement import requirement

ALL = 0xffffffff
UDA = 29        # seconds that a control point waits at least for an answer (UDA 2.0 clause 3.2.2: 30)
OUTSIDE = "44.0.9.9"  # an address that the router can know from the PCP server only


@requirement("IWF-01", interworking=True)
def test_disabled_mapping(cp, upstream):
    assert fault_of(cp.add, 20000, enabled=0) in (501, 600, 601)
    assert upstream.quiet()


@requirement("IWF-02", interworking=True)
def test_lease_0_upstream(subject, cp, upstream):
    cp.add(20000, lease=0)
    assert upstream.maps()[0].lifetime == (WEEK if version(subject) == 2 else ALL)


@requirement("IWF-03", interworking=True)
@pytest.mark.parametrize("protocol", ["TCP", "UDP"])
def test_add_asks_for_that_port_or_none(cp, upstream, protocol):
    cp.add(20000, protocol, internal=20001)
    ask, = upstream.maps()
    assert (ask.protocol, ask.external) == (pcp.PROTOCOLS[protocol], 20000)
    assert ask.option("PREFER_FAILURE") == b""


@requirement("IWF-04", igd=2, interworking=True)
def test_add_any_takes_what_is_assigned(cp, upstream):
    upstream.port = 6598
    assert add_any(cp, 20000) == 6598
    ask, = upstream.maps()
    assert ask.external == 20000 and ask.option("PREFER_FAILURE") is None


@requirement("IWF-05", interworking=True)
def test_port_that_stays_taken(subject, cp, upstream):
    upstream.refuse(pcp.CANNOT_PROVIDE_EXTERNAL, lifetime=1800)
    assert fault_of(cp.add, 20000) == 718
    upstream.fence()
    assert len(upstream.maps()) == 1 and not subject.reaches(20000)


@requirement("IWF-05", needs="clock", interworking=True)
def test_port_that_is_taken_for_30_seconds(subject, cp, upstream):
    """The router may ask again, twice; UDA has the answer within 30 s all the same."""
    upstream.refuse(pcp.CANNOT_PROVIDE_EXTERNAL, lifetime=30)
    assert refused_in_time(subject, cp, upstream) == 718
    assert len(upstream.maps()) <= 3


def refused_in_time(subject, cp, upstream):
    """The error code of an AddPortMapping that is answered before a control point gives it up."""
    finish = begin(cp, "AddPortMapping", *wanted(cp), timeout=5.0)
    assert upstream.wait(upstream.maps), "nothing was asked upstream"
    for _ in range(UDA):
        upstream.fence()
        subject.advance(1)
    return fault_of(finish)


def code_of(subject, cp, upstream, result, action="AddPortMapping"):
    """The error code that a result code of PCP becomes; nothing is mapped then."""
    upstream.refuse(result, lifetime=1800)
    code = fault_of(cp.add, 20000, action=action)
    assert upstream.maps() and not subject.reaches(20000)
    return code


@requirement("IWF-06", interworking=True)
@pytest.mark.parametrize("result", [1, 3, 4, 5, 6, 7, 9, 12, 13])
def test_failure_upstream(subject, cp, upstream, result):
    assert code_of(subject, cp, upstream, result) == 501


@requirement("IWF-06", igd=2, interworking=True)
@pytest.mark.parametrize("result", [5, 7, 12])
def test_failure_upstream_for_any_port(subject, cp, upstream, result):
    assert code_of(subject, cp, upstream, result, "AddAnyPortMapping") == 501


@requirement("IWF-07", interworking=True)
def test_not_authorized_upstream(subject, cp, upstream):
    assert code_of(subject, cp, upstream, pcp.NOT_AUTHORIZED) == (606 if version(subject) == 2 else 718)


@requirement("IWF-07", igd=2, interworking=True)
def test_not_authorized_upstream_for_any_port(subject, cp, upstream):
    assert code_of(subject, cp, upstream, pcp.NOT_AUTHORIZED, "AddAnyPortMapping") == 606


@requirement("IWF-08", interworking=True)
@pytest.mark.parametrize("result", [pcp.NO_RESOURCES, pcp.USER_EX_QUOTA])
def test_no_room_upstream(subject, cp, upstream, result):
    assert code_of(subject, cp, upstream, result) == (728 if version(subject) == 2 else 501)


@requirement("IWF-08", igd=2, interworking=True)
@pytest.mark.parametrize("result", [pcp.NO_RESOURCES, pcp.USER_EX_QUOTA])
def test_no_room_upstream_for_any_port(subject, cp, upstream, result):
    assert code_of(subject, cp, upstream, result, "AddAnyPortMapping") == 728


@requirement("IWF-09", needs="clock", interworking=True)
def test_silence_upstream(subject, cp, upstream):
    upstream.mute()
    assert refused_in_time(subject, cp, upstream) == 501
    assert not subject.reaches(20000)


@requirement("IWF-10", interworking=True)
def test_generic_is_answered_locally(cp, upstream):
    cp.add(20000)
    entries, code = cp.enumerate()
    assert [entry["NewExternalPort"] for entry in entries] == ["20000"] and code == 713
    upstream.fence()
    assert len(upstream.all()) == 1


@requirement("IWF-10", igd=2, interworking=True)
def test_listing_is_answered_locally(cp, upstream):
    cp.add(20000)
    assert ports(cp) == [20000] and ports(cp, protocol="UDP") == []
    upstream.fence()
    assert len(upstream.all()) == 1


@requirement("IWF-11", interworking=True)
def test_own_entry_is_answered_locally(cp, upstream):
    cp.add(20000, internal=20001)
    assert cp.specific(20000)["NewInternalPort"] == "20001"
    upstream.fence()
    assert len(upstream.all()) == 1


@requirement("IWF-11", interworking=True)
def test_unknown_entry_is_looked_for_upstream(cp, upstream):
    assert fault_of(cp.specific, 20000) == 714
    upstream.fence()
    asked_briefly(upstream)
    assert cp.enumerate() == ([], 713)


@requirement("IWF-11", interworking=True)
def test_unknown_entry_that_somebody_else_has(cp, upstream):
    upstream.refuse(pcp.CANNOT_PROVIDE_EXTERNAL)
    assert fault_of(cp.specific, 20000)
    asked_briefly(upstream)


def asked_briefly(upstream):
    """The router has asked for port 20000 or none, and for a minute at most."""
    ask = upstream.maps()[0]
    assert ask.external == 20000 and ask.option("PREFER_FAILURE") == b"" and ask.lifetime <= 60


@requirement("IWF-12", interworking=True)
def test_delete_of_nothing_upstream(cp, upstream):
    assert fault_of(cp.delete, 20000) == 714
    assert upstream.quiet()


@requirement("IWF-12", interworking=True)
def test_delete(subject, cp, upstream):
    cp.add(20000)
    cp.delete(20000)
    upstream.fence()
    assert [name(ask) for ask in upstream.deletes()] == [name(upstream.maps()[0])]
    assert not subject.reaches(20000)


def name(ask):
    """What a mapping is known by upstream."""
    return ask.client, ask.nonce, ask.protocol, ask.internal


@requirement("IWF-13", igd=2, interworking=True)
def test_delete_of_a_range(cp, upstream):
    for port in (20000, 20001, 20010):
        cp.add(port)
    delete_range(cp, 20000, 20009)
    upstream.fence()
    assert sorted(map(name, upstream.deletes())) == sorted(map(name, upstream.maps()[:2]))


@requirement("IWF-13", igd=2, interworking=True)
def test_delete_of_an_empty_range(cp, upstream):
    assert fault_of(delete_range, cp, 20000, 20009) == 730
    assert upstream.quiet()


@requirement("IWF-16", interworking=True)
@pytest.mark.parametrize("protocol", ["TCP", "UDP"])
def test_asks_for_its_outer_side(subject, cp, upstream, protocol):
    cp.add(20000, protocol, internal=20001)
    ask, = upstream.maps()
    assert ask.client == pcp.packed(subject.lab.wan_address()) and ask.option("THIRD_PARTY") is None
    assert subject.reaches(ask.internal, protocol, internal=20001)


@requirement("IWF-18", interworking=True)
def test_address_before_any_mapping(cp, upstream):
    """There is none, or the router asks for a short mapping of port 9."""
    upstream.external = OUTSIDE
    address = cp.external_address()
    assert address in ("", OUTSIDE)
    upstream.fence()
    assert all(9 in (ask.internal, ask.external) and ask.lifetime <= 60 for ask in upstream.maps())
    assert bool(address) == bool(upstream.maps())


@requirement("IWF-18", interworking=True)
def test_address_is_the_one_of_upstream(cp, upstream):
    upstream.external = OUTSIDE
    cp.add(20000)
    assert cp.external_address() == OUTSIDE
    upstream.external = "44.0.9.10"
    cp.add(20001)
    assert cp.external_address() == "44.0.9.10"


@requirement("IWF-18", needs="other", interworking=True)
def test_address_of_each_host(cp, other, upstream):
    upstream.external = OUTSIDE
    cp.add(20000)
    upstream.external = "44.0.9.10"
    other.add(20001)
    assert (cp.external_address(), other.external_address()) == (OUTSIDE, "44.0.9.10")


@requirement("IWF-21", needs="wan-side", interworking=True)
def test_remote_host_is_a_filter(subject, cp, upstream):
    peer = subject.lab.address_of("peer")
    cp.add(20000, remote=peer)
    cp.add(20001)
    first, second = upstream.maps()
    assert first.option("FILTER") == pcp.filtered(peer)[4:] and second.option("FILTER") is None


@requirement("IWF-22", interworking=True)
def test_description_is_told(cp, upstream):
    cp.add(20000, text="a game")
    assert upstream.maps()[0].option("DESCRIPTION") == b"a game"


@requirement("IWF-23", needs="other", interworking=True)
def test_mapping_for_another_host(subject, other, upstream):
    code = fault_of(other.add, 20000, client=subject.lab.address_of("client"))
    assert code == (606 if version(subject) == 2 else 718)
    assert upstream.quiet() and not subject.reaches(20000)


@requirement("IWF-24", needs="wan-control", interworking=True)
def test_no_line_no_request(subject, cp, upstream):
    subject.wan("down")
    fault_of(cp.add, 20000)
    assert upstream.quiet()
    subject.wan("up")
    subject.control_point().add(20001)
    assert 20001 in [ask.external for ask in upstream.maps()]
