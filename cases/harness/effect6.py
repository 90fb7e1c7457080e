# SPDX-License-Identifier: MIT
"""effect6.py - the strongest oracle for IPv6, where nothing is translated: does a packet arrive on the other side?

Silence is proven by a fence and not by a wait: two sockets, one on each side, have exchanged datagrams that every
firewall lets pass (the inner one spoke first). What is sent before the fence's next datagram in the same direction, and
is not there when that one has come, was dropped.
"""
import contextlib
import errno
import ipaddress
import os
import select
import socket
import time

from . import packet6, trace
from .requirement import inconclusive

ALL_IPV6 = 0x86DD   # ETH_P_IPV6; the lab puts it into network order
RAW = 255           # IPPROTO_RAW: what is sent has its own head
OUTSIDE = ("peer", "peer2")
GRACE = 0.05        # seconds behind the fence, for the queue of another processor
ANSWERS = 5.0       # seconds in which what is under way arrives


def bound(lab, node, port=0, kind="dgram"):
    """A socket at a node's IPv6 address, and at that port when there is one."""
    made = lab.socket(node, kind, "inet6")
    if kind == "stream":
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.bind((lab.address6_of(node), port))
    return made


class Fence:
    """A pair of sockets from a sender's side to a receiver's; use it in ``with``."""

    def __init__(self, lab, sender, receiver):
        trace.note("packets6")
        self._count = 0
        self._sender, self._receiver = bound(lab, sender), bound(lab, receiver)
        self._to = (lab.address6_of(receiver), self._receiver.getsockname()[1])
        if sender in OUTSIDE and receiver not in OUTSIDE:
            self._receiver.sendto(b"first", (lab.address6_of(sender), self._sender.getsockname()[1]))
            if not select.select([self._sender], [], [], ANSWERS)[0]:
                self.close()
                inconclusive(f"a datagram from {receiver} to {sender} does not arrive")

    def close(self):
        """No more."""
        self._sender.close()
        self._receiver.close()

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()

    def arrived(self, sock, fits=lambda data: True):
        """The first datagram or packet on *sock* that fits, of what was sent before this call: (bytes, source), or None."""
        while select.select([self._receiver], [], [], 0)[0]:
            self._receiver.recv(64)  # of a call that has found what it looked for
        self._count += 1
        token = self._count.to_bytes(8, "big")
        self._sender.sendto(token, self._to)
        end, waits = time.monotonic() + ANSWERS, [sock, self._receiver]
        while ready := select.select(waits, [], [], max(0.0, end - time.monotonic()))[0]:
            if sock in ready:
                got = sock.recvfrom(65536)
                if fits(got[0]):
                    return got
            elif self._receiver.recv(64) == token:
                end, waits = time.monotonic() + GRACE, [sock]
            if time.monotonic() > end + ANSWERS:
                break  # it never ends
        return None if len(waits) == 1 else inconclusive("what was asked for from the LAN does not come back")


def udp_reaches(lab, port, client="client", peer="peer", from_port=0):
    """Whether a datagram from the peer arrives at the client's socket."""
    trace.note("reaches6 UDP")
    token = os.urandom(8)
    with Fence(lab, peer, client) as fence, bound(lab, client, port) as listener, bound(lab, peer, from_port) as sock:
        sock.sendto(token, (lab.address6_of(client), port))
        got = fence.arrived(listener)
        assert not got or (got[0] == token and got[1][:2] == (lab.address6_of(peer), sock.getsockname()[1])), got
        return bool(got)


def tcp_reaches(lab, port, client="client", peer="peer", from_port=0):
    """Whether a connection from the peer is made to the client's listener, and carries bytes."""
    trace.note("reaches6 TCP")
    token = os.urandom(8)
    with Fence(lab, peer, client) as fence, bound(lab, client, port, "stream") as listener, \
            bound(lab, peer, from_port, "stream") as sock, lab.socket(client, "raw", "inet6", socket.IPPROTO_TCP) as raw:
        listener.listen(4)
        sock.setblocking(False)
        assert sock.connect_ex((lab.address6_of(client), port)) == errno.EINPROGRESS
        ports = sock.getsockname()[1].to_bytes(2, "big") + port.to_bytes(2, "big")
        if not fence.arrived(raw, lambda segment: segment.startswith(ports)) or \
                not select.select([listener], [], [], ANSWERS)[0]:
            return False
        accepted, _ = listener.accept()
        with accepted, contextlib.suppress(TimeoutError):
            accepted.settimeout(ANSWERS)
            sock.send(token)
            return accepted.recv(64) == token
        return False


