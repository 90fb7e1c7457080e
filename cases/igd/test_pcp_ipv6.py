# SPDX-License-Identifier: MIT
"""PCP of fakeigd over IPv6: filters for prefixes, mappings of every port and protocol, sets of ports, descriptions."""
import struct

import pytest

from cases.harness import packet6, pcp
from cases.harness.effect6 import Wire, reaches
from cases.harness.lab import Lab, until
from cases.harness.subject import DUAL_STACK

PORT, NET = 40000, "2a0e:b107:1:2::"
SCTP = packet6.SCTP


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    path = tmp_path_factory.mktemp("pcp") / "two-peers.yaml"
    path.write_text(DUAL_STACK.replace("ROUTER", "igd: pcp-only"))
    with Lab(path) as running:
        yield running


@pytest.fixture
def pc6(lab):
    lab.router(op="reset")
    with pcp.Client(lab, ipv6=True) as made:
        yield made


def done(answer):
    assert answer.result == pcp.SUCCESS and not answer.notes, answer
    return answer


def who_gets_in(lab, port=PORT, protocol="UDP"):
    return [peer for peer in ("peer", "peer2") if reaches(lab, port, protocol, peer=peer)]


def pinholes(lab):
    return [(one["protocol"], one["internal_port"], one["remote_host"], one["remote_prefix"], one["description"])
            for one in lab.router(op="pinholes")["pinholes"]]


# -- FILTER (RFC 6887 13.3): the peers are ::10 and ::11 ------------------------------------------------------


@pytest.mark.parametrize("filters,inside", [
    ([(f"{NET}10", 128)], ["peer"]), ([(f"{NET}11", 128)], ["peer2"]), ([(f"{NET}10", 127)], ["peer", "peer2"]),
    ([(f"{NET}11", 127)], ["peer", "peer2"]), ([(f"{NET}8", 126)], []), ([(NET, 64)], ["peer", "peer2"]),
    ([("2a0e:b107:1:3::", 64)], []), ([("8000::", 1)], []), ([("::", 1)], ["peer", "peer2"]), ([("::", 128)], []),
    ([("2001:db8::", 33), (f"{NET}11", 128)], ["peer2"]), ([(NET, 64), (f"{NET}11", 128)], ["peer", "peer2"]),
    ([(f"{NET}10", 128), (f"{NET}10", 127), (f"{NET}10", 127)], ["peer", "peer2"]),
])
@pytest.mark.parametrize("protocol", ["UDP", "TCP"])
def test_prefixes(lab, pc6, filters, inside, protocol):
    options = b"".join(pcp.filtered(*one) for one in filters)
    done(pc6.map(PORT, protocol=protocol, options=options))
    assert who_gets_in(lab, protocol=protocol) == inside
    assert pc6.delete(PORT, protocol).result == pcp.SUCCESS and not pinholes(lab)
    assert who_gets_in(lab, protocol=protocol) == []


def test_remote_port_of_a_prefix(lab, pc6):
    done(pc6.map(PORT, protocol="UDP", options=pcp.filtered(NET, 64, 7777)))
    assert reaches(lab, PORT, from_port=7777) and reaches(lab, PORT, peer="peer2", from_port=7777)
    assert not reaches(lab, PORT, from_port=7778)


def test_filters_are_added_and_taken_away(lab, pc6):
    done(pc6.map(PORT, protocol="UDP", options=pcp.filtered("2001:db8::", 32)))
    assert who_gets_in(lab) == []
    done(pc6.map(PORT, protocol="UDP", options=pcp.filtered(f"{NET}10", 127)))
    assert who_gets_in(lab) == ["peer", "peer2"] and len(pinholes(lab)) == 2
    done(pc6.map(PORT, protocol="UDP", options=pcp.filtered("::", 0) + pcp.filtered(f"{NET}11", 128)))
    assert who_gets_in(lab) == ["peer2"] and len(pinholes(lab)) == 1
    done(pc6.map(PORT, protocol="UDP", options=pcp.filtered("::", 0)))
    assert who_gets_in(lab) == ["peer", "peer2"]


def test_packets_through_a_prefix_are_counted(lab, pc6):
    done(pc6.map(PORT, protocol="UDP", options=pcp.filtered(NET, 64)))
    assert reaches(lab, PORT)
    assert [one["packets"] for one in lab.router(op="pinholes")["pinholes"]] == [1]


