# SPDX-License-Identifier: MIT
"""drive.py - a client under test in a lab: told to do something, listened to, and not believed.

One process per operation, or a program that maps by running: both are a Session. What it says of
itself is a Said; what the packets say is seen by reached().
"""
import contextlib
import dataclasses
import errno
import select
import socket
import time

from . import effect
from .lab import LabError

HOME = "/tmp/home"  # in the node: its /tmp is its own
TOUCH = 'mkdir -p "$(dirname "$1")" && printf %s "$2" > "$1"'
FOLLOW = ("tail", "-q", "-n", "+1", "-s", "0.1", "-F")
LOOK = 0.1          # seconds between two looks at a program that is not ours
MOST = 3            # times its patience that a program gets on a busy machine
WAITED = "grep -Hs . /proc/[0-9]*/task/*/schedstat"

FATAL = (4, 5, 6, 7, 8, 11, 31)  # SIGILL, SIGTRAP, SIGABRT, SIGBUS, SIGFPE, SIGSEGV, SIGSYS


@dataclasses.dataclass
class Wanted:
    """What a client is told to map."""

    external_port: int = 1872
    internal_port: int = 1872
    protocol: str = "tcp"
    lease: int = 3600
    description: str = "igdlab"


@dataclasses.dataclass
class Said:
    """What a program said and how it ended. claim: a word of client.CLAIMS or None; code: exit status, -N for
    a signal, None while it runs; hung: it had to be ended; starved: seconds without a processor, where more would have
    been due to it."""

    operation: str
    claim: str = None
    port: int = None
    address: str = None
    code: int = None
    stdout: str = ""
    stderr: str = ""
    seconds: float = 0.0
    log: str = ""
    hung: bool = False
    starved: float = 0.0
    thrown: bool = False  # claims.crashed: an exception that nobody caught has no signal
    unsupported: bool = False

    @property
    def crashed(self):
        """It ended by a signal that says so, itself or below a shell or peak.py, which make 128 and the signal of it."""
        return self.thrown or self.code is not None and (-self.code in FATAL or self.code - 128 in FATAL)


class Patience:
    """Seconds that a program of a lab has for something. Those in which it, or the router, had to wait for a processor do not
    count: what is too slow on a busy machine is too slow on any. starved: such seconds, where even MOST times its own were too few."""

    def __init__(self, lab, seconds):
        self._lab, self._seconds, self._begun, self.starved = lab, seconds, time.monotonic(), 0.0
        self._end = self._begun + seconds

    def left(self):
        """Seconds that are left; 0 when they are over."""
        if time.monotonic() >= self._end:
            lost, most = starved(self._lab), self._seconds * MOST
            self._end = self._begun + min(self._seconds + lost, most)
            self.starved = lost if self._seconds + lost > most else 0.0
        return max(0.0, self._end - time.monotonic())


def starved(lab, node="client"):
    """Seconds for which the programs that a lab has now had to wait for a processor: of each the thread that waited most."""
    done, most = lab.run(node, "sh", "-c", WAITED), {}
    for line in done.stdout.splitlines():
        path, _, text = line.partition(":")
        name, waited = path.split("/")[2], text.split()
        if len(waited) == 3:
            most[name] = max(most.get(name, 0), int(waited[1]))
    return sum(most.values()) / 1e9


