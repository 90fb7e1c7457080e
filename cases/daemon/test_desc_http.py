# SPDX-License-Identifier: MIT
"""Descriptions (area DESC): their transport, HTTP."""
import contextlib
import select
import urllib.parse

import pytest

from cases.harness import description, http, soap
from cases.harness.discovery import location, one, root, version
from cases.harness.requirement import inconclusive, nonstrict, requirement

ACTION = "GetExternalIPAddress"


@pytest.fixture
def where(subject):
    """URL of the root description; inconclusive when it is not served."""
    url = location(subject)
    with contextlib.suppress(OSError, EOFError, http.BadMessage):
        if description.get(subject.lab, "client", url).status == 200:
            return url
    return inconclusive("the description is not served: see DESC-01")


def plain(lab, service):
    """Whether the simplest request to a service succeeds."""
    data = soap.request(service.control, service.type, ACTION)
    with contextlib.suppress(OSError, EOFError, http.BadMessage):
        with opened(lab, service.control) as client:
            return client.exchange(data).status == 200
    return False


@pytest.fixture
def service(subject):
    """The connection service."""
    tree = root(subject)
    for name in ("WANIPConnection", "WANPPPConnection"):
        with contextlib.suppress(KeyError):
            found = tree.service(name)
            if plain(subject.lab, found):
                return found
            inconclusive("a plain request is not answered: see SOAP-01")
    return inconclusive("no connection service: see IGD-03")


def opened(lab, where):
    return http.Client(lab.connect("client", where.host, where.port, timeout=5))


def get(where, headers=(), version="1.1"):
    return http.request("GET", where.path, where.authority, headers, version=version)


def ends(client):
    """Whether the server closes within 3 s and sends nothing more."""
    return bool(select.select([client.socket], [], [], 3)[0]) and client.socket.recv(4096) == b""


@requirement("DESC-01")
def test_description_is_served(subject, lab):
    said = one(subject, "upnp:rootdevice").get("LOCATION") or ""
    if urllib.parse.urlsplit(said).hostname != lab.lan_address() or urllib.parse.urlsplit(said).port == 0:
        inconclusive(f"LOCATION is {said!r}: see SSDP-17")
    try:
        reply = description.get(lab, "client", description.url(said))
    except http.NoEnd:
        raise
    except http.BadMessage as error:
        inconclusive(f"the answer has no right length ({error}): see DESC-03")
    assert reply.status == 200 and reply.body


@requirement("DESC-02")
def test_content_type(subject, lab, where):
    kind = description.get(lab, "client", where).get("Content-Type") or ""
    assert kind.split(";")[0].strip().lower() == "text/xml", kind
    if ";" in kind:
        assert kind.partition(";")[2].strip().lower().replace('"', "") == "charset=utf-8", kind
    elif version(root(subject)) > (1, 0):
        nonstrict("Content-Type without charset")


@requirement("DESC-03")
@pytest.mark.parametrize("form", ["keep-alive", "close", "1.0"])
def test_length_of_the_body(subject, lab, form):
    where = location(subject)
    headers = [("Connection", form)] if form != "1.0" else []
    with opened(lab, where) as client:
        try:
            reply = client.exchange(get(where, headers, "1.0" if form == "1.0" else "1.1"))
        except (http.Silence, http.TooSlow, http.NoEnd) as error:
            inconclusive(f"the description is not served ({error}): see DESC-01")
        left = client._pending
        while select.select([client.socket], [], [], 0.1)[0]:
            more = client.socket.recv(4096)
            left += more
            if not more:
                break
    if reply.status != 200:
        inconclusive("the description is not served: see DESC-01")
    assert left == b"", f"{len(left)} bytes behind the body: {left[:60]!r}"


@requirement("DESC-04")
def test_no_chunks_for_http_1_0(lab, where):
    with opened(lab, where) as client:
        assert client.exchange(get(where, version="1.0")).get("Transfer-Encoding") is None


@requirement("DESC-05")
def test_connection_close(lab, where):
    with opened(lab, where) as client:
        reply = client.exchange(get(where, [("Connection", "close")]))
        assert reply.closed or ends(client)


@requirement("DESC-06")
def test_http_1_0_closes(lab, where):
    with opened(lab, where) as client:
        reply = client.exchange(get(where, version="1.0"))
        assert reply.closed or ends(client)


def posting(service, *headers):
    head = [("Content-Type", 'text/xml; charset="utf-8"'), ("SOAPACTION", f'"{service.type}#{ACTION}"'), *headers]
    return http.request("POST", service.control.path, service.control.authority, head, length=False)


@requirement("DESC-07")
@pytest.mark.parametrize("extension", ["", ";ext=1", ';a="b c"'], ids=["plain", "extension", "quoted"])
def test_chunked_request(lab, service, extension):
    body = soap.body(service.type, ACTION, ())
    parts = b"".join(b"%x%s\r\n%s\r\n" % (len(c), extension.encode(), c) for c in (body[:10], body[10:]))
    with opened(lab, service.control) as client:
        reply = client.exchange(posting(service, ("Transfer-Encoding", "chunked")), parts + b"0\r\n\r\n")
    assert reply.status == 200


