# SPDX-License-Identifier: MIT
"""report_data.py - results of a run that never was, for tests of the report: every grade, outcome and kind."""
import json

from cases.harness import matrix

CLIENTS = [{"name": f"client-{i}", "version": f"1.{i}", "summary": f"the {i}. client"} for i in range(10)]
OUTCOMES = [("pass", "mapped-and-said"), ("pass", "mapped-and-said"), ("pass", "honestly-failed"), ("fail", "said-but-not-mapped"),
            ("non-strict", "mapped-unsaid"), ("fail", "crashed"), ("fail", "hung"), ("inconclusive", ""), ("unsupported", ""),
            ("pass", "mapped-and-said"), ("fail", "honestly-failed"), ("not-run", "")]
LADDER = '<svg xmlns="http://www.w3.org/2000/svg" width="300" height="80"><text x="10" y="40">AddPortMapping → 200</text></svg>\n'


def case(client, number, subject, folder=None):
    """One line of a client run."""
    grade, outcome = OUTCOMES[(number * 7 + int(client[-1]) * 5 + number // 9) % len(OUTCOMES)]
    return {"client": client, "kind": subject.kind, "name": subject.name, "layer": subject.layer, "summary": subject.summary,
            "must": subject.must, "outcome": outcome, "grade": grade, "reason": "" if grade == "pass" else f"seen {outcome}",
            "expected": "the port is open", "seen": outcome, "requirements": ["CP-01"], "seconds": 2.0, "folder": folder,
            "attempts": 1}


def write(folder, clients=None, change=None):
    """results.json in a folder, with evidence for one case. change: {(client, name): grade} instead."""
    chosen = [c for c in CLIENTS if not clients or c["name"] in clients]
    cases = [case(c["name"], n, subject) for c in chosen for n, subject in enumerate(matrix.every_case())]
    for found in cases:
        found["grade"] = (change or {}).get((found["client"], found["name"]), found["grade"])
    first = next(c for c in cases if c["grade"] == "fail")
    first["folder"] = "cases/first"
    evidence = folder / "cases" / "first"
    evidence.mkdir(parents=True)
    (evidence / "ladder.svg").write_text(LADDER)
    (evidence / "replay.sh").write_text("#!/bin/sh\n")
    (evidence / "client.stdout").write_text("external 44.0.1.2:1872 TCP is redirected\n")
    (evidence / "capture.pcapng").write_bytes(b"\x0a\x0d\x0d\x0a")
    (evidence / "r1.journal.ndjson").write_text("".join(
        json.dumps({"time": 1.0 + i, "router": "r1", "event": "received", "layer": "soap", "what": f"<b>line {i}</b>"}) + "\n"
        for i in range(3)))
    counts = {g: sum(c["grade"] == g for c in cases) for g in {c["grade"] for c in cases}}
    (folder / "results.json").write_text(json.dumps({"kind": "client", "clients": chosen, "status": 1, "counts": counts,
                                                     "kernel": "6.1", "cases": cases}))
    return cases
