# SPDX-License-Identifier: MIT
"""pcp_server.py - the PCP server of a provider, upstream of a router under test, that does what a check says (RFC 6887, RFC 6970).

By itself it grants whatever it is asked for, as it is asked: for all of the lifetime, and with the router's own outer address,
so that a router that asks it for every mapping looks to its LAN as if there were nothing behind it. A check tells it otherwise:

    server.external, server.port, server.lifetime = "44.0.9.9", 6598, 120      what is granted; None: what was asked for
    server.refuse(pcp.CANNOT_PROVIDE_EXTERNAL, lifetime=1800, times=1)          the next requests for a mapping get a result code
    server.mute()                                                               no request is answered any more
    server.lose(); server.announce()                                            the table is lost; everybody is told

Its seconds (epoch) go with the lab's clock, as those of the router do. Requests are Asks (gateway.py), in the order in which they came.
"""
import collections
import time

from . import pcp
from .gateway import PORT, Gateway
from .http import BadMessage
from .lab import LabError

NODE = "carrier"
KNOWN = {"THIRD_PARTY", "PREFER_FAILURE", "FILTER", "DESCRIPTION"}  # options that it processes
MUTE = object()


class Server(Gateway):
    """The thread; use it in ``with``. node: where it listens on port 5351. external: the address it grants, None = *router*."""

    def __init__(self, lab, node=NODE, router="r1"):
        super().__init__(lab, speaks=("pcp",), node=node)
        self._router, self._script = lab.port(router, role="wan")["address"], collections.deque()
        self._looked = 0  # requests that news() has told of
        self.external = self._router

    # -- what it says --------------------------------------------------------------------------------------

    def begin_again(self):
        """As if it had just been made, but that its seconds go on: what was asked so far, and what it was told to say, is forgotten."""
        self.fence()
        self._script.clear()
        self.asks.clear()
        self._looked = 0
        self.port = self.lifetime = None
        self.external = self._router

    @property
    def epoch(self):
        """Seconds since the table was lost, by the lab's clock."""
        return int(time.monotonic() + self.lab.ahead - self._begun)

    def lose(self, epoch=0):
        """The table is lost; its seconds begin again."""
        self._begun = time.monotonic() + self.lab.ahead - epoch

    def announce(self, **more):
        """What a PCP server that has lost its table sends to 224.0.0.1 (RFC 6887 clause 14.1.3)."""
        super().announce(**{"version": pcp.VERSION, **more})

    def refuse(self, result, lifetime=1800, times=None):
        """Answer requests for a mapping, the next *times* ones or all, with a result code and the lifetime of an error."""
        self._script.append([times, (result, lifetime)])

    def mute(self, times=None):
        """Leave requests, the next *times* ones or all, without an answer."""
        self._script.append([times, MUTE])

    def told(self, refuse=None, mute=False, lost=False, **granted):
        """What a quirk file says of it: refuse: [RESULT, LIFETIME]; lost: its table; external, port, lifetime."""
        self._script.clear()
        if refuse:
            self.refuse(*refuse)
        if mute:
            self.mute()
        for name, value in granted.items():
            if name not in ("external", "port", "lifetime"):
                raise ValueError(f"a PCP server upstream has no {name}")
            setattr(self, name, value)
        if lost:
            self.lose()
            self.announce()

    def usual(self, ask):
        """The answer that the script has for a request, or the one of a server that grants everything."""
        said = self._said(ask) if ask.source[0] == self._router else None
        if said is MUTE:
            return None
        if ask.version != pcp.VERSION:
            return self.other_version(ask)
        if said:
            return self.pcp(ask, said[0], said[1], ask.options, external=ask.external)
        try:
            known = all(pcp.NAMES.get(code) in KNOWN for code, _ in pcp.options_of(ask.options)[0])
        except BadMessage:
            return self.pcp(ask, pcp.MALFORMED_OPTION, 1800, external=ask.external)
        return self.pcp(ask, options=ask.options if known else b"")

    def _said(self, ask):
        """What the script has for a request of the router, or None."""
        while self._script and self._script[0][0] == 0:
            self._script.popleft()
        if not self._script or (self._script[0][1] is not MUTE and not ask.is_map):
            return None
        if self._script[0][0] is not None:
            self._script[0][0] -= 1
        return self._script[0][1]

    # -- what it saw ---------------------------------------------------------------------------------------

    def fence(self):
        """Return when everything that was sent to it before is among what it saw, and a fakeigd has read the answers."""
        self.lab.request(op="sync")
        with self.lab.socket("peer") as sock:
            sock.sendto(pcp.header(pcp.ANNOUNCE, 0, self.lab.address_of("peer")), (self.address, PORT))
            sock.recv(pcp.LONGEST)
        self.lab.request(op="sync")

    def all(self):
        """Every request of the router."""
        return [ask for ask in super().all() if ask.source[0] == self._router]

    def news(self, count, timeout=2.0):
        """The router's requests since this was asked for last; it is waited for so many."""
        self.fence()
        found = self.wait(self.all, self._looked + count, timeout)[self._looked:]
        self._looked += len(found)
        return found

    def quiet(self):
        """Whether the router has sent nothing."""
        self.fence()
        return not self.all()


def fields(ask):
    """A request in the words of observe.py; address is the client's."""
    options = {pcp.NAMES.get(code, str(code)): value.hex() for code, value in pcp.options_of(ask.options)[0]}
    return {"address": pcp.unpacked(ask.client), "nonce": (ask.nonce or b"").hex(), "args": options,
            **{name: getattr(ask, name) for name in ("opcode", "internal", "external", "lifetime", "protocol")}}


def behind(lab, router="r1", node="peer"):
    """A server on a host outside, which becomes the router's next hop; for topologies in which it has none."""
    done = lab.run(router, "ip", "route", "replace", "default", "via", lab.address_of(node))
    if done.code != 0:
        raise LabError(f"ip route: {done.stderr.strip()}")
    return Server(lab, node, router)
