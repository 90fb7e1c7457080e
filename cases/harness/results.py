# SPDX-License-Identifier: MIT
"""results.py - what a run of the daemon suite leaves: known failures applied, files, the table at the end."""
import fnmatch
import hashlib
import json
import os
import pathlib
import platform
import re
import shlex
import subprocess

from . import trace
from .lab import program
from .progress import bar
from .requirement import BROKEN, GRADES, catalogue

gathered = []  # one dict per check that ran: grade, reason, subject, requirements, check, seconds, text


def _forms(subject, check):
    """What a pattern of checks may mean of test_name[subject-1-a]: test_name and test_name:1-a."""
    name, _, values = check.rstrip("]").partition("[")
    values = values[len(subject):].lstrip("-") if values.startswith(subject) else values
    return (name, f"{name}:{values}") if values else (name,)


def known_entries(adapter, ids, check):
    """What an adapter knows to fail of a check: [(id, entry)] for grading.apply_known()."""
    return [(name, adapter.known[name]) for name in ids if adapter.known.get(name)
            and any(fnmatch.fnmatch(form, pattern) for pattern in adapter.known[name].get("checks", ["*"])
                    for form in _forms(adapter.name, check))]


# -- evidence ------------------------------------------------------------------------------------------------


def folder_of(output, item):
    """The folder of a check: its name, and what makes it unlike the others of that name."""
    plain = re.sub(r"[^A-Za-z0-9_.-]+", "-", item.name).strip("-")[:60]
    return output / "checks" / f"{plain}-{hashlib.sha256(item.nodeid.encode()).hexdigest()[:6]}"


def run(item, nextitem, protocol, evidence, missing):
    """Run a check. When it fails, missing(item) may tell what it rests on that does not hold; otherwise, with an
    output folder, it runs once more in a fresh lab that leaves evidence. True (pytest's hook)."""
    hook = item.ihook
    hook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    trace.take()
    reports = protocol(item, nextitem=nextitem, log=False)
    failure = _failure(reports)
    absent = missing(item) if _failure(reports, BROKEN) else None
    if absent:
        _tell_nothing(reports, *absent)
    elif failure and os.environ.get("IGDLAB_OUTPUT"):
        folder = folder_of(pathlib.Path(os.environ["IGDLAB_OUTPUT"]).resolve(), item)
        folder.mkdir(parents=True, exist_ok=True)
        evidence[item] = folder
        item._initrequest()
        reports = protocol(item, nextitem=nextitem, log=False)
        del evidence[item]
        _settle(failure, reports)
        _write_case(folder, item, failure, reports)
    for report in reports:
        hook.pytest_runtest_logreport(report=report)
    hook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
    return True


def _failure(reports, grades=("fail",)):
    for report in reports:
        found = dict(report.user_properties)
        if found.get("grade") in grades and "no-lab" not in found:
            return report
    return None


def _tell_nothing(reports, what, owner):
    """A check of which something fails that it rests on."""
    for report in reports:
        found = dict(report.user_properties)
        if found.get("grade") in BROKEN:
            found["reason"] = f"rests on what does not hold: {what} (see {owner})"
            found["first"], found["grade"] = f"{found['grade']}: {dict(report.user_properties)['reason']}", "inconclusive"
            report.user_properties = list(found.items())
            report.outcome, report.longrepr = "skipped", (__file__, 0, found["reason"])


def _settle(first, reports):
    """A check that failed once and not again is inconclusive; both results are in its properties."""
    why = dict(first.user_properties)["reason"]
    for report in reports:
        found = dict(report.user_properties)
        if "grade" not in found or report.when == "teardown":
            continue
        if found["grade"] in ("pass", "non-strict"):
            found["reason"] = f"failed at first ({why}), then {found['grade']} in a fresh lab"
            found["grade"] = "inconclusive"
        found["first"] = f"fail: {why}"
        report.user_properties = list(found.items())