def test_too_many_filters(pc6):
    options = b"".join(pcp.filtered(f"2001:db8:{n:x}::", 48) for n in range(33))
    assert pc6.map(PORT, protocol="UDP", options=options).result == pcp.EXCESSIVE_REMOTE_PEERS


# -- another prefix --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("open_before", [True, False])
def test_mappings_that_go_with_their_prefix_begin_an_epoch(tmp_path, open_before):
    """RFC 6887 8.5: what is lost is told by the seconds, which go on where nothing was."""
    (tmp_path / "lab.yaml").write_text(DUAL_STACK.replace("ROUTER", "igd: pcp-only"))
    with Lab(tmp_path / "lab.yaml") as lab, pcp.Client(lab, ipv6=True) as pc6, pcp.Client(lab) as pc:
        lab.advance(3600)
        if open_before:
            done(pc6.map(PORT, protocol="UDP"))
        assert pc.announce().epoch >= 3600
        for words in (("add", "2a0e:b107:1:3::1/64", "nodad"), ("del", "2a0e:b107:1:1::1/64")):
            assert lab.run("r1", "ip", "addr", words[0], words[1], "dev", "lan0", *words[2:]).code == 0
        until(lambda: any(line["what"].startswith("address of lan0") for line in lab.journal()), what="the router's look")
        assert (pc.announce().epoch < 60) == open_before and not pinholes(lab)


# -- every port, every protocol (clauses 11.1, 11.3; PCP-20, PCP-21) -------------------------------------------


def ping(lab):
    return lab.run("peer", "ping", "-6", "-n", "-c", "1", "-W", "1", lab.address6_of("client")).code == 0


def test_every_port_of_a_protocol(lab, pc6):
    answer = done(pc6.map(0, protocol="UDP"))
    assert answer.outer == (pc6.address, 0)
    assert reaches(lab, PORT) and reaches(lab, 50123) and not reaches(lab, PORT, "TCP") and not ping(lab)
    done(pc6.map(PORT, protocol="UDP"))
    assert pc6.delete(PORT, "UDP").result == pcp.SUCCESS and reaches(lab, PORT), "the other mapping is one of its own"
    assert pc6.delete(0, "UDP").result == pcp.SUCCESS and not reaches(lab, PORT)


def test_every_protocol(lab, pc6):
    assert not ping(lab)
    done(pc6.map(0, protocol="ALL"))
    assert reaches(lab, PORT) and reaches(lab, 50123, "TCP") and ping(lab)
    assert pc6.delete(0, "ALL").result == pcp.SUCCESS
    assert not reaches(lab, PORT) and not reaches(lab, 50123, "TCP") and not ping(lab)


def test_every_protocol_from_one_peer(lab, pc6):
    done(pc6.map(0, protocol="ALL", options=pcp.filtered(f"{NET}11", 128)))
    assert who_gets_in(lab) == ["peer2"] and who_gets_in(lab, 50123, "TCP") == ["peer2"] and not ping(lab)


def init_comes_in(lab, port):
    """Whether a packet that would begin an SCTP association arrives."""
    with Wire(lab) as wire:
        return wire.arrives(packet6.sctp_init(lab.address6_of("peer"), lab.address6_of("client"), (5000, port)))


@pytest.mark.parametrize("number,port,result", [
    (SCTP, PORT, pcp.SUCCESS), (33, PORT, pcp.SUCCESS), (136, PORT, pcp.SUCCESS), (47, 0, pcp.SUCCESS),
    (47, PORT, pcp.UNSUPP_PROTOCOL), (254, PORT, pcp.UNSUPP_PROTOCOL), (0, PORT, pcp.MALFORMED_REQUEST)])
def test_other_protocols(pc6, number, port, result):
    assert pc6.map(port, protocol=number).result == result


def test_sctp_comes_in_by_port(lab, pc6):
    assert not init_comes_in(lab, PORT)
    done(pc6.map(PORT, protocol=SCTP))
    assert init_comes_in(lab, PORT) and not init_comes_in(lab, PORT + 1)


def test_over_ipv4_one_address_is_for_all(lab):
    """PCP-21: a NAT cannot give every port to one host, and translates TCP and UDP alone."""
    with pcp.Client(lab) as pc:
        assert {pc.map(0, protocol=protocol).result for protocol in ("TCP", "UDP", "ALL", SCTP)} == {pcp.UNSUPP_PROTOCOL}


