# SPDX-License-Identifier: MIT
"""ssdp.py - discovery as the suite sees it (UDA 2.0 clause 1), from the specification alone."""
import contextlib
import select
import socket
import struct
import time

from . import http, trace

GROUP, PORT = "239.255.255.250", 1900


class Datagram:
    """An SSDP message: kind "reply", "alive", "byebye", "update" or "search"; head; who sent it."""

    def __init__(self, data, source, when):
        self.data, self.source, self.when = data, source, when
        parsed = http.parse_head(data)
        if not parsed:
            raise http.BadMessage("no empty line at the end of the head")
        self.head, used = parsed
        self.notes = list(self.head.notes)
        if used != len(data):
            self.notes.append(f"{len(data) - used} bytes after the head")
        self.kind = self._kind()
        self.target = self.get("ST") if self.kind in ("reply", "search") else self.get("NT")

    def _kind(self):
        start = self.head.start
        if http.STATUS_LINE.match(start):
            return "reply"
        if start == b"M-SEARCH * HTTP/1.1":
            return "search"
        if start == b"NOTIFY * HTTP/1.1":
            nts = self.get("NTS", "")
            return nts[5:] if nts.startswith("ssdp:") else nts
        raise http.BadMessage(f"not SSDP: {start!r}")

    def get(self, name, default=None):
        """Value of a header."""
        return self.head.get(name, default)


def search_bytes(target, mx=1, host=f"{GROUP}:{PORT}", man='"ssdp:discover"', extra=()):
    """An M-SEARCH; None leaves a header out."""
    lines = ["M-SEARCH * HTTP/1.1"]
    for name, value in (("HOST", host), ("MAN", man), ("MX", mx), ("ST", target), *extra):
        if value is not None:
            lines.append(f"{name}: {value}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def search_socket(lab, node="client", network=None, ttl=2, port=0):
    """A UDP socket in a node, ready to send to the group on the interface of a network."""
    made = lab.socket(node)
    address = lab.address_of(node, network)
    made.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, ttl)
    made.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(address))
    made.bind((address, port))
    return made


def search_socket6(lab, node="client", network=None, hops=2):
    """The same for the groups ff02::c and ff05::c; returns (socket, scope id of the interface)."""
    index = lab.port(node, network)["index"]
    made = lab.socket(node, domain="inet6")
    made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, hops)
    made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, index)
    return made, index


def listen_socket(lab, node="client", network=None):
    """A UDP socket in a node that hears NOTIFY on the interface of a network."""
    trace.note("announcements")
    made = lab.socket(node)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.bind((GROUP, PORT))
    address = lab.address_of(node, network)
    made.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP,
                    struct.pack("4s4s", socket.inet_aton(GROUP), socket.inet_aton(address)))
    return made


def listen_socket6(lab, group, node="client", network=None):
    """The same for a group of IPv6."""
    trace.note("announcements")
    made, index = search_socket6(lab, node, network)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.bind((group, PORT, 0, index))
    made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP,
                    socket.inet_pton(socket.AF_INET6, group) + struct.pack("@I", index))
    return made


def receive(sock, count=None, timeout=10.0, idle=None):
    """Datagrams from a socket: until *count* are in, or *timeout* seconds, or *idle* seconds of silence.

    What no reader can take for SSDP is passed over (discovery.gather() keeps it).

    Silence is never proof that more would not come; cases that expect an exact number pass *count*
    and check with a later barrier (another request that the router answers after) that no more came.
    """
    got, start = [], time.monotonic()
    while count is None or len(got) < count:
        left = timeout - (time.monotonic() - start)
        if idle is not None and got:
            left = min(left, idle)
        if left <= 0 or not select.select([sock], [], [], left)[0]:
            break
        data, source = sock.recvfrom(65536)
        with contextlib.suppress(http.BadMessage):
            got.append(Datagram(data, source, time.monotonic()))
    return got


def search(lab, target, node="client", mx=1, to=(GROUP, PORT), count=1, timeout=10.0, network=None):
    """Send an M-SEARCH from a node and gather *count* replies."""
    trace.note("search")
    with search_socket(lab, node, network) as sock:
        sock.sendto(search_bytes(target, mx), to)
        return receive(sock, count, timeout)
