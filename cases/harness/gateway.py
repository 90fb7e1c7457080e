# SPDX-License-Identifier: MIT
"""gateway.py - a gateway on port 5351 that does what a scenario says: NAT-PMP and PCP as RFC 6886 and RFC 6887 have them, or not.

It is a thread with sockets of a node, for what a client does with answers that are late, wrong, repeated, or not there: it sees
every datagram with its time and maps nothing, so the oracles are the wire and what the program says. What a mapping has for
effect is tested with fakeigd.

    with Gateway(lab, speaks=("pcp",)) as gateway:
        gateway.lifetime = 12
        ...
        first = gateway.wait(gateway.maps, 1)[0]

A request is an Ask. ``gateway.script(ask)`` may return what is sent instead of the usual answer: bytes, a list of (seconds, bytes)
or (seconds, bytes, node), nothing for silence; or USUAL.
"""
import dataclasses
import heapq
import itertools
import select
import socket
import struct
import threading
import time

from . import pcp
from .lab import DEADLINE, LabError
from .port5351 import ANNOUNCE_PORT, GROUP, PORT
from .requirement import inconclusive
from .wire import stamp_of, with_stamps

TCP, UDP = 6, 17
USUAL = object()
ENOUGH, TRIES = 3, 6  # times that waits() looks
AT_ONCE = 0.5         # seconds
SETTLE = 10.0  # seconds that a client which stays has to hear an answer: some look every eight
MAPPED_ZERO = bytes(10) + b"\xff\xff" + bytes(4)  # ::ffff:0.0.0.0, no wish

TOPOLOGY = """
summary: client and a neighbour before a router whose port 5351 is a scenario's
networks: {{home: {{subnet: {net}.0/24}}, internet: {{subnet: 44.0.1.0/24}}}}
nodes:
  client: {{kind: host, attach: {{home: {net}.4}}, gateway: r1}}
  other:  {{kind: host, attach: {{home: {net}.77}}, gateway: r1}}
  r1:     {{kind: router, lan: {{home: {net}.1}}, wan: {{internet: 44.0.1.2}}, igd: {igd}}}
  peer:   {{kind: host, attach: {{internet: 44.0.1.10}}}}
"""


def topology(folder, igd="none", net="192.168.1"):
    """A topology file; igd: profile of the router's UPnP, which leaves port 5351 alone."""
    path = folder / f"gateway-{igd}-{net}.yaml"
    path.write_text(TOPOLOGY.format(igd=igd, net=net))
    return str(path)


@dataclasses.dataclass
class Ask:
    """A request. time: monotonic seconds at which the kernel had it; answered: those at which its first answer was sent, or None;
    source: (address, port); protocol, internal, external, lifetime: of a mapping, else None; nonce, client, address, options: of
    PCP, as bytes."""

    time: float
    source: tuple
    data: bytes
    version: int = None
    opcode: int = None
    protocol: int = None
    internal: int = None
    external: int = None
    lifetime: int = None
    nonce: bytes = None
    client: bytes = None
    address: bytes = None
    options: bytes = b""
    answered: float = None

    @property
    def is_map(self):
        """It asks for a mapping."""
        return bool(self.lifetime) and self.internal is not None

    @property
    def is_delete(self):
        """It takes a mapping away."""
        return self.lifetime == 0 and self.internal is not None

    def option(self, name):
        """The data of the first option of PCP of that name, or None."""
        return next((data for code, data in pcp.options_of(self.options)[0] if code == pcp.OPTIONS[name]), None)


def read(data, source, at=0):
    """A datagram as an Ask; what is too short has None."""
    ask = Ask(at, source, data)
    if len(data) >= 2:
        ask.version, ask.opcode = data[:2]
    if ask.version == 0 and ask.opcode in (1, 2) and len(data) >= 12:
        ask.protocol = UDP if ask.opcode == 1 else TCP
        ask.internal, ask.external, ask.lifetime = struct.unpack("!HHI", data[4:12])
    if ask.version == 2 and len(data) >= 24:
        ask.client = data[8:24]
        if ask.opcode == 1 and len(data) >= 60:
            ask.lifetime = struct.unpack("!I", data[4:8])[0]
            ask.nonce, ask.protocol = data[24:36], data[36]
            ask.internal, ask.external = struct.unpack("!HH", data[40:44])
            ask.address, ask.options = data[44:60], data[60:]
    return ask


