# SPDX-License-Identifier: MIT
"""What control has to survive (area SOAP): lengths that lie, slow peers, bent headers, entities."""
import contextlib

import pytest

from cases.harness import description, http, soap
from cases.harness.requirement import nonstrict, requirement, unsupported

from .test_soap import control_works  # noqa: F401  a fixture of every check
from .test_soap import GET, XML, adding, answered, enveloped, mapped, send

GONE = (EOFError, ConnectionResetError, BrokenPipeError, http.BadMessage)

pytestmark = pytest.mark.sanitize


def alive(cp):
    """The router still answers."""
    assert description.get(cp.lab, cp.node, cp.description.location).status == 200


def bent(cp, headers, body, half_close=True, version="1.1"):
    """A request whose head is ours alone; the Reply, or None when the connection ends without one."""
    where = cp.connection.control
    head = [XML, ("SOAPACTION", f'"{cp.connection.type}#AddPortMapping"'), *headers]
    data = http.request("POST", where.path, where.authority, head, b"", version, length=False) + body
    with http.Client(cp.lab.connect(cp.node, where.host, where.port)) as client:
        client.socket.settimeout(5)
        try:
            client.send(data)
            if half_close:
                client.socket.shutdown(1)
            return client.receive()
        except GONE:
            return None


def refused(subject, cp, reply):
    """An error or a closed connection, nothing done, and others are served."""
    assert reply is None or 400 <= reply.status < 600, f"answered {reply.status}"
    assert not mapped(cp) and not subject.reaches(40000, timeout=0.3)


@requirement("SOAP-40")
@pytest.mark.parametrize("length", ["2147483648", "4294967296", "99999999999999999999", "-1", "+10", "abc", "1x", "",
                                    "half", "double"])
def test_length_that_lies(subject, lab, cp, length):
    body = enveloped(cp, "AddPortMapping", adding(lab))
    length = {"half": len(body) // 2, "double": 2 * len(body)}.get(length, length)
    refused(subject, cp, bent(cp, [("Content-Length", length)], body))


@requirement("SOAP-40")
def test_two_lengths(subject, lab, cp):
    body = enveloped(cp, "AddPortMapping", adding(lab))
    refused(subject, cp, bent(cp, [("Content-Length", 10), ("Content-Length", len(body))], body))


@requirement("SOAP-40")
def test_length_and_chunks(subject, lab, cp):
    body = enveloped(cp, "AddPortMapping", adding(lab))
    chunks = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
    reply = bent(cp, [("Content-Length", 10), ("Transfer-Encoding", "chunked")], chunks, half_close=False)
    if reply and reply.status == 200:
        nonstrict("Content-Length is ignored beside chunks")
    else:
        refused(subject, cp, reply)


@requirement("SOAP-41")
@pytest.mark.parametrize("data", [b"", b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n<"],
                         ids=["silent", "half a request"])
def test_idle_connections_starve_nobody(subject, lab, cp, data):
    where = cp.connection.control
    subject.spoil()
    with contextlib.ExitStack() as stack:
        for _ in range(200):
            try:
                idle = lab.connect("client", where.host, where.port, timeout=2)
            except OSError:
                break
            stack.enter_context(idle)
            with contextlib.suppress(OSError):
                idle.sendall(data)
        alive(cp)


@requirement("SOAP-42")
def test_chunks_to_http_1_0(lab, cp):
    if cp.post(cp.connection, soap.request(cp.connection.control, cp.connection.type, GET)).version != (1, 0):
        unsupported("speaks HTTP/1.1")
    body = enveloped(cp, "AddPortMapping", adding(lab))
    reply = bent(cp, [("Transfer-Encoding", "chunked")], b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body), False)
    assert reply and reply.status == 505


@requirement("SOAP-46")
@pytest.mark.parametrize("value", ['"', "'", "", "x" * 100000, '"urn:x"', "#", '"#"', '##"', '"\x80#\xff"'],
                         ids=lambda v: "long" if len(v) > 99 else ascii(v))
def test_odd_soapaction(cp, value):
    where = cp.connection.control
    data = http.request("POST", where.path, where.authority, [XML, ("SOAPACTION", value)],
                        enveloped(cp, "NoSuchAction"))
    try:
        reply = cp.post(cp.connection, data)
        assert 400 <= reply.status < 600
    except (EOFError, ConnectionResetError, BrokenPipeError):
        nonstrict("the connection is closed without an answer")
    alive(cp)


@requirement("SOAP-46")
def test_unterminated_soapaction(cp):
    test_odd_soapaction(cp, '"#' + GET)


@requirement("SOAP-47")
@pytest.mark.parametrize("length", [True, False], ids=["length 0", "no length"])
def test_empty_post(cp, length):
    where = cp.connection.control
    head = [XML, ("SOAPACTION", f'"{cp.connection.type}#AddPortMapping"')]
    reply = cp.post(cp.connection, http.request("POST", where.path, where.authority, head, b"", length=length))
    assert 400 <= reply.status < 600
    assert not mapped(cp)


@requirement("SOAP-48")
@pytest.mark.parametrize("entity", ['SYSTEM "file:///etc/hostname"', '"expanded"'], ids=["external", "internal"])
def test_entities_are_refused(subject, lab, cp, entity):
    subject.spoil()
    body = enveloped(cp, "AddPortMapping", adding(lab)).replace(b"igdlab", b"&e;")
    body = body.replace(b"\n", f"\n<!DOCTYPE x [<!ENTITY e {entity}>]>\n".encode(), 1)
    reply = send(cp, body, "AddPortMapping")
    if reply.status == 200:
        assert answered(cp, reply, "AddPortMapping") == {}
        assert cp.specific(40000)["NewPortMappingDescription"] in ("", "&e;"), "the entity is resolved"
        nonstrict("a document type is accepted")
    else:
        assert 400 <= reply.status < 600
