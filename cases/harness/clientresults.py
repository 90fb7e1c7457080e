# SPDX-License-Identifier: MIT
"""clientresults.py - what a run of the client suite leaves: evidence, files, the table at the end.

In the folder of -o: cases.ndjson, one line per case as soon as it is done, from which an interrupted run resumes;
results.json, junit.xml (pytest's own), summary.md, report.html, and cases/NAME for each case that failed: case.json,
what the lab leaves (capture.pcapng, ladder.svg, journals), client.stdout, client.stderr, replay.sh.
"""
import hashlib
import json
import os
import pathlib
import platform
import re
import shlex
import subprocess

from .lab import REPOSITORY
from .progress import bar
from .requirement import GRADES

gathered = []  # one dict per case: what results.json says of it
_FIELDS = ("client", "kind", "name", "layer", "summary", "must", "outcome", "grade", "reason", "expected", "seen",
           "requirements", "seconds", "folder", "attempts")


def key(case):
    """What makes a case that case."""
    return case["client"], case["kind"], case["name"]


# -- evidence ------------------------------------------------------------------------------------------------


def folder_of(output, item):
    """The folder of a case below that of the run."""
    plain = re.sub(r"[^A-Za-z0-9_.-]+", "-", f'{item.igdlab["client"]}-{item.igdlab["name"]}').strip("-")[:60]
    return pathlib.Path(output) / "cases" / f"{plain}-{hashlib.sha256(item.nodeid.encode()).hexdigest()[:6]}"


def run(item, nextitem, protocol, evidence):
    """Run a case; when it fails, once more in a fresh lab, which leaves evidence when there is a folder for it. A case
    that failed once and not again is inconclusive. True (pytest's hook)."""
    hook = item.ihook
    if nextitem is item:  # --repeat: it is to be torn down and set up again
        nextitem = item.parent
    hook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    reports = protocol(item, nextitem=nextitem, log=False)
    first = next((r for r in reports if dict(r.user_properties).get("grade") == "fail"), None)
    if first is not None:
        output, folder = os.environ.get("IGDLAB_OUTPUT"), None
        if output:
            folder = folder_of(output, item)
            folder.mkdir(parents=True, exist_ok=True)
            evidence[item] = folder
        item._initrequest()
        reports = protocol(item, nextitem=nextitem, log=False)
        evidence.pop(item, None)
        _settle(first, reports, folder)
        if folder:
            _write_case(folder, item, first, reports)
    for report in reports:
        hook.pytest_runtest_logreport(report=report)
    hook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
    return True


def _settle(first, reports, folder):
    why = dict(first.user_properties)["reason"]
    for report in reports:
        found = dict(report.user_properties)
        if "grade" not in found:
            continue
        if found["grade"] in ("pass", "non-strict"):
            found["reason"] = f"failed at first ({why.splitlines()[0] if why else ''}), then {found['grade']} in a fresh lab"
            found["grade"] = "inconclusive"
        found |= {"attempts": 2, "folder": f"cases/{folder.name}" if folder else None}
        report.user_properties = list(found.items())


def _write_case(folder, item, first, reports):
    last = next((dict(r.user_properties) for r in reports if "grade" in dict(r.user_properties)), {})
    case = item.igdlab
    options = {k: v for k, v in os.environ.items() if k in ("IGDLAB_LONG", "IGDLAB_BUILD", "IGDLAB_NO_KNOWN", "IGDLAB_DEADLINE")}
    client = item.config.igdlab_clients[case["client"]]
    command = [str(pathlib.Path(os.environ.get("IGDLAB_BUILD", REPOSITORY / "build")).resolve() / "igdlab"), "test", "client",
               client.word, "--select", f'kind:{case["kind"]} {_pattern(case["name"])}', "-o", str(folder / "again")]
    (folder / "replay.sh").write_text("#!/bin/sh\n# Does this case again.\nexec env "
                                      + " ".join([*(shlex.quote(f"{k}={v}") for k, v in sorted(options.items())),
                                                  *map(shlex.quote, command)]) + ' "$@"\n')
    (folder / "replay.sh").chmod(0o755)
    (folder / "case.json").write_text(json.dumps({
        **{name: last.get(name) for name in _FIELDS}, "check": item.nodeid, "first": first.longreprtext,
        "second": next((r.longreprtext for r in reports if r.failed), ""), "kernel": platform.release(),
        "machine": platform.machine(), "python": platform.python_version(), "options": options,
    }, indent=1, ensure_ascii=False) + "\n")


