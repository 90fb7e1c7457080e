# SPDX-License-Identifier: MIT
"""The data path of connections that the LAN opens, and what mappings do for them (area NAT).

Each check has ports of its own, as in test_nat.py. The lab's routers translate as RFC 4787 has it
(mapping: endpoint-independent); what a daemon or fakeigd adds to that is what is judged.
"""
import contextlib
import errno
import os
import select
import socket
import struct

import pytest

from cases.harness import effect
from cases.harness.lab import DEADLINE
from cases.harness.requirement import inconclusive, nonstrict, requirement

ECHO, ECHO_REPLY = 8, 0
NO_RESETS = ("table ip igdlab_peer { chain out { type filter hook output priority 0; "
             "tcp flags & (rst|ack) == (rst|ack) drop; }; }")


def tcp_from(lab, port, node="client"):
    """A TCP socket of a node at that port, to connect."""
    sock = effect._bound(lab, node, port, "stream")
    sock.settimeout(2)
    return sock


@requirement("NAT-01", needs=["wan-side", "peer2"])
def test_udp_mapping_is_the_same_for_all(lab):
    sources = effect.leaves_from(lab, 20140, ports=(5000, 5001), peers=("peer", "peer2"))
    assert sources[0] and sources == [sources[0]] * 4


@requirement("NAT-01", needs=["wan-side", "peer2"])
def test_udp_mapping_of_a_mapped_socket(lab, cp):
    cp.add(20141, "UDP", internal=20142)
    sources = effect.leaves_from(lab, 20142, ports=(5000, 5001), peers=("peer", "peer2"))
    assert sources[0] and sources == [sources[0]] * 4


@requirement("NAT-17", needs=["wan-side", "peer2"])
def test_tcp_mapping_is_the_same_for_all(lab):
    sources = []
    with contextlib.ExitStack() as stack:
        for name, port in (("peer", 5000), ("peer", 5001), ("peer2", 5000)):
            listener = stack.enter_context(lab.listen(name, port))
            sock = stack.enter_context(tcp_from(lab, 20143))
            sock.connect((lab.address_of(name), port))
            accepted, source = listener.accept()
            stack.enter_context(accepted)
            sources.append(source)
    assert sources == [sources[0]] * 3


@requirement("NAT-04", needs="wan-side")
def test_parity_is_preserved(lab):
    """It may be off (RFC 7857 clause 8), so a router that does not is only non-strict."""
    ports = range(20300, 20316)
    seen = [effect.leaves_from(lab, port)[0] for port in ports]
    if not all(seen):
        inconclusive("a datagram did not arrive")
    if any((source[1] - port) % 2 for source, port in zip(seen, ports)):
        nonstrict("even ports leave as odd ones")


def answered_after(subject, lab, port, *pauses):
    """Whether the client's answers to a datagram of the peer, each after a pause, come from the mapping."""
    token = os.urandom(8)
    with effect._bound(lab, "client", port + 1) as inside, effect._bound(lab, "peer", 5000) as peer:
        peer.sendto(token, (lab.wan_address(), port))
        if not select.select([inside], [], [], 1)[0]:
            inconclusive("the mapping does not forward: see WIPC-01")
        _, source = inside.recvfrom(64)
        for pause in pauses:
            subject.advance(pause)
            inside.sendto(token, source)
            if not select.select([peer], [], [], 1)[0]:
                return False
            _, back = peer.recvfrom(64)
            if back != (lab.wan_address(), port):
                return False
        return True


@requirement("NAT-05", needs="wan-side")
def test_two_minutes_of_silence(subject, lab, cp):
    cp.add(20150, "UDP", internal=20151)
    assert answered_after(subject, lab, 20150, 119)


@requirement("NAT-06", needs="wan-side")
def test_what_leaves_refreshes(subject, lab, cp):
    cp.add(20160, "UDP", internal=20161)
    assert answered_after(subject, lab, 20160, 100, 100)


def syn_to(raw, port):
    """The source port of the next SYN to a port that a raw socket hears; None when there is none."""
    while select.select([raw], [], [], 0.5)[0]:
        packet = raw.recv(4096)
        segment = packet[(packet[0] & 15) * 4:]
        source, to = struct.unpack(">HH", segment[:4])
        if to == port and segment[13] & 0x12 == 0x02:
            return source
    return None


@requirement("NAT-18", needs="wan-side")
def test_simultaneous_open(lab):
    """Both sides call connect(); the peer's answer to the client's SYN is a SYN and no reset."""
    lab.run("peer", "nft", "delete table ip igdlab_peer")
    assert lab.run("peer", "nft", NO_RESETS).code == 0
    try:
        with lab.socket("peer", "raw", protocol=socket.IPPROTO_TCP) as outside, lab.socket("client", "stream") as client, \
                lab.socket("client", "raw", protocol=socket.IPPROTO_TCP) as inside, lab.socket("peer", "stream") as peer:
            for sock in (client, peer):  # ports that no connection before this one has used
                sock.bind(("0.0.0.0", 0))
                sock.setblocking(False)
            mine, its = client.getsockname()[1], peer.getsockname()[1]
            assert client.connect_ex((lab.address_of("peer"), its)) == errno.EINPROGRESS
            port = syn_to(outside, its)
            if not port:
                inconclusive("the client's SYN did not arrive")
            peer.connect_ex((lab.wan_address(), port))
            assert syn_to(inside, mine) == its, "the peer's SYN did not come in"
            assert select.select([], [client], [], 2)[1] and select.select([], [peer], [], 2)[1]
            peer.sendall(b"crossed")
            client.settimeout(2)
            assert client.recv(64) == b"crossed"
    finally:
        lab.run("peer", "nft", "delete table ip igdlab_peer")


