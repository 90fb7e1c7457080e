# SPDX-License-Identifier: MIT
"""The readers of cases/harness: what they take, what they take with a note, and what they refuse. No router, no network."""
import socket
import struct
import types

import pytest

from cases.harness import description, gateway, http, natpmp, pcp, port5351, soap, ssdp
from cases.harness.subscriber import read_event

OK = b"HTTP/1.1 200 OK\r\n"
BODY = b"Content-Length: 2\r\n\r\nhi"
CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n"


def heard(data, read, end=True):
    """What a function reads from a socket to which these bytes come, and then their end or nothing."""
    here, there = socket.socketpair()
    with here, there:
        here.settimeout(0.3)
        there.sendall(data)
        if end:
            there.shutdown(socket.SHUT_WR)
        return read(here)


def replied(data, end=True, to_head=False, **more):
    """The Reply in these bytes."""
    return heard(data, lambda sock: http.Client(sock, **more).receive(to_head), end)


# -- HTTP ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("data, body", [
    (OK + BODY, b"hi"), (OK + b"content-LENGTH:2\r\n\r\nhi and more", b"hi"), (OK + b"Content-Length: 0\r\n\r\n", b""),
    (OK + CHUNKED + b"2\r\nhi\r\n0\r\n\r\n", b"hi"), (OK + CHUNKED + b"1;x=y\r\nh\r\n01\r\ni\r\n0\r\nA: b\r\nC: d\r\n\r\n", b"hi"),
    (OK + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\nhi", b"hi"), (b"HTTP/1.0 204 \r\n\r\n", b"")])
def test_replies_by_the_letter(data, body):
    """The end of the connection is not waited for."""
    reply = replied(data, end=False)
    assert (reply.body, reply.notes) == (body, [])


@pytest.mark.parametrize("data, body, note", [
    (OK.replace(b"\r\n", b"\n") + BODY, b"hi", "LF alone"), (OK + BODY.replace(b"\r\n", b"\n"), b"hi", "LF alone"),
    (OK + b"A: b\r\n c\r\n" + BODY, b"hi", "folded"), (OK + b"nonsense\r\n" + BODY, b"hi", "without colon"),
    (OK + b"A : b\r\n" + BODY, b"hi", "white space before the colon"), (OK + b"A(: b\r\n" + BODY, b"hi", "no token"),
    (OK + b": b\r\n" + BODY, b"hi", "no token"), (OK + b"\r\nhi", b"hi", "ends with the connection"),
    (b"HTTP/1.1 100 Continue\r\n\r\n" + OK + BODY, b"hi", "after a 100")])
def test_replies_with_a_note(data, body, note):
    reply = replied(data)
    assert reply.body == body and len(reply.notes) == 1 and note in reply.notes[0]
    assert note != "folded" or reply.get("A") == "b c"


@pytest.mark.parametrize("data, error", [
    (b"", EOFError), (b"HTTP/1.1 200", http.BadMessage), (OK + b"A: b\r\n", http.BadMessage), (OK + BODY[:-1], http.BadMessage),
    (b"HTTP/1.1 20 OK\r\n" + BODY, http.BadMessage), (b"HTTP/1.1 200\r\n" + BODY, http.BadMessage), (b"ICY 200 OK\r\n" + BODY, http.BadMessage),
    (OK + b"Content-Length: 1\r\n" + BODY, http.BadMessage), (OK + b"Content-Length: -2\r\n\r\nhi", http.BadMessage),
    (OK + b"Content-Length: 0x2\r\n\r\nhi", http.BadMessage), (OK + b"Content-Length: \xb2\r\n\r\nhi", http.BadMessage),
    (OK + CHUNKED + b"x\r\nhi\r\n0\r\n\r\n", http.BadMessage), (OK + CHUNKED + b"2\r\nhi!!0\r\n\r\n", http.BadMessage),
    *((OK + CHUNKED + size + b"\r\nhi\r\n0\r\n\r\n", http.BadMessage) for size in (b"-2", b"+2", b"0x2", b"0_2", b"", b" 2", b"2 2")),
    (OK + CHUNKED + b"2\r\nhi\r\n0\r\n", http.BadMessage),
    (OK + CHUNKED + b"2\r\nhi\r\n", http.BadMessage)])
def test_what_is_no_reply(data, error):
    with pytest.raises(error):
        replied(data)


def test_replies_behind_each_other():
    data = OK + BODY + OK + CHUNKED + b"1\r\na\r\n0\r\nA: b\r\nC: d\r\n\r\n" + OK + b"Content-Length: 9\r\n\r\n" + OK + BODY

    def read(sock):
        client = http.Client(sock)
        return [client.receive(), client.receive(), client.receive(to_head=True), client.receive()]
    assert [reply.body for reply in heard(data, read)] == [b"hi", b"a", b"", b"hi"]


def test_patience_has_an_end():
    with pytest.raises(http.Silence):
        replied(b"", end=False)
    with pytest.raises(TimeoutError) as cut:
        replied(OK, end=False)
    assert not isinstance(cut.value, http.Silence), "something came"
    with pytest.raises(http.NoEnd):
        replied(OK + b"Content-Length: 99\r\n\r\n" + bytes(90), limit=64)


def test_values_of_headers():
    head, _ = http.parse_head(b"NOTIFY / HTTP/1.1\r\nA: 1\r\nB:  two words \r\na: 3\r\n\r\nbody")
    assert (head.get("a"), head.get("B"), head.all("A"), head.get("C", "none")) == ("1", "two words", ["1", "3"], "none")


# -- SSDP ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("data, kind, target", [
    (OK + b"ST: a\r\nNT: b\r\n\r\n", "reply", "a"), (b"M-SEARCH * HTTP/1.1\r\nST: a\r\nNT: b\r\n\r\n", "search", "a"),
    (b"NOTIFY * HTTP/1.1\r\nNTS: ssdp:alive\r\nST: a\r\nNT: b\r\n\r\n", "alive", "b"),
    (b"NOTIFY * HTTP/1.1\r\nNTS: ssdp:byebye\r\nNT: b\r\n\r\n", "byebye", "b"), (b"NOTIFY * HTTP/1.1\r\nNTS: other\r\n\r\n", "other", None),
    (b"NOTIFY * HTTP/1.1\r\n\r\n", "", None)])
