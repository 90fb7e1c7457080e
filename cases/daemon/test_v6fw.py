# SPDX-License-Identifier: MIT
"""The IPv6 firewall around the pinholes (area V6FW, RFC 6092): what passes between the two sides, and what does not.

Packets with heads of their own (harness/packet6.py) go in on one side and are looked for on the other one; that
something was dropped is proven by a datagram behind it that comes through (effect6.Fence). What comes in is sent at a
port that a pinhole opens, where the subject has pinholes: otherwise the rule under test would not be what stops it.
"""
import contextlib
import errno
import select
import socket

import pytest

from cases.harness import effect, packet6, pinhole
from cases.harness.controlpoint import fault_of
from cases.harness.effect6 import ANSWERS, PROBES, Fence, Wire, bound, reaches
from cases.harness.packet6 import ACK, SYN
from cases.harness.pinhole import Pinholes
from cases.harness.requirement import inconclusive, requirement, unsupported

SERVICE = "WANIPv6FirewallControl:1"
NO_RESETS = "chain out { type filter hook output priority 0; tcp flags & (rst|ack) == (rst|ack) drop; }"
UNANSWERED = "chain in { type filter hook input priority 0; tcp dport 7209 drop; }"
WAYS = pytest.mark.parametrize("sender", ["client", "peer"], ids=["out", "in"])
pytestmark = pytest.mark.bulk  # each needs the lab with IPv6


def walled(*needs):
    """What a check of the firewall asks of the subject."""
    return {"igd": 0, "firewall6": True, "needs": ["ipv6", "wan-side", *needs]}


@contextlib.contextmanager
def way(subject, sender, port, protocol="UDP"):
    """(a Wire, source, destination) of packets to a port that may be used this way: a pinhole is open where there are any."""
    lab, receiver = subject.lab, {"client": "peer", "peer": "client"}[sender]
    with contextlib.ExitStack() as stack:
        if sender == "peer" and subject.has_service(SERVICE):
            stack.enter_context(Pinholes(subject.control_point6())).add(port, protocol)
        yield stack.enter_context(Wire(lab, sender, receiver)), lab.address6_of(sender), lab.address6_of(receiver)


def passes_plainly(subject, wire, sender, source, to, port):
    """Whether a plain datagram passes this way: it has to, if one with something wrong is to tell anything."""
    if sender == "peer" and not subject.has_service(SERVICE):
        return
    if not wire.arrives(PROBES["plain"](source, to, port)):
        inconclusive("a plain datagram does not pass: see 6FC-04")


def stopped(subject, sender, port, probe):
    """A packet with something wrong does not pass where a plain one does."""
    with way(subject, sender, port) as (wire, source, to):
        passes_plainly(subject, wire, sender, source, to, port)
        assert not wire.arrives(PROBES[probe](source, to, port))


@contextlib.contextmanager
def on_peer(lab, rules):
    """Rules of the peer's own."""
    lab.run("peer", "nft", "delete table ip6 igdlab_peer")
    assert lab.run("peer", "nft", f"table ip6 igdlab_peer {{ {rules}; }}").code == 0
    try:
        yield
    finally:
        lab.run("peer", "nft", "delete table ip6 igdlab_peer")


# -- what is never forwarded ------------------------------------------------------------------------------------


@requirement("V6FW-01", **walled())
@WAYS
def test_source_of_the_wrong_side(subject, sender):
    stopped(subject, sender, 7101, "stranger" if sender == "client" else "spoofed")


@requirement("V6FW-02", **walled())
@WAYS
def test_routing_header_0(subject, sender):
    stopped(subject, sender, 7102, "routing-header")


@requirement("V6FW-02", **walled())
@WAYS
def test_multicast_source(subject, sender):
    with way(subject, sender, 7102) as (wire, source, to):
        assert not wire.arrives(PROBES["multicast"](source, to, 7102))


@requirement("V6FW-03", **walled())
@WAYS
def test_local_source(subject, sender):
    stopped(subject, sender, 7103, "local")


@requirement("V6FW-16", **walled())
@pytest.mark.parametrize("protocol", ["UDP", "TCP"])
def test_closed_inwards(lab, protocol):
    assert not reaches(lab, 7116, protocol)


# -- the outer side is served nothing -------------------------------------------------------------------------