def reaches(lab, port, protocol="UDP", **more):
    """udp_reaches or tcp_reaches."""
    return (udp_reaches if protocol.upper() == "UDP" else tcp_reaches)(lab, port, **more)


class Wire:
    """Packets with heads of their own from one node to another: what of them arrives. Use it in ``with``.

    sender, receiver: nodes; the first is where a packet is put out, whatever its source address says.
    """

    def __init__(self, lab, sender="peer", receiver="client"):
        self.lab, self.sender, self.receiver = lab, sender, receiver
        self._stack = contextlib.ExitStack()
        with contextlib.ExitStack() as stack:
            self._fence = stack.enter_context(Fence(lab, sender, receiver))
            self._out = stack.enter_context(lab.socket(sender, "raw", "inet6", RAW))
            self._in = stack.enter_context(lab.socket(receiver, "dgram", "packet", ALL_IPV6))
            self._stack = stack.pop_all()

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self._stack.close()

    def send(self, *packets):
        """Put packets out, each to the address in its head."""
        for packet in packets:
            self._out.sendto(packet, (socket.inet_ntop(socket.AF_INET6, packet[24:40]), 0))

    def arrives(self, packet):
        """Whether a packet that is sent now arrives."""
        self.send(packet)
        return self._fence.arrived(self._in, lambda got: packet6.same(packet, got)) is not None

    def seen(self, fits, *packets):
        """The first packet that arrives and fits, of what is there when these have been sent; or None."""
        self.send(*packets)
        got = self._fence.arrived(self._in, fits)
        return got and got[0]


# -- packets by name ------------------------------------------------------------------------------------------

NOWHERE, LOCAL = "2a0e:b107:1:77::4", "fd00:19d::4"  # of a prefix that is on neither side, and of the local ones


def _next(address):
    """An address of the same network."""
    return str(ipaddress.IPv6Address(address) + 1)


# {name: packet from a source to a port of the other side}
PROBES = {
    "plain": lambda source, to, port: packet6.udp(source, to, (7000, port), b"plain"),
    # from the network that the other side is in
    "spoofed": lambda source, to, port: packet6.udp(_next(to), to, (7000, port), b"spoofed"),
    "stranger": lambda source, to, port: packet6.udp(NOWHERE, to, (7000, port), b"spoofed"),
    "local": lambda source, to, port: packet6.udp(LOCAL, to, (7000, port), b"local"),
    "multicast": lambda source, to, port: packet6.udp("ff0e::4", to, (7000, port), b"group"),
    "routing-header": lambda source, to, port: packet6.routed(packet6.udp(source, to, (7000, port), b"routed"), NOWHERE),
    # about a datagram that nobody has sent, and about the plain one that has come from there
    "stray-error": lambda source, to, port: packet6.error(
        source, packet6.udp(to, source, (port, 7999), b"never sent"), packet6.UNREACHABLE, packet6.NO_PORT),
    "error": lambda source, to, port: packet6.error(
        source, packet6.udp(to, source, (7000, port), b"plain"), packet6.UNREACHABLE, packet6.NO_PORT),
    "ESP": lambda source, to, port: packet6.ipv6(source, to, packet6.ESP, bytes(range(32))),
    "AH": lambda source, to, port: packet6.ipv6(source, to, packet6.AH, bytes([packet6.NONE, 4]) + bytes(22)),
    "HIP": lambda source, to, port: packet6.ipv6(source, to, packet6.HIP, bytes([packet6.NONE, 4, 1, 0x21]) + bytes(36)),
    "IKE": lambda source, to, port: packet6.udp(source, to, (500, 500), bytes(28)),
    "SCTP": lambda source, to, port: packet6.sctp_init(source, to, (7000, port)),
    "SYN": lambda source, to, port: packet6.tcp(source, to, (7000, port)),
}


def crosses(lab, name, sender="peer", port=5000):
    """(whether a packet of PROBES arrives on the other side, whether its sender is told at once that it may not)"""
    receiver = "client" if sender in OUTSIDE else "peer"
    source, to = lab.address6_of(sender), lab.address6_of(receiver)
    with Wire(lab, sender, receiver) as wire, Fence(lab, receiver, sender) as back, \
            lab.socket(sender, "raw", "inet6", socket.IPPROTO_ICMPV6) as told:
        if name == "error":
            with Wire(lab, receiver, sender) as before:
                before.arrives(PROBES["plain"](to, source, port))
        reached = wire.arrives(PROBES[name](source, to, port))
        answered = back.arrived(told, lambda message: message[:2] == bytes([packet6.UNREACHABLE, packet6.PROHIBITED]))
        return reached, answered is not None
