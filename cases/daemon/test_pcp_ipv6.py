# SPDX-License-Identifier: MIT
"""PCP (RFC 6887) over IPv6, where nothing is translated: MAP is a hole in the firewall."""
import pytest

from cases.harness import pcp
from cases.harness.effect6 import reaches
from cases.harness.requirement import requirement, strict, unsupported

pytestmark = pytest.mark.bulk  # each needs the lab with IPv6
BOTH = ["ipv6", "wan-side"]


@pytest.fixture
def pc6(subject):
    """A PCP client on the first host, over IPv6."""
    with pcp.Client(subject.lab, ipv6=True) as made:
        yield made
        for protocol in ("UDP", "TCP"):
            made.delete(40000, protocol)


@requirement("PCP-01", pcp=True, needs=["ipv6"])
def test_answer_over_ipv6(pc6):
    answer = pc6.announce()
    strict(answer.notes)
    assert answer.opcode == pcp.ANNOUNCE and answer.source == (pc6.to, pcp.PORT), answer


@requirement("PCP-72", pcp=True, needs=BOTH)
@pytest.mark.parametrize("protocol", ["UDP", "TCP"])
def test_map_lets_in(subject, pc6, protocol):
    assert not reaches(subject.lab, 40000, protocol)
    answer = pc6.map(40000, protocol=protocol)
    strict(answer.notes)
    assert answer.result == pcp.SUCCESS and answer.outer == (pc6.address, 40000), answer
    assert reaches(subject.lab, 40000, protocol)


@requirement("PCP-72", pcp=True, needs=BOTH)
def test_suggestion_changes_nothing(subject, pc6):
    answer = pc6.map(40000, 41000, protocol="UDP", address="2001:db8::1")
    assert answer.result == pcp.SUCCESS and answer.outer == (pc6.address, 40000), answer
    assert reaches(subject.lab, 40000) and not reaches(subject.lab, 41000)


@requirement("PCP-72", "PCP-31", pcp=True, needs=BOTH)
def test_deletion_closes(subject, pc6):
    pc6.mapped(40000, protocol="UDP")
    assert reaches(subject.lab, 40000)
    assert pc6.delete(40000, "UDP").result == pcp.SUCCESS
    assert not reaches(subject.lab, 40000)


@requirement("PCP-72", "PCP-37", pcp=True, needs=BOTH)
def test_end_of_the_lifetime_closes(subject, pc6):
    answer = pc6.map(40000, lifetime=120, protocol="UDP")
    assert reaches(subject.lab, 40000)
    subject.advance(answer.lifetime + 1)
    assert not reaches(subject.lab, 40000)


@requirement("PCP-72", "PCP-60", pcp="FILTER", needs=["ipv6", "wan-side", "peer2"])
def test_filter_over_ipv6(subject, pc6):
    option = pcp.filtered(subject.lab.address6_of("peer2"))
    answer = pc6.map(40000, protocol="UDP", options=option)
    assert answer.result == pcp.SUCCESS and answer.options == [(3, option[4:])], answer
    assert reaches(subject.lab, 40000, peer="peer2") and not reaches(subject.lab, 40000)


@requirement("PCP-73", pcp=True, needs=[*BOTH, "other"])
def test_for_another_host(subject, pc6):
    if subject.speaks_pcp("THIRD_PARTY"):
        unsupported("the subject maps for third parties")
    other = pcp.third_party(subject.lab.address6_of("other"))
    assert pc6.map(40000, protocol="UDP", options=other).result == pcp.UNSUPP_OPTION
    assert not reaches(subject.lab, 40000, client="other")


@requirement("PCP-08", "PCP-73", pcp=True, needs=[*BOTH, "other"])
def test_address_of_another_host(subject, pc6):
    assert pc6.map(40000, protocol="UDP", client=subject.lab.address6_of("other")).result == pcp.ADDRESS_MISMATCH
    assert not reaches(subject.lab, 40000, client="other")


@requirement("PCP-50", pcp=True, needs=["ipv6", "reboot"])
def test_restart_is_announced_over_ipv6(subject):
    with pcp.listen6(subject.lab) as sock:
        subject.reboot()
        answer = pcp.hear(sock)
    assert (answer.opcode, answer.result) == (pcp.ANNOUNCE, pcp.SUCCESS) and answer.source[1] == pcp.PORT, answer


# -- mixed families -------------------------------------------------------------------------------------


@requirement("SEC-13", pcp=True)
@pytest.mark.parametrize("client", ["2001:db8::1", "fe80::1", "::"], ids=["global", "link-local", "none"])
def test_ipv6_address_in_a_datagram_of_ipv4(pc, client):
    requests = [pc.map_request(40000, client=client), pc.map_request(40000, client=client, address="2001:db8::2")]
    if client == "::":
        requests.append(pc.peer_request(40000, ("44.0.1.10", 9), client=client))
    for request in requests:
        answer = pc.ask(request)
        assert answer.result in (pcp.ADDRESS_MISMATCH, pcp.UNSUPP_OPCODE), answer
    assert pc.announce().opcode == pcp.ANNOUNCE


@requirement("SEC-13", pcp=True)
def test_ipv6_suggestion_in_a_datagram_of_ipv4(subject, pc):
    answer = pc.map(40000, address="2001:db8::2")
    assert answer.result or answer.address == subject.lab.wan_address(), answer
    assert pc.announce().opcode == pcp.ANNOUNCE


@requirement("SEC-13", pcp="PEER")
def test_mixed_peers(pc):
    for address, to in (("2001:db8::2", "2001:db8::3"), ("0.0.0.0", "2001:db8::3"), ("2001:db8::2", "44.0.1.10")):
        pc.ask(pc.peer_request(40000, (to, 9), address=address))
    assert pc.announce().opcode == pcp.ANNOUNCE


@requirement("SEC-13", pcp=True, needs=["ipv6"])
def test_ipv4_address_in_a_datagram_of_ipv6(subject, pc6):
    assert pc6.map(40000, client=subject.lab.address_of("client")).result == pcp.ADDRESS_MISMATCH
    assert pc6.announce().opcode == pcp.ANNOUNCE
