# SPDX-License-Identifier: MIT
"""wire.py - what a client sends, read from its interfaces: searches, connections, HTTP requests.

A Watch listens on the packets of a node from before the client starts. Decoders of its own: Ethernet, IPv4, UDP, TCP
streams put together by sequence number, HTTP requests, SOAP bodies. What it did not see in time is not there: the lab's
switch hands every frame over before a program's exit is told.
"""
import dataclasses
import functools
import ipaddress
import re
import select
import socket
import struct
import threading
import xml.etree.ElementTree as ElementTree

from .http import parse_head

ALL_FRAMES = 3   # ETH_P_ALL; the lab puts it into network order
STAMPS = 35                   # SO_TIMESTAMPNS
BUFFER = 8 << 20
GROUP = "239.255.255.250"
LEAST = {socket.IPPROTO_TCP: 20, socket.IPPROTO_UDP: 8}  # bytes of a head


def with_stamps(sock):
    """Have the kernel tell when each packet came: not when this process had time to read it."""
    sock.setsockopt(socket.SOL_SOCKET, STAMPS, 1)


def stamp_of(extra):
    """That time, in seconds since 1970, of what recvmsg() gave beside a packet; 0 for none."""
    return next((seconds + nanoseconds / 1e9 for seconds, nanoseconds in
                 (struct.unpack("qq", value) for _, kind, value in extra if kind == STAMPS)), 0)


@dataclasses.dataclass
class Datagram:
    """A UDP datagram. time in seconds; source, to: (address, port)."""

    time: float
    interface: str
    source: tuple
    to: tuple
    data: bytes

    @functools.cached_property
    def head(self):
        """The head of the message in it (http.Head), or None."""
        parsed = parse_head(self.data)
        return parsed and parsed[0]


@dataclasses.dataclass
class Request:
    """An HTTP request: method, target, version as in its first line; head: http.Head; body: bytes as far as they came."""

    time: float
    source: tuple
    to: tuple
    head: object
    body: bytes

    @property
    def line(self):
        """The words of the first line."""
        return self.head.start.decode("latin-1").split(" ")

    @property
    def method(self):
        """GET, POST, ..."""
        return self.line[0]

    @property
    def soapaction(self):
        """(service type, action) of SOAPACTION, or None."""
        value = next((value for name, value in self.head.headers if re.fullmatch(r"(\d\d-)?soapaction", name.lower())), "")
        match = re.fullmatch(r'"?([^"#]+)#([^"#]+)"?', value.strip())
        return match and (match[1], match[2])

    @property
    def arguments(self):
        """In-arguments as a list of (name, value), in order; None when the body is no XML."""
        try:
            envelope = ElementTree.fromstring(self.body.decode("utf-8", "replace").strip())
            action = envelope.find("{http://schemas.xmlsoap.org/soap/envelope/}Body")[0]
        except (ElementTree.ParseError, TypeError, IndexError):
            return None
        return [(element.tag.rpartition("}")[2], element.text or "") for element in action]


class Watch:
    """The packets of a node; use it in ``with`` around what the client does."""

    def __init__(self, lab, node="client"):
        self.lab, self.node, self._frames, self._over = lab, node, [], threading.Event()
        self.own = {p["address"] for p in lab.info["nodes"][node]["ports"] if p.get("address")}
        self._names = {p["index"]: p["ifname"] for p in lab.info["nodes"][node]["ports"]}

    def __enter__(self):
        self._socket = self.lab.socket(self.node, "raw", "packet", ALL_FRAMES)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER)
        with_stamps(self._socket)
        self._socket.setblocking(False)
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *exception):
        self._over.set()
        self._thread.join()
        self._take()
        self._socket.close()

    def _listen(self):
        while not self._over.is_set():
            if select.select([self._socket], [], [], 0.1)[0]:
                self._take()

    def _take(self):
        while True:
            try:
                data, extra, _, address = self._socket.recvmsg(65600, 64)
            except BlockingIOError:
                return
            self._frames.append((stamp_of(extra), address[0], data))

    def _packets(self, protocol, inward=False):
        """(time, interface, source address, destination, payload of IP) of what the node sent; or, inward, to itself."""
        for time, interface, frame in list(self._frames):
            packet = frame[14:]
            if frame[12:14] != b"\x08\x00" or len(packet) < 20 or packet[9] != protocol:
                continue
            length = int.from_bytes(packet[2:4], "big") or len(packet)
            source, to = (str(ipaddress.ip_address(packet[i:i + 4])) for i in (12, 16))
            payload = packet[(packet[0] & 15) * 4:length]
            if inward == (interface == "lo") and (inward or source in self.own) and len(payload) >= LEAST[protocol]:
                yield time, interface, source, to, payload

    # -- what it sent ---------------------------------------------------------------------------------------

    def datagrams(self):
        """Every UDP datagram that the node sent."""
        return [Datagram(time, interface, (source, int.from_bytes(p[:2], "big")), (to, int.from_bytes(p[2:4], "big")), p[8:])
                for time, interface, source, to, p in self._packets(socket.IPPROTO_UDP)]

    def searches(self):
        """Its M-SEARCH messages."""
        return [d for d in self.datagrams() if d.data.startswith(b"M-SEARCH") and d.head]

    def connects(self):
        """(address, port) of every TCP connection that it tried to open, to itself as well."""
        return sorted({(to, int.from_bytes(p[2:4], "big")) for inward in (False, True)
                       for _, _, _, to, p in self._packets(socket.IPPROTO_TCP, inward) if p[13] & 0x12 == 0x02})

    def requests(self):
        """Its HTTP requests, in their order."""
        streams = {}
        for time, _, source, to, p in self._packets(socket.IPPROTO_TCP):
            ports = int.from_bytes(p[:2], "big"), int.from_bytes(p[2:4], "big")
            stream = streams.setdefault((source, ports[0], to, ports[1]), [time, None, {}])
            number, flags, body = int.from_bytes(p[4:8], "big"), p[13], p[(p[12] >> 4) * 4:]
            if flags & 2:
                if flags & 0x10:  # it answers: the other side is the client
                    streams.pop((source, ports[0], to, ports[1]))
                    continue
                stream[1] = (number + 1) & 0xffffffff
            elif body and stream[1] is not None:
                offset = (number - stream[1]) & 0xffffffff
                stream[2].setdefault(offset, (time, body))
        found = []
        for (source, port, to, to_port), (_, start, pieces) in streams.items():
            if start is not None:
                found += self._parse((source, port), (to, to_port), pieces)
        return sorted(found, key=lambda r: r.time)

    @staticmethod
    def _parse(source, to, pieces):
        data, times = b"", []
        for offset, (time, body) in sorted(pieces.items()):
            if offset > len(data):
                break
            times.append((len(data), time))
            data += body[len(data) - offset:]
        at = 0
        while (head := parse_head(data[at:])) and re.match(rb"[A-Z-]+ ", head[0].start):
            length = head[0].get("Content-Length") or "0"
            begin = at + head[1]
            end = begin + (int(length) if length.strip().isdigit() else 0)
            yield Request(max(t for o, t in times if o <= at), source, to, head[0], data[begin:end])
            at = end

    def actions(self, name=None):
        """Its control requests (of one action)."""
        return [r for r in self.requests() if r.soapaction and name in (None, r.soapaction[1])]
