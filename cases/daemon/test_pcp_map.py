# SPDX-License-Identifier: MIT
"""PCP (RFC 6887), the opcode MAP: mappings, renewals, lifetimes and deletions."""
import socket
import struct

import pytest

from cases.harness import effect, pcp, port5351, trace
from cases.harness.controlpoint import fault_of
from cases.harness.requirement import inconclusive, nonstrict, requirement, strict, unsupported

PORTS = {"TCP": 40000, "UDP": 40001}
OTHER_NONCE = b"twelve bytes"
FOREIGN = "203.0.113.77"  # an address that no router here has
PREFER_FAILURE = pcp.option("PREFER_FAILURE")


def sent_from(subject, port, client="client", to="peer"):
    """The outer address and port of what a client sends by UDP from a port."""
    (source,) = effect.leaves_from(subject.lab, port, client=client, peers=[to])
    assert source, "nothing comes out"
    return source


@requirement("PCP-17", pcp=True)
@pytest.mark.parametrize("protocol", PORTS)
def test_map(subject, pc, protocol):
    port = PORTS[protocol]
    answer = pc.map(port, protocol=protocol, lifetime=600)
    strict(answer.notes)
    assert answer.result == pcp.SUCCESS and len(answer.raw) == pcp.SIZES[pcp.MAP], answer
    assert (answer.nonce, answer.protocol, answer.internal) == (pc.nonce, pcp.PROTOCOLS[protocol], port), answer
    assert answer.external and answer.lifetime and answer.address == subject.lab.wan_address(), answer
    assert subject.reaches(answer.external, protocol, internal=port)


@requirement("PCP-17", pcp=True)
def test_mapping_to_another_port(subject, pc):
    """Numbers whose bytes differ."""
    answer = pc.map(0x9c41, 0xa042, lifetime=0x1234)
    assert answer.result == pcp.SUCCESS and answer.internal == 0x9c41 and 120 <= answer.lifetime <= 0x1234, answer
    assert subject.reaches(answer.external, internal=0x9c41)


@requirement("PCP-17", pcp=True, needs="other")
def test_map_leads_to_its_client(subject, pc2):
    external = pc2.mapped(40000)
    assert subject.reaches(external, client="other", internal=40000)
    assert not subject.reaches(external, client="client", internal=40000)


@requirement("PCP-18", pcp=True, needs="wan-side")
@pytest.mark.parametrize("protocol,other", [("TCP", "UDP"), ("UDP", "TCP")])
def test_map_is_for_its_protocol_only(subject, pc, protocol, other):
    external = pc.mapped(40000, protocol=protocol)
    assert subject.reaches(external, protocol, internal=40000)
    assert not subject.reaches(external, other, internal=40000)


@requirement("PCP-19", pcp=True)
@pytest.mark.parametrize("lifetime", [3600, 0])
def test_all_protocols_of_one_port(subject, pc, lifetime):
    assert pc.map(40000, protocol="ALL", lifetime=lifetime).result == pcp.MALFORMED_REQUEST
    assert not subject.reaches(40000)


@requirement("PCP-20", pcp=True)
@pytest.mark.parametrize("protocol", [132, 33, 47, 254])
def test_protocols_beside_tcp_and_udp(pc, protocol):
    allowed = (pcp.SUCCESS, pcp.UNSUPP_PROTOCOL) + (pcp.CANNOT_PROVIDE_EXTERNAL,) * (protocol == 132)
    assert pc.map(40000, protocol=protocol).result in allowed


@requirement("PCP-21", pcp=True)
@pytest.mark.parametrize("protocol", ["TCP", "ALL"])
def test_all_ports(subject, pc, protocol):
    answer = pc.map(0, protocol=protocol)
    if answer.result == pcp.SUCCESS:
        assert subject.reaches(40000) and subject.reaches(50123), answer
    else:
        assert answer.result == pcp.UNSUPP_PROTOCOL, answer