def answers_to(lab, address, port, data, timeout=0.3):
    """Whether a datagram of the peer to the router is answered by a datagram."""
    with bound(lab, "peer") as sock:
        sock.connect((address, port))
        sock.send(data)
        if not select.select([sock], [], [], timeout)[0]:
            return False
        with contextlib.suppress(OSError):
            return bool(sock.recv(2048))
        return False


QUERY = bytes.fromhex("190d01000001000000000000" "06") + b"router" + bytes.fromhex("04") + b"home" + bytes.fromhex("0000010001")
SOLICIT = bytes.fromhex("01190d00" "0001000a" "0003000102006964676c" "00080002" "0000")


@requirement("V6FW-04", **walled())
@pytest.mark.parametrize("port, data", [(53, QUERY), (547, SOLICIT)], ids=["DNS", "DHCPv6"])
def test_not_served_outside(lab, port, data):
    for role in ("wan", "lan"):
        assert not answers_to(lab, lab.address6_of("r1", role=role), port, data), f"at the address of the {role}"


def listens(lab, address, port):
    """Whether a connection from the peer is taken."""
    with bound(lab, "peer", kind="stream") as sock:
        sock.settimeout(0.3)
        return sock.connect_ex((address, port)) == 0


@requirement("V6FW-15", **walled())
def test_no_management_outside(subject, lab):
    ports = {22, 23, 53, 80, 443, 5000, 8080, 8443}
    if subject.igd:
        where = subject.control_point().description
        ports |= {where.location.port} | {service.control.port for service in where.services}
    open_ = [(role, port) for role in ("wan", "lan") for port in sorted(ports)
             if listens(lab, lab.address6_of("r1", role=role), port)]
    assert not open_


@requirement("V6FW-15", **walled())
@pytest.mark.parametrize("port, data", [
    (1900, b"M-SEARCH * HTTP/1.1\r\nHOST: [ff02::c]:1900\r\nMAN: \"ssdp:discover\"\r\nST: ssdp:all\r\nMX: 1\r\n\r\n"),
    (5351, bytes([2, 0]) + bytes(22))], ids=["SSDP", "PCP"])
def test_no_port_control_outside(lab, port, data):
    for role in ("wan", "lan"):
        assert not answers_to(lab, lab.address6_of("r1", role=role), port, data), f"at the address of the {role}"


# -- how long it remembers ----------------------------------------------------------------------------------------


def remembered(lab, protocol, port):
    """Seconds without packets after which the router forgets a connection that the client has opened from a port."""
    found = effect.remembered(lab, protocol, lab.address6_of("client"), port)
    return inconclusive("the connection is not in the kernel's table") if found is None else found


@requirement("V6FW-05", **walled("kernel"))
@pytest.mark.parametrize("answered", [False, True], ids=["unanswered", "answered"])
def test_udp_is_remembered(lab, answered):
    with bound(lab, "client", 7205) as inside, bound(lab, "peer", 7206) as outside:
        outside.settimeout(ANSWERS)
        inside.settimeout(ANSWERS)
        for _ in range(2):
            inside.sendto(b"out", (lab.address6_of("peer"), 7206))
            _, source = outside.recvfrom(64)
            if answered:
                outside.sendto(b"back", source)
                inside.recv(64)
        assert remembered(lab, "UDP", 7205) >= 119


@requirement("V6FW-09", **walled("kernel"))
@pytest.mark.parametrize("established, least", [(True, 7440), (False, 240)], ids=["established", "transitory"])
def test_tcp_is_remembered(lab, established, least):
    with bound(lab, "client", 0, "stream") as inside, bound(lab, "peer", 0, "stream") as outside:
        outside.listen(1)
        inside.settimeout(ANSWERS)
        port = inside.getsockname()[1]
        if established:
            inside.connect(outside.getsockname()[:2])
            accepted, _ = outside.accept()
            with accepted:
                inside.send(b"data")
                accepted.recv(64)
                assert remembered(lab, "TCP", port) >= least - 2
            return
        inside.setblocking(False)
        with on_peer(lab, UNANSWERED):
            inside.connect_ex((lab.address6_of("peer"), 7209))
            assert remembered(lab, "TCP", port) >= least - 2


# -- errors of ICMPv6 -----------------------------------------------------------------------------------------------


