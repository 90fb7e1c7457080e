# SPDX-License-Identifier: MIT
"""lab.py - a running lab as a context manager.

The suite never enters a namespace: it starts ``igdlab up --foreground`` and asks the lab's control
socket (sim/lab.h) for sockets *in a node* (SCM_RIGHTS), for processes in a node, and for the routers'
control sockets. Nothing here needs privileges, and everything ends with the process that made it.
"""
import contextlib
import itertools
import json
import os
import pathlib
import select
import shutil
import signal
import socket
import subprocess
import tempfile
import time

from . import trace

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
# Seconds after which a lab that does not answer is a failure, never a verdict.
DEADLINE = float(os.environ.get("IGDLAB_DEADLINE", "30"))

_numbers = itertools.count(1)
FAMILIES = {"inet": socket.AF_INET, "inet6": socket.AF_INET6, "packet": socket.AF_PACKET}
TYPES = {"stream": socket.SOCK_STREAM, "dgram": socket.SOCK_DGRAM, "raw": socket.SOCK_RAW}


class LabError(Exception):
    """The lab could not be built, is gone, or refused a request; the text is its own sentence."""


def program(name):
    """Path of a built program: $IGDLAB_BUILD (for the sanitizer build) or build/."""
    build = pathlib.Path(os.environ.get("IGDLAB_BUILD", REPOSITORY / "build"))
    return str((REPOSITORY / build / name).resolve())


def growth_allowed():
    """KiB that a router's memory may grow by under one attack. AddressSanitizer keeps what was freed in a quarantine, so that
    in its build growth shows endless memory only; leaks are LeakSanitizer's matter there."""
    return (64 << 10) if "san" in pathlib.Path(program("fakeigd")).parts else 1 << 10


class Process:
    """A program started in a node; its output goes to files that are read back as text.

    Attributes: pid (inside the lab), argv, code (exit status, None while running, -N for signal N).
    """

    def __init__(self, lab, connection, pid, argv, stdout, stderr):
        self.lab, self.pid, self.argv, self.code = lab, pid, argv, None
        self._connection, self._stdout, self._stderr = connection, stdout, stderr

    def wait(self, timeout=DEADLINE):
        """Wait for the exit event. Returns the exit status; TimeoutError past the deadline."""
        while self.code is None:
            event = self._connection.event(timeout)
            if event.get("event") == "exit" and event.get("pid") == self.pid:
                self.code = event["code"] if "code" in event else -event["signal"]
                self._connection.close()
        return self.code

    def kill(self, number=signal.SIGTERM):
        """Send a signal; a process that has just ended is no error."""
        with contextlib.suppress(LabError):
            self.lab.request(op="kill", pid=self.pid, signal=int(number))

    def finish(self, number=signal.SIGTERM):
        """Signal and wait. Returns the exit status."""
        if self.code is None:
            self.kill(number)
            self.wait()
        return self.code

    def _text(self, file):
        file.seek(0)
        return file.read().decode("utf-8", "replace")

    @property
    def stdout(self):
        """What it has written to standard output so far."""
        return self._text(self._stdout)

    @property
    def stderr(self):
        """What it has written to standard error so far."""
        return self._text(self._stderr)


