# SPDX-License-Identifier: MIT
"""subscriber.py - the suite as a subscriber (UDA 2.0 clause 4.1): SUBSCRIBE, and the events that come.

A Subscriber has one listener on a node and any number of subscriptions. Silence is proven by a fence:
another subscription whose initial event arrives, so that whatever was sent before has arrived as well.
"""
import contextlib
import dataclasses
import itertools
import re
import select
import time
import xml.etree.ElementTree as ElementTree

from . import description, http
from .requirement import inconclusive

EVENT = "urn:schemas-upnp-org:event-1-0"
PATIENCE = 3.0  # seconds in which an event arrives that is due now
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"

_paths = itertools.count(1)


@dataclasses.dataclass
class Event:
    """A NOTIFY: its head, path, body, event key, and the variables in their order."""

    head: http.Head
    path: str
    body: bytes

    @property
    def seq(self):
        """The event key; -1 when it is no number."""
        text = self.head.get("SEQ") or ""
        return int(text) if text.isdigit() else -1

    @property
    def properties(self):
        """[(variable, value)]; inconclusive when the body is not XML, which is a check of its own."""
        try:
            root = ElementTree.fromstring(self.body)
        except ElementTree.ParseError as error:
            inconclusive(f"the event is not XML: {error}")
        return [(v.tag.rpartition("}")[2], v.text or "") for p in root for v in p]

    @property
    def values(self):
        """{variable: value}."""
        return dict(self.properties)


def read_event(connection, answer=OK):
    """The NOTIFY that comes over a connection; answered unless answer is None."""
    data = b""
    while True:
        parsed = http.parse_head(data)
        if parsed:
            head, start = parsed
            if "chunked" in (head.get("Transfer-Encoding") or "").lower():
                done = http._chunked(data[start:])
                body = done and done[0]
            else:
                size = int(head.get("Content-Length") or 0)
                body = data[start:start + size] if len(data) - start >= size else None
            if body is not None:
                break
        piece = connection.recv(65536)
        if not piece:
            raise http.BadMessage(f"an event cut off after {len(data)} bytes")
        data += piece
    if answer:
        connection.sendall(answer)
    return Event(head, head.start.split()[1].decode("latin-1"), body)


def evented(lab, service):
    """Names of the variables that a service's own description says are evented."""
    return {v.findtext(f"{description.SERVICE}name") for v in description.scpd(lab, service).iter(f"{description.SERVICE}stateVariable")
            if v.get("sendEvents", "yes") == "yes"}


class Subscriber:
    """Subscriptions of one node, cancelled at the end. service: of the router's, default its connection."""

    def __init__(self, lab, cp, node="client", service=None):
        self.lab, self.cp, self.node = lab, cp, node
        self.service = service or cp.connection
        self.listener = lab.listen(node, 0)
        self.port, self.sids = self.listener.getsockname()[1], []
        self.url = f"http://{lab.address_of(node)}:{self.port}"

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        for sid, service in self.sids:
            with contextlib.suppress(OSError, EOFError, http.BadMessage):
                self.send("UNSUBSCRIBE", service=service, SID=sid)
        self.listener.close()

    def request(self, method, service=None, version="1.1", **headers):
        """Bytes of a GENA request; headers by name, None leaves one out."""
        where = (service or self.service).event
        lines = [(name, value) for name, value in headers.items() if value is not None]
        return http.request(method, where.path, where.authority, lines, version=version)

    def send(self, method, service=None, **headers):
        """Send it over a connection of its own; returns the Reply."""
        where = (service or self.service).event
        with http.Client(self.lab.connect(self.node, where.host, where.port)) as client:
            return client.exchange(self.request(method, service, **headers))

    def ask(self, service=None, **headers):
        """SUBSCRIBE anew, in the usual form but for the headers given; returns the Reply."""
        usual = {"CALLBACK": f"<{self.url}/{next(_paths)}>", "NT": "upnp:event", "TIMEOUT": "Second-1800"}
        reply = self.send("SUBSCRIBE", service, **{**usual, **headers})
        if reply.status == 200 and reply.get("SID"):
            self.sids.append((reply.get("SID"), service or self.service))
        return reply

    def subscribe(self, service=None, **headers):
        """SUBSCRIBE that a check only needs: inconclusive when it fails; returns the SID."""
        try:
            reply = self.ask(service, **headers)
        except (OSError, EOFError, http.BadMessage) as error:
            inconclusive(f"cannot subscribe: {error!r}")
        if reply.status != 200 or not reply.get("SID"):
            inconclusive(f"cannot subscribe: answered {reply.status}")
        return reply.get("SID")

    def works(self):
        """Make sure that subscriptions work at all, with one that is cancelled; inconclusive if not."""
        with Subscriber(self.lab, self.cp, self.node, self.service) as other:
            other.subscribe()
        return self

    def arrives(self, timeout=0.0):
        """Whether an event's connection waits."""
        return bool(select.select([self.listener], [], [], timeout)[0])

    def next(self, timeout=PATIENCE, answer=OK):
        """The next event; AssertionError when none comes in time."""
        assert self.arrives(timeout), f"no event in {timeout:g} s"
        connection, _ = self.listener.accept()
        with connection:
            connection.settimeout(PATIENCE)
            return read_event(connection, answer)

    def initial(self):
        """The initial event that a check only needs: inconclusive when none comes."""
        if not self.arrives(PATIENCE):
            inconclusive("no initial event comes")
        return self.next()

    def until(self, wanted, timeout=PATIENCE):
        """Events up to the first that fits."""
        got, end = [], time.monotonic() + timeout
        while not got or not wanted(got[-1]):
            got.append(self.next(max(0.0, end - time.monotonic())))
        return got

    def rest(self):
        """Events that have arrived when a fence's initial event has."""
        with Subscriber(self.lab, self.cp, self.node, self.service) as fence:
            fence.subscribe()
            fence.initial()
            got = []
            while self.arrives():
                got.append(self.next())
        return got


def granted(reply):
    """Seconds of a TIMEOUT header; AssertionError when it does not tell a number."""
    match = re.fullmatch(r"Second-(\d+)", reply.get("TIMEOUT") or "", re.IGNORECASE)
    assert match, f"TIMEOUT: {reply.get('TIMEOUT')!r}"
    return int(match[1])