class Session:
    """A client on a node of a lab; use it in ``with``: a program that runs is ended then."""

    def __init__(self, client, lab, node="client", patience=None):
        self.client, self.lab, self.node, self.process = client, lab, node, None
        self.patience = patience or client.times["give-up"]
        self.processes = []  # every one that was started
        self.wrap = []       # words before the command: a program that starts it
        self.log = None      # tail of the file that it logs to
        self._prepared = False

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        if self.process and self.process.code is None:
            with contextlib.suppress(LabError, OSError, TimeoutError):
                self.process.finish(9)
        if self.log:
            with contextlib.suppress(LabError, OSError, TimeoutError):
                self.log.finish(9)

    def values(self, wanted):
        """What stands for {name} in commands."""
        port = self.lab.port(self.node)
        return {"description": wanted.description, "internal_client": self.lab.address_of(self.node),
                "internal_port": wanted.internal_port, "external_port": wanted.external_port,
                "protocol": wanted.protocol, "lease": wanted.lease, "duration": wanted.lease,
                "gateway": self._gateway(), "interface": port["ifname"], "home": HOME,
                "internal_client6": self._address6(), "protocol_number": 6 if wanted.protocol == "tcp" else 17}

    def _address6(self):
        try:
            return self.lab.address6_of(self.node)
        except KeyError:
            return ""

    def _gateway(self):
        router = self.lab.info["nodes"][self.node].get("gateway") or "r1"
        return self.lab.lan_address(router)

    def prepare(self, wanted):
        """Its home with the files that it wants."""
        if self._prepared:
            return
        self._prepared = True
        self.lab.run(self.node, "mkdir", "-p", HOME)
        for path, text in self.client.files(self.values(wanted)).items():
            done = self.lab.run(self.node, "sh", "-c", TOUCH, "sh", path, text)
            if done.code:
                raise LabError(f"{path}: {done.stderr}")

    def start(self, operation, wanted):
        """Start its process for an operation."""
        self.prepare(wanted)
        values = self.values(wanted)
        name = "start" if self.client.resident else operation
        if self.client.log(values) and not self.log:
            self.log = self.lab.start(self.node, *FOLLOW, self.client.log(values))
        self.processes.append(self.lab.start(self.node, *self.wrap, *self.client.command(name, values), cwd=HOME,
                                             env=self.client.environment(operation, values)))
        return self.processes[-1]

    # -- one process per operation -------------------------------------------------------------------------

    def perform(self, operation, wanted):
        """An operation from beginning to end; returns what it Said."""
        if self.client.resident:
            return self.run_on(wanted) if operation == "add" else self.end(operation, wanted)
        begun = time.monotonic()
        process = self.start(operation, wanted)
        said = Said(operation)
        self._ends(said, process, self.patience)
        said.code = None if said.hung else process.code
        said.seconds = time.monotonic() - begun
        return self._listened(said, process)

    def _ends(self, said, process, seconds):
        """Wait for the end of a process, for so long; what has not ended then is hung, and is ended."""
        patience = Patience(self.lab, seconds)
        while process.code is None and (left := patience.left()):
            with contextlib.suppress(TimeoutError):
                process.wait(left)
        if process.code is None:
            said.hung, said.starved = True, patience.starved
            process.finish(9)

    def _listened(self, said, process):
        said.stdout, said.stderr, said.log = process.stdout, process.stderr, self.log.stdout if self.log else ""
        said.unsupported = said.code == 127 and self.client.contract
        crash = self.client.claims.get("crashed")
        said.thrown = bool(crash) and crash.read(said.code, said.stdout, said.stderr, said.log) is not None
        for word in {"add": ("mapped", "refused"), "delete": ("deleted", "refused"), "list": ("listed",),
                     "external-ip": ("external-ip",), "renew": ("renewed", "mapped", "refused")}.get(said.operation, ()):
            claim = self.client.claims.get(word)
            found = claim and claim.read(said.code, said.stdout, said.stderr, said.log)
            if found is not None and not said.hung:
                said.claim, said.address = word, found.get("address")
                said.port = int(found["port"]) if "port" in found else None
                break
        return said

    # -- a program that maps by running --------------------------------------------------------------------

    def run_on(self, wanted, until=None):
        """Start it and wait until it claims that it mapped, until() is true, it ends, or patience ends. One that says that
        it failed may try another way: it gets times.settle for that. One that says nothing when it has mapped is waited
        for until a router has what it asks for."""
        begun = time.monotonic()
        if not self.process:
            self.process = self.start("add", wanted)
        said, refused, patience = Said("add"), None, Patience(self.lab, self.patience)
        if "mapped" not in self.client.claims:
            until = until or (lambda: self.mapped() >= self.client.asks.get("count", 1))
        while patience.left():
            self._listened(said, self.process)
            if said.claim == "mapped" or (until and until()):
                break
            refused = refused or (said.claim and Patience(self.lab, self.client.times["settle"]))
            if refused and not refused.left() or self._ended():
                break
        said.code, said.seconds, said.starved = self.process.code, time.monotonic() - begun, patience.starved
        return self._listened(said, self.process)

    def mapped(self):
        """How many mappings lead to this node."""
        ours = {p["address"] for p in self.lab.info["nodes"][self.node]["ports"] if p.get("address")}
        return sum(entry["internal_client"] in ours for entry in table(self.lab))

    def _ended(self):
        try:
            self.process.wait(LOOK)
            return True
        except TimeoutError:
            return False

    def end(self, operation, wanted):
        """End a running program as its user does; returns what it Said on the way out."""
        begun, said = time.monotonic(), Said(operation)
        if self.process.code is None:
            self._ask_to_stop(wanted)
            self._ends(said, self.process, self.client.times["exit"])
        said.code, said.seconds = self.process.code, time.monotonic() - begun
        return self._listened(said, self.process)

    def _ask_to_stop(self, wanted):
        if "stop" in self.client.values["run"]:
            values = self.values(wanted)
            self.lab.run(self.node, *self.client.command("stop", values), env=self.client.environment("stop", values))
        else:
            self.process.kill()


# -- what the packets say ---------------------------------------------------------------------------------


def routers(lab):
    """The fakeigds of a lab."""
    return [name for name, node in lab.info["nodes"].items() if node.get("profile")]


def table(lab):
    """The mappings of all routers, each with "router"."""
    found = []
    for name in routers(lab):
        with contextlib.suppress(LabError):
            found += [{**m, "router": name} for m in lab.mappings(name)]
    return found


def reached(lab, protocol, port, internal, node="client"):
    """Whether a packet of the peer to the outermost address and *port* arrives at *node*'s *internal* port,
    at a listener of ours or of the program."""
    outer = lab.wan_address(lab.info["outermost"])
    try:
        probe = effect.udp_reaches if protocol.lower() == "udp" else effect.tcp_reaches
        return probe(lab, port, address=outer, client=node, internal=internal)
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
    return _arrives(lab, protocol, (outer, port), internal, node)


def _arrives(lab, protocol, to, internal, node):
    """The same where a program listens: seen on the node's interface."""
    number = socket.IPPROTO_UDP if protocol.lower() == "udp" else socket.IPPROTO_TCP
    with lab.socket(node, "raw", protocol=number) as watch, \
            lab.socket("peer", "dgram" if number == socket.IPPROTO_UDP else "stream") as sock:
        sock.setblocking(False)
        with contextlib.suppress(OSError):
            sock.connect(to)
        if number == socket.IPPROTO_UDP:
            sock.send(b"igdlab")
        deadline = time.monotonic() + 1.0
        while (left := deadline - time.monotonic()) > 0 and select.select([watch], [], [], left)[0]:
            packet = watch.recv(2048)
            head = (packet[0] & 15) * 4
            if int.from_bytes(packet[head + 2:head + 4], "big") == internal:
                return True
    return False
