# SPDX-License-Identifier: MIT
"""A PCP proxy (RFC 7648): what it asks the server upstream, and what its clients hear of the answers (area PCPX).

The upstream is harness/pcp_server.py, which grants everything until a check tells it otherwise.
"""
import pytest

from cases.harness import pcp, pcp_server
from cases.harness.requirement import requirement

OUTSIDE = "44.0.9.9"  # an address that the router can know from the PCP server only


def asked(upstream):
    """What the router has asked for since the last time, as (outer port, lifetime)."""
    upstream.fence()
    found = [(ask.external, ask.lifetime) for ask in upstream.maps() + upstream.deletes()]
    upstream.asks.clear()
    return found


@requirement("PCPX-26", pcp=True, proxy=True, needs="clock")
def test_what_is_known_is_answered_here(subject, pc, upstream):
    first = pc.map(40000, lifetime=1000)
    assert first.result == pcp.SUCCESS and asked(upstream) == [(40000, 1000)]
    subject.advance(200)
    again = pc.map(40000, lifetime=1000)
    assert asked(upstream) == [], "four fifths of the lifetime are left"
    assert (again.result, again.outer) == (pcp.SUCCESS, first.outer) and 700 <= again.lifetime <= 801, again
    subject.advance(100)
    assert pc.map(40000, lifetime=1000).lifetime == 1000
    assert asked(upstream) == [(40000, 1000)], "seven tenths are left"


@requirement("PCPX-26", "PCPX-28", pcp=True, proxy=True)
def test_new_mapping_is_asked_for(subject, pc, upstream):
    """With the router's address, at a port of the router that leads to the client, and with what the client wishes."""
    upstream.external, upstream.port = OUTSIDE, 6598
    answer = pc.map(40000, 41000, lifetime=700, options=pcp.option("PREFER_FAILURE") + pcp.filtered(subject.lab.address_of("peer")))
    assert (answer.result, answer.outer, answer.nonce) == (pcp.SUCCESS, (OUTSIDE, 6598), pc.nonce), answer
    ask, = upstream.maps()
    assert ask.client == pcp.packed(subject.lab.address_of("r1", role="wan"))
    assert (ask.protocol, ask.external, ask.lifetime) == (pcp.PROTOCOLS["TCP"], 41000, 700)
    assert ask.option("PREFER_FAILURE") == b"" and ask.option("FILTER")
    assert subject.reaches(ask.internal, internal=40000)


@requirement("PCPX-27", pcp=True, proxy=True)
def test_epoch_is_the_routers_own(pc, upstream):
    before = pc.announce().epoch
    upstream.lose(epoch=before + 1_000_000)
    assert before <= pc.map(40000).epoch <= before + 30
    assert before <= pc.announce().epoch <= before + 30


@requirement("PCPX-28", pcp=True, proxy=True)
def test_client_is_told_the_outermost_address(pc, upstream):
    upstream.external, upstream.port = OUTSIDE, 6598
    assert pc.map(40000, 41000).outer == (OUTSIDE, 6598)
    assert pc.map(40000, 41000).outer == (OUTSIDE, 6598), "asked again"


@requirement("PCPX-28", pcp=True, proxy=True)
@pytest.mark.parametrize("code, seconds", [(pcp.NOT_AUTHORIZED, 1800), (pcp.USER_EX_QUOTA, 30), (pcp.CANNOT_PROVIDE_EXTERNAL, 900)])
def test_refusal_comes_back(subject, pc, upstream, code, seconds):
    upstream.refuse(code, lifetime=seconds)
    request = pc.map_request(40000, 41000)
    answer = pc.ask(request)
    pcp.refused(answer, request, code)
    assert answer.lifetime == seconds
    assert not subject.reaches(upstream.maps()[0].internal, internal=40000), "the router's own mapping has to go, too"


@requirement("PCPX-29", pcp=True, proxy=True)
def test_lifetime_is_not_above_upstreams(subject, pc, upstream):
    upstream.lifetime = 240
    answer = pc.map(40000, lifetime=3600)
    assert answer.result == pcp.SUCCESS
    if answer.lifetime <= 240:
        return
    subject.advance(200)
    assert len(upstream.maps()) > 1, "granted for longer than upstream, and not renewed there"


@requirement("PCPX-29", pcp=True, proxy=True, needs="clock")
def test_mapping_ends_with_upstreams(subject, pc, upstream):
    upstream.lifetime = 240
    pc.map(40000, lifetime=3600)
    port = upstream.maps()[0].internal
    assert subject.reaches(port, internal=40000)
    subject.advance(241)
    assert not subject.reaches(port, internal=40000) or len(upstream.maps()) > 1


@requirement("PCPX-30", pcp=True, proxy=True, needs="other")
def test_hairpin(subject, pc, upstream):
    """Where the server gives the router's own address the outermost tuple is the router's."""
    answer = pc.map(40000)
    assert subject.reaches(upstream.maps()[0].internal, peer="other", internal=40000)
    assert subject.reaches(answer.external, peer="other", internal=40000)


@requirement("PCPX-31", pcp=True, proxy=True)
def test_deletion_is_asked_for(subject, pc, upstream):
    pc.map(40000)
    port = upstream.maps()[0].internal
    assert pc.delete(40000).result == pcp.SUCCESS
    assert [ask.internal for ask in upstream.deletes()] == [port]
    assert not subject.reaches(port, internal=40000)


@requirement("PCPX-32", pcp=True, proxy=True)
def test_announce_is_answered_here(pc, upstream):
    upstream.mute()
    assert pc.announce().result == pcp.SUCCESS and upstream.quiet()


@requirement("PCPX-32", pcp=True, proxy=True, needs="clock")
def test_state_that_is_lost_upstream_is_announced(subject, pc, upstream):
    subject.advance(300)  # what was announced of the start is over
    pc.map(40000)
    with pcp.listen(subject.lab) as heard:
        pcp.drain(subject.lab, heard)
        upstream.lose()
        upstream.announce()
        assert pcp.hear(heard).epoch <= 5
    assert pc.map(40000).result == pcp.SUCCESS and len(upstream.maps()) == 2


@requirement("PCPX-26", pcp=True, proxy=True)
def test_retransmission_is_not_passed_on_again(pc, upstream):
    """A request that comes again while it is on its way upstream waits with the first."""
    upstream.mute(times=1)
    request = pc.map_request(40000)
    for _ in range(3):
        pc.send(request)
    pc.fenced()
    assert len(asked(upstream)) == 1


@requirement("PCPX-33", pcp=True, proxy=True, needs=["upstreams", "other"])
def test_client_keeps_its_server(subject, pc, pc2, upstream):
    """Whichever it is; the ports that a client wishes for say whose a request is."""
    with pcp_server.Server(subject.lab, "peer2") as second:
        wishes = {pc: range(41000, 41004), pc2: range(42000, 42004)}
        for client, ports in wishes.items():
            for port in ports:
                assert client.map(port, port).result == pcp.SUCCESS
        found = [{ask.external for ask in server.maps()} for server in (upstream, second)]
        assert found[0] | found[1] == {port for ports in wishes.values() for port in ports}
        assert all(set(ports) in (ports & found[0], ports & found[1]) for ports in map(set, wishes.values())), found
        for port in wishes[pc]:
            assert pc.delete(port).result == pcp.SUCCESS
        assert sorted(len(server.deletes()) for server in (upstream, second)) == [0, len(wishes[pc])]
