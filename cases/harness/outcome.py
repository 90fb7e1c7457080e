# SPDX-License-Identifier: MIT
"""outcome.py - what a client achieved, by effect, against what it said, and the grade of that.

Outcomes (DESIGN clause 6: the packets first, what the program says last):

    mapped-and-said         a packet of the peer arrives, and the program said so
    mapped-unsaid           it arrives, and the program did not say so, or said that it failed
    wrong-port-said         it arrives, at another port than the program said
    said-but-not-mapped     the program said so, and no packet arrives
    honestly-failed         no packet arrives, and the program said so
    silently-failed         no packet arrives, and the program said nothing
    hung, crashed           it had to be ended; it ended by a signal
    unsupported             it cannot be asked for that

What a quirk, profile or topology demands of every client (``client: {must: ...}``) makes a grade of it.
"""
import re

from . import effect6
from .drive import reached, table

OUTCOMES = ("mapped-and-said", "mapped-unsaid", "wrong-port-said", "said-but-not-mapped", "honestly-failed",
            "silently-failed", "hung", "crashed", "unsupported")
_GRADES = {
    "mapped": {"mapped-and-said": "pass", "mapped-unsaid": "non-strict"},
    "reports-failure": {"mapped-and-said": "pass", "mapped-unsaid": "non-strict", "honestly-failed": "pass",
                        "silently-failed": "non-strict"},
    "inner": {"mapped-and-said": "pass", "mapped-unsaid": "non-strict", "honestly-failed": "pass",
              "silently-failed": "non-strict", "said-but-not-mapped": "non-strict"},
    "survives": {"mapped-and-said": "pass", "mapped-unsaid": "pass", "honestly-failed": "pass",
                 "silently-failed": "pass"},
}
_SENTENCES = {
    "mapped-and-said": "the port is open, and the program says so",
    "mapped-unsaid": "the port is open, but the program does not say so",
    "wrong-port-said": "a port is open, but not the one that the program names",
    "said-but-not-mapped": "the program says that the port is open, but no packet arrives",
    "honestly-failed": "the port is not open, and the program says so",
    "silently-failed": "the port is not open, and the program says nothing",
    "hung": "the program did not come to an end in time",
    "crashed": "the program crashed",
    "unsupported": "the program does not do that",
}


def sentence(outcome):
    """An outcome in a sentence."""
    return _SENTENCES[outcome]


def open_ports(lab, said, wanted, node="client", before=()):
    """(protocol, external port, internal port) of what a packet of the peer reaches: the port that was said, the
    one that was wanted, and those that the routers' tables lead to the client."""
    ours = {p["address"] for p in lab.info["nodes"][node]["ports"] if p.get("address")}
    candidates = {(m["protocol"].lower(), m["external_port"], m["internal_port"]) for m in table(lab)
                  if m["internal_client"] in ours and m["enabled"] and key(m) not in before}
    candidates |= {(wanted.protocol, port, wanted.internal_port) for port in (said.port, wanted.external_port) if port}
    return sorted(c for c in candidates if c[1] and reached(lab, *c, node=node))


def open_pinholes(lab, wanted, node="client"):
    """The same of IPv6, where nothing is translated: the port that was wanted, when a packet of the peer reaches it."""
    port = wanted.internal_port
    return [(wanted.protocol, port, port)] if effect6.reaches(lab, port, wanted.protocol.upper(), client=node) else []


def key(mapping):
    """What tells a mapping from others."""
    return mapping["router"], mapping["protocol"], mapping["external_port"], mapping["internal_client"], mapping["internal_port"]


def judge(said, ports, wanted):
    """The outcome of an "add"."""
    if said.unsupported:
        return "unsupported"
    if said.crashed:
        return "crashed"
    if said.hung:
        return "hung"
    if said.claim == "mapped":
        if not ports:
            return "said-but-not-mapped"
        claimed = said.port or wanted.external_port
        known = said.port or any(port == claimed for _, port, _ in ports)
        return "mapped-and-said" if not known or any(p == claimed for _, p, _ in ports) else "wrong-port-said"
    if ports:
        return "mapped-unsaid"
    return "honestly-failed" if said.claim == "refused" or said.code else "silently-failed"


def must_of(client):
    """(word, dict of values) of a "must": retries(lease=0) → ("retries", {"lease": "0"})."""
    match = re.fullmatch(r"([\w-]+)(?:\((\w+)=(\w+)\))?", client["must"])
    return match[1], {match[2]: match[3]} if match[2] else {}


def grade(must, outcome):
    """pass, non-strict, fail or unsupported."""
    if outcome == "unsupported":
        return "unsupported"
    word = "mapped" if must.startswith("retries") else must
    return _GRADES[word].get(outcome, "fail")
