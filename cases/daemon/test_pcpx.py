# SPDX-License-Identifier: MIT
"""Extensions of PCP: DESCRIPTION (RFC 7220), PORT_SET (RFC 7753), PREFIX64 (RFC 7225), and what a server that is no proxy relays."""
import select
import socket
import struct

import pytest

from cases.harness import pcp
from cases.harness.requirement import nonstrict, requirement, strict, unsupported

TEXT = "a game in the attic"


def described(pc, text, internal=40000):
    """The DESCRIPTION that comes back for one that was sent, or None."""
    answer = pc.map(internal, options=pcp.description(text))
    assert answer.result == pcp.SUCCESS, answer
    strict(answer.notes)
    return answer.option("DESCRIPTION")


def granted(answer):
    """(size, first internal port, first external port) of a set of ports."""
    assert answer.result == pcp.SUCCESS, answer
    data = answer.option("PORT_SET")
    return (*struct.unpack("!HH", data[:4]), answer.external) if data else (1, answer.internal, answer.external)


def a_set(pc, size, first=40000, external=None, parity=0, **more):
    """The Answer to a wish for a set of UDP ports."""
    return pc.map(first, external, protocol="UDP", options=pcp.port_set(size, first, parity), **more)


def open_ports(subject, external, internal, count):
    """Which of a row of outer ports lead to the same row of inner ones."""
    return [n for n in range(count) if subject.reaches(external + n, "UDP", internal=internal + n)]


# -- DESCRIPTION ----------------------------------------------------------------------------------------


@requirement("PCPX-01", pcp=True)
def test_description(subject, pc):
    answer = pc.map(40000, options=pcp.description(TEXT))
    assert answer.result == pcp.SUCCESS, answer
    expected = TEXT.encode() if subject.speaks_pcp("DESCRIPTION") else None
    assert answer.option("DESCRIPTION") == expected, answer
    assert subject.reaches(answer.external, internal=40000)


@requirement("PCPX-02", pcp=True)
def test_no_description(pc):
    assert pc.map(40000).options == []


@requirement("PCPX-02", pcp="DESCRIPTION")
def test_no_description_in_a_later_answer(pc):
    described(pc, TEXT)
    assert pc.map(40000).option("DESCRIPTION") is None


