# SPDX-License-Identifier: MIT
"""harness/wire.py reads frames: datagrams, streams in any order, requests behind each other; odd bytes are no requests."""
import random
import socket
import struct
import types

import pytest

from cases.harness.wire import Watch

OWN, ROUTER = "192.168.1.4", "192.168.1.1"


def frame(protocol, payload, source=OWN, to=ROUTER, options=b""):
    """An Ethernet frame with IPv4."""
    head = struct.pack(">BBHHHBBH4s4s", 0x45 + len(options) // 4, 0, 20 + len(options) + len(payload), 0, 0, 64, protocol, 0,
                       socket.inet_aton(source), socket.inet_aton(to)) + options
    return b"\0" * 12 + b"\x08\0" + head + payload


def udp(data, **more):
    return frame(17, struct.pack(">HHHH", 50000, 1900, 8 + len(data), 0) + data, **more)


def tcp(number, data=b"", flags=0x18, port=40000, to=5000, **more):
    return frame(6, struct.pack(">HHIIBBHHH", port, to, number & 0xffffffff, 0, 0x50, flags, 0, 0, 0) + data, **more)


def watch(frames):
    """A Watch that has seen those frames."""
    info = {"nodes": {"client": {"ports": [{"address": OWN, "index": 2, "ifname": "eth0"}]}}}
    seen = Watch(types.SimpleNamespace(info=info))
    seen._frames = [(float(number), "eth0", data) for number, data in enumerate(frames)]
    return seen


SEARCH = b'M-SEARCH * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\nMX: 2\r\n\r\n'
BODY = (b'<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><u:Do xmlns:u="urn:x:service:Y:1"><NewA>1</NewA><NewB/>'
        b"</u:Do></s:Body></s:Envelope>")
POST = b'POST /c HTTP/1.1\r\nHost: h\r\nSOAPAction: "urn:x:service:Y:1#Do"\r\nContent-Length: %d\r\n\r\n%b' % (len(BODY), BODY)
GET = b"GET /d.xml HTTP/1.1\r\nHost: h\r\n\r\n"


def test_searches_are_those_of_the_node():
    seen = watch([udp(SEARCH), udp(SEARCH, source=ROUTER), udp(SEARCH, options=b"\x94\x04\0\0"), udp(b"M-SEARCH")])
    assert [(s.time, s.to, s.head.get("MX")) for s in seen.searches()] == [(0.0, (ROUTER, 1900), "2"), (2.0, (ROUTER, 1900), "2")]


@pytest.mark.parametrize("start", [1000, 0xffffffff - 20])
def test_requests_of_a_stream_in_any_order(start):
    data = GET + POST
    pieces = [tcp(start + 1 + at, data[at:at + 37]) for at in range(0, len(data), 37)]
    random.Random(7).shuffle(pieces)
    seen = watch([tcp(start, flags=2), *pieces, *pieces[:3], tcp(7, GET, port=41000)])
    found = seen.requests()
    assert sorted(r.method for r in found) == ["GET", "POST"]
    post = next(r for r in found if r.method == "POST")
    assert post.soapaction == ("urn:x:service:Y:1", "Do") and post.arguments == [("NewA", "1"), ("NewB", "")]
    assert seen.connects() == [(ROUTER, 5000)] and len(seen.actions("Do")) == 1 and not seen.actions("Else")


def test_answers_and_gaps_are_no_requests():
    answered = [tcp(1, flags=0x12, port=80, to=6000), tcp(2, b"HTTP/1.1 200 OK\r\n\r\n", port=80, to=6000)]
    assert watch(answered).requests() == [] and watch(answered).connects() == []
    assert watch([tcp(1, flags=2), tcp(50, GET)]).requests() == []


def test_odd_bytes_do_no_harm():
    dice = random.Random(1)
    good = [udp(SEARCH), tcp(1, flags=2), tcp(2, POST)]
    for _ in range(500):
        data = bytearray(dice.choice(good))
        for _ in range(dice.randrange(1, 9)):
            data[dice.randrange(len(data))] = dice.randrange(256)
        seen = watch([good[1], bytes(data[:dice.randrange(len(data) + 1)])])
        for request in seen.requests():
            assert request.method and (request.soapaction or True) and (request.arguments or True)
        assert len(seen.searches()) <= 1 and len(seen.connects()) <= 2