@requirement("PCP-22", pcp=True)
def test_renewal_with_another_nonce(subject, pc):
    external = pc.mapped(40000, 41000, lifetime=1200)
    answer = pc.map(40000, 41000, lifetime=3600, nonce=OTHER_NONCE)
    assert answer.result == pcp.NOT_AUTHORIZED, answer
    assert subject.reaches(external, internal=40000)
    if not 0 < answer.lifetime <= 1200:
        nonstrict(f"the lifetime of the error is {answer.lifetime} s, and not what is left of 1200 s")


@requirement("PCP-22", pcp=True)
def test_delete_with_another_nonce(subject, pc):
    external = pc.mapped(40000)
    assert pc.delete(40000, nonce=OTHER_NONCE).result == pcp.NOT_AUTHORIZED
    assert subject.reaches(external, internal=40000)


@requirement("PCP-23", pcp=True)
@pytest.mark.parametrize("suggested", [41001, 0])
def test_renewal_keeps_the_port(subject, pc, suggested):
    external = pc.mapped(40000, 41000, lifetime=600)
    answer = pc.map(40000, suggested, lifetime=1200)
    assert (answer.result, answer.external, answer.address) == (pcp.SUCCESS, external, subject.lab.wan_address()), answer
    assert 600 < answer.lifetime <= 1200
    assert subject.reaches(external, internal=40000)


@requirement("PCP-23", pcp=True)
def test_map_sent_again(pc):
    request = pc.map_request(40000, 0)
    first, second = pc.ask(request), pc.ask(request)
    assert first.result == pcp.SUCCESS and first.outer == second.outer


@requirement("PCP-24", "XP-04", pcp=True, igd=1)
def test_mapping_of_igd(subject, pc, cp):
    """It is static for PCP: told to whoever asks from its host, whatever the nonce."""
    cp.add(41000, internal=40000)
    for nonce in (pc.nonce, OTHER_NONCE):
        answer = pc.map(40000, nonce=nonce)
        assert (answer.result, answer.external, answer.nonce) == (pcp.SUCCESS, 41000, nonce), answer
    if answer.lifetime != pcp.FOREVER and cp.specific(41000)["NewLeaseDuration"] == "0":
        nonstrict(f"a permanent mapping has a lifetime of {answer.lifetime} s")


@requirement("PCP-25", pcp=True, needs="wan-side")
def test_port_of_what_went_out_before(subject, pc):
    _, port = sent_from(subject, 40000)
    assert pc.mapped(40000, 41000, protocol="UDP") == port
    assert sent_from(subject, 40000) == (subject.lab.wan_address(), port)


@requirement("PCP-26", pcp=True, needs="other")
def test_port_that_another_client_has(subject, pc, pc2):
    first = pc.mapped(40000)
    second = pc2.mapped(40000, first)
    assert second != first
    assert subject.reaches(first, internal=40000) and subject.reaches(second, client="other", internal=40000)


@requirement("PCP-27", pcp=True)
@pytest.mark.parametrize("port", [5350, 5351])
def test_ports_of_the_protocol_itself(pc, port):
    assert pc.mapped(40000, port, protocol="UDP") not in (5350, 5351)


@requirement("PCP-27", pcp="PREFER_FAILURE")
@pytest.mark.parametrize("port", [5350, 5351])
def test_only_the_ports_of_the_protocol_itself(pc, port):
    assert pc.map(40000, port, protocol="UDP", options=PREFER_FAILURE).result == pcp.CANNOT_PROVIDE_EXTERNAL


@requirement("PCP-28", pcp=True)
def test_suggested_port(subject, pc):
    answer = pc.map(40000, 45000, address=subject.lab.wan_address())
    assert answer.result == pcp.SUCCESS and answer.outer == (subject.lab.wan_address(), 45000), answer
    assert subject.reaches(45000, internal=40000)


@requirement("PCP-29", pcp=True)
def test_suggested_address_of_nobody(subject, pc):
    answer = pc.map(40000, address=FOREIGN)
    assert answer.result == pcp.SUCCESS and answer.address == subject.lab.wan_address(), answer
    assert subject.reaches(answer.external, internal=40000)


