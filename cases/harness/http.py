# SPDX-License-Identifier: MIT
"""http.py - HTTP/1.x as the suite reads and writes it (RFC 9112), sharing no code with the C side.

Requests are bytes that a case may bend in any way; replies are read strictly, and what only a lenient
reader would accept is collected in ``notes``: that is the difference between "fail" and "non-strict".
"""
import re
import socket
import time

from . import trace

TOKEN = re.compile(rb"^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$")
CHUNK_SIZE = re.compile(rb"^[0-9A-Fa-f]+[ \t]*(;.*)?$")
LIMIT = 16 << 20  # bytes of an answer that nobody needs
STATUS_LINE = re.compile(rb"^HTTP/(\d)\.(\d) (\d{3}) ([^\r\n]*)$")


class BadMessage(Exception):
    """Bytes that no reader, however lenient, can take for an HTTP message."""


class NoEnd(BadMessage):
    """An answer larger than anybody needs, whatever its length says."""


class TooSlow(TimeoutError):
    """An answer that comes bit by bit and for too long."""


class Silence(TimeoutError):
    """Not a byte of an answer."""


class Head:
    """A parsed head: start line, headers in order, notes about departures from the letter."""

    def __init__(self, start, headers, notes):
        self.start, self.headers, self.notes = start, headers, notes

    def get(self, name, default=None):
        """Value of the first header of that name, any case."""
        for key, value in self.headers:
            if key.lower() == name.lower():
                return value
        return default

    def all(self, name):
        """Values of all headers of that name."""
        return [value for key, value in self.headers if key.lower() == name.lower()]


def parse_head(data):
    """(Head, length) of the head at the start of data; None while it is incomplete."""
    match = re.search(rb"\r?\n\r?\n", data)
    if not match:
        return None
    notes = []
    text = data[:match.end()]
    if re.search(rb"(?<!\r)\n", text):
        notes.append("a line of the head ends in LF alone")
    lines = re.split(rb"\r?\n", data[:match.start()])
    headers = []
    for line in lines[1:]:
        if line[:1] in b" \t" and headers:
            notes.append("folded header line")
            headers[-1] = (headers[-1][0], headers[-1][1] + " " + line.strip().decode("latin-1"))
            continue
        name, colon, value = line.partition(b":")
        if not colon:
            notes.append(f"header line without colon: {line!r}")
            continue
        if name != name.rstrip():
            notes.append(f"white space before the colon of {name!r}")
        if not TOKEN.match(name.strip()):
            notes.append(f"header name is no token: {name!r}")
        headers.append((name.strip().decode("latin-1"), value.strip().decode("latin-1")))
    return Head(lines[0], headers, notes), match.end()


class Reply:
    """A response: version (major, minor), status, reason, head, body, notes, raw bytes, segments.

    segments: sizes of the pieces in which the bytes came, as recv() saw them.
    closed: the server closed the connection after it.
    """

    def __init__(self, head, body, raw, segments, closed, notes):
        match = STATUS_LINE.match(head.start)
        if not match:
            raise BadMessage(f"not a status line: {head.start!r}")
        self.version = (int(match[1]), int(match[2]))
        self.status, self.reason = int(match[3]), match[4].decode("latin-1")
        self.head, self.body, self.raw, self.segments = head, body, raw, segments
        self.closed, self.notes = closed, head.notes + notes

    def get(self, name, default=None):
        """Value of a header."""
        return self.head.get(name, default)


def _chunked(data):
    """(body, consumed) of a chunked body, None while incomplete."""
    body, at = b"", 0
    while True:
        end = data.find(b"\r\n", at)
        if end < 0:
            return None
        if not CHUNK_SIZE.match(data[at:end]):
            raise BadMessage(f"chunk size is no number: {data[at:end]!r}")
        size = int(data[at:end].split(b";")[0], 16)
        at = end + 2
        if size == 0:
            end = data.find(b"\r\n", at)
            while end > at:  # trailers
                at = end + 2
                end = data.find(b"\r\n", at)
            return None if end < 0 else (body, end + 2)
        if len(data) < at + size + 2:
            return None
        if data[at + size:at + size + 2] != b"\r\n":
            raise BadMessage("chunk does not end in CRLF")
        body += data[at:at + size]
        at += size + 2


