# SPDX-License-Identifier: MIT
"""packet6.py - IPv6 packets as bytes: heads, checksums, and the few payloads that a check of a firewall sends.

Written from RFC 8200 (IPv6), 4443 (ICMPv6), 768, 9293 (TCP), 9260 (SCTP), 4340 (DCCP), 5095 (routing header type 0).
Nothing here sends or receives: effect6.py does.
"""
import ipaddress
import struct

ROUTING, TCP, UDP, DCCP, ESP, AH, ICMP, NONE, SCTP, HIP, UDPLITE = 43, 6, 17, 33, 50, 51, 58, 59, 132, 139, 136
FIN, SYN, RST, ACK = 1, 2, 4, 16
UNREACHABLE, TOO_BIG, TIME_EXCEEDED, PARAMETER = 1, 2, 3, 4  # types of ICMPv6 errors
PROHIBITED, NO_PORT = 1, 4                                 # codes of UNREACHABLE


def packed(address):
    """The 16 bytes of an address."""
    return ipaddress.IPv6Address(address).packed


def ipv6(source, to, kind, payload, hops=64):
    """A packet; kind: the number of what the payload is."""
    return struct.pack("!IHBB", 6 << 28, len(payload), kind, hops) + packed(source) + packed(to) + payload


def same(packet, received):
    """Whether a received packet is the one that was sent, some hops later."""
    return received[:7] == packet[:7] and received[8:len(packet)] == packet[8:]


def checksum(data):
    """The Internet checksum."""
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def _sealed(source, to, kind, payload, at, covered=None):
    """A payload with its checksum over the pseudo head (RFC 8200 8.1) put in at an offset."""
    head = packed(source) + packed(to) + struct.pack("!II", len(payload), kind)
    total = checksum(head + payload[:covered]) or 0xffff
    return payload[:at] + struct.pack("!H", total) + payload[at + 2:]


def udp(source, to, ports, data=b"", kind=UDP):
    """A packet with a UDP datagram, or with one of UDP-Lite that is covered whole; ports: (from, to)."""
    length = 0 if kind == UDPLITE else 8 + len(data)
    payload = struct.pack("!HHHH", *ports, length, 0) + data
    return ipv6(source, to, kind, _sealed(source, to, kind, payload, 6))


def tcp(source, to, ports, flags=SYN, number=1000, acknowledged=0, data=b""):
    """A packet with a TCP segment without options."""
    payload = struct.pack("!HHIIBBHHH", *ports, number, acknowledged, 5 << 4, flags, 65535, 0, 0) + data
    return ipv6(source, to, TCP, _sealed(source, to, TCP, payload, 16))


def icmp(source, to, kind, code, word=0, data=b""):
    """A packet with an ICMPv6 message; word: the four bytes behind the checksum (of TOO_BIG the MTU)."""
    payload = struct.pack("!BBHI", kind, code, 0, word) + data
    return ipv6(source, to, ICMP, _sealed(source, to, ICMP, payload, 2))


def error(source, about, kind, code, word=0):
    """An ICMPv6 error about a packet, to whoever sent that."""
    return icmp(source, ipaddress.IPv6Address(about[8:24]), kind, code, word, about[:1232])


def _crc32c(data):
    """CRC-32C as RFC 9260 appendix A has it."""
    crc = 0xffffffff
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82f63b78 if crc & 1 else 0)
    return crc ^ 0xffffffff


def sctp(source, to, ports, chunk, tag=0):
    """A packet with an SCTP packet of one chunk (bytes)."""
    head = struct.pack("!HHI", *ports, tag)
    crc = _crc32c(head + b"\0\0\0\0" + chunk)
    return ipv6(source, to, SCTP, head + struct.pack("<I", crc) + chunk)


def sctp_init(source, to, ports, answer=False, tag=0):
    """INIT, or with a verification tag INIT ACK with a state cookie (RFC 9260 3.3.2, 3.3.3)."""
    fixed = struct.pack("!IIHHI", 0x1001, 65536, 1, 1, 1)
    cookie = struct.pack("!HH", 7, 8) + b"bake" if answer else b""
    return sctp(source, to, ports, struct.pack("!BBH", 2 if answer else 1, 0, 4 + len(fixed + cookie)) + fixed + cookie, tag)


def dccp(source, to, ports, kind, number, acknowledged=None):
    """A DCCP-Request (kind 0) or Response (1) with 48-bit sequence numbers (RFC 4340 5.1 to 5.3)."""
    body = b"" if acknowledged is None else struct.pack("!HHI", 0, acknowledged >> 32, acknowledged & 0xffffffff)
    body += struct.pack("!I", 0)  # the service code
    offset = (16 + len(body)) // 4
    payload = struct.pack("!HHBBHBBHI", *ports, offset, 0, 0, kind << 1 | 1, 0, number >> 32, number & 0xffffffff) + body
    return ipv6(source, to, DCCP, _sealed(source, to, DCCP, payload, 6))


def routed(packet, via, kind=0):
    """The same packet with a routing header of one address that is still ahead; type 0 is the forbidden one."""
    header = struct.pack("!BBBBI", packet[6], 2, kind, 1, 0) + packed(via)
    return ipv6(packet[8:24], packet[24:40], ROUTING, header + packet[40:])
