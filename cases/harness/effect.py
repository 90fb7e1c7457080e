# SPDX-License-Identifier: MIT
"""effect.py - the strongest oracle: does a packet from the peer reach the client through the mapping?"""
import contextlib
import itertools
import os
import select
import socket

from . import trace


ABROAD = 9  # port of the peer to which a client's socket sends something out


def _outer(lab, address, port):
    return address or lab.wan_address(lab.info["outermost"]), port


def _bound(lab, node, port, kind="dgram"):
    """A socket in a node, at that port when there is one."""
    trace.note("reaches TCP" if kind == "stream" else "reaches UDP")
    made = lab.socket(node, kind)
    if port:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind(("0.0.0.0", port))
    return made


def tcp_source(lab, port, address=None, client="client", internal=None, peer="peer", timeout=2.0,
               from_port=None):
    """Whom a TCP connection from the peer to address:port seems to come from: (address, port).

    A listener is opened at the client's internal port. None unless that listener accepts a connection
    whose bytes are the random token that the peer sent.
    """
    trace.note("reaches TCP")
    token = os.urandom(8)
    with lab.listen(client, internal or port) as listener:
        with _bound(lab, peer, from_port, "stream") as sock:
            sock.settimeout(timeout)
            try:
                sock.connect(_outer(lab, address, port))
            except OSError:
                return None
            sock.sendall(token)
            if not select.select([listener], [], [], timeout)[0]:
                return None
            accepted, source = listener.accept()
            with accepted:
                accepted.settimeout(timeout)
                return source if accepted.recv(64) == token else None


def tcp_reaches(lab, port, **more):
    """Whether a TCP connection from the peer to address:port arrives at the client's listener."""
    return tcp_source(lab, port, **more) is not None


def udp_source(lab, port, address=None, client="client", internal=None, peer="peer", timeout=0.5,
               from_port=None, after_outbound=False, answer=None):
    """Whom a UDP datagram from the peer to address:port seems to come from: (address, port), or None.

    A refusal (ICMP unreachable to the peer) ends the wait at once; silence takes *timeout*. With
    *after_outbound* the client's socket first sends a datagram to the lab's peer. *answer* is called
    when the datagram is there; then the client answers, and the result is whether that comes back.
    """
    token = os.urandom(8)
    with _bound(lab, client, internal or port) as listener, _bound(lab, peer, from_port) as sock:
        if after_outbound:
            with _bound(lab, "peer", ABROAD) as abroad:
                listener.sendto(b"out", (lab.address_of("peer"), ABROAD))
                select.select([abroad], [], [], timeout)
        sock.connect(_outer(lab, address, port))
        sock.send(token)
        ready, _, _ = select.select([listener, sock], [], [], timeout)
        source = None
        if listener in ready:
            data, source = listener.recvfrom(64)
            source = source if data == token else None
        elif sock in ready:
            with contextlib.suppress(OSError):
                sock.recv(64, socket.MSG_DONTWAIT)
        if source and answer:
            answer()
            listener.sendto(token, source)
            return bool(select.select([sock], [], [], timeout)[0]) and sock.recv(64) == token
        return source


def udp_reaches(lab, port, **more):
    """Whether a UDP datagram from the peer arrives at the client's socket."""
    return udp_source(lab, port, **more) is not None


def leaves_from(lab, port, client="client", ports=(5000,), peers=("peer",), timeout=0.5):
    """The sources (address, port) that peers see when the client sends UDP from a port of its own to
    each of their ports; None for a datagram that does not arrive."""
    seen = []
    with _bound(lab, client, port) as sock:
        for name, to in itertools.product(peers, ports):
            with _bound(lab, name, to) as peer:
                sock.sendto(b"out", (lab.address_of(name), to))
                ready = select.select([peer], [], [], timeout)[0]
                seen.append(peer.recvfrom(64)[1] if ready else None)
    return seen


def remembered(lab, protocol, address, port, router="r1"):
    """Seconds without packets after which the kernel of a router forgets what a host has begun from a port; None: it knows of nothing."""
    found = [one["timeout"] for one in lab.request(op="state", node=router)["conntrack"]
             if (one["protocol"], one["original"]["src"], one["original"].get("sport")) == (protocol, address, port)]
    return max(found, default=None)
