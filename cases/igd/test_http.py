# SPDX-License-Identifier: MIT
"""fakeigd's HTTP server: framing, persistence, segmentation, limits (RFC 9112, UDA 2.0 clause 2)."""
import contextlib

import pytest

from cases.harness import http, soap

IDLE = 30  # seconds after which a connection is closed (policy http.idle)
GET_EXTERNAL = "GetExternalIPAddress"


@pytest.fixture
def server(cp):
    """The control point with a helper that opens a connection to the description's port."""
    where = cp.description.location
    cp.open = lambda: http.Client(cp.lab.connect("client", where.host, where.port))
    cp.where = where
    return cp


def get(where, version="1.1", headers=()):
    return http.request("GET", where.path, where.authority, headers, version=version)


def test_keep_alive_and_pipelining(server):
    with server.open() as client:
        client.send(get(server.where) * 3)
        replies = [client.receive() for _ in range(3)]
    assert [r.status for r in replies] == [200] * 3
    assert len({r.body for r in replies}) == 1
    assert not any(r.closed for r in replies)


def test_connection_close_and_http_1_0(server):
    with server.open() as client:
        assert client.exchange(get(server.where, headers=[("Connection", "close")])).status == 200
        assert client.socket.recv(1) == b""
    with server.open() as client:
        reply = client.exchange(get(server.where, version="1.0"))
        assert reply.status == 200
        assert client.socket.recv(1) == b""


@pytest.mark.sanitize
@pytest.mark.parametrize("size", [1, 2, 7, 64, 1000])
def test_any_segmentation(server, size):
    service = server.connection
    data = soap.request(service.control, service.type, GET_EXTERNAL)
    pieces = [data[i:i + size] for i in range(0, len(data), size)]
    with server.open() as client:
        reply = client.exchange(*pieces)
    assert soap.parse(reply, service.type, GET_EXTERNAL)


def test_head_has_no_body(server):
    with server.open() as client:
        head = client.exchange(http.request("HEAD", server.where.path, server.where.authority),
                               to_head=True)
        full = client.exchange(get(server.where))
    assert head.status == 200 and head.body == b""
    assert head.get("Content-Length") == full.get("Content-Length")


@pytest.mark.sanitize
def test_expect_continue_and_chunked_request(server):
    service = server.connection
    body = soap.body(service.type, GET_EXTERNAL, ())
    headers = [("Content-Type", "text/xml"), ("SOAPACTION", f'"{service.type}#{GET_EXTERNAL}"')]

    def head(*more):
        return http.request("POST", service.control.path, service.control.authority, [*headers, *more], length=False)

    with server.open() as client:
        client.send(head(("Expect", "100-continue"), ("Content-Length", str(len(body)))))
        assert client.socket.recv(4096).startswith(b"HTTP/1.1 100")
        assert client.exchange(body).status == 200
        chunks = b"".join(b"%x\r\n%s\r\n" % (len(c), c) for c in (body[:10], body[10:]))
        assert client.exchange(head(("Transfer-Encoding", "chunked")), chunks + b"0\r\n\r\n").status == 200


BAD = [
    ("no start line", b"\r\n\r\n\r\nnonsense\r\n\r\n", 400),
    ("two words", b"GET /\r\n\r\n", 400),
    ("no host", b"GET / HTTP/1.1\r\n\r\n", 400),
    ("header without name", b"GET / HTTP/1.1\r\nHost: x\r\n: value\r\n\r\n", 400),
    ("nul in head", b"GET / HTTP/1.1\r\nHost: x\r\nA: \0\r\n\r\n", 400),
    ("length no number", b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: ten\r\n\r\n", 400),
    ("lengths differ", b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400),
    ("negative length", b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", 400),
    ("not found", b"GET /nothing HTTP/1.1\r\nHost: {host}\r\n\r\n", 404),
    ("post to nothing", b"POST /nothing HTTP/1.1\r\nHost: {host}\r\nContent-Length: 0\r\n\r\n", 404),
    ("method not allowed", b"DELETE {path} HTTP/1.1\r\nHost: {host}\r\n\r\n", 405),
    ("no length", b"POST {control} HTTP/1.1\r\nHost: x\r\n\r\n", 411),
    ("body too large", b"POST {control} HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n\r\n", 413),
    ("target too long", b"GET /" + b"a" * 20000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 414),
    ("head too large", b"GET / HTTP/1.1\r\nHost: x\r\n" + b"A: " + b"b" * 20000 + b"\r\n\r\n", 431),
    ("too many headers", b"GET / HTTP/1.1\r\nHost: x\r\n" + b"A: b\r\n" * 200 + b"\r\n", 431),
    ("unknown method", b"BREW / HTTP/1.1\r\nHost: {host}\r\n\r\n", 501),
    ("unknown coding", b"POST {control} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n", 501),
    ("http 2", b"GET / HTTP/2.0\r\nHost: x\r\n\r\n", 505),
    ("bad chunk", b"POST {control} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400),
]


@pytest.mark.sanitize
@pytest.mark.parametrize("data, status", [b[1:] for b in BAD], ids=[b[0] for b in BAD])
def test_bad_requests_get_the_right_status(server, data, status):
    data = data.replace(b"{path}", server.where.path.encode())
    data = data.replace(b"{host}", server.where.host.encode())
    data = data.replace(b"{control}", server.connection.control.path.encode())
    with server.open() as client:
        with contextlib.suppress(ConnectionError):
            client.send(data)
        assert client.receive().status == status
    assert server.external_address(), "the server serves on after it"


@pytest.mark.sanitize
def test_many_idle_connections_leave_room_to_serve(server):
    *idle, last = [server.open() for _ in range(300)]  # the others may have waited for seconds by now
    assert server.external_address()
    server.lab.advance(IDLE - 10)
    assert last.exchange(get(server.where)).status == 200, "it is closed too early"
    server.lab.advance(11)
    assert last.exchange(get(server.where)).status == 200, "its time begins again with a request"
    for client in idle:
        assert client.socket.recv(1) == b"", "an idle connection is closed in the end"
        client.close()


@pytest.mark.parametrize("half", [b"POST /x HTTP/1.1\r\nHost", b"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nhalf"])
def test_half_a_request_then_nothing(server, half):
    with server.open() as client, server.open() as gone:
        for each in (client, gone):
            each.send(half.replace(b"{path}", server.connection.control.path.encode()))
        gone.close()
        assert server.external_address(), "others are served meanwhile"
        server.lab.advance(IDLE + 1)
        with pytest.raises(EOFError):
            client.receive()
