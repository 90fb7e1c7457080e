# SPDX-License-Identifier: MIT
"""exchange.py - what a client sends to a router by the letter while it opens a port: for the scenarios that read requests."""
import dataclasses

from . import description, outcome
from .drive import Wanted, table
from .meeting import visit
from .requirement import inconclusive, unsupported
from .scenario import place
from .wire import Watch



@dataclasses.dataclass
class Sent:
    """said: drive.Said of the "add"; searches, requests, connects: of wire.Watch; mappings: the router's table afterwards;
    own: the client's addresses; offered: the service types of the router; found: a word of outcome.OUTCOMES."""

    said: object
    searches: list
    requests: list
    connects: list
    mappings: list
    own: set
    offered: set
    found: str

    def actions(self, *names):
        """Control requests (of these actions); ends the test where there are none."""
        made = [r for r in self.requests if r.soapaction and (not names or r.soapaction[1] in names)]
        if not made:
            self.nothing(f"no {' or '.join(names) or 'action'} was called")
        return made

    def adds(self):
        """Its AddPortMapping and AddAnyPortMapping, as dicts of arguments."""
        return [dict(r.arguments or ()) for r in self.actions("AddPortMapping", "AddAnyPortMapping")]

    def searched(self):
        """Its searches; ends the test where there are none."""
        if not self.searches:
            self.nothing("it sent no search")
        return self.searches

    def nothing(self, what):
        """There is nothing to judge: the client does not map here, or does it without that."""
        if self.found in ("mapped-and-said", "mapped-unsaid"):
            unsupported(f"{what}: it maps without")
        inconclusive(f"{what}: {outcome.sentence(self.found)}")


def send(client, profile, evidence=None):
    """A Sent of the client on a router with that profile."""
    wanted = Wanted()
    with visit(client, place("requests", profile=profile), evidence=evidence) as (lab, session):
        with Watch(lab) as watch:
            said = session.perform("add", wanted)
        ports = outcome.open_ports(lab, said, wanted)
        mappings = table(lab)
        offered = {s.type for s in description.fetch(lab, lab.router(op="state")["location"]).services}
    return Sent(said, watch.searches(), watch.requests(), watch.connects(), mappings, watch.own, offered,
                outcome.judge(said, ports, wanted))