@requirement("NAT-21", needs="wan-side")
@pytest.mark.parametrize("who", ["peer", "client"])
def test_reset_comes_through(lab, cp, who):
    """Of either side, and the other one's socket knows it at once."""
    port = {"peer": 20180, "client": 20181}[who]
    cp.add(port)
    with lab.listen("client", port) as listener, lab.connect("peer", lab.wan_address(), port, timeout=2) as peer:
        client, _ = listener.accept()
        with client:
            ends = {"peer": (peer, client), "client": (client, peer)}
            resets, told = ends[who]
            told.settimeout(2)
            resets.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            resets.close()
            with pytest.raises(ConnectionResetError):
                told.recv(64)


@requirement("NAT-23", needs=["wan-side", "other"])
def test_ports_are_chosen_at_random(lab):
    """The other host uses ports that the client has taken towards the same place."""
    chosen = []
    with effect._bound(lab, "peer", 5080) as peer:
        for port in range(20320, 20345):
            with effect._bound(lab, "client", port) as first, effect._bound(lab, "other", port) as second:
                sources = []
                for sock in (first, second):
                    sock.sendto(b"x", (lab.address_of("peer"), 5080))
                    if not select.select([peer], [], [], 1)[0]:
                        inconclusive("a datagram did not arrive")
                    sources.append(peer.recvfrom(64)[1])
            chosen.append(sources[1][1])
    steps = [b - a for a, b in zip(chosen, chosen[1:])]
    assert max(chosen) - min(chosen) > 8192, f"all of {sorted(chosen)}"
    assert max(steps.count(step) for step in steps) < len(steps) / 4, f"equal steps: {chosen}"


def echo(lab, sock, raw, number):
    """Send an echo request; returns the identifier that the peer sees, or None without an answer."""
    sock.sendto(struct.pack(">BBHHH", ECHO, 0, 0, 0, number) + b"igdlab", (lab.address_of("peer"), 0))
    seen = None
    while select.select([raw], [], [], 1)[0]:
        packet = raw.recv(4096)
        kind, _, _, ident, sequence = struct.unpack(">BBHHH", packet[(packet[0] & 15) * 4:][:8])
        if kind == ECHO and sequence == number:
            seen = ident
            break
    while select.select([sock], [], [], 1)[0]:
        answer = sock.recv(4096)
        if answer[0] == ECHO_REPLY and struct.unpack(">H", answer[6:8])[0] == number:
            return seen
    return None


@requirement("NAT-24", needs="wan-side")
@pytest.mark.parametrize("gap", [0, 55])
def test_echo(subject, lab, gap):
    with lab.socket("client", protocol=socket.IPPROTO_ICMP) as sock, \
            lab.socket("peer", "raw", protocol=socket.IPPROTO_ICMP) as raw:
        first = echo(lab, sock, raw, 1)
        assert first is not None, "no answer to an echo request"
        if gap:
            subject.advance(gap)
        assert echo(lab, sock, raw, 2) == first


@requirement("NAT-15", needs=["wan-side", "wan-control"])
@pytest.mark.parametrize("fragment", [False, True], ids=["df", "no-df"])
def test_large_packets_on_a_narrow_line(subject, lab, fragment):
    """The line takes 1400 bytes: with DF the client is told, without it the packet arrives in parts."""
    name, payload = lab.port("r1", role="wan")["ifname"], os.urandom(1440)
    if lab.run("r1", "ip", "link", "set", name, "mtu", "1400").code != 0:
        inconclusive("the line's MTU cannot be set")
    try:
        with effect._bound(lab, "client", 20190 + fragment) as sock, effect._bound(lab, "peer", 5090) as peer:
            sock.setsockopt(socket.IPPROTO_IP, 10, 0 if fragment else 2)  # IP_MTU_DISCOVER: _DONT, _DO
            sock.connect((lab.address_of("peer"), 5090))
            sock.send(payload)
            ready = select.select([peer, sock], [], [], 1)[0]
            if fragment:
                assert peer in ready and peer.recv(4096) == payload
            else:
                assert peer not in ready, "a packet with DF passed a line that is too narrow"
                assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == errno.EMSGSIZE
                assert sock.getsockopt(socket.IPPROTO_IP, 14) == 1400  # IP_MTU
    finally:
        lab.run("r1", "ip", "link", "set", name, "mtu", "1500")
        lab.run("client", "ip", "route", "flush", "cache")


@requirement("NAT-25", needs="other")
def test_unreachable_comes_back_by_hairpin(lab, cp):
    """When the mapped host's socket is closed, the other host's connected one is refused."""
    cp.add(20200, "UDP")
    with lab.socket("other") as sock:
        sock.connect((lab.wan_address(), 20200))
        with effect._bound(lab, "client", 20200) as listener:
            with contextlib.suppress(ConnectionRefusedError):
                sock.send(b"anybody?")
            if not select.select([listener], [], [], 0.5)[0]:
                inconclusive("no hairpin: see NAT-10")
        sock.settimeout(DEADLINE)
        with pytest.raises(ConnectionRefusedError):
            sock.send(b"anybody?")
            sock.recv(64)