def test_datagrams(data, kind, target):
    made = ssdp.Datagram(data, None, 0)
    assert (made.kind, made.target, made.notes) == (kind, target, [])


def test_datagram_with_something_behind():
    assert "2 bytes after the head" in ssdp.Datagram(OK + b"\r\nhi", None, 0).notes
    assert "LF alone" in ssdp.Datagram(OK + b"ST: a\n\r\n", None, 0).notes[0]


@pytest.mark.parametrize("data", [OK, b"", b"NOTIFY * HTTP/1.0\r\n\r\n", b"NOTIFY / HTTP/1.1\r\n\r\n", b"M-SEARCH * HTTP/1.1 \r\n\r\n",
                                  b"GET * HTTP/1.1\r\n\r\n", b"HTTP/1.1 OK\r\n\r\n"])
def test_what_is_no_datagram(data):
    with pytest.raises(http.BadMessage):
        ssdp.Datagram(data, None, 0)


# -- SOAP and events ---------------------------------------------------------------------------------------

SERVICE = "urn:schemas-upnp-org:service:WANIPConnection:1"
ANSWER = f'<u:GetResponse xmlns:u="{SERVICE}"><NewA>1</NewA><NewB/></u:GetResponse>'
ERROR = ('<s:Fault><faultcode>s:Client</faultcode><faultstring>UPnPError</faultstring><detail>'
         '<UPnPError xmlns="urn:schemas-upnp-org:control-1-0"><errorCode>714</errorCode><errorDescription>NoSuch</errorDescription>'
         "</UPnPError></detail></s:Fault>")


def control(inner, style=f' s:encodingStyle="{soap.ENCODING}"', root="s:Envelope", body="s:Body", status=200):
    """(what parse() makes of an answer, notes)"""
    spaces = f'xmlns:s="{soap.ENVELOPE}" xmlns:t="http://www.w3.org/2003/05/soap-envelope"'
    body = f"<{root} {spaces}{style}><{body}>{inner}</{body}></{root}>".encode()
    reply = types.SimpleNamespace(status=status, body=body, notes=[])
    return soap.parse(reply, SERVICE, "Get"), reply.notes


def test_answers_of_control():
    assert control(ANSWER) == ({"NewA": "1", "NewB": ""}, [])
    assert list(control(ANSWER)[0]) == ["NewA", "NewB"]
    assert control(ANSWER, style="")[1] == ["Envelope without the encodingStyle attribute"]


def test_faults():
    with pytest.raises(soap.Fault) as caught:
        control(ERROR, status=500)
    assert (caught.value.code, caught.value.text) == (714, "NoSuch")


@pytest.mark.parametrize("inner, more", [
    ("", {}), (ANSWER, {"root": "t:Envelope"}), (ANSWER, {"root": "s:envelope"}), (ANSWER, {"body": "t:Body"}), (ANSWER.replace("GetResponse", "Get"), {}),
    (ANSWER.replace(":1", ":2"), {}), (ANSWER.replace(f' xmlns:u="{SERVICE}"', ' xmlns:u="urn:x"'), {}), ("<open>", {}),
    (ERROR.replace("714", "many"), {}), (ERROR.replace("714", ""), {}), (ERROR.replace("control-1-0", "control-1-1"), {}),
    ("<s:Fault><faultcode>s:Client</faultcode></s:Fault>", {})])