class Gateway:
    """The thread; use it in ``with``. speaks: of "natpmp" and "pcp"; a request of the other one gets a version reply when
    *versions* is set, else silence. lifetime, port: what is granted, None = what was asked for. epoch: seconds that it counts."""

    def __init__(self, lab, speaks=("natpmp",), node="r1", versions=True, script=None):
        self.lab, self.node, self.speaks, self.versions = lab, node, speaks, versions
        self.address = lab.lan_address() if node == "r1" else lab.address_of(node)
        self.script = script or (lambda ask: USUAL)
        self.lifetime = self.port = None
        self.external = "44.0.1.2"
        self.asks, self._changed = [], threading.Condition()
        self._begun, self._over, self._due, self._order = time.monotonic() - 5000, False, [], itertools.count()
        self._sockets, self._wanted, self._shown = {}, 0, 0
        self._ahead = time.time() - time.monotonic()  # of the kernel's stamps

    def __enter__(self):
        self._socket(self.node)
        self._wake, self._pipe = socket.socketpair()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *exception):
        self._over = True
        self._wake.send(b"x")
        self._thread.join()
        for sock in (*self._sockets.values(), self._wake, self._pipe):
            sock.close()

    def _socket(self, node):
        if node not in self._sockets:
            sock = self.lab.socket(node)
            sock.bind((self.lab.lan_address() if node == "r1" else self.lab.address_of(node), PORT))
            sock.setblocking(False)
            with_stamps(sock)
            self._sockets[node] = sock
        return self._sockets[node]

    # -- what it says --------------------------------------------------------------------------------------

    @property
    def epoch(self):
        """Seconds since the table was lost."""
        return int(time.monotonic() - self._begun)

    def reset(self, epoch=0):
        """The table is lost; or the clock jumps."""
        self._begun = time.monotonic() - epoch

    def natpmp(self, ask, result=0, **fields):
        """The answer to a request of NAT-PMP. fields: internal, external, lifetime, opcode, other than they should be."""
        head = struct.pack("!BBHI", 0, fields.get("opcode", ask.opcode | 128), result, self.epoch)
        if ask.opcode == 0:
            return head + (bytes(4) if result else socket.inet_aton(self.external))
        granted = ask.lifetime if self.lifetime is None else min(self.lifetime, ask.lifetime)
        external = self.port or ask.external or ask.internal
        if result or ask.is_delete:
            external, granted = 0, 0
        return head + struct.pack("!HHI", fields.get("internal", ask.internal), fields.get("external", external),
                                  fields.get("lifetime", granted))

    def pcp(self, ask, result=0, error_lifetime=30, options=b"", **fields):
        """The answer to a request of PCP. fields: opcode, nonce, protocol, internal, external, lifetime, address."""
        granted = 0 if ask.opcode == 0 or ask.is_delete else ask.lifetime if self.lifetime is None else self.lifetime
        granted = error_lifetime if result else granted
        head = struct.pack("!BBBBII", fields.get("version", 2), fields.get("opcode", ask.opcode | 128), 0, result,
                           fields.get("lifetime", granted or 0), fields.get("epoch", self.epoch)) + bytes(12)
        if ask.internal is None:
            return head + options
        external = self.port or ask.external or ask.internal
        return head + fields.get("nonce", ask.nonce) + struct.pack(
            "!BBHHH", fields.get("protocol", ask.protocol), 0, 0, fields.get("internal", ask.internal),
            fields.get("external", external)) + (ask.address if result else pcp.packed(fields.get("address", self.external))) + options

    def usual(self, ask):
        """What a gateway by the letter answers, or None."""
        if ask.version == 2:
            return self.pcp(ask) if "pcp" in self.speaks else self.other_version(ask)
        if ask.version == 0:
            return self.natpmp(ask) if "natpmp" in self.speaks else self.other_version(ask)
        return None

    def other_version(self, ask, opcode=None):
        """The version reply: of NAT-PMP in 8 bytes (RFC 6886 clause 3.5), of PCP in 24."""
        if not self.versions:
            return None
        if "natpmp" in self.speaks:
            return struct.pack("!BBHI", 0, ask.opcode | 128 if opcode is None else opcode, 1, self.epoch)
        return struct.pack("!BBBBII", 2, ask.opcode | 128, 0, 1, 0, self.epoch) + bytes(12)

    def announce(self, node=None, version=0, epoch=None, port=PORT):
        """What is sent to 224.0.0.1:5350 after a restart: NAT-PMP's address, or PCP's ANNOUNCE."""
        epoch = self.epoch if epoch is None else epoch
        data = struct.pack("!BBHI", 0, 128, 0, epoch) + socket.inet_aton(self.external)
        if version == 2:
            data = struct.pack("!BBBBII", 2, 128, 0, 0, 0, epoch) + bytes(12)
        node = node or self.node
        sock = self._socket(node) if port == PORT else self.lab.socket(node)
        address = self.lab.lan_address() if node == "r1" else self.lab.address_of(node)
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(address))
        sock.sendto(data, (GROUP, ANNOUNCE_PORT))

    def send(self, data, to, node=None):
        """A datagram that nobody asked for."""
        self._socket(node or self.node).sendto(data, to)

    # -- what it saw ---------------------------------------------------------------------------------------

    def all(self):
        """Every request."""
        return list(self.asks)

    def maps(self, version=None, since=0):
        """Requests for a mapping, by both protocols or by one of them (see of()), in their order; repetitions too."""
        return [ask for ask in list(self.asks) if ask.is_map and version in (None, ask.version) and ask.time > since]

    def repeats(self, first, since=None):
        """Requests for the same mapping by the same protocol, after a moment or after the answer to *first*: what was sent
        before that was said once more for want of an answer."""
        return [ask for ask in self.maps(first.version, since or first.answered or first.time)
                if (ask.protocol, ask.internal) == (first.protocol, first.internal)]

    def again(self, first, timeout, since=None):
        """The next one of them; None when there is none in time."""
        return next(iter(self.wait(lambda: self.repeats(first, since), 1, timeout)), None)

    def caught_up(self):
        """Return when everything that was sent to it before is among what it saw."""
        with self._changed:
            self._wanted += 1
            number = self._wanted
            self._wake.send(b"x")
            self._changed.wait_for(lambda: self._shown >= number, DEADLINE)

    def deletes(self):
        """Requests that take one away, those too that were sent a moment ago."""
        self.caught_up()
        return [ask for ask in list(self.asks) if ask.is_delete]

    def of(self, version, since=0):
        """Requests of one protocol: 0 NAT-PMP, 2 PCP."""
        return [ask for ask in list(self.asks) if ask.version == version and ask.time > since]

    def wait(self, seen, count=1, timeout=10.0):
        """Wait until seen() has so many; what it has by then, even when the time is over."""
        with self._changed:
            self._changed.wait_for(lambda: len(seen()) >= count, timeout)
        return seen()

    # -- the thread ----------------------------------------------------------------------------------------

    def _run(self):
        while not self._over:
            left = max(0, self._due[0][0] - time.monotonic()) if self._due else None
            ready = select.select([*self._sockets.values(), self._pipe], [], [], left)[0]
            if self._sockets[self.node] in ready:
                self._take()
            if self._pipe in ready:
                self._show(len(self._pipe.recv(64)))
            while self._due and self._due[0][0] <= time.monotonic():
                _, _, data, ask, node = heapq.heappop(self._due)
                with self._changed:
                    ask.answered = ask.answered or time.monotonic()
                    self._sockets[node].sendto(data, ask.source)
                    self._changed.notify_all()
            for node, sock in self._sockets.items():
                if node != self.node and sock in ready:
                    self._drop(sock)

    @staticmethod
    def _drop(sock):
        try:
            sock.recv(2048)
        except OSError:
            pass

    def _show(self, count):
        """Somebody waits for what has come, so often."""
        while self._take():
            pass
        with self._changed:
            self._shown += count
            self._changed.notify_all()

    def _take(self):
        """Read a request, if there is one."""
        try:
            data, extra, _, source = self._sockets[self.node].recvmsg(2048, 64)
        except OSError:  # none, or an ICMP error of a client that has ended
            return False
        ask = read(data, source, stamp_of(extra) - self._ahead)
        try:
            answer = self.script(ask)
        except (LabError, OSError):
            answer = None
        answer = self.usual(ask) if answer is USUAL else answer
        for one in [(0, answer)] if isinstance(answer, bytes) else answer or ():
            delay, data, *node = one
            heapq.heappush(self._due, (ask.time + delay, next(self._order), data, ask, node[0] if node else self.node))
        with self._changed:
            self.asks.append(ask)
            self._changed.notify_all()
        return True

    def also(self, node):
        """Have a socket of another node as well, for answers of somebody else; call it before the client starts."""
        self._socket(node)
        return self