@requirement("PCP-29", pcp="PREFER_FAILURE")
def test_only_an_address_of_nobody(subject, pc):
    assert pc.map(40000, address=FOREIGN, options=PREFER_FAILURE).result == pcp.CANNOT_PROVIDE_EXTERNAL
    assert not subject.reaches(40000)


@requirement("PCP-30", pcp=True)
def test_short_lifetime(pc):
    answer = pc.map(40000, lifetime=1)
    assert answer.result == pcp.SUCCESS and answer.lifetime, answer
    if answer.lifetime < 120:
        nonstrict(f"a mapping lasts {answer.lifetime} s")


@requirement("PCP-30", pcp=True)
def test_long_lifetime(pc):
    answer = pc.map(40000, lifetime=pcp.FOREVER)
    assert answer.result == pcp.SUCCESS and answer.lifetime, answer
    if answer.lifetime > 86400:
        nonstrict(f"a mapping lasts {answer.lifetime} s")


@requirement("PCP-31", pcp=True)
@pytest.mark.parametrize("protocol", PORTS)
def test_deletion(subject, pc, protocol):
    external = pc.mapped(40000, protocol=protocol)
    assert subject.reaches(external, protocol, internal=40000)
    answer = pc.delete(40000, protocol)
    assert (answer.result, answer.lifetime, answer.nonce) == (pcp.SUCCESS, 0, pc.nonce), answer
    assert (answer.protocol, answer.internal) == (pcp.PROTOCOLS[protocol], 40000), answer
    assert not subject.reaches(external, protocol, internal=40000)


@requirement("PCP-31", pcp=True)
def test_answer_to_a_delete_repeats_the_suggestion(pc):
    external = pc.mapped(40000)
    answer = pc.delete(40000)
    assert answer.result == pcp.SUCCESS and answer.outer == ("0.0.0.0", 0), answer
    pc.mapped(40000)
    answer = pc.delete(40000, external=external, address=FOREIGN)
    assert answer.result == pcp.SUCCESS and answer.outer == (FOREIGN, external), answer


@requirement("PCP-32", pcp=True)
def test_deletion_of_nothing(pc):
    assert pc.delete(40000).result == pcp.SUCCESS
    pc.mapped(40000)
    assert (pc.delete(40000).result, pc.delete(40000).result) == (pcp.SUCCESS, pcp.SUCCESS)


@requirement("PCP-33", "XP-04", pcp=True, igd=1)
def test_delete_of_a_mapping_of_igd(subject, pc, cp):
    cp.add(40000)
    assert pc.delete(40000).result == pcp.NOT_AUTHORIZED
    assert fault_of(cp.specific, 40000) == 0 and subject.reaches(40000)


@requirement("PCP-33", pcp=True, needs="wan-side")
def test_delete_of_what_went_out(subject, pc):
    before = sent_from(subject, 40000)
    assert pc.delete(40000, "UDP").result == pcp.NOT_AUTHORIZED
    assert sent_from(subject, 40000) == before


@requirement("PCP-34", pcp=True, needs="wan-side")
@pytest.mark.parametrize("end", ["expiry", "delete"])
def test_flow_outlives_its_mapping(subject, pc, end):
    """What went out before the mapping was made is answered when it is gone."""
    lab = subject.lab
    with lab.socket("client") as inside, lab.socket("peer") as outside:
        inside.bind(("0.0.0.0", 40000))
        outside.bind(("0.0.0.0", effect.ABROAD))
        inside.sendto(b"out", (lab.address_of("peer"), effect.ABROAD))
        _, source = outside.recvfrom(64)
        answer = pc.map(40000, lifetime=120, protocol="UDP")
        assert answer.result == pcp.SUCCESS, answer
        if end == "delete":
            pc.delete(40000, "UDP")
        else:
            subject.advance(answer.lifetime + 1)
        outside.sendto(b"back", source)
        inside.settimeout(2)
        assert inside.recv(64) == b"back"