class Connection:
    """One connection to a lab's control socket: requests with replies in order, events between."""

    def __init__(self, address):
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._socket.connect(address)
        self._events = []

    def close(self):
        """Drop the connection."""
        self._socket.close()

    def _receive(self, timeout):
        if not select.select([self._socket], [], [], timeout)[0]:
            raise TimeoutError("the lab did not answer")
        data, fds, _, _ = socket.recv_fds(self._socket, 1 << 22, 4)
        if not data:
            raise LabError("the lab is gone")
        reply = json.loads(data)
        if "long" in reply:  # too long for a packet: the text is in a memfd, the first descriptor
            with os.fdopen(fds.pop(0), "rb") as text:
                reply = json.loads(os.pread(text.fileno(), reply["long"], 0))
        return reply, fds

    def request(self, fds=(), timeout=DEADLINE, **members):
        """Ask; returns (reply, descriptors). LabError with the lab's sentence when refused."""
        socket.send_fds(self._socket, [json.dumps(members).encode()], list(fds))
        while True:
            reply, got = self._receive(timeout)
            if "event" in reply:
                self._events.append(reply)
                continue
            if not reply.get("ok"):
                raise LabError(reply.get("error", "refused without a reason"))
            return reply, got

    def event(self, timeout=DEADLINE):
        """The next event of this connection; TimeoutError when none comes in time."""
        if self._events:
            return self._events.pop(0)
        return self._receive(timeout)[0]


class Sockets:
    """TCP of whatever has socket(node, kind, domain) and patience: a lab, or this machine (harness/remote.py)."""

    def connect(self, node, address, port, timeout=None):
        """A TCP connection from a node to an address of either family; OSError as connect() gives it."""
        made = self.socket(node, "stream", "inet6" if ":" in address else "inet")
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # in TIME_WAIT its port may be listened at
        made.settimeout(timeout or self.patience)
        try:
            made.connect((address, port))
        except OSError:
            trace.note("POST", "SUBSCRIBE")  # whatever it was to be used for
            made.close()
            raise
        return made

    def listen(self, node, port, address="0.0.0.0"):
        """A listening TCP socket in a node."""
        made = self.socket(node, "stream")
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind((address, port))
        made.listen(16)
        return made