def alike(asks):
    """The first of some requests, and its repetitions."""
    return [ask for ask in asks if ask.data == asks[0].data]


def first_map(session, gate, version, wanted):
    """Start a client that stays, until it has asked for a mapping by a protocol (see Gateway.of()) and was answered. Returns
    that request."""
    session.process = session.start("add", wanted)
    asked = gate.wait(lambda: [ask for ask in gate.maps(version) if ask.answered], 1, 2 * session.patience)
    if not asked:
        inconclusive("it asked for no mapping")
    return asked[0]


def renewed(gate, first):
    """(seconds after it was granted, request) with which a mapping is renewed; AssertionError when it is not, as long as it lives
    and 2 s more."""
    renewal = gate.again(first, gate.lifetime + 2)
    assert renewal, "it is not renewed"
    return renewal.time - first.answered, renewal


def waits(gate, first, announce, within):
    """Seconds after which a mapping is made again when the gateway announces, three times, that its table is lost; more
    often where each of a random time would have been short by chance."""
    waited = []
    for epoch in range(100 * TRIES, 0, -100):
        if len(waited) >= ENOUGH and max(waited) > AT_ONCE:
            break
        gate.reset(epoch)
        told = time.monotonic()
        announce()
        later = gate.again(first, within, told)
        if not later:
            inconclusive("it is not made again")
        waited.append(round(later.time - told, 2))
    return waited


def settled(session, wanted, seen, timeout):
    """What a client says of an "add". One that stays and tries several ways says of the first that it failed: it is listened to
    until it says that it mapped, or the time is over. seen: a function that waits for what a scenario wants to see as well."""
    said = session.perform("add", wanted)
    if not session.client.resident:
        return said
    seen(timeout)
    deadline = time.monotonic() + SETTLE
    while said.claim != "mapped" and said.code is None and time.monotonic() < deadline:
        said = session.run_on(wanted)
    return said
