# SPDX-License-Identifier: MIT
"""pcp.py - PCP as RFC 6887 has it, with RFC 7220 and RFC 7753: messages, a client on a node, and who listens to announcements.

Written from the RFCs; nothing here is shared with the C code. parse() is strict: Answer.notes says what only a lenient
reader accepts, and BadMessage what none does. Addresses are texts; IPv4 ones travel as ::ffff:a.b.c.d (clause 5).
"""
import dataclasses
import ipaddress
import os
import struct

from . import port5351, trace
from .http import BadMessage
from .port5351 import ANNOUNCE_PORT, GROUP, PORT  # noqa: F401  PORT is for who asks

VERSION, GROUP6 = 2, "ff02::1"
ANNOUNCE, MAP, PEER, RESPONSE = 0, 1, 2, 128
OPCODES = {"ANNOUNCE": ANNOUNCE, "MAP": MAP, "PEER": PEER}
(SUCCESS, UNSUPP_VERSION, NOT_AUTHORIZED, MALFORMED_REQUEST, UNSUPP_OPCODE, UNSUPP_OPTION, MALFORMED_OPTION, NETWORK_FAILURE,
 NO_RESOURCES, UNSUPP_PROTOCOL, USER_EX_QUOTA, CANNOT_PROVIDE_EXTERNAL, ADDRESS_MISMATCH, EXCESSIVE_REMOTE_PEERS) = range(14)
SHORT_LIVED = (NETWORK_FAILURE, NO_RESOURCES, USER_EX_QUOTA)  # clause 7.4
OPTIONS = {"THIRD_PARTY": 1, "PREFER_FAILURE": 2, "FILTER": 3, "DESCRIPTION": 128, "PREFIX64": 129, "PORT_SET": 130}
NAMES = {code: name for name, code in OPTIONS.items()}
PROTOCOLS = {"ALL": 0, "TCP": 6, "UDP": 17, "SCTP": 132}
HEADER, SIZES, LONGEST = 24, {ANNOUNCE: 24, MAP: 60, PEER: 80}, 1100
FOREVER = 0xffffffff
OBSERVER = b"igdlab nonce"  # of the steps of quirk files


# -- messages --------------------------------------------------------------------------------------------


def packed(address):
    """The 16 bytes of an address (clause 5)."""
    address = ipaddress.ip_address(address)
    return bytes(10) + b"\xff\xff" + address.packed if address.version == 4 else address.packed


def unpacked(raw):
    """The text of 16 bytes; an IPv4 address as such."""
    address = ipaddress.IPv6Address(raw)
    return str(address.ipv4_mapped or address)


def header(opcode, lifetime, client, version=VERSION, reserved=0):
    """Figure 2. client: an address or its 16 bytes."""
    client = client if isinstance(client, bytes) else packed(client)
    return struct.pack("!BBHI", version, opcode, reserved, lifetime) + client


def option(code, data=b"", length=None, reserved=0):
    """Clause 7.3: code (or name), reserved octet, length, data, padding. length: another than the true one."""
    code = OPTIONS.get(code, code)
    trace.note(f"pcp {NAMES.get(code, 'option')}")
    return struct.pack("!BBH", code, reserved, len(data) if length is None else length) + data + bytes(-len(data) % 4)


def filtered(peer, prefix=128, port=0, reserved=0):
    """The option FILTER (clause 13.3); port 0 is all of them, prefix 0 removes the filters."""
    return option("FILTER", struct.pack("!BBH", reserved, prefix, port) + packed(peer))


def third_party(address):
    """The option THIRD_PARTY (clause 13.1)."""
    return option("THIRD_PARTY", packed(address))


def description(text):
    """The option DESCRIPTION (RFC 7220); bytes, or a text."""
    return option("DESCRIPTION", text if isinstance(text, bytes) else text.encode())


def port_set(size, first, parity=0):
    """The option PORT_SET (RFC 7753 clause 4)."""
    return option("PORT_SET", struct.pack("!HHB", size, first, parity))


def mapping(nonce, protocol, internal, external, address, reserved=0):
    """Figure 9, the part of MAP behind the header."""
    return (nonce + bytes([PROTOCOLS.get(protocol, protocol)]) + reserved.to_bytes(3, "big")
            + struct.pack("!HH", internal, external) + packed(address))


def peering(port, address, reserved=0):
    """What PEER has behind the fields of MAP (figure 11)."""
    return struct.pack("!HH", port, reserved) + packed(address)