class Client:
    """An HTTP connection over a socket that somebody connected; keeps what came too early.

    limit: bytes of an answer after which reading ends with NoEnd. A whole answer has twice the time that the
    socket gives one piece of it: TooSlow for one that trickles.
    """

    def __init__(self, connected, limit=LIMIT):
        self.socket, self._pending, self._limit = connected, b"", limit or LIMIT

    def close(self):
        """Close the connection."""
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()

    def send(self, *pieces):
        """Send bytes; each piece is a segment of its own (TCP_NODELAY)."""
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for piece in pieces:
            self.socket.sendall(piece)

    def receive(self, to_head=False):
        """One reply. EOFError when the connection ends before a byte of it, BadMessage when cut, Silence when none comes."""
        data, segments, closed, notes = bytearray(self._pending), [], False, []
        head = framing = None
        patience = self.socket.gettimeout()
        deadline = time.monotonic() + 2 * patience if patience else None
        while True:
            if head is None:
                head = parse_head(bytes(data))
                framing = head and self._framing(head[0], to_head, notes)
            done = head and self._body(data, head[1], framing, closed)
            if done:
                break
            if closed:
                if not data:
                    raise EOFError("the server closed the connection without an answer")
                raise BadMessage(f"cut off after {len(data)} bytes")
            if deadline and time.monotonic() > deadline:
                raise TooSlow(f"no end of an answer in {2 * patience:g} s")
            piece = self._piece(data)
            closed = not piece
            if piece:
                segments.append(len(piece))
            data += piece
            if len(data) > self._limit:
                raise NoEnd(f"no end after {self._limit} bytes")
        body, used = done
        total = head[1] + used
        self._pending = bytes(data[total:])
        reply = Reply(head[0], bytes(body), bytes(data[:total]), segments, closed, notes)
        if 100 <= reply.status < 200 and reply.status != 101:
            final = self.receive(to_head)
            final.notes.append(f"after a {reply.status}")
            return final
        return reply

    def _piece(self, data):
        try:
            return self.socket.recv(65536)
        except TimeoutError:
            if not data:
                raise Silence("timed out") from None
            raise

    @staticmethod
    def _framing(head, to_head, notes):
        status = STATUS_LINE.match(head.start)
        if to_head or (status and (status[3] in (b"204", b"304") or status[3][:1] == b"1")):
            return ("length", 0)
        if "chunked" in (head.get("transfer-encoding") or "").lower():
            return ("chunked", 0)
        lengths = set(head.all("content-length"))
        if len(lengths) > 1:
            raise BadMessage(f"Content-Length given twice: {sorted(lengths)}")
        if lengths:
            text = lengths.pop()
            if not (text.isascii() and text.isdigit()):
                raise BadMessage(f"Content-Length is no number: {text!r}")
            return ("length", int(text))
        notes.append("no Content-Length: the body ends with the connection")
        return ("close", 0)

    @staticmethod
    def _body(data, start, framing, closed):
        kind, length = framing
        if kind == "length":
            return (data[start:start + length], length) if len(data) - start >= length else None
        if kind == "chunked":
            return _chunked(bytes(data[start:]))
        return (data[start:], len(data) - start) if closed else None

    def exchange(self, *pieces, to_head=False):
        """Send and receive."""
        self.send(*pieces)
        return self.receive(to_head)


def request(method, target, host, headers=(), body=b"", version="1.1", length=True):
    """Bytes of a request; headers is a sequence of pairs, Content-Length added unless told not to."""
    trace.note(method)
    lines = [f"{method} {target} HTTP/{version}", f"Host: {host}"]
    lines += [f"{name}: {value}" for name, value in headers]
    if length and (body or method in ("POST", "M-POST")):
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body