ERRORS = pytest.mark.parametrize("kind, code, word", [
    (packet6.UNREACHABLE, packet6.NO_PORT, 0), (packet6.TOO_BIG, 0, 1280), (packet6.TIME_EXCEEDED, 0, 0)],
    ids=["unreachable", "too-big", "time-exceeded"])


@requirement("V6FW-06", **walled())
@ERRORS
def test_errors_of_udp_come_in(lab, kind, code, word):
    """And end nothing: the answer behind the error comes in, too."""
    inner, outer = lab.address6_of("client"), lab.address6_of("peer")
    with Wire(lab) as wire, bound(lab, "client", 7306) as inside, bound(lab, "peer", 7307) as outside:
        outside.settimeout(ANSWERS)
        inside.sendto(b"out", (outer, 7307))
        outside.recv(64)
        about = packet6.udp(inner, outer, (7306, 7307), b"out")
        assert wire.arrives(packet6.error(outer, about, kind, code, word)), "the error does not come in"
        outside.sendto(b"back", (inner, 7306))
        inside.settimeout(ANSWERS)
        with contextlib.suppress(ConnectionRefusedError):
            assert inside.recv(64) == b"back"


@requirement("V6FW-06", **walled())
@ERRORS
def test_errors_of_tcp_come_in(lab, kind, code, word):
    inner, outer = lab.address6_of("client"), lab.address6_of("peer")
    with Wire(lab) as wire, bound(lab, "client", 0, "stream") as inside, bound(lab, "peer", 0, "stream") as listener:
        listener.listen(1)
        inside.settimeout(ANSWERS)
        inside.connect(listener.getsockname()[:2])
        accepted, _ = listener.accept()
        with accepted:
            ports = inside.getsockname()[1], listener.getsockname()[1]
            about = packet6.tcp(inner, outer, ports, ACK)
            assert wire.arrives(packet6.error(outer, about, kind, code, word)), "the error does not come in"
            accepted.sendall(b"back")
            assert inside.recv(64) == b"back", "the connection has ended"


@requirement("V6FW-07", **walled())
@ERRORS
def test_errors_of_nothing_are_dropped(lab, kind, code, word):
    about = packet6.udp(lab.address6_of("client"), lab.address6_of("peer"), (7308, 7309), b"never sent")
    with Wire(lab) as wire:
        assert not wire.arrives(packet6.error(lab.address6_of("peer"), about, kind, code, word))


# -- connections ------------------------------------------------------------------------------------------------------


@requirement("V6FW-08", **walled())
def test_refusal_is_late(subject, lab):
    """A SYN that may not come in is answered by "administratively prohibited" after 6 s, and not before."""
    with Fence(lab, "client", "peer") as fence, bound(lab, "peer", kind="stream") as sock, \
            lab.socket("peer", "raw", "inet6", socket.IPPROTO_ICMPV6) as raw:
        sock.setblocking(False)
        sock.connect_ex((lab.address6_of("client"), 7408))
        port = sock.getsockname()[1].to_bytes(2, "big")

        def refusal(message):
            return message[0] == packet6.UNREACHABLE and message[48:50] == port
        early = fence.arrived(raw, refusal)
        subject.advance(5)
        early = early or fence.arrived(raw, refusal)
        assert not early, f"refused at once, by code {early[0][1]}"
        for _ in range(3):
            subject.advance(7 if "clock" in subject.abilities else 2)
            while select.select([raw], [], [], ANSWERS)[0]:
                message = raw.recv(2048)
                if refusal(message):
                    assert message[1] == packet6.PROHIBITED, f"code {message[1]}"
                    return
        raise AssertionError("it is never refused")


def next_syn(raw, to):
    """The source port of the next SYN to a port that a raw socket hears; None when there is none."""
    while select.select([raw], [], [], ANSWERS)[0]:
        segment = raw.recv(4096)
        if int.from_bytes(segment[2:4], "big") == to and segment[13] & (SYN | ACK) == SYN:
            return int.from_bytes(segment[:2], "big")
    return None