def _write_case(folder, item, first, reports):
    last = next((dict(r.user_properties) for r in reports if "grade" in dict(r.user_properties)), {})
    options = {k: v for k, v in os.environ.items()
               if k in ("IGDLAB_LONG", "IGDLAB_DEADLINE", "IGDLAB_BUILD", "IGDLAB_NO_KNOWN")}
    options["IGDLAB_SUBJECT"] = last.get("subject", "")
    options["IGDLAB_SELECT"] = ""
    root = item.config.rootpath
    check = re.sub(r"::.*", "", item.nodeid)
    command = ["/usr/bin/python3", "-m", "pytest", "-p", "no:cacheprovider", "-c", "cases/pytest.ini",
               "--rootdir", ".", item.nodeid]
    (folder / "replay.sh").write_text(
        "#!/bin/sh\n# Does this check again.\n" + f"cd {shlex.quote(str(root))} || exit 3\n"
        + "exec env " + " ".join(shlex.quote(f"{k}={v}") for k, v in sorted(options.items()))
        + f" IGDLAB_OUTPUT={shlex.quote(str(folder / 'again'))} " + " ".join(map(shlex.quote, command)) + "\n")
    (folder / "replay.sh").chmod(0o755)
    rows = [catalogue()[name] for name in last.get("requirements", "").split()]
    (folder / "case.json").write_text(json.dumps({
        "check": item.nodeid, "file": check, "subject": last.get("subject"), "grade": last.get("grade"),
        "reason": last.get("reason"), "first": first.longreprtext,
        "second": next((r.longreprtext for r in reports if r.failed), ""),
        "requirements": [{"id": r.id, "level": r.level, "text": r.text, "expect": r.expect, "spec": r.spec}
                         for r in rows],
        "kernel": platform.release(), "machine": platform.machine(), "python": platform.python_version(),
        "options": options}, indent=1, ensure_ascii=False) + "\n")


def document(status):
    """results.json as an object."""
    checks = [{**{k: v for k, v in found.items() if k != "no-lab"},
               "requirements": found["requirements"].split(), "seconds": round(found["seconds"], 4)}
              for found in gathered]
    return {"subjects": sorted({c["subject"] for c in checks}), "status": status,
            "counts": {grade: sum(c["grade"] == grade for c in checks) for grade in GRADES},
            "kernel": platform.release(), "checks": checks}


def write(output, status):
    """results.json and report.html in the folder (junit.xml is pytest's own)."""
    output.mkdir(parents=True, exist_ok=True)
    with open(output / "results.json", "w", encoding="utf-8") as file:
        print(json.dumps(document(status), indent=1, ensure_ascii=False), file=file)
    from . import report
    (output / "report.html").write_text(report.page([output], output / "report.html"))


def write_to(descriptor, status):
    """The same to a descriptor."""
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        print(json.dumps(document(status), indent=1, ensure_ascii=False), file=file)


def open_shell(subject, item):
    """A shell on the client of the lab in which a check has just failed; returns when it ends."""
    print(f"\n{item.name} failed; this is its lab. igdlab exec {subject.lab.name}:NODE reaches the others.", flush=True)
    subprocess.run([program("igdlab"), "shell", f"{subject.lab.name}:client"], check=False)


# -- the table at the end ---------------------------------------------------------------------------------------


def table():
    """{area: {grade: number of checks}}"""
    counted = {}
    for found in gathered:
        area = found["requirements"].split()[0].rsplit("-", 1)[0]
        row = counted.setdefault(area, dict.fromkeys(GRADES, 0))
        row[found["grade"]] += 1
    return counted


def print_summary(reporter, rows):
    """A line per area, with a bar: passed, neither, failed."""
    counted = table()
    if not counted:
        return
    reporter.section("requirements", "-")
    head = [g for g in GRADES if any(row[g] for row in counted.values())]
    reporter.write_line(f"{'area':8} {'checks':>6}  " + "  ".join(f"{g:>{len(g)}}" for g in head))
    order = list(dict.fromkeys(row.area for row in rows.values()))
    for area in sorted(counted, key=order.index):
        row = counted[area]
        reporter.write_line(f"{area:8} {sum(row.values()):6}  "
                            + "  ".join(f"{row[g] or '.':>{len(g)}}" for g in head) + f"  {bar(row, sum(row.values()))}",
                            red=bool(row["fail"]))
    total = {g: sum(row[g] for row in counted.values()) for g in GRADES}
    reporter.write_line(f"{'all':8} {sum(total.values()):6}  "
                        + "  ".join(f"{total[g] or '.':>{len(g)}}" for g in head) + f"  {bar(total, sum(total.values()))}")
