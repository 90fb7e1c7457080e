# SPDX-License-Identifier: MIT
"""PCP (RFC 6887), the opcode PEER: what goes out, and from which port."""
import pytest

from cases.harness import effect, pcp
from cases.harness.requirement import requirement, strict

OTHER_NONCE = b"twelve bytes"


@pytest.fixture
def to(subject):
    """Where the flows of these checks go: (address, port). Nothing but its end undoes a PEER."""
    yield subject.lab.address_of("peer"), effect.ABROAD
    if not subject.fake:
        subject.spoil()


def seen_outside(subject, port, client="client"):
    """The outer address and port of a datagram that a client sends out from a port."""
    (source,) = effect.leaves_from(subject.lab, port, client=client, ports=[effect.ABROAD])
    return source


@requirement("PCP-42", pcp="PEER")
@pytest.mark.parametrize("field", ["protocol", "internal port", "peer's port"])
def test_zero_in_a_request(pc, to, field):
    request = pc.peer_request(0 if field == "internal port" else 40000, (to[0], 0) if field == "peer's port" else to,
                              protocol=0 if field == "protocol" else "UDP")
    pcp.refused(pc.ask(request), request, pcp.MALFORMED_REQUEST)


@requirement("PCP-43", pcp="PEER", needs="wan-side")
def test_peer_of_what_went_out(subject, pc, to):
    source = seen_outside(subject, 40000)
    answer = pc.peer(40000, to, lifetime=600)
    strict(answer.notes)
    assert answer.result == pcp.SUCCESS and len(answer.raw) == pcp.SIZES[pcp.PEER] and answer.lifetime, answer
    assert (answer.nonce, answer.protocol, answer.internal, answer.peer) == (pc.nonce, 17, 40000, to), answer
    assert answer.outer == source


@requirement("PCP-43", pcp="PEER", needs=["wan-side", "other"])
def test_peer_of_what_went_out_from_another_port(subject, pc, to):
    """Another host has the port of the client's number, so the client's packets leave from another one."""
    seen_outside(subject, 40000, "other")
    source = seen_outside(subject, 40000)
    assert pc.peer(40000, to).outer == source


@requirement("PCP-43", pcp="PEER", needs=["wan-side", "kernel"])
def test_flow_lives_as_long_as_was_granted(subject, pc, to):
    seen_outside(subject, 40000)
    answer = pc.peer(40000, to, lifetime=3600)
    assert answer.result == pcp.SUCCESS and answer.lifetime > 600, answer
    assert effect.remembered(subject.lab, "UDP", pc.address, 40000) > answer.lifetime - 300


@requirement("PCP-44", pcp="PEER", needs="wan-side")
@pytest.mark.parametrize("external", [0, 41000])
def test_peer_of_what_has_yet_to_go_out(subject, pc, to, external):
    answer = pc.peer(40000, to, external)
    assert answer.result == pcp.SUCCESS and answer.external == (external or answer.external) != 0, answer
    assert seen_outside(subject, 40000) == answer.outer


@requirement("PCP-44", pcp="PEER", needs="wan-side")
def test_peer_may_send_first(subject, pc, to):
    """A packet of the client would have let it in."""
    answer = pc.peer(40000, to, 41000)
    assert answer.result == pcp.SUCCESS, answer
    assert subject.reaches(answer.external, "UDP", internal=40000, from_port=to[1])


@requirement("PCP-45", pcp="PEER", needs=["wan-side", "other"])
def test_port_of_another(subject, pc, pc2, to):
    taken = pc2.mapped(40000, 41000, protocol="UDP")
    request = pc.peer_request(40000, to, taken)
    pcp.refused(pc.ask(request), request, pcp.CANNOT_PROVIDE_EXTERNAL)
    assert seen_outside(subject, 40000)[1] != taken
    assert subject.reaches(taken, "UDP", client="other", internal=40000)


@requirement("PCP-46", pcp=["PEER", "PREFER_FAILURE"])
def test_option_of_map(pc, to):
    assert pc.peer(40000, to, 41000, options=pcp.option("PREFER_FAILURE")).result == pcp.MALFORMED_REQUEST


@requirement("PCP-47", pcp="PEER", needs="wan-side")
def test_another_nonce(subject, pc, to):
    first = pc.peer(40000, to, 41000)
    assert first.result == pcp.SUCCESS, first
    assert pc.peer(40000, to, 41000, nonce=OTHER_NONCE).result == pcp.NOT_AUTHORIZED
    assert seen_outside(subject, 40000) == first.outer


@requirement("PCP-48", pcp="PEER")
@pytest.mark.parametrize("address", ["127.0.0.1", "2001:db8::1", "::1"], ids=["loopback", "other-family", "loopback6"])
def test_address_that_is_no_peer(pc, to, address):
    request = pc.peer_request(40000, (address, to[1]))
    pcp.refused(pc.ask(request), request, pcp.MALFORMED_REQUEST)