@requirement("PCP-35", pcp=True, needs="wan-side")
@pytest.mark.parametrize("reset", [False, True], ids=["FIN", "RST"])
def test_end_of_a_connection_leaves_the_mapping(subject, pc, reset):
    lab, external = subject.lab, pc.mapped(40000)
    if not subject.reaches(external, internal=40000):
        inconclusive("the mapping forwards nothing before its connection ends")
    with lab.listen("client", 40000) as listener:
        outside = lab.connect("peer", lab.wan_address(), external)
        inside, _ = listener.accept()
        if reset:
            inside.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        inside.close()
        outside.settimeout(4)
        try:
            assert outside.recv(64) == b""
        except ConnectionResetError:
            assert reset
        outside.close()
    assert subject.reaches(external, internal=40000)


@requirement("PCP-36", pcp=True, needs="other")
def test_port_is_held_for_its_client(pc, pc2):
    external = pc.mapped(40000)
    pc.delete(40000)
    if pc2.mapped(40000, external) == external:
        nonstrict("a port that was deleted goes to another client at once")
    pc2.delete(40000)
    assert pc.mapped(40000, external) == external


@requirement("PCP-37", pcp=True)
def test_map_ends_with_its_lifetime(subject, pc):
    port5351.ends_with_its_lifetime(subject, pc, 120)


@requirement("PCP-37", pcp=True)
def test_renewal_prolongs_it(subject, pc):
    first = pc.map(40000, lifetime=120)
    subject.advance(first.lifetime / 2)
    second = pc.map(40000, first.external, lifetime=120)
    subject.advance(first.lifetime / 2 + 1)
    assert second.lifetime >= first.lifetime - 1 and subject.reaches(first.external, internal=40000)


@requirement("PCP-38", pcp=True, needs="wan-control")
def test_no_external_address(subject, pc):
    subject.wan("down")
    answer = pc.map(40000)
    assert answer.result == pcp.NETWORK_FAILURE, answer
    if answer.lifetime != 30:
        nonstrict(f"the failure is to be kept for {answer.lifetime} s, not for 30")


@requirement("PCP-39", pcp=True)
@pytest.mark.bulk
def test_more_than_there_is_room_for(pc):
    for port in range(10000, 10300):
        answer = pc.map(port)
        if answer.result:
            assert answer.result in (pcp.NO_RESOURCES, pcp.USER_EX_QUOTA), answer
            assert 0 < answer.lifetime <= 60, f"{answer.lifetime} s for an error that may be over soon"
            return
    unsupported("there is room for 300 mappings")


@requirement("PCP-40", pcp=True, needs="wan-side")
def test_icmp_errors_come_in(subject, pc):
    """The client answers, where nobody is any more, what came through the mapping."""
    trace.note("reaches UDP")
    lab, external = subject.lab, pc.mapped(40000, protocol="UDP")
    with lab.socket("client") as inside:
        inside.bind(("0.0.0.0", 40000))
        inside.settimeout(2)
        with lab.socket("peer") as outside:
            outside.sendto(b"in", (lab.wan_address(), external))
            data, source = inside.recvfrom(64)
        assert data == b"in"
        inside.connect(source)
        inside.send(b"answer")
        with pytest.raises(ConnectionRefusedError):
            inside.recv(64)


@requirement("PCP-59", pcp=True, needs="other")
@pytest.mark.parametrize("wish", [{"external": 41000}, {"address": FOREIGN}, {"external": 5351, "protocol": "UDP"},
                                  {"external": 0}])
def test_no_refusal_for_a_suggestion(pc, pc2, wish):
    pc2.mapped(40000, 41000)
    answer = pc.map(40000, **wish)
    assert answer.result not in (pcp.CANNOT_PROVIDE_EXTERNAL, pcp.EXCESSIVE_REMOTE_PEERS), answer