def _pattern(name):
    """A name as a pattern that fits only it."""
    return re.sub(r"([\[*?])", r"[\1]", name)


# -- files -----------------------------------------------------------------------------------------------------


def gather(found, seconds, output):
    """A case is done: keep it, and write its line."""
    found = {"attempts": 1, "folder": None, **found, "seconds": round(seconds, 3)}
    gathered.append(found)
    if output:
        pathlib.Path(output).mkdir(parents=True, exist_ok=True)
        line = json.dumps({name: found.get(name) for name in _FIELDS}, ensure_ascii=False) + "\n"
        with open(pathlib.Path(output) / "cases.ndjson", "a+b") as file:
            if file.tell():  # what was interrupted may have left half a line
                file.seek(-1, os.SEEK_END)
                line = line if file.read() == b"\n" else "\n" + line
            file.write(line.encode())


BUSY = "while the machine had"


def too_busy(sentence, starved):
    """Why a case that may have failed for want of processor time is inconclusive. starved: seconds of that."""
    return f"{sentence}, {BUSY} no processor for it for {starved:.0f} s"


def resumed(output):
    """{key: case} of the lines that an earlier run left; a line that was cut off counts as not there, and one of a case
    that the machine was too busy for."""
    found = {}
    try:
        lines = (pathlib.Path(output) / "cases.ndjson").read_text().splitlines()
    except OSError:
        return found
    for line in lines:
        try:
            case = json.loads(line)
            if case["grade"] == "inconclusive" and BUSY in case["reason"]:
                continue
            found[key(case)] = case
        except (ValueError, KeyError):
            continue
    return found


def take_over(done):
    """The results of an earlier run, where this one has none of its own."""
    have = {key(case) for case in gathered}
    gathered.extend(case for name, case in done.items() if name not in have)


def _version(client):
    """What Debian says of its package, or the adapter."""
    package = (client.values.get("needs") or {}).get("package")
    if client.values.get("version") or not package:
        return client.values.get("version", "")
    done = subprocess.run(["dpkg-query", "-W", "-f", "${Version}", package], capture_output=True, text=True, check=False)
    return done.stdout.strip()


def document(clients, status):
    """results.json as an object."""
    cases = [{name: case.get(name) for name in _FIELDS} for case in gathered]
    return {"kind": "client", "status": status, "kernel": platform.release(),
            "clients": [{"name": c.name, "version": _version(c), "summary": c.values.get("summary", "")} for c in clients.values()],
            "counts": {grade: sum(c["grade"] == grade for c in cases) for grade in GRADES}, "cases": cases}


def write(clients, status, output, descriptor):
    """The files of a run that is over."""
    if output:
        folder = pathlib.Path(output)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "results.json").write_text(json.dumps(document(clients, status), indent=1, ensure_ascii=False) + "\n")
        from . import report
        cells, columns, _ = report.load([folder])
        (folder / "summary.md").write_text(report.markdown(cells, columns))
        (folder / "report.html").write_text(report.page([folder], folder / "report.html"))
    if descriptor:
        with os.fdopen(int(descriptor), "w", encoding="utf-8") as file:
            print(json.dumps(document(clients, status), indent=1, ensure_ascii=False), file=file)


# -- the table at the end ---------------------------------------------------------------------------------------


def table():
    """{client: {grade: number of cases}}"""
    counted = {}
    for found in gathered:
        counted.setdefault(found["client"], dict.fromkeys(GRADES, 0))[found["grade"]] += 1
    return counted


def print_summary(reporter):
    """A line per client, with a bar: passed, neither, failed."""
    counted = table()
    if not counted:
        return
    reporter.section("clients", "-")
    head = [g for g in GRADES if any(row[g] for row in counted.values())]
    width = max(len(name) for name in [*counted, "client"])
    reporter.write_line(f"{'client':{width}} {'cases':>6}  " + "  ".join(f"{g:>{len(g)}}" for g in head))
    for name, row in sorted(counted.items()):
        reporter.write_line(f"{name:{width}} {sum(row.values()):6}  " + "  ".join(f"{row[g] or '.':>{len(g)}}" for g in head)
                            + f"  {bar(row, sum(row.values()))}", red=bool(row["fail"]))
