# SPDX-License-Identifier: MIT
"""port5351.py - what NAT-PMP and PCP have in common: the ports, a client that asks again, and who listens to announcements.

natpmp.py and pcp.py give it their messages; RFC 6887 clause 8.1 and RFC 6886 clause 3.1 send alike, but for the time between.
"""
import contextlib
import select
import socket
import time

from . import trace

PORT, ANNOUNCE_PORT, GROUP = 5351, 5350, "224.0.0.1"
SUCCESS = 0  # of both


class Client:
    """One port of a node that asks the address *to*; use it in ``with``.

    A protocol has its WORD (of trace.py), its VERSION, FIRST_WAIT seconds before a request is sent again, parse(bytes, source), and
    plain(), a request that every router answers.
    """

    WORD = VERSION = FIRST_WAIT = parse = None

    def __init__(self, lab, node, to, domain="inet"):
        self.lab, self.node, self.to = lab, node, to
        self._again = False  # the last request was sent more than once: so may its answer be
        self.sock = lab.socket(node, domain=domain)
        self.sock.setblocking(False)

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.sock.close()

    def send(self, data, to=None):
        """One datagram."""
        trace.note(self.WORD, f"node {self.node}")
        self.sock.sendto(data, (to or self.to, PORT))

    def receive(self, timeout):
        """(bytes, (address, port)) of the next datagram from anywhere, or None."""
        if select.select([self.sock], [], [], timeout)[0]:
            with contextlib.suppress(BlockingIOError):
                data, source = self.sock.recvfrom(2048)
                return data, source[:2]
        return None

    def ask(self, data, timeout=4.0):
        """The Answer to a request, sent again at growing intervals; TimeoutError when none comes."""
        if self._again:
            with contextlib.suppress(TimeoutError):
                self.fenced()
            self._again = False
        deadline, wait, sent = time.monotonic() + timeout, self.FIRST_WAIT, 0
        while (left := deadline - time.monotonic()) > 0:
            self.send(data)
            sent += 1
            got = self.receive(min(wait, left))
            wait *= 2
            if got:
                self._again = sent > 1
                return self.parse(*got)
        raise TimeoutError(f"no answer to {data.hex()} within {timeout:g} s")

    def answers(self, data):
        """Everything that comes in answer to one datagram: a request behind it tells when that is all. See fenced()."""
        self.send(data)
        return self.fenced()

    def fenced(self):
        """What has come so far, as it is: [(bytes, source)]; a plain request from another port is the fence."""
        with self.another() as fence:
            fence.plain()
        found = []
        while got := self.receive(0):
            found.append(got)
        return found

    def another(self):
        """A client like this one on another port."""
        return type(self)(self.lab, self.node)

    def mapped(self, internal, external=None, *more, **named):
        """The external port of a mapping; AssertionError when it is not made. More: see map()."""
        answer = self.map(internal, external, *more, **named)
        assert answer.result == SUCCESS and answer.external, answer
        return answer.external


def listen(word, lab, node, where, domain="inet"):
    """A socket in a node that hears what is sent to the address of a group."""
    trace.note(word)
    made = lab.socket(node, domain=domain)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.bind(where)
    return made


def drain(client, sock):
    """Forget what was sent before now: the client's plain request is the fence."""
    with client:
        client.plain()
    while select.select([sock], [], [], 0)[0]:
        sock.recv(2048)


def hear(protocol, sock, timeout):
    """The next announcement of a protocol (a Client's class) as an Answer; TimeoutError when none comes. The other's are left out."""
    deadline = time.monotonic() + timeout
    while (left := deadline - time.monotonic()) > 0 and select.select([sock], [], [], left)[0]:
        data, source = sock.recvfrom(2048)
        if data[:1] == bytes([protocol.VERSION]):
            return protocol.parse(data, source[:2])
    raise TimeoutError("no announcement")


def waiting(protocol, sock, grace=0.03):
    """The announcements of a protocol that were sent before the last answer, as Answers; the other's are left out. What two
    processors carry may come *grace* seconds behind what was sent after it."""
    found = []
    while select.select([sock], [], [], 0 if found else grace)[0]:
        data, source = sock.recvfrom(2048)
        if data[:1] == bytes([protocol.VERSION]):
            found.append(protocol.parse(data, source[:2]))
    return found


# -- what the checks of both do ----------------------------------------------------------------------------


def ends_with_its_lifetime(subject, client, lifetime):
    """A mapping forwards until its lifetime is over, and not after it."""
    answer = client.map(40000, lifetime=lifetime)
    assert subject.reaches(answer.external, internal=40000)
    subject.advance(answer.lifetime + 1)
    assert not subject.reaches(answer.external, internal=40000)


def announced_restart(subject, protocol):
    """What a router that lost its power announces in a protocol (the module), as an Answer."""
    with protocol.listen(subject.lab) as sock:
        protocol.drain(subject.lab, sock)
        subject.reboot()
        answer = protocol.hear(sock)
    assert answer.source == (subject.lab.lan_address(), PORT), answer
    return answer
