# SPDX-License-Identifier: MIT
"""checkadapter.py - what "igdlab test client ADAPTER --check-adapter" starts: is the adapter right?

The file is read, the program is looked for, and then it is tried in a lab with a router by the letter: an operation with
a random name (a program that claims to have done that is not believed), "add", whose effect is proven by packets, and
"delete". Each finding is a sentence. Exit status: 0 all is well, 1 the adapter or the program is not right, 2 the file is
wrong, 3 the program is not here.
"""
import json
import os
import secrets
import sys

from . import outcome
from .client import Client, WrongAdapter, names
from .drive import Session, Wanted, table
from .lab import Lab, LabError

ROUTERS = {"igd": "conformant-igd1", "natpmp": "natpmp-only", "pcp": "pcp-only"}  # by the letter, for the first protocol that is spoken
WELL, NOTE, WRONG = "ok", "note", "wrong"


def try_unknown(session):
    """The random operation: (WELL or WRONG, sentence)."""
    operation = f"x{secrets.token_hex(4)}"
    said = session.perform(operation, Wanted())
    if said.code == 127:
        return WELL, f"an operation that there is not ({operation}) is unsupported (exit status 127)"
    if said.code == 0:
        return WRONG, (f"the program says that it did {operation}, an operation that does not exist: it does not look at "
                       "IGDLAB_OPERATION, so nothing that it says is believed. Leave with exit status 127 for what you do not know")
    return WRONG, f"an operation that there is not ({operation}) gave exit status {said.code}; expected 127"


def try_add(session, lab, wanted):
    """Whether "add" opens the port and is understood: findings, and the ports that are open."""
    said = session.perform("add", wanted)
    ports = outcome.open_ports(lab, said, wanted)
    found = outcome.judge(said, ports, wanted)
    tail = "".join(f"\n    {line}" for line in (said.stdout + said.stderr + said.log).strip().splitlines()[-8:])
    if found == "mapped-unsaid" and "mapped" not in session.client.claims:
        yield NOTE, "add: the port is open; without claims.mapped that counts as unsaid, which is no pass"
    elif found == "mapped-and-said":
        yield WELL, f"add: {ports[0][1]}/{ports[0][0]} is open after {said.seconds:.1f} s, and claims.mapped says so"
    elif found == "mapped-unsaid":
        yield WRONG, f"add: the port is open, but claims.mapped does not fit what the program said (exit {said.code}):{tail}"
    elif found == "wrong-port-said":
        yield WRONG, f"add: claims.mapped reads port {said.port}, but {ports} are open:{tail}"
    elif found == "said-but-not-mapped":
        yield WRONG, f"add: claims.mapped fits, but no packet arrives:{tail}"
    else:
        yield WRONG, f"add: {outcome.sentence(found)} (exit {said.code}, {said.seconds:.1f} s):{tail}"
    if said.claim == "mapped" and said.seconds > 4 * session.client.times["first"] + 1:
        yield NOTE, f"add took {said.seconds:.1f} s; times.first says {session.client.times['first']}"


def try_delete(session, lab, wanted):
    """Whether "delete", or the end of a program that runs, closes the port."""
    said = session.perform("delete", wanted)
    if said.unsupported:
        yield NOTE, "delete is unsupported"
        return
    left = outcome.open_ports(lab, said, wanted)
    if said.hung:
        yield WRONG, f"its end: it did not end in {session.client.times['exit']} s; run.stop, or times.exit"
    elif left and session.client.resident:
        yield NOTE, f"its end ({said.seconds:.1f} s) leaves {left} open: that is the program's doing, or run.stop is not how it is ended"
    elif left:
        yield WRONG, f"delete: {left} are still open"
    elif session.client.resident:
        yield WELL, f"its end closes the port ({said.seconds:.1f} s)"
    elif said.claim == "deleted":
        yield WELL, "delete: the port is closed, and claims.deleted says so"
    else:
        yield NOTE, f"delete: the port is closed, but claims.deleted does not fit (exit {said.code})"


def try_external(session, lab, wanted):
    """Whether external-ip is read."""
    said = session.perform("external-ip", wanted)
    if said.unsupported:
        return
    if said.address == lab.wan_address():
        yield WELL, f"external-ip: {said.address}"
    else:
        yield WRONG, f"external-ip: claims.external-ip reads {said.address}, the router's address is {lab.wan_address()}"


def _router_for(client):
    """A lab with the router that it is tried on: the adapter's "router", or one by the letter."""
    usual = next(profile for word, profile in ROUTERS.items() if word in client.speaks)
    return Lab("flat", profile=client.values.get("router", usual))


def findings(client):
    """(WELL, NOTE or WRONG, sentence) of everything that is tried."""
    if not any(word in client.speaks for word in ROUTERS):
        yield NOTE, f"speaks {' and '.join(client.speaks)}: it is tried where a router does"
        return
    with _router_for(client) as lab, Session(client, lab) as session:
        if client.contract:
            yield try_unknown(session)
        wanted = Wanted()
        yield from try_add(session, lab, wanted)
        if client.offers("external-ip") and "external-ip" in client.claims:
            yield from try_external(session, lab, wanted)
        if client.offers("delete"):
            yield from try_delete(session, lab, wanted)
        left = [entry for entry in table(lab) if entry["owner"] == lab.address_of("client")]
        if left and client.resident:
            yield NOTE, f"{len(left)} mappings are left behind"


def report(name):
    """(exit status, [(kind, sentence)]) of one adapter."""
    try:
        client = Client(name)
    except WrongAdapter as error:
        return 2, [(WRONG, str(error))]
    if client.missing():
        return 3, [(WRONG, client.missing())]
    try:
        found = list(findings(client))
    except (LabError, OSError, TimeoutError) as error:
        return 3, [(WRONG, f"the lab: {error}")]
    return (1 if any(kind == WRONG for kind, _ in found) else 0), found


def main():
    """Check every adapter of IGDLAB_CLIENTS."""
    worst, told = 0, {}
    wanted = os.environ["IGDLAB_CLIENTS"].split()
    for name in names() if wanted == ["all"] else wanted:
        status, told[name] = report(name)
        worst = max(worst, status)
        for kind, sentence in told[name] if not os.environ.get("IGDLAB_JSON") else []:
            print(f"{name}: {kind}: {sentence}", flush=True)
    if os.environ.get("IGDLAB_JSON"):
        with os.fdopen(int(os.environ["IGDLAB_JSON"]), "w", encoding="utf-8") as file:
            print(json.dumps({name: [{"kind": k, "sentence": s} for k, s in found] for name, found in told.items()}), file=file)
    return worst


if __name__ == "__main__":
    sys.exit(main())