def test_what_is_no_answer_of_control(inner, more):
    with pytest.raises(http.BadMessage):
        control(inner, **more)


EVENT = (b'<e:propertyset xmlns:e="urn:schemas-upnp-org:event-1-0"><e:property><A>1</A></e:property><e:property><B/></e:property>'
         b"</e:propertyset>")


@pytest.mark.parametrize("head, body", [
    (b"Content-Length: %d\r\n" % len(EVENT), EVENT), (b"Transfer-Encoding: chunked\r\n", b"%x\r\n%b\r\n0\r\n\r\n" % (len(EVENT), EVENT))])
def test_events(head, body):
    event = heard(b"NOTIFY /7 HTTP/1.1\r\nSEQ: 3\r\n" + head + b"\r\n" + body, lambda sock: read_event(sock, None))
    assert event.body == EVENT  # properties skip what is no XML
    assert (event.path, event.seq, event.properties) == ("/7", 3, [("A", "1"), ("B", "")])
    with pytest.raises(http.BadMessage):
        heard(b"NOTIFY /7 HTTP/1.1\r\n" + head + b"\r\n" + body[:-1], lambda sock: read_event(sock, None))


@pytest.mark.parametrize("text, found", [
    ("http://h", ("h", 80, "/")), ("http://h:5/a?b=c", ("h", 5, "/a?b=c")), ("/x", ("base", 99, "/x")), ("x", ("base", 99, "/d/x")),
    ("?q", ("base", 99, "/d/r.xml?q")), ("http://[fe80::1]:5/", ("fe80::1", 5, "/"))])
def test_urls(text, found):
    assert description.url(text, description.Url("base", 99, "/d/r.xml")) == description.Url(*found)
    assert description.url("http://[fe80::1]:5/").authority == "[fe80::1]:5"


@pytest.mark.parametrize("text", ["https://h/", "ftp://h/", "http:///x", "x"])
def test_what_is_no_url(text):
    with pytest.raises(ValueError):
        description.url(text)


# -- NAT-PMP and PCP ---------------------------------------------------------------------------------------


def old(opcode, result=0, rest=b"", version=0):
    """A response of NAT-PMP."""
    return struct.pack("!BBHI", version, opcode, result, 77) + rest


MAPPED = struct.pack("!HHI", 40000, 41000, 3600)


def test_responses_of_natpmp():
    told = natpmp.parse(old(128, 0, bytes([44, 0, 1, 2])))
    assert (told.address, told.fields, told.epoch, told.notes) == ("44.0.1.2", (None, None, None), 77, [])
    made = natpmp.parse(old(130, 0, MAPPED))
    assert (made.fields, made.address, made.opcode, made.result, made.notes) == ((40000, 41000, 3600), None, 130, 0, [])
    assert natpmp.parse(old(129, 4, MAPPED)).result == natpmp.OUT_OF_RESOURCES
    assert natpmp.parse(old(128, 1)).notes == [] and natpmp.parse(old(131, 5)).notes == []


@pytest.mark.parametrize("data, note", [(old(128, 0, bytes(5)), "1 bytes behind"), (old(129, 0, MAPPED + b"xx"), "2 bytes behind"),
                                        (old(128, 1, bytes(4)), "12 bytes instead of 8")])
def test_responses_of_natpmp_with_a_note(data, note):
    assert note in natpmp.parse(data).notes[0]


@pytest.mark.parametrize("data", [b"", bytes(3), old(0), old(2, 0, MAPPED), old(129, 0, MAPPED, 1), old(128, 0, bytes(3)), old(129, 0, MAPPED[:-1]),
                                  old(129, 4, MAPPED[:-1]), old(128, 1, version=2)])
def test_what_is_no_response_of_natpmp(data):
    with pytest.raises(http.BadMessage):
        natpmp.parse(data)


@pytest.mark.parametrize("data, port", [(old(130, 0, MAPPED), 41000), (old(130, 4, MAPPED), None),
                                        (old(130, 0, struct.pack("!HHI", 40000, 0, 3600)), None)])
def test_a_port_that_is_mapped(data, port):
    """A refusal, or port 0, is none."""
    client = types.SimpleNamespace(map=lambda *_: natpmp.parse(data))
    if port:
        assert port5351.Client.mapped(client, 40000) == port
    else:
        with pytest.raises(AssertionError):
            port5351.Client.mapped(client, 40000)