@dataclasses.dataclass
class Answer:
    """A response. What its opcode has not, or what it is too short for, is None. options: [(code, data)]."""

    raw: bytes
    source: tuple
    opcode: int
    result: int
    lifetime: int
    epoch: int
    nonce: bytes = None
    protocol: int = None
    internal: int = None
    external: int = None
    address: str = None
    peer: tuple = None  # (address, port)
    options: list = dataclasses.field(default_factory=list)
    notes: list = dataclasses.field(default_factory=list)

    @property
    def outer(self):
        """(address, port) on the outer side"""
        return self.address, self.external

    def option(self, name):
        """The data of the first option of that name, or None."""
        return next((data for code, data in self.options if code == OPTIONS[name]), None)


def refused(answer, request, *results):
    """AssertionError unless an Answer has one of these results and is the copy of its request (clause 8.2)."""
    assert answer.result in results, answer
    assert answer.opcode == request[1] and answer.raw[HEADER:] == request[HEADER:LONGEST], \
        f"{answer.raw.hex()} does not repeat the request {request.hex()}"


def parse(raw, source=None):
    """A response as bytes; BadMessage when it is none (clause 8.3)."""
    if len(raw) < HEADER or not raw[1] & RESPONSE:
        raise BadMessage(f"this is no PCP response: {raw.hex()}")
    version, opcode, reserved, result, lifetime, epoch = struct.unpack("!BBBBII", raw[:12])
    if version != VERSION:
        raise BadMessage(f"a response of version {version}: {raw.hex()}")
    answer = Answer(raw, source, opcode - RESPONSE, result, lifetime, epoch)
    if len(raw) > LONGEST or len(raw) % 4:
        answer.notes.append(f"a response has {len(raw)} octets")
    if reserved or any(raw[12:HEADER]):
        answer.notes.append("reserved fields of the header are not zero")
    size = SIZES.get(answer.opcode, HEADER)
    if len(raw) >= size:
        _fields(answer)
    elif result == SUCCESS:
        raise BadMessage(f"{len(raw)} octets instead of {size}: {raw.hex()}")
    if result == SUCCESS:
        answer.options, notes = options_of(raw[size:])
        answer.notes += notes
    return answer


def _fields(answer):
    if answer.opcode in (MAP, PEER):
        body = answer.raw[HEADER:]
        answer.nonce, answer.protocol, answer.address = body[:12], body[12], unpacked(body[20:36])
        answer.internal, answer.external = struct.unpack("!HH", body[16:20])
        if answer.result == SUCCESS and any(body[13:16]):
            answer.notes.append("reserved octets behind the protocol are not zero")
    if answer.opcode == PEER:
        port, reserved = struct.unpack("!HH", body[36:40])
        answer.peer = (unpacked(body[40:56]), port)
        if answer.result == SUCCESS and reserved:
            answer.notes.append("the reserved field behind the peer's port is not zero")


def options_of(rest):
    """([(code, data)], notes) of the octets behind the fields of an opcode (clause 7.3); BadMessage when they are no options."""
    found, notes, whole = [], [], rest
    while rest:
        if len(rest) < 4:
            raise BadMessage(f"{len(rest)} octets are no option: {whole.hex()}")
        code, reserved, length = struct.unpack("!BBH", rest[:4])
        end = 4 + length + -length % 4
        if end > len(rest):
            raise BadMessage(f"option {code} of {length} octets runs past the end: {whole.hex()}")
        if reserved or any(rest[4 + length:end]):
            notes.append(f"reserved octet or padding of option {code} is not zero")
        found.append((code, rest[4:4 + length]))
        rest = rest[end:]
    return found, notes


# -- a client --------------------------------------------------------------------------------------------