@requirement("PCPX-03", pcp="DESCRIPTION")
@pytest.mark.parametrize("size", [128, 1012])
def test_long_text(pc, size):
    text = ("ä" * (size // 2)).encode()
    back = described(pc, text)
    assert back and len(back) >= 128 and text.startswith(back), back
    back.decode()


@requirement("PCPX-04", pcp="DESCRIPTION")
@pytest.mark.parametrize("size", [1, 3, 4, 16])
def test_description_without_a_nul(pc, size):
    assert described(pc, TEXT[:size]) == TEXT[:size].encode()


@requirement("PCPX-05", pcp="DESCRIPTION")
@pytest.mark.parametrize("text", [b"\xff\xfe", b"good\xc3", b"\xc0\xaf"], ids=["no", "half", "overlong"])
def test_description_that_is_no_utf8(subject, pc, text):
    answer = pc.map(40000, options=pcp.description(text))
    assert answer.result == pcp.SUCCESS and answer.option("DESCRIPTION") is None, answer
    assert subject.reaches(answer.external, internal=40000)


@requirement("PCPX-06", pcp="DESCRIPTION")
def test_another_description(pc):
    assert (described(pc, TEXT), described(pc, "another"), described(pc, "")) == (TEXT.encode(), b"another", b"")


@requirement("PCPX-06", "XP-01", pcp="DESCRIPTION", igd=1)
def test_description_is_listed(pc, cp):
    described(pc, TEXT)
    assert TEXT in cp.specific(40000)["NewPortMappingDescription"]
    described(pc, "another")
    assert TEXT not in cp.specific(40000)["NewPortMappingDescription"]


@requirement("PCPX-07", pcp="DESCRIPTION")
def test_description_given_twice(pc):
    answer = pc.map(40000, options=2 * pcp.description(TEXT))
    assert answer.result in (pcp.SUCCESS, pcp.MALFORMED_OPTION) and len(answer.options) <= 1, answer
    if answer.result == pcp.SUCCESS:
        nonstrict("the second one is ignored")


# -- PORT_SET -------------------------------------------------------------------------------------------


@requirement("PCPX-08", pcp=True)
def test_port_set(subject, pc):
    answer = a_set(pc, 16)
    size, first, external = granted(answer)
    assert subject.speaks_pcp("PORT_SET") or size == 1, answer
    assert first == 40000 and subject.reaches(external, "UDP", internal=first)


@requirement("PCPX-09", pcp="PORT_SET")
@pytest.mark.parametrize("options", [pcp.port_set(0, 40000), 2 * pcp.port_set(4, 40000),
                                     pcp.port_set(4, 40000) + pcp.option("PREFER_FAILURE")], ids=["empty", "twice", "this or none"])
def test_port_set_that_is_none(subject, pc, options):
    assert pc.map(40000, protocol="UDP", options=options).result == pcp.MALFORMED_OPTION
    assert not subject.reaches(40000, "UDP")


@requirement("PCPX-10", pcp="PORT_SET", needs="wan-side")
@pytest.mark.parametrize("size,least", [(8, 2), (1, 1)])
def test_ports_of_a_set(subject, pc, size, least):
    count, first, external = granted(a_set(pc, size))
    assert least <= count <= size and 40000 <= first and first + count <= 40000 + size
    assert open_ports(subject, external, first, size + 1) == list(range(count))


@requirement("PCPX-11", pcp="PORT_SET", needs="other")
def test_set_of_which_one_is_left(subject, pc, pc2):
    """What lies behind it and before it belongs to another."""
    for port in (39999, *range(40001, 40008)):
        pc2.mapped(port, protocol="UDP")
    size, first, external = granted(a_set(pc, 8, external=40000))
    assert 1 <= size <= 8 and open_ports(subject, external, first, size) == list(range(size))


@requirement("PCPX-11", pcp="PORT_SET")
def test_set_of_one(pc):
    answer = a_set(pc, 1)
    assert answer.result == pcp.SUCCESS and answer.option("PORT_SET") is None, answer


@requirement("PCPX-12", pcp="PORT_SET")
@pytest.mark.parametrize("first", [40000, 40001])
def test_parity(pc, first):
    answer = a_set(pc, 4, first, 0, parity=1)
    assert answer.result == pcp.SUCCESS and answer.external % 2 == first % 2, answer


@requirement("PCPX-13", pcp="PORT_SET", needs="wan-side")
def test_set_is_renewed_as_one(subject, pc):
    before = granted(a_set(pc, 4, lifetime=600))
    assert granted(a_set(pc, 4, external=50000, lifetime=1200)) == before


@requirement("PCPX-13", pcp="PORT_SET", needs="wan-side")
def test_set_is_deleted_as_one(subject, pc):
    size, first, external = granted(a_set(pc, 4))
    assert open_ports(subject, external, first, size) == list(range(size))
    assert a_set(pc, 4, external=0, lifetime=0).result == pcp.SUCCESS
    assert open_ports(subject, external, first, size) == []


@requirement("PCPX-13", pcp="PORT_SET", needs="wan-side")
def test_overlapping_sets(pc):
    """Of what is there each mapping is told by an answer of its own."""
    external = pc.mapped(40001, 51000, protocol="UDP")
    request = pc.map_request(40000, protocol="UDP", options=pcp.port_set(4, 40000))
    found = [pcp.parse(*one) for one in pc.answers(request)]
    assert found and all(answer.result == pcp.SUCCESS for answer in found), found
    assert (40001, external) in {(answer.internal, answer.external) for answer in found} or \
        not any(first <= 40001 < first + size for size, first, _ in map(granted, found)), found


# -- PREFIX64, relaying ----------------------------------------------------------------------------------


@requirement("PCPX-15", pcp=True)
def test_prefix_without_nat64(subject, pc):
    """Nothing translates from IPv6 to IPv4 here. The request has ::/96, and no list of IPv4 prefixes."""
    if subject.speaks_pcp("PREFIX64"):
        unsupported("the subject knows a prefix")
    answer = pc.map(40000, options=pcp.option("PREFIX64", struct.pack("!H12xH", 12, 0)))
    assert answer.result == pcp.SUCCESS and answer.option("PREFIX64") is None, answer


def embedded(option, address):
    """The IPv6 address that stands for one of IPv4, by a PREFIX64 (RFC 7225 4.1, RFC 6052 2.2): octet 8 is passed over."""
    size, = struct.unpack_from("!H", option)
    assert size in (4, 5, 6, 7, 8, 12), option
    made, suffix = option[2:2 + size], option[2 + size:14]
    for byte in socket.inet_aton(address):
        made += bytes(len(made) == 8) + bytes([byte])
    return socket.inet_ntop(socket.AF_INET6, made + suffix[len(suffix) - (16 - len(made)):])


@requirement("PCPX-15", pcp="PREFIX64", needs=["nat64"])
@pytest.mark.bulk
def test_prefix_of_the_nat64(subject):
    """An IPv6 host that writes an IPv4 address by that prefix reaches it."""
    lab = subject.lab
    with pcp.Client(lab, ipv6=True) as pc6, lab.socket("peer") as there, lab.socket("client", domain="inet6") as here:
        answer = pc6.map(40000, options=pcp.option("PREFIX64", struct.pack("!H12xH", 12, 0)))
        assert answer.result == pcp.SUCCESS and answer.option("PREFIX64"), answer
        there.bind(("0.0.0.0", 9))
        here.sendto(b"by the prefix", (embedded(answer.option("PREFIX64"), lab.address_of("peer")), 9))
        assert select.select([there], [], [], 2)[0] and there.recv(64) == b"by the prefix", answer
        pc6.delete(40000)


@requirement("PCPX-31", pcp=True)
@pytest.mark.parametrize("request_of,result", [
    (lambda pc: pcp.header(50, 600, pc.address) + bytes(36), pcp.UNSUPP_OPCODE),
    (lambda pc: pc.map_request(40000, options=pcp.option(100, bytes(4))), pcp.UNSUPP_OPTION)], ids=["opcode", "option"])
def test_nothing_is_relayed(subject, pc, request_of, result):
    request = request_of(pc)
    pcp.refused(pc.ask(request), request, result)
    assert not subject.reaches(40000)
