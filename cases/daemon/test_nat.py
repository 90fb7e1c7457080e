# SPDX-License-Identifier: MIT
"""The data path, seen through mappings (area NAT).

Each check has ports of its own: what the router's kernel knows of a connection outlives the check.
"""
import contextlib
import os
import select
import struct

import pytest

from cases.harness import effect
from cases.harness.requirement import requirement

def datagram(lab, port, node="peer", size=8, fragments=False):
    """Whether a datagram from a node to the router's outer address comes to the client's socket whole."""
    token = os.urandom(size)
    with effect._bound(lab, "client", port) as listener, lab.socket(node) as sock:
        if fragments:
            sock.setsockopt(0, 10, 0)  # IP_MTU_DISCOVER: IP_PMTUDISC_DONT
        sock.sendto(token, (lab.wan_address(), port))
        ready = select.select([listener], [], [], 1)[0]
        return bool(ready) and listener.recv(65536) == token


@requirement("NAT-03", needs=["wan-side", "other"])
def test_ports_are_not_shared(lab, cp):
    """Two clients with one source port and one destination: each gets its own answers."""
    with effect._bound(lab, "peer", 5000) as peer, effect._bound(lab, "client", 20010) as first, \
            effect._bound(lab, "other", 20010) as second:
        sources = []
        for sock, text in ((first, b"first"), (second, b"second")):
            sock.sendto(text, (lab.address_of("peer"), 5000))
            data, source = peer.recvfrom(64)
            assert data == text
            sources.append(source)
            peer.sendto(data, source)
        assert sources[0] != sources[1] and sources[1][1] >= 1024
        assert first.recv(64) == b"first" and second.recv(64) == b"second"


@requirement("NAT-08", needs=["wan-side", "peer2"])
def test_filtering_is_deterministic(lab, cp):
    """The third host is let through, or never; which of the two is the vendor's choice."""
    with effect._bound(lab, "client", 20020) as sock:
        sock.sendto(b"out", (lab.address_of("peer"), effect.ABROAD))
    passed = [effect.udp_reaches(lab, 20020, peer="peer2", timeout=0.2) for _ in range(3)]
    assert len(set(passed)) == 1


@requirement("NAT-09", needs="peer2")
@pytest.mark.parametrize("protocol", ["UDP", "TCP"])
@pytest.mark.parametrize("remote", ["", "peer"])
def test_filtering_by_remote_host(subject, lab, cp, protocol, remote):
    cp.add(20030, protocol, remote=remote and lab.address_of(remote))
    assert subject.reaches(20030, protocol, peer="peer")
    assert subject.reaches(20030, protocol, peer="peer2") == (not remote)


@requirement("NAT-10", needs="other")
def test_udp_hairpin(lab, cp):
    cp.add(20040, "UDP")
    source = effect.udp_source(lab, 20040, peer="other")
    assert source is not None
    assert source[0] == lab.wan_address()
    assert effect.udp_source(lab, 20040, peer="other", answer=lambda: None) is True


@requirement("NAT-11", needs="other")
def test_tcp_hairpin(lab, cp):
    cp.add(20050)
    source = effect.tcp_source(lab, 20050, peer="other")
    assert source is not None and source[0] == lab.wan_address()


@requirement("NAT-12")
@pytest.mark.parametrize("protocol, probe", [("UDP", effect.udp_reaches), ("TCP", effect.tcp_reaches)])
def test_hairpin_to_itself(lab, cp, protocol, probe):
    cp.add(20060, protocol, internal=25000)
    assert probe(lab, 20060, internal=25000, peer="client")


@requirement("NAT-13", needs="wan-side")
def test_icmp_does_not_end_a_mapping(subject, lab, cp):
    """The peer answers with port unreachable: nobody listens at the port from which it sent."""
    cp.add(20070, "UDP")
    with effect._bound(lab, "client", 20070) as listener:
        with effect._bound(lab, "peer", 5000) as peer:
            peer.sendto(b"in", (lab.wan_address(), 20070))
            _, source = listener.recvfrom(64)
        listener.sendto(b"back", source)
        select.select([listener], [], [], 0.1)
    assert subject.reaches(20070, "UDP") and subject.reaches(20070, "UDP", from_port=5000)


@requirement("NAT-14", needs="wan-side")
def test_unreachable_comes_through(lab, cp):
    """ICMP port unreachable of the peer is an error on the client's connected socket."""
    cp.add(20080, "UDP")
    with effect._bound(lab, "client", 20080) as sock:
        sock.connect((lab.address_of("peer"), 5999))
        sock.send(b"anybody?")
        sock.settimeout(2)
        with contextlib.suppress(ConnectionRefusedError):
            raise AssertionError(f"not refused: {sock.recv(64)}")


@requirement("NAT-16", needs="wan-side")
@pytest.mark.parametrize("size", [3000, 20000])
def test_fragments_come_through(lab, cp, size):
    cp.add(20090, "UDP")
    assert datagram(lab, 20090, size=size, fragments=True)




@requirement("NAT-16", needs="wan-side")
def test_fragments_in_the_wrong_order(lab, cp):
    """The last fragment of a datagram of 1208 bytes leaves before the first."""
    cp.add(20100, "UDP")
    payload = os.urandom(1208)
    whole = struct.pack(">HHHH", 5000, 20100, 8 + len(payload), 0) + payload
    with effect._bound(lab, "client", 20100) as listener, lab.socket("peer", "raw", protocol=255) as raw:
        for offset, more in ((608, 0), (0, 0x2000)):
            piece = whole[offset:] if offset else whole[:608]
            head = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(piece), 4711, more | offset // 8, 64, 17, 0,
                               bytes(map(int, lab.address_of("peer").split("."))),
                               bytes(map(int, lab.wan_address().split("."))))
            raw.sendto(head + piece, (lab.wan_address(), 0))
        assert select.select([listener], [], [], 2)[0] and listener.recv(65536) == payload


@requirement("NAT-22")
@pytest.mark.parametrize("mine, its", [("TCP", "UDP"), ("UDP", "TCP")])
def test_mapping_is_of_one_protocol(subject, cp, mine, its):
    cp.add(20120, mine)
    assert subject.reaches(20120, mine)
    assert not subject.reaches(20120, its)


@requirement("NAT-29", needs="wan-side")
def test_payload_is_left_alone(lab, cp):
    """A SIP request with the client's private address arrives as it was sent."""
    address = lab.address_of("client")
    text = (f"INVITE sip:a@{lab.address_of('peer')} SIP/2.0\r\nVia: SIP/2.0/UDP {address}:5060\r\n"
            f"Contact: <sip:b@{address}:5060>\r\nContent-Length: 0\r\n\r\n").encode()
    with effect._bound(lab, "peer", 5060) as peer, effect._bound(lab, "client", 5060) as sock:
        sock.sendto(text, (lab.address_of("peer"), 5060))
        assert select.select([peer], [], [], 2)[0] and peer.recv(4096) == text


@requirement("NAT-30", needs="wan-side")
@pytest.mark.parametrize("protocol, probe", [("UDP", effect.udp_source), ("TCP", effect.tcp_source)])
def test_source_is_preserved(lab, cp, protocol, probe):
    cp.add(20130, protocol, internal=25000)
    assert probe(lab, 20130, internal=25000, from_port=5000) == (lab.address_of("peer"), 5000)