NONCE = bytes(range(1, 13))


def new(opcode=pcp.MAP, result=0, rest=None, version=2, reserved=0, tail=bytes(12)):
    """A response of PCP."""
    rest = pcp.mapping(NONCE, "TCP", 40000, 41000, "44.0.1.2") if rest is None else rest
    return struct.pack("!BBBBII", version, opcode | 128, reserved, result, 3600, 77) + tail + rest


PEER = pcp.mapping(NONCE, "UDP", 40000, 41000, "44.0.1.2") + pcp.peering(9, "44.0.1.10")


def test_responses_of_pcp():
    made = pcp.parse(new())
    assert (made.opcode, made.result, made.lifetime, made.epoch, made.nonce, made.protocol) == (pcp.MAP, 0, 3600, 77, NONCE, 6)
    assert (made.internal, made.outer, made.options, made.notes, made.peer) == (40000, ("44.0.1.2", 41000), [], [], None)
    assert pcp.parse(new(pcp.PEER, rest=PEER)).peer == ("44.0.1.10", 9)
    assert pcp.parse(new(pcp.ANNOUNCE, rest=b"")).nonce is None
    assert pcp.parse(new(result=8, rest=b"")).result == 8, "an error may be short"
    told = pcp.parse(new() + pcp.option("DESCRIPTION", b"five!") + pcp.option("PREFER_FAILURE"))
    assert told.options == [(128, b"five!"), (2, b"")] and told.option("DESCRIPTION") == b"five!" and told.notes == []
    assert told.option("FILTER") is None


@pytest.mark.parametrize("data, note", [
    (new() + pcp.option(128, bytes(1040)), "1104 octets"), (new(pcp.ANNOUNCE, 1, b"ab"), "26 octets"),
    (new(reserved=1), "header are not zero"), (new(tail=bytes(11) + b"x"), "header are not zero"),
    (new(rest=pcp.mapping(NONCE, "TCP", 1, 1, "44.0.1.2", reserved=1)), "behind the protocol"),
    (new(pcp.PEER, rest=PEER[:38] + b"\0\1" + PEER[40:]), "peer's port"), (new() + pcp.option(99, b"a", reserved=1), "option 99"),
    (new() + pcp.option(99, b"a")[:-1] + b"x", "option 99")])
def test_responses_of_pcp_with_a_note(data, note):
    assert any(note in said for said in pcp.parse(data).notes)


@pytest.mark.parametrize("data", [b"", new()[:23], pcp.header(pcp.ANNOUNCE, 0, bytes(16)), new(version=1), new(version=3), new()[:-4], new(pcp.PEER),
                                  new() + b"\x80\0", new() + pcp.option(99, b"abcd", length=5), new() + pcp.option(99, b"a")[:-1]])
def test_what_is_no_response_of_pcp(data):
    with pytest.raises(http.BadMessage):
        pcp.parse(data)


def test_refusals_of_pcp_repeat_the_request():
    request = pcp.header(pcp.MAP, 3600, "192.168.1.4") + pcp.mapping(NONCE, "TCP", 40000, 0, "0.0.0.0")
    pcp.refused(pcp.parse(new(result=8, rest=request[24:])), request, pcp.NO_RESOURCES)
    for wrong in (new(result=7, rest=request[24:]), new(result=8, rest=request[24:-1] + b"x"), new(pcp.PEER, 8, request[24:])):
        with pytest.raises(AssertionError):
            pcp.refused(pcp.parse(wrong), request, pcp.NO_RESOURCES)


def test_requests_that_a_gateway_reads():
    ask = gateway.read(natpmp.map_request(natpmp.TCP, 40000, 41000, 7), None)
    assert (ask.version, ask.protocol, ask.internal, ask.external, ask.lifetime, ask.is_map) == (0, 6, 40000, 41000, 7, True)
    assert gateway.read(natpmp.map_request(natpmp.UDP, 40000, 0, 0), None).is_delete
    ask = gateway.read(pcp.header(pcp.MAP, 7, "192.168.1.4") + pcp.mapping(NONCE, "UDP", 40000, 41000, "44.0.1.2") + b"rest", None)
    assert (ask.version, ask.protocol, ask.internal, ask.external, ask.lifetime, ask.is_map) == (2, 17, 40000, 41000, 7, True)
    assert (ask.client, ask.nonce, ask.address, ask.options) == (pcp.packed("192.168.1.4"), NONCE, pcp.packed("44.0.1.2"), b"rest")
    for short in (b"", b"\2", natpmp.map_request(natpmp.TCP, 1)[:11], ask.data[:59]):
        read = gateway.read(short, None)
        assert not read.is_map and not read.is_delete and read.internal is None
