# SPDX-License-Identifier: MIT
"""requirement.py - the catalogue of requirements, the mark of a check, and what a check may say.

A check says which requirements it tests, and for which subjects they hold:

    @requirement("WIPC-04", igd=2)
    def test_...(subject, cp): ...

Grades (DESIGN clause 6): a check that returns is ``pass``, or ``non-strict`` when it called
nonstrict(); one that raises AssertionError (or anything else) is ``fail``; the functions
unsupported(), inconclusive() and notrun() end it with those grades.
"""
import dataclasses
import fnmatch
import functools
import pathlib

import pytest
import yaml

CATALOGUE = pathlib.Path(__file__).resolve().parents[1] / "catalogue"
GRADES = ("pass", "non-strict", "fail", "known", "unsupported", "inconclusive", "not-run")
BROKEN = ("fail", "non-strict")  # what a quirk does to a check
_CONDITIONS = {"igd", "natpmp", "pcp", "firewall6", "interworking", "proxy", "action", "service", "needs"}


@dataclasses.dataclass(frozen=True)
class Requirement:
    """A row of the catalogue. uncovered: why no check of a daemon can see it, or is elsewhere."""

    id: str
    side: str
    level: str
    text: str
    how: str
    expect: str
    spec: str
    checked: str
    uncovered: str = ""

    @property
    def area(self):
        """The letters of the id."""
        return self.id.rsplit("-", 1)[0]

    @property
    def sentence(self):
        """What a failure says of it: id, level, text, clause."""
        return f"{self.id} {self.level}: {self.text} ({self.spec})"


@functools.lru_cache(maxsize=None)
def catalogue():
    """All requirements by id, in the order of the files; ValueError for an id given twice."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    rows = {}
    for path in sorted(CATALOGUE.glob("*.yaml")):
        for item in yaml.load(path.read_text(), loader):
            if item["id"] in rows or item["id"].rsplit("-", 1)[0].lower() != path.stem:
                raise ValueError(f"{path}: {item['id']} is given twice or stands in the wrong file")
            rows[item["id"]] = Requirement(**item)
    return rows


def requirement(*ids, **conditions):
    """The mark of a check: the requirements it tests, and what the subject must claim.

    igd: least version of InternetGatewayDevice, 1 when left out. natpmp: True for NAT-PMP, of a subject that need be no
    InternetGatewayDevice unless igd says so. pcp: the same for PCP, True or the opcode or options that it must claim
    ("PEER", ["FILTER", "PREFER_FAILURE"]). firewall6: True for what only an IPv6 firewall does. interworking: True
    for what only a router does that asks a PCP server upstream, False for what such a router does
    another way. proxy: True for what only a PCP proxy does. action: name, or list of names, of optional actions. service: name of a service. needs: words of Subject.abilities ("clock", "wan-side",
    "wan-control", "reboot", "restart", "other", "peer2", "ipv6", "nat64", "firewall-switch": whoever owns it switches the IPv6 firewall,
    "kernel": its kernel's tables can be read, "upstreams": it has several PCP servers upstream, peer2 behind the one of each lab). A subject that does not claim igd, natpmp, pcp, firewall6, interworking, proxy, action or service is
    ``unsupported``; one that lacks an ability is ``not-run``.
    """
    for name in ids:
        if name not in catalogue():
            raise ValueError(f"{name} is in no file of cases/catalogue")
        if catalogue()[name].side == "client":
            raise ValueError(f"{name} is a requirement of clients")
    if not ids or set(conditions) - _CONDITIONS:
        raise ValueError(f"requirement(ID..., {', '.join(sorted(_CONDITIONS))}), not {ids} {conditions}")
    return pytest.mark.requirement(*ids, **conditions)


# -- what a check may say -----------------------------------------------------------------------------


class Verdict(pytest.skip.Exception):
    """Ends a check with a grade that is neither pass nor fail."""

    def __init__(self, grade, reason):
        super().__init__(reason)
        self.grade, self.reason = grade, reason


_notes = []


def nonstrict(sentence):
    """The subject does what it must, but not by the letter; the check goes on."""
    if sentence not in _notes:
        _notes.append(sentence)


def strict(notes):
    """Every note that the strict reader left on a message (``.notes``) makes the check non-strict."""
    for note in notes:
        nonstrict(note)


def take_notes():
    """The sentences of nonstrict() since the last call (for the plugin)."""
    taken = list(_notes)
    _notes.clear()
    return taken


def unsupported(reason):
    """The subject does not claim this."""
    raise Verdict("unsupported", reason)


def inconclusive(reason):
    """This run cannot tell: the machine was too slow, a packet that should have come is missing."""
    raise Verdict("inconclusive", reason)


def notrun(reason):
    """This lab or this way of running cannot do it."""
    raise Verdict("not-run", reason)


# -- which checks are wanted ----------------------------------------------------------------------------


class Words:
    """What is wanted, in words of 'PATTERN !PATTERN key:value'.

    Words without a colon are patterns of the first of KEYS; words with the same key are alternatives, different keys must
    all fit, and a word after "!" must not. ValueError for a key that there is not. A subclass has KEYS and fits().
    """

    KEYS, PATTERNS = (), ""

    def __init__(self, text):
        self.wanted, self.unwanted = {}, []
        for word in (text or "").replace(",", " ").split():
            key, _, value = word.lstrip("!").rpartition(":")
            key = key or self.KEYS[0]
            if key not in self.KEYS or not value:
                raise ValueError(f'cannot select "{word}": expected a pattern of {self.PATTERNS} or one of '
                                 + ", ".join(f"{key}:" for key in self.KEYS[1:]))
            if word.startswith("!"):
                self.unwanted.append((key, value))
            else:
                self.wanted.setdefault(key, []).append(value)

    def __contains__(self, thing):
        return (all(any(self.fits(thing, key, value) for value in values) for key, values in self.wanted.items())
                and not any(self.fits(thing, key, value) for key, value in self.unwanted))


class Selection(Words):
    """Which requirements are wanted: 'WIPC-* !WIPC-07 level:MUST area:soap spec:UDA2'."""

    KEYS, PATTERNS = ("id", "level", "area", "side", "spec"), "ids"

    @staticmethod
    def fits(row, key, value):
        """Whether a row of the catalogue fits one word."""
        text = getattr(row, key)
        if key == "spec":
            return value.lower() in text.replace(" ", "").lower()
        return fnmatch.fnmatchcase(text.lower(), value.lower())
