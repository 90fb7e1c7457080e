# SPDX-License-Identifier: MIT
"""natpmp.py - NAT-PMP as RFC 6886 has it: messages, a client on a node, and who listens to announcements.

Written from the RFC; nothing here is shared with the C code. parse() is strict: Answer.notes says what only a lenient
reader accepts, and BadMessage what none does.
"""
import contextlib
import dataclasses
import ipaddress
import select
import socket
import struct
import time

from . import trace
from .http import BadMessage

PORT, ANNOUNCE_PORT, GROUP = 5351, 5350, "224.0.0.1"
ADDRESS, UDP, TCP, RESPONSE = 0, 1, 2, 128
SUCCESS, UNSUPPORTED_VERSION, NOT_AUTHORIZED, NETWORK_FAILURE, OUT_OF_RESOURCES, UNSUPPORTED_OPCODE = range(6)
OPCODES = {"UDP": UDP, "TCP": TCP}
FIRST_WAIT = 0.25  # seconds before the first retransmission, clause 3.1
SIZES = {ADDRESS: 12, UDP: 16, TCP: 16}


def address_request(version=0):
    """Figure 1: the two bytes that ask for the external address."""
    return struct.pack("!BB", version, ADDRESS)


def map_request(opcode, internal, external=0, lifetime=3600, version=0, reserved=0):
    """Figure 3: a mapping, or with a lifetime of 0 the end of one."""
    if opcode in (UDP, TCP) and lifetime:
        trace.note("natpmp map", *["natpmp UDP"][opcode - 1:])
    return struct.pack("!BBHHHI", version, opcode, reserved, internal, external, lifetime)


@dataclasses.dataclass
class Answer:
    """A response. address, or internal, external and lifetime, are None when its format has none."""

    raw: bytes
    source: tuple
    version: int
    opcode: int
    result: int
    epoch: int = None
    address: str = None
    internal: int = None
    external: int = None
    lifetime: int = None
    notes: list = dataclasses.field(default_factory=list)

    @property
    def fields(self):
        """(internal, external, lifetime)"""
        return self.internal, self.external, self.lifetime


def parse(raw, source=None):
    """A response as bytes; BadMessage when it is none."""
    if len(raw) < 4:
        raise BadMessage(f"{len(raw)} bytes are no NAT-PMP response: {raw.hex()}")
    version, opcode, result = struct.unpack("!BBH", raw[:4])
    answer = Answer(raw, source, version, opcode, result)
    if len(raw) >= 8:
        answer.epoch = struct.unpack("!I", raw[4:8])[0]
    if result == UNSUPPORTED_VERSION:
        return _of_version(answer)
    if version != 0 or opcode < RESPONSE:
        raise BadMessage(f"version {version}, opcode {opcode} is no NAT-PMP response: {raw.hex()}")
    size = SIZES.get(opcode - RESPONSE)
    if size is None or result == UNSUPPORTED_OPCODE:
        return answer
    if len(raw) < size:
        raise BadMessage(f"{len(raw)} bytes instead of {size}: {raw.hex()}")
    if len(raw) > size:
        answer.notes.append(f"{len(raw) - size} bytes behind the end of the response")
    if opcode == RESPONSE:
        answer.address = str(ipaddress.IPv4Address(raw[8:12]))
    else:
        answer.internal, answer.external, answer.lifetime = struct.unpack("!HHI", raw[8:16])
    return answer


def _of_version(answer):
    """Clause 3.5 prints opcode 0; the request's opcode with the top bit is seen in the field."""
    if len(answer.raw) != 8:
        answer.notes.append(f"Unsupported Version in {len(answer.raw)} bytes instead of 8")
    if answer.version != 0:
        raise BadMessage(f"Unsupported Version as version {answer.version}: {answer.raw.hex()}")
    return answer


class Client:
    """NAT-PMP from one port of a node; use it in ``with``. to: the address that is asked, the router's when left out."""

    def __init__(self, lab, node="client", to=None):
        self.lab, self.node, self.to = lab, node, to or lab.lan_address()
        self.sock = lab.socket(node)
        self.sock.setblocking(False)

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.sock.close()

    def send(self, data, to=None):
        """One datagram."""
        trace.note("natpmp", f"node {self.node}")
        self.sock.sendto(data, (to or self.to, PORT))

    def receive(self, timeout):
        """(bytes, source) of the next datagram from anywhere, or None."""
        if select.select([self.sock], [], [], timeout)[0]:
            with contextlib.suppress(BlockingIOError):
                return self.sock.recvfrom(2048)
        return None

    def ask(self, data, timeout=4.0):
        """The Answer to a request, sent again at growing intervals; TimeoutError when none comes."""
        deadline, wait = time.monotonic() + timeout, FIRST_WAIT
        while (left := deadline - time.monotonic()) > 0:
            self.send(data)
            got = self.receive(min(wait, left))
            wait *= 2
            if got:
                return parse(*got)
        raise TimeoutError(f"no answer to {data.hex()} within {timeout:g} s")

    def answers(self, data):
        """Everything that comes in answer to one datagram: a request behind it tells when that is all. [Answer]"""
        self.send(data)
        return self.fenced()

    def fenced(self):
        """What has come so far: [Answer]; a request for the external address from another port is the fence."""
        with Client(self.lab, self.node) as fence:
            fence.ask(address_request())
        found = []
        while got := self.receive(0):
            found.append(parse(*got))
        return found

    # -- the protocol ------------------------------------------------------------------------------------

    def external(self):
        """The Answer about the external address."""
        return self.ask(address_request())

    def map(self, internal, external=None, lifetime=3600, protocol="TCP"):
        """The Answer to a wish for a mapping; the external port is the internal one when left out."""
        return self.ask(map_request(OPCODES[protocol], internal, internal if external is None else external, lifetime))

    def delete(self, internal, protocol="TCP", external=0):
        """The Answer to a deletion; internal port 0 means all."""
        return self.ask(map_request(OPCODES[protocol], internal, external, 0))

    def mapped(self, internal, external=None, lifetime=3600, protocol="TCP"):
        """The external port of a mapping; AssertionError when it is not made."""
        answer = self.map(internal, external, lifetime, protocol)
        assert answer.result == SUCCESS and answer.external, answer
        return answer.external


def listen(lab, node="client", port=ANNOUNCE_PORT):
    """A socket in a node that hears announcements."""
    trace.note("natpmp")
    made = lab.socket(node)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.bind((GROUP, port))
    return made


def drain(lab, sock):
    """Forget the announcements that were sent before now."""
    with Client(lab) as fence:
        fence.external()
    while select.select([sock], [], [], 0)[0]:
        sock.recv(2048)


def hear(sock, timeout=4.0):
    """The next announcement of NAT-PMP as an Answer; TimeoutError when none comes. PCP's are left out."""
    deadline = time.monotonic() + timeout
    while (left := deadline - time.monotonic()) > 0 and select.select([sock], [], [], left)[0]:
        data, source = sock.recvfrom(2048)
        if data[:1] == b"\0":
            return parse(data, source)
    raise TimeoutError("no announcement")