# -- PORT_SET (RFC 7753), DESCRIPTION (RFC 7220) ---------------------------------------------------------------


def granted(answer):
    data = done(answer).option("PORT_SET")
    return struct.unpack("!HH", data[:4]) if data else (1, answer.internal)


def inner(lab):
    return sorted(one[1] for one in pinholes(lab))


def a_set(pc6, size, first=PORT, **more):
    return pc6.map(first, protocol="UDP", options=pcp.port_set(size, first, more.pop("parity", 0)), **more)


def test_set_of_ports(lab, pc6):
    answer = a_set(pc6, 4, parity=1)
    assert granted(answer) == (4, PORT) and answer.outer == (pc6.address, PORT)
    assert [reaches(lab, PORT + n) for n in range(-1, 5)] == [False, True, True, True, True, False]
    assert granted(a_set(pc6, 4, lifetime=1200)) == (4, PORT) and {one["lease"] for one in
                                                                   lab.router(op="pinholes")["pinholes"]} == {1200}
    assert a_set(pc6, 4, lifetime=0).result == pcp.SUCCESS and not pinholes(lab) and not reaches(lab, PORT + 2)


def test_set_is_one_for_a_port_in_it(lab, pc6):
    a_set(pc6, 4)
    assert granted(pc6.map(PORT + 2, protocol="UDP", options=pcp.port_set(1, PORT + 2))) == (4, PORT)
    assert pc6.delete(PORT + 2, "UDP").result == pcp.SUCCESS and not pinholes(lab)


def test_set_that_ends_before_another(lab, pc6):
    """What is there already is renewed and told by an update of its own (PCPX-13)."""
    pc6.map(PORT + 2, protocol="UDP", lifetime=120)
    found = [pcp.parse(*one) for one in pc6.answers(pc6.map_request(PORT, protocol="UDP", lifetime=1200,
                                                                    options=pcp.port_set(4, PORT)))]
    assert sorted((one.internal, one.external, one.lifetime) for one in found) == [(PORT, PORT, 1200), (PORT + 2, PORT + 2, 1200)]
    assert inner(lab) == [PORT, PORT + 1, PORT + 2]


def test_set_of_all_that_may_be_asked(lab, pc6):
    size, first = granted(a_set(pc6, 65535))
    assert (size, first) == (16, PORT) and inner(lab) == list(range(PORT, PORT + 16))
    assert granted(a_set(pc6, 16, 65530)) == (6, 65530)


@pytest.mark.parametrize("options", [pcp.port_set(0, PORT), 2 * pcp.port_set(4, PORT), pcp.port_set(4, PORT) + pcp.option("PREFER_FAILURE")])
def test_set_that_is_none(lab, pc6, options):
    assert pc6.map(PORT, protocol="UDP", options=options).result == pcp.MALFORMED_OPTION and not pinholes(lab)


def test_set_with_filters(lab, pc6):
    done(pc6.map(PORT, protocol="UDP", options=pcp.port_set(2, PORT) + pcp.filtered(f"{NET}11", 128)))
    assert who_gets_in(lab) == ["peer2"] and who_gets_in(lab, PORT + 1) == ["peer2"] and len(pinholes(lab)) == 2


def test_set_of_another_nonce(lab, pc6):
    a_set(pc6, 4)
    other = pc6.map(PORT + 1, protocol="UDP", nonce=bytes(12))
    assert other.result == pcp.NOT_AUTHORIZED and len(pinholes(lab)) == 4
    assert pc6.delete(PORT + 1, "UDP", nonce=bytes(12)).result == pcp.NOT_AUTHORIZED and len(pinholes(lab)) == 4


def test_description(lab, pc6):
    def text():
        return [one[4] for one in pinholes(lab)]
    answer = done(pc6.map(PORT, protocol="UDP", options=pcp.description("a game in the attic")))
    assert answer.option("DESCRIPTION") == b"a game in the attic" and text() == ["a game in the attic"]
    assert done(pc6.map(PORT, protocol="UDP")).option("DESCRIPTION") is None and text() == ["a game in the attic"]
    assert done(pc6.map(PORT, protocol="UDP", options=pcp.description(""))).option("DESCRIPTION") == b"" and text() == [""]
    assert done(pc6.map(PORT, protocol="UDP", options=pcp.description(b"\xff"))).option("DESCRIPTION") is None
