# SPDX-License-Identifier: MIT
"""natpmp.py - NAT-PMP as RFC 6886 has it: messages, a client on a node, and who listens to announcements.

Written from the RFC; nothing here is shared with the C code. parse() is strict: Answer.notes says what only a lenient
reader accepts, and BadMessage what none does.
"""
import dataclasses
import ipaddress
import struct

from . import port5351, trace
from .http import BadMessage
from .port5351 import ANNOUNCE_PORT, GROUP, PORT  # noqa: F401  PORT is for who asks

ADDRESS, UDP, TCP, RESPONSE = 0, 1, 2, 128
SUCCESS, UNSUPPORTED_VERSION, NOT_AUTHORIZED, NETWORK_FAILURE, OUT_OF_RESOURCES, UNSUPPORTED_OPCODE = range(6)
OPCODES = {"UDP": UDP, "TCP": TCP}
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


class Client(port5351.Client):
    """NAT-PMP from one port of a node; use it in ``with``. to: the address that is asked, the router's when left out."""

    WORD, VERSION, FIRST_WAIT, parse = "natpmp", 0, 0.25, staticmethod(parse)  # clause 3.1

    def __init__(self, lab, node="client", to=None):
        super().__init__(lab, node, to or lab.lan_address())

    def plain(self):
        """A request that needs nothing."""
        return self.external()

    def fenced(self):
        """What has come so far: [Answer]."""
        return [parse(*got) for got in super().fenced()]

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


def listen(lab, node="client", port=ANNOUNCE_PORT):
    """A socket in a node that hears announcements."""
    return port5351.listen("natpmp", lab, node, (GROUP, port))


def drain(lab, sock):
    """Forget the announcements that were sent before now."""
    port5351.drain(Client(lab), sock)


def hear(sock, timeout=4.0):
    """The next announcement of NAT-PMP as an Answer; TimeoutError when none comes. PCP's are left out."""
    return port5351.hear(Client, sock, timeout)
