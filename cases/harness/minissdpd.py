# SPDX-License-Identifier: MIT
"""minissdpd.py - the socket protocol of MiniSSDPd, from the README that comes with it.

A request is a byte that says what, and a string; a string has its length before it, seven bits to a byte, the
highest first, all but the last with the high bit set. A listing is answered by a byte, how many, and three strings
for each: location, type, unique service name.

The socket has a path, and paths are each node's own: a program in the node connects and hands the descriptor out.
"""
import contextlib
import os
import select
import socket
import typing

from . import trace
from .http import BadMessage
from .lab import DEADLINE, Connection, LabError

PATH = "/run/minissdpd.sock"
VERSION, BY_TYPE, BY_USN, ALL, SUBMIT, NOTIFY = range(6)
NEW, UPDATE, REMOVE = 1, 2, 3
ALIVE = "ssdp:alive"

# Connects, and passes the socket on by its standard input; the daemon may still be about to listen.
_BRIDGE = """
import select, socket, sys
made = socket.socket(socket.AF_UNIX)
for _ in range(500):
    try:
        made.connect(sys.argv[1])
        break
    except OSError as error:
        why = error
        select.select([], [], [], 0.01)
else:
    sys.exit(f"{sys.argv[1]}: {why}")
socket.send_fds(socket.socket(fileno=0), [b"."], [made.fileno()])
"""


class Entry(typing.NamedTuple):
    """What a listing holds of one device or service."""

    location: str
    type: str
    usn: str


def string(text):
    """A string with its length before it."""
    data = text if isinstance(text, bytes) else text.encode()
    length, rest = [len(data) & 0x7f], len(data) >> 7
    while rest:
        length.insert(0, rest & 0x7f | 0x80)
        rest >>= 7
    return bytes(length) + data


def submission(entry, server="test/1.0 UPnP/1.0 igdlab/1.0"):
    """The request that submits a service."""
    return bytes([SUBMIT]) + b"".join(map(string, (entry.type, entry.usn, server, entry.location)))


def notify_bytes(entry, nts=ALIVE, max_age=1800, without=()):
    """A NOTIFY as a device multicasts it (UDA 1.0 clause 1.1.2); without: names of headers to leave out."""
    headers = {"HOST": "239.255.255.250:1900", "CACHE-CONTROL": f"max-age={max_age}", "LOCATION": entry.location,
               "NT": entry.type, "NTS": nts, "SERVER": "test/1.0 UPnP/1.0 igdlab/1.0", "USN": entry.usn}
    if nts == "ssdp:byebye":
        without = (*without, "CACHE-CONTROL", "LOCATION", "SERVER")
    lines = [f"{name}: {value}" for name, value in headers.items() if name not in without]
    return "\r\n".join(["NOTIFY * HTTP/1.1", *lines, "", ""]).encode()


class Client:
    """A connection to the daemon on a node; use it in a ``with`` statement."""

    def __init__(self, lab, node="r1", path=PATH):
        trace.note("minissdpd")
        self._socket = _connect(lab, node, path)
        self._socket.settimeout(DEADLINE)

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self._socket.close()

    def send(self, data):
        """Bytes as they are."""
        self._socket.sendall(data)

    def _take(self, count):
        data = b""
        while len(data) < count:
            piece = self._socket.recv(count - len(data))
            if not piece:
                raise EOFError("the daemon closed the connection")
            data += piece
        return data

    def _string(self):
        length = 0
        while True:
            byte, = self._take(1)
            length = length << 7 | byte & 0x7f
            if byte < 0x80:
                break
        try:
            return self._take(length).decode("ascii")
        except UnicodeDecodeError as error:
            raise BadMessage(f"a string that is no text: {error}") from None

    def _entries(self, count):
        return [Entry(self._string(), self._string(), self._string()) for _ in range(count)]

    def version(self):
        """Which version the daemon says it is."""
        self.send(bytes([VERSION]) + string(""))
        return self._string()

    def list(self, kind=ALL, key="all"):
        """What the daemon knows; kind: ALL, BY_TYPE or BY_USN."""
        self.send(bytes([kind]) + string(key))
        return self.listing()

    def listing(self):
        """The answer to a request for a list."""
        count, = self._take(1)
        return self._entries(count)

    def submit(self, entry, **more):
        """Submit a service, and wait until it is in: the daemon answers nothing, but what follows."""
        self.send(submission(entry, **more))
        self.version()

    def subscribe(self):
        """Switch this connection to notifications."""
        self.send(bytes([NOTIFY]) + string(""))
        assert self._take(1) == b"\0"

    def notification(self):
        """The next one: (NEW, UPDATE or REMOVE; list of Entry)."""
        mark, kind, count = self._take(3)
        assert mark == 255, mark
        return kind, self._entries(count)

    def rest(self):
        """Everything until the daemon closes; TimeoutError when it does not."""
        data = b""
        with contextlib.suppress(ConnectionResetError):
            while piece := self._socket.recv(4096):
                data += piece
        return data

    def silent(self, seconds=0.1):
        """Whether nothing comes for so long."""
        return not select.select([self._socket], [], [], seconds)[0]


def _connect(lab, node, path):
    ours, theirs = socket.socketpair()
    connection = Connection(lab.address)
    with ours, theirs, open(os.devnull, "wb") as nothing:
        connection.request(op="exec", node=node, argv=["/usr/bin/python3", "-c", _BRIDGE, path],
                           fds=[theirs.fileno(), nothing.fileno(), nothing.fileno()])
        theirs.close()
        ours.settimeout(DEADLINE)
        _, fds, _, _ = socket.recv_fds(ours, 1, 1)
    connection.close()
    if not fds:
        raise LabError(f"nobody listens at {path} on {node}")
    return socket.socket(fileno=fds[0])
