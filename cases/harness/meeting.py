# SPDX-License-Identifier: MIT
"""meeting.py - a client meets a router: one lab, one operation, what was said and what the packets say.

A Meeting keeps what a verdict needs. judge() ends the test with the grade that the case demands; what was expected and
seen goes into the results either way.
"""
import contextlib
import dataclasses
import pathlib

from . import matrix, outcome
from .clientresults import too_busy
from .drive import Session, Wanted, routers, table
from .lab import Lab, until
from .requirement import inconclusive, nonstrict, unsupported

_bases = {}  # (client, router) -> outcome there without any quirk
SETS = 3    # of announcements that a router starts with, at most, each within a second of the one before
LATE = 6    # seconds of the lab's clock
_MUST = {"mapped": "a packet of the peer reaches the client through the mapping, and the program says so",
         "reports-failure": "the program says that the port is not open (or opens it)",
         "inner": "the innermost router, at least, holds the mapping, and the program says whether packets arrive",
         "survives": "the program ends by itself, without a crash, and does not claim what is not so",
         "retries": "the program tries again, with {}, and the port is open"}


class Meeting:
    """What came of one operation. said: drive.Said; ports: those that packets reach; found: a word of outcome.OUTCOMES;
    table: the routers' mappings afterwards; base: what comes of it without the quirk of the case, where that was asked."""

    def __init__(self, said, ports, wanted, mappings):
        self.said, self.ports, self.wanted, self.table = said, ports, wanted, mappings
        self.found, self.base = outcome.judge(said, ports, wanted), None

    @property
    def seen(self):
        """In a sentence, with what the program said."""
        ports = ", ".join(f"{port}/{protocol} → {internal}" for protocol, port, internal in self.ports) or "none"
        ended = "it runs" if self.said.code is None else f"exit {self.said.code}"
        last = (self.said.stdout + self.said.stderr + self.said.log).strip().splitlines()[-1:] or ["(nothing)"]
        return (f"{outcome.sentence(self.found)}; open: {ports}; {ended} after {self.said.seconds:.1f} s; "
                f"last line: {last[0][:200]}")

    def expected(self, case):
        """What the case demands, in a sentence."""
        word, values = outcome.must_of({"must": case.must})
        text = _MUST[word].format(", ".join(f"{k} {v}" for k, v in values.items()))
        return f"{text} ({case.note})" if case.note else text

    def judge(self, case):
        """The grade that the case demands of the outcome; AssertionError for fail."""
        word, values = outcome.must_of({"must": case.must})
        grade = outcome.grade(word, self.found)
        if grade == "unsupported":
            unsupported(outcome.sentence(self.found))
        slow = self.found == "hung" or (self.said.code is None and self.found == "silently-failed")
        if grade == "fail" and slow and self.said.starved:
            inconclusive(too_busy(outcome.sentence(self.found), self.said.starved))
        if grade == "fail" and self.base == self.found:
            inconclusive(f"not the quirk's doing: {outcome.sentence(self.found)}, and the same on its router without it")
        if grade == "pass" and word == "retries" and self.found == "mapped-and-said":
            self._retried(values)
        if word == "inner" and self.found == "said-but-not-mapped":
            assert self.table, f"{self.seen}; and no router holds a mapping"
        if grade == "non-strict":
            nonstrict(outcome.sentence(self.found))
        assert grade != "fail", self.seen

    def _retried(self, values):
        """retries(lease=0): the mapping has what the client had to come down to."""
        for name, value in values.items():
            value = getattr(self.wanted, value, value)
            had = [entry for entry in self.table if str(entry.get(name)) == str(value)]
            assert had, f"the port is open, but no mapping has {name} {value}: {self.table}"


@contextlib.contextmanager
def visit(client, case, wanted=None, evidence=None, node="client"):
    """A lab with a case's router and a Session of the client in it: yields (lab, session)."""
    case = matrix.on_router_of(client, case)
    with Lab(case.topology, profile=list(case.profile), quirks=list(case.quirks), evidence=evidence,
             capture=bool(evidence)) as lab:
        if len(routers(lab)) > 1:
            quieten(lab)
        with Session(client, lab, node=node) as session:
            try:
                yield lab, session
            finally:
                if evidence:
                    keep(evidence, session)


def quieten(lab):
    """The announcements of the start are over, a set a time: which of several routers is heard first depends on their answers."""
    for _ in range(SETS):
        lab.advance(1)


def meet(client, case, wanted=None, evidence=None):
    """The client is told to map in the lab of a case. Returns a Meeting; when it failed under a quirk, with its base."""
    met = _meet(client, case, wanted or Wanted(), evidence)
    if case.kind == "quirk" and outcome.grade(case.must, met.found) == "fail":
        met.base = on_base(client, case)
    return met


def on_base(client, case):
    """The outcome on the router of a quirk without the quirk, found once; None where the topology is part of the quirk."""
    router = matrix.on_router_of(client, case).profile
    if case.topology not in matrix.USUAL_PLACES or len(router) != 1:
        return None
    key = client.name, router[0]
    if key not in _bases:
        base = dataclasses.replace(case, kind="profile", name=router[0], profile=router, quirks=())
        _bases[key] = _meet(client, base, Wanted(), None).found
    return _bases[key]


def _meet(client, case, wanted, evidence):
    with visit(client, case, wanted, evidence) as (lab, session):
        before = {outcome.key(mapping) for mapping in table(lab)}
        said = session.perform("add", wanted)
        pinhole = set(case.speaks) & set(client.speaks) == {"igd-ipv6"}
        opened = lambda: outcome.open_pinholes(lab, wanted) if pinhole else outcome.open_ports(lab, said, wanted, before=before)
        ports = opened()
        if said.claim == "mapped" and not ports:  # there are routers that forward only after some seconds
            lab.advance(LATE)
            ports = opened()
        if said.claim == "mapped" and not ports and client.resident:  # it may go on to the next router
            with contextlib.suppress(TimeoutError):
                ports = until(opened, timeout=client.times["settle"])
        return Meeting(said, ports, wanted, table(lab))


def keep(folder, session):
    """What the program wrote, into the folder of evidence."""
    for number, process in enumerate(session.processes):
        name = "client" if number == 0 else f"client-{number}"
        pathlib.Path(folder, f"{name}.stdout").write_text(process.stdout)
        pathlib.Path(folder, f"{name}.stderr").write_text(process.stderr)
    if session.log:
        pathlib.Path(folder, "client.log").write_text(session.log.stdout)