class Client(port5351.Client):
    """PCP from one port of a node; use it in ``with``. to: the address that is asked, the router's when left out.

    address: its own, as the router sees it. nonce: of what it asks for, unless a call has another.
    """

    WORD, VERSION, FIRST_WAIT, parse = "pcp", VERSION, 0.5, staticmethod(parse)  # a client in the field waits 3 s (clause 8.1.1)

    def __init__(self, lab, node="client", to=None, ipv6=False):
        ipv6 = ipv6 or "address" not in lab.port(node)  # there is no other way
        key = "address6" if ipv6 else "address"
        super().__init__(lab, node, to or lab.port("r1", role="lan")[key], "inet6" if ipv6 else "inet")
        self.ipv6, self.address, self.nonce = ipv6, lab.port(node)[key], os.urandom(12)

    def plain(self):
        """A request that needs nothing."""
        return self.announce()

    def another(self):
        """A client like this one on another port."""
        return Client(self.lab, self.node, ipv6=self.ipv6)

    # -- requests as bytes -------------------------------------------------------------------------------

    @property
    def anywhere(self):
        """The suggested address of a client without a wish (clause 11.1)."""
        return "::" if self.ipv6 else "0.0.0.0"

    def map_request(self, internal, external=None, lifetime=3600, protocol="TCP", address=None, nonce=None, options=b"",
                    **head):
        """MAP; the external port is the internal one when left out. head: client, version, reserved of header()."""
        if lifetime:
            trace.note("pcp map", *["pcp UDP"][protocol not in ("UDP", 17):])
        head = {"client": self.address, **head}
        return header(MAP, lifetime, **head) + mapping(nonce or self.nonce, protocol, internal,
                                                       internal if external is None else external,
                                                       address or self.anywhere, head.get("reserved", 0)) + options

    def peer_request(self, internal, to, external=0, lifetime=3600, protocol="UDP", address=None, nonce=None, options=b"",
                     **head):
        """PEER; to: (address, port) of the peer."""
        trace.note("pcp PEER")
        head = {"client": self.address, **head}
        return header(PEER, lifetime, **head) + mapping(nonce or self.nonce, protocol, internal, external,
                                                        address or self.anywhere, head.get("reserved", 0)) \
            + peering(to[1], to[0], head.get("reserved", 0)) + options

    def announce_request(self, **head):
        """ANNOUNCE (clause 14.1)."""
        return header(ANNOUNCE, 0, **{"client": self.address, **head})

    # -- the protocol ------------------------------------------------------------------------------------

    def announce(self):
        """The Answer to an ANNOUNCE."""
        return self.ask(self.announce_request())

    def map(self, internal, external=None, **more):
        """The Answer to a wish for a mapping; more: see map_request()."""
        return self.ask(self.map_request(internal, external, **more))

    def delete(self, internal, protocol="TCP", external=0, **more):
        """The Answer to a deletion (clause 15.1)."""
        return self.ask(self.map_request(internal, external, lifetime=0, protocol=protocol, **more))

    def peer(self, internal, to, external=0, **more):
        """The Answer to a PEER; more: see peer_request()."""
        return self.ask(self.peer_request(internal, to, external, **more))


def request_of(client, what):
    """A request in the words of observe.py's verb "pcp", as bytes."""
    if "raw" in what:
        return bytes.fromhex(what["raw"])
    opcode = OPCODES.get(what.get("opcode"), what.get("opcode", MAP if "internal" in what else ANNOUNCE))
    head = {"client": what.get("client", client.address), "version": what.get("version", VERSION)}
    options = b"".join(_named_option(*one) for item in what.get("options", []) for one in item.items())
    if opcode not in (MAP, PEER):
        return header(opcode, what.get("lifetime", 0), **head) + options
    more = {key: what[key] for key in ("lifetime", "protocol", "address") if key in what}
    more |= {"nonce": bytes.fromhex(what["nonce"]) if "nonce" in what else OBSERVER, "options": options, **head}
    if opcode == PEER:
        return client.peer_request(what["internal"], what["to-peer"], what.get("external", 0), **more)
    return client.map_request(what["internal"], what.get("external"), **more)


def _named_option(name, value):
    """An option from a file."""
    made = {"THIRD_PARTY": third_party, "FILTER": filtered, "DESCRIPTION": description,
            "PORT_SET": lambda pair: port_set(*pair)}
    return made[name](value) if name in made else option(name, bytes.fromhex(value or ""))


# -- announcements ---------------------------------------------------------------------------------------


def listen(lab, node="client", port=ANNOUNCE_PORT):
    """A socket in a node that hears what is sent to 224.0.0.1."""
    return port5351.listen("pcp", lab, node, (GROUP, port))


def listen6(lab, node="client", port=ANNOUNCE_PORT):
    """The same for ff02::1."""
    return port5351.listen("pcp", lab, node, (GROUP6, port, 0, lab.port(node)["index"]), "inet6")


def drain(lab, sock):
    """Forget what was sent before now."""
    port5351.drain(Client(lab), sock)


def hear(sock, timeout=4.0):
    """The next announcement of PCP as an Answer; TimeoutError when none comes. NAT-PMP's are left out."""
    return port5351.hear(Client, sock, timeout)


def waiting(sock):
    """The announcements of PCP that are there already, as Answers."""
    return port5351.waiting(Client, sock)