class Lab(Sockets):
    """A lab made from a topology; use it in a ``with`` statement.

    topology: name or file. profile, quirks: as igdlab's -p and -q (lists or one string).
    evidence: directory for capture, journals and logs; None = a private one that is removed.
    capture: False leaves libpcap out (faster); journals are written either way, unless
    quiet: no evidence at all, as a user's run without -o (benchmarks).
    stay: the lab can outlive its starter; it does when ``kept`` is set before the end.
    """

    def __init__(self, topology="flat", profile=None, quirks=(), evidence=None, capture=False,
                 quiet=False, stay=False):
        self.kept, self._stay = False, stay
        self.ahead = 0.0  # seconds by which its clock is ahead of the kernel's
        self.patience = DEADLINE  # of new sockets; less where the router was found to be mute (foundation.py)
        self.name = f"t{os.getpid()}-{next(_numbers)}"
        self._own = None if evidence else tempfile.mkdtemp(prefix="igdlab-")
        self.evidence = pathlib.Path(evidence or self._own)
        self._argv = [program("igdlab"), "up", str(topology), "--json" if stay else "--foreground", "--name", self.name]
        if not quiet:
            self._argv += ["-o", str(self.evidence)] + ([] if capture else ["--no-capture"])
        for item in [profile] if isinstance(profile, str) else profile or []:
            self._argv += ["-p", item]
        for item in [quirks] if isinstance(quirks, str) else quirks:
            self._argv += ["-q", item]
        self._process = self.connection = self.info = None

    def __enter__(self):
        self._process = subprocess.Popen(self._argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                         stderr=subprocess.PIPE, text=True)
        line = self._process.stdout.readline()
        if not line:
            _, complaint = self._process.communicate()
            self._forget()
            raise LabError(complaint.strip())
        self.pid = json.loads(line)["pid"]
        self.connection = Connection(self.address)
        self.info = self.request(op="info")
        return self

    def __exit__(self, *exception):
        self.connection.close()
        if self._stay and not self.kept:
            subprocess.run([program("igdlab"), "down", self.name], check=False, capture_output=True)
        self._process.stdin.close()
        self._process.wait(DEADLINE)
        self._process.stdout.close()
        self._process.stderr.close()
        self._forget()

    def _forget(self):
        if self._own:
            shutil.rmtree(self._own, ignore_errors=True)

    @property
    def address(self):
        """Abstract address of the control socket."""
        return f"\0igdlab/{os.getuid()}/{self.name}"

    def request(self, **members):
        """One request on the lab's first connection; returns the reply."""
        return self.connection.request(**members)[0]

    # -- what is where ---------------------------------------------------------------------------

    def port(self, node, network=None, role=None):
        """An interface of a node (a dict of "info"): the first, or the one on a network / of a role."""
        for port in self.info["nodes"][node]["ports"]:
            if network in (None, port["network"]) and role in (None, port.get("role")):
                return port
        raise KeyError(f"{node} has no such port")

    def address_of(self, node, network=None, role=None):
        """IPv4 address of a node."""
        return self.port(node, network, role)["address"]

    def address6_of(self, node, network=None, role=None):
        """Global IPv6 address of a node."""
        return self.port(node, network, role)["address6"]

    def lan_address(self, router="r1"):
        """The router's address towards its clients."""
        return self.address_of(router, role="lan")

    def wan_address(self, router="r1"):
        """The router's outer address."""
        trace.note("outer address")
        return self.address_of(router, role="wan")

    # -- sockets and programs in nodes --------------------------------------------------------------

    def socket(self, node, kind="dgram", domain="inet", protocol=0):
        """A socket made in a node: kind dgram, stream or raw; domain inet, inet6 or packet."""
        reply, fds = self.connection.request(op="socket", node=node, domain=domain, type=kind,
                                             protocol=protocol)
        assert reply["ok"] and len(fds) == 1
        self.request(op="ping")  # the lab has closed its own descriptor then, so that close() here ends the socket
        made = socket.socket(FAMILIES[domain], TYPES[kind], protocol, fileno=fds[0])
        made.settimeout(self.patience)
        return made

    def start(self, node, *argv, env=None, cwd="/"):
        """Start a program in a node; returns a Process at once."""
        stdout, stderr = tempfile.TemporaryFile(), tempfile.TemporaryFile()
        connection = Connection(self.address)
        with open(os.devnull, "rb") as nothing:
            reply, _ = connection.request(op="exec", node=node, argv=[str(a) for a in argv],
                                          env=env or {}, cwd=cwd,
                                          fds=[nothing.fileno(), stdout.fileno(), stderr.fileno()])
        return Process(self, connection, reply["pid"], argv, stdout, stderr)

    def run(self, node, *argv, timeout=DEADLINE, **more):
        """Run a program in a node to its end; returns the Process (code, stdout, stderr)."""
        process = self.start(node, *argv, **more)
        process.wait(timeout)
        return process

    # -- routers ------------------------------------------------------------------------------------

    def router(self, name="r1", **members):
        """A request to a fakeigd's control socket (fakeigd/control.h); returns its reply."""
        reply = self.request(op="router", node=name, request=members)["reply"]
        if not reply.get("ok"):
            raise LabError(reply.get("error", "refused without a reason"))
        return reply

    def mappings(self, router="r1"):
        """The router's table, as its control socket shows it."""
        found, first = [], 0
        while first is not None:
            page = self.router(router, op="state", first=first)
            found += page["mappings"]
            first = page.get("next")
        return found

    def advance(self, seconds):
        """Move the lab's clock forward; leases expire, timers fire, before this returns."""
        self.ahead += seconds
        self.request(op="advance", seconds=seconds)

    def journal(self, router="r1"):
        """The router's journal so far, as a list of dicts."""
        self.router(router, op="sync")
        path = self.evidence / f"{router}.journal.ndjson"
        return [json.loads(line) for line in path.read_text().splitlines()]


def until(condition, timeout=DEADLINE, what="the condition"):
    """Poll a condition that no event announces (a real program's state). Returns its true value.

    The pause between polls is select() on nothing; only for programs that are not ours.
    """
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return value
        select.select([], [], [], 0.02)
    raise TimeoutError(f"{what} did not come true in {timeout} s")