@requirement("V6FW-10", **walled())
def test_simultaneous_open(lab):
    """Both sides call connect(); the peer's answer to the client's SYN is a SYN and no reset."""
    with on_peer(lab, NO_RESETS), lab.socket("peer", "raw", "inet6", socket.IPPROTO_TCP) as outside, \
            bound(lab, "client", kind="stream") as client, bound(lab, "peer", kind="stream") as peer, \
            lab.socket("client", "raw", "inet6", socket.IPPROTO_TCP) as inside:
        client.setblocking(False)
        peer.setblocking(False)
        mine, its = client.getsockname(), peer.getsockname()
        assert client.connect_ex(its[:2]) == errno.EINPROGRESS
        if next_syn(outside, its[1]) != mine[1]:
            inconclusive("the client's SYN did not arrive")
        peer.connect_ex(mine[:2])
        assert next_syn(inside, mine[1]) == its[1], "the peer's SYN did not come in"
        assert select.select([], [client], [], ANSWERS)[1] and select.select([], [peer], [], ANSWERS)[1]
        peer.sendall(b"crossed")
        client.settimeout(ANSWERS)
        assert client.recv(64) == b"crossed"


# -- other protocols --------------------------------------------------------------------------------------------------


@requirement("V6FW-11", **walled())
@pytest.mark.parametrize("name", ["ESP", "AH", "HIP", "IKE"])
def test_ipsec_comes_in(lab, name):
    with Wire(lab) as wire:
        assert wire.arrives(PROBES[name](lab.address6_of("peer"), lab.address6_of("client"), 7511))


@requirement("V6FW-12", **walled())
@pytest.mark.parametrize("name", ["SCTP", "DCCP"])
def test_associations_go_out(lab, name):
    inner, outer, ports = lab.address6_of("client"), lab.address6_of("peer"), (7512, 7513)
    if name == "SCTP":
        first = packet6.sctp_init(inner, outer, ports)
        answer = packet6.sctp_init(outer, inner, ports[::-1], answer=True, tag=0x1001)
    else:
        first = packet6.dccp(inner, outer, ports, 0, 1000)
        answer = packet6.dccp(outer, inner, ports[::-1], 1, 2000, 1000)
    with Wire(lab, "client", "peer") as out, Wire(lab, "peer", "client") as back:
        assert not back.arrives(packet6.sctp_init(outer, inner, (7514, 7515))), "it lets everything in"
        assert out.arrives(first), "the first packet does not go out"
        assert back.arrives(answer), "the answer does not come in"


# -- asking it to open ------------------------------------------------------------------------------------------------


@requirement("V6FW-13", **walled())
def test_applications_can_ask(subject, lab):
    if not subject.has_service(SERVICE):
        unsupported(f"the subject does not claim {SERVICE}")
    with Pinholes(subject.control_point6()) as pinholes:
        assert fault_of(pinholes.add, 7613) == 0
        assert reaches(lab, 7613)


@requirement("V6FW-14", **walled("firewall-switch"))
@pytest.mark.parametrize("protocol", ["UDP", "TCP"])
def test_transparent_mode(subject, lab, protocol):
    subject.firewall6(enabled=False)
    assert reaches(lab, 7614, protocol)
    if subject.has_service(SERVICE):
        assert Pinholes(subject.control_point6()).status()[0] == "0"
    subject.firewall6(enabled=True)
    assert not reaches(lab, 7614, protocol)


@requirement("V6FW-16", service=SERVICE, **walled())
@pytest.mark.parametrize("protocol", ["UDP", "TCP"])
def test_nothing_but_the_pinhole(subject, lab, protocol):
    """Of both protocols the well-known ports, those around it, and some of all others; IKE's is always open (V6FW-11)."""
    asked, mine, open_ = 7616, 7617, set()
    ports = sorted({*range(1, 1024), *range(asked - 64, asked + 64), *range(1024, 65536, 61)})
    inner, outer = lab.address6_of("client"), lab.address6_of("peer")
    sign = packet6.packed(outer) + packet6.packed(inner) + mine.to_bytes(2, "big")
    with Pinholes(subject.control_point6()) as pinholes, Wire(lab) as wire:
        pinholes.add(asked, protocol)
        for start in range(0, len(ports), 256):
            wire.send(*(make(outer, inner, (mine, port)) for port in ports[start:start + 256] for make in (packet6.udp, packet6.tcp)))
            while got := wire.seen(lambda data: data[8:42] == sign):
                open_.add((got[6], int.from_bytes(got[42:44], "big")))
    assert open_ - {(packet6.UDP, 500)} == {(pinhole.NUMBERS[protocol], asked)}