@requirement("DESC-08")
def test_expect_continue(lab, service):
    body = soap.body(service.type, ACTION, ())
    head = posting(service, ("Expect", "100-continue"), ("Content-Length", len(body)))
    with opened(lab, service.control) as client:
        client.send(head)
        assert select.select([client.socket], [], [], 2)[0], "nothing within 2 s"
        first = client.socket.recv(4096)
        assert first[:9] in (b"HTTP/1.1 ", b"HTTP/1.0 ")
        if first[9:12] == b"100":
            client._pending = first.partition(b"\r\n\r\n")[2]
            assert client.exchange(body).status == 200


@requirement("DESC-09")
def test_pipelined_requests(lab, subject, where):
    tree = root(subject)
    scpd = next((s.scpd for s in tree.services if (s.scpd.host, s.scpd.port) == (where.host, where.port)), where)
    first, second = (description.get(lab, "client", url).body for url in (where, scpd))
    got = []
    with opened(lab, where) as client:
        client.send(get(where) + get(scpd) + get(where))
        with contextlib.suppress(EOFError, ConnectionResetError):
            for _ in range(3):
                got.append(client.receive().body)
    assert got and [len(b) for b in got] == [len(first), len(second), len(first)][:len(got)]


def refused(lab, where, data):
    """The status of a request that is wrong, 0 for none; the next one has to be served."""
    with opened(lab, where) as client:
        try:
            status = client.exchange(data.replace(b"%s", where.path.encode()).replace(b"%h", where.authority.encode())).status
        except (EOFError, ConnectionResetError):
            status = 0
    assert description.get(lab, "client", where).status == 200, "does not serve any more"
    if status == 0:
        nonstrict("closes the connection without an answer")
    return status


@requirement("DESC-10")
@pytest.mark.parametrize("data", [b"GET %s FOO/1.1\r\nHost: %h\r\n\r\n", b"rubbish\r\n\r\n", b"GET\r\n\r\n"],
                         ids=["no HTTP", "rubbish", "one word"])
def test_malformed_request_lines(lab, where, data):
    status = refused(lab, where, data)
    assert not status or 400 <= status < 500, status


@requirement("DESC-10")
@pytest.mark.parametrize("method", ["PUT", "DELETE", "BREW"])
def test_methods_that_are_not_offered(lab, where, method):
    status = refused(lab, where, f"{method} %s HTTP/1.1\r\nHost: %h\r\nContent-Length: 0\r\n\r\n".encode())
    if status == 501 and method != "BREW":
        nonstrict("answers 501, no 405")
    assert status in (0, 501) or 400 <= status < 500, status


@requirement("DESC-10")
def test_path_that_is_not_there(lab, where):
    assert refused(lab, where, b"GET /not/there HTTP/1.1\r\nHost: %h\r\n\r\n") in (0, 404)


@requirement("DESC-11")
def test_redirects_are_307(subject, lab):
    with contextlib.suppress(OSError, EOFError, http.BadMessage, ValueError):
        said = one(subject, "upnp:rootdevice").get("LOCATION") or ""
        status = description.get(lab, "client", description.url(said)).status
        assert not 300 <= status < 400 or status == 307, status


@requirement("DESC-34")
@pytest.mark.parametrize("extra", ["<!-- a comment -->", "<?pi some text?>", "\n\t \n"], ids=["comment", "instruction", "blanks"])
def test_what_a_request_may_have_besides(lab, service, extra):
    body = soap.body(service.type, ACTION, ()).replace(b"<s:Body>", b"<s:Body>" + extra.encode()).replace(
        b"<s:Envelope ", b'<s:Envelope xmlns:x="urn:x" x:unknown="1" ')
    with opened(lab, service.control) as client:
        reply = client.exchange(posting(service, ("Content-Length", len(body))), body)
    assert soap.parse(reply, service.type, ACTION)


@requirement("DESC-38")
@pytest.mark.parametrize("asked", [None, "fr", "en", "*"])
def test_content_language(lab, where, asked):
    with opened(lab, where) as client:
        reply = client.exchange(get(where, [("Accept-Language", asked)] if asked else []))
    assert reply.status == 200
    assert (reply.get("Content-Language") is not None) == (asked is not None)


def status_for_host(lab, service, host):
    """The status of a control request with another Host."""
    body = soap.body(service.type, ACTION, ())
    data = posting(service, ("Content-Length", len(body))).replace(f"Host: {service.control.authority}".encode(),
                                                                   f"Host: {host}".encode())
    with opened(lab, service.control) as client:
        return client.exchange(data, body).status


@requirement("DESC-43")
@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example:80"])
def test_foreign_name_as_host_is_refused(lab, service, host):
    assert 400 <= status_for_host(lab, service, host) < 500


@requirement("DESC-43")
def test_foreign_address_as_host_is_refused(lab, service):
    assert 400 <= status_for_host(lab, service, "198.51.100.7") < 500
