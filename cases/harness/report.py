# SPDX-License-Identifier: MIT
"""report.py - results of the suites as one page: what "igdlab report" starts.

    python3 -m cases.harness.report DIR... [-o FILE] [--compare DIR]... [--markdown FILE] [--json]

Each DIR is what "igdlab test -o DIR" left (results.json and a folder per case that did not pass); several are
merged, as shards of one run are. The page holds everything that it shows: no network, no other file. Tables
are plain HTML, so they can be read where scripts do not run; what a cell opens is compressed in the page and
unpacked by report.js. Evidence of passed cases is not kept by the suites, so the page's size follows the
failures.
"""
import argparse
import base64
import collections
import functools
import gzip
import json
import os
import pathlib
import re
import sys

from .outcome import OUTCOMES, sentence
from .requirement import GRADES, catalogue

HERE = pathlib.Path(__file__).parent / "report"
KINDS = {"quirk": "Quirks", "profile": "Profiles", "topology": "Topologies", "scenario": "Scenarios", "check": "Daemon checks"}
SIGNS = {"pass": "✓", "non-strict": "≈", "fail": "✗", "known": "k", "unsupported": "–", "inconclusive": "?", "not-run": "·"}
OUTCOME_SIGNS = {"said-but-not-mapped": "L", "wrong-port-said": "P", "honestly-failed": "F", "silently-failed": "S",
                 "hung": "H", "crashed": "C", "mapped-unsaid": "≈"}
LEGEND = [("✓", "pass"), ("≈", "non-strict: works, not by the letter, or does not say so"),
          ("L", "lied: says that the port is open, and no packet arrives"), ("P", "says the wrong port"),
          ("F", "failed, and said so"), ("S", "failed in silence"), ("H", "hung"), ("C", "crashed"),
          ("✗", "fail"), ("k", "known failure of the adapter"), ("?", "inconclusive"), ("–", "unsupported"), ("·", "not run")]
_WORST = ("fail", "inconclusive", "non-strict", "known", "pass", "unsupported", "not-run")
_JOURNAL_LINES = 400       # of one case that the page keeps
_CAPTURE_BYTES = 64 << 10  # a capture up to that size is in the page
_CAPTURE_TOTAL = 4 << 20   # and all of them together


class WrongInput(Exception):
    """A folder that no suite left."""


Cell = collections.namedtuple("Cell", "kind group row column summary grade outcome reason expected seen requirements "
                                      "seconds folder must tests")


# -- reading ------------------------------------------------------------------------------------------------


def _read(folder):
    path = pathlib.Path(folder) / "results.json"
    try:
        return json.loads(path.read_text())
    except OSError as error:
        raise WrongInput(f"{path}: {error.strerror}; expected a folder that \"igdlab test -o\" wrote") from None
    except ValueError as error:
        raise WrongInput(f"{path}:{getattr(error, 'lineno', 0)}: no JSON: {getattr(error, 'msg', error)}") from None


def _client_cells(folder, document):
    for case in document["cases"]:
        yield Cell(case["kind"], case.get("layer") or case["kind"], case["name"], case["client"],
                   case.get("summary", ""), case["grade"], case.get("outcome") or "", case.get("reason", ""),
                   case.get("expected", ""), case.get("seen", ""), tuple(case.get("requirements") or ()),
                   case.get("seconds") or 0, str(pathlib.Path(folder) / case["folder"]) if case.get("folder") else "",
                   case.get("must", ""), ())


def _daemon_cells(folder, document):
    """One cell per subject and requirement: the worst of its checks, and all of them as tests."""
    rows, order = collections.defaultdict(list), list(catalogue())
    for check in document["checks"]:
        for name in check["requirements"]:
            rows[name, check["subject"]].append(check)
    for (name, subject), checks in sorted(rows.items(), key=lambda item: order.index(item[0][0])):
        worst = min(checks, key=lambda c: _WORST.index(c["grade"]))
        row = catalogue()[name]
        yield Cell("check", row.area, name, subject, row.text, worst["grade"], "", worst["reason"], row.expect,
                   worst.get("text", "")[-4000:], (name,), sum(c["seconds"] for c in checks), _folder_of(folder, worst), row.level,
                   tuple((_short(c), c["grade"], c["reason"]) for c in checks))


def _short(check):
    return check["check"].rpartition("::")[2]


def _folder_of(folder, check):
    """The folder that results.py made for a check, when it is there."""
    plain = re.sub(r"[^A-Za-z0-9_.-]+", "-", _short(check)).strip("-")[:60]
    found = sorted(pathlib.Path(folder).glob(f"checks/{plain}-*"))
    return str(found[0]) if found else ""


def load(folders):
    """(cells, columns, about) of all folders together. WrongInput."""
    cells, columns, about = {}, {}, []
    for folder in folders:
        document = _read(folder)
        if not isinstance(document, dict) or not ("cases" in document or "checks" in document):
            raise WrongInput(f"{folder}/results.json: expected an object with cases (of clients) or checks (of daemons)")
        if "cases" in document:
            read = list(_client_cells(folder, document))
            columns |= {c["name"]: " ".join(filter(None, (c.get("version"), c.get("summary")))) for c in document["clients"]}
        else:
            read = list(_daemon_cells(folder, document))
            columns |= {name: "" for name in document["subjects"]}
        about.append({"folder": str(folder), "kernel": document.get("kernel", ""), "cases": len(read)})
        for cell in read:
            key = (cell.kind, cell.row, cell.column)
            cells[key] = _joined(cells[key], cell) if key in cells else cell
    return list(cells.values()), columns, about


def _joined(old, new):
    """Two results of one case: the same, or inconclusive."""
    if old.grade == new.grade:
        return old if old.folder or not new.folder else new
    return new._replace(grade="inconclusive", reason=f"{old.grade} in one run, {new.grade} in another: "
                                                     f"{old.reason or new.reason}")


# -- comparing two runs -------------------------------------------------------------------------------------


def compare(old, new):
    """{"worse": [...], "better": [...], "new": [...], "gone": [...]}: (cell, grade before) each."""
    rank = {"pass": 0, "non-strict": 1, "known": 2, "fail": 3}
    before = {(c.kind, c.row, c.column): c for c in old}
    after = {(c.kind, c.row, c.column): c for c in new}
    found = {"worse": [], "better": [], "new": [], "gone": []}
    for key, cell in after.items():
        was = before.get(key)
        if was is None:
            found["new"].append((cell, ""))
        elif cell.grade in rank and was.grade in rank and rank[cell.grade] != rank[was.grade]:
            found["worse" if rank[cell.grade] > rank[was.grade] else "better"].append((cell, was.grade))
    found["gone"] = [(cell, cell.grade) for key, cell in before.items() if key not in after]
    return found


# -- what a cell opens -----------------------------------------------------------------------------------------


def _packed(text):
    return base64.b64encode(gzip.compress(text if isinstance(text, bytes) else text.encode(), 9, mtime=0)).decode()


def _text(path, limit=1 << 20):
    try:
        return path.read_text(errors="replace")[:limit]
    except OSError:
        return ""


class Evidence:
    """What the folders of cases hold, as far as the page takes it."""

    def __init__(self, beside):
        self.beside, self.captures = pathlib.Path(beside).resolve(), 0

    def of(self, folder):
        """{"path", "ladder", "journal": [...], "replay", "out", "capture", "pcapng"}"""
        if not folder or not pathlib.Path(folder).is_dir():
            return {}
        folder = pathlib.Path(folder)
        found = {"path": os.path.relpath(folder.resolve(), self.beside), "ladder": _ladder(folder),
                 "journal": _journal(folder), "replay": f"sh {os.path.relpath(folder.resolve(), self.beside)}/replay.sh"
                 if (folder / "replay.sh").exists() else "",
                 "out": "".join(f"== {p.name}\n{_text(p, 20000)}\n" for p in sorted(folder.glob("client.std*")))}
        capture = folder / "capture.pcapng"
        if capture.exists():
            found["capture"] = os.path.relpath(capture.resolve(), self.beside)
            size = capture.stat().st_size
            if size <= _CAPTURE_BYTES and self.captures + size <= _CAPTURE_TOTAL:
                self.captures += size
                found["pcapng"] = base64.b64encode(capture.read_bytes()).decode()
        return {k: v for k, v in found.items() if v}


def _ladder(folder):
    """The picture without what would run or load something."""
    text = _text(folder / "ladder.svg", 400000)
    text = re.sub(r"<\?xml[^>]*\?>|<!DOCTYPE[^>]*>|<script.*?</script>", "", text, flags=re.S)
    return text if text.rstrip().endswith("</svg>") else ""


def _journal(folder):
    lines = []
    for path in sorted(folder.glob("*.journal.ndjson")):
        for line in _text(path).splitlines()[:_JOURNAL_LINES]:
            try:
                entry = json.loads(line)
            except ValueError:
                continue
            lines.append([entry.get("time", 0), entry.get("router", ""), entry.get("event", ""), entry.get("layer", ""),
                          entry.get("what", "")])
    lines.sort(key=lambda entry: entry[0])
    first = lines[0][0] if lines else 0
    return [[round(entry[0] - first, 3), *entry[1:]] for entry in lines]


def _detail(cell, evidence):
    rows = [catalogue()[name] for name in cell.requirements if name in catalogue()]
    return _packed(json.dumps({
        "title": f"{cell.row} × {cell.column}", "summary": cell.summary, "grade": cell.grade, "outcome": cell.outcome,
        "verdict": sentence(cell.outcome) if cell.outcome in OUTCOMES else "", "reason": cell.reason, "expected": cell.expected, "seen": cell.seen, "must": cell.must,
        "requirements": [row.sentence for row in rows], "seconds": round(cell.seconds, 2), "tests": cell.tests,
        **evidence.of(cell.folder)}, ensure_ascii=False))


# -- the page ----------------------------------------------------------------------------------------------------


def sign(cell):
    """The letter in a cell: of the outcome where it failed, else of the grade."""
    if cell.grade in ("fail", "non-strict"):
        return OUTCOME_SIGNS.get(cell.outcome, SIGNS[cell.grade])
    return SIGNS[cell.grade]


def _good(cells):
    """(passed, judged) of some cells."""
    judged = [c for c in cells if c.grade in ("pass", "non-strict", "fail", "known", "inconclusive")]
    return sum(c.grade == "pass" for c in judged), len(judged)


def _tables(cells, columns, evidence):
    """A table per kind: groups of rows of cells, in the order of KINDS; those of clients by name, others as they come."""
    made = []
    for kind, title in KINDS.items():
        own = [c for c in cells if c.kind == kind]
        if not own:
            continue
        if kind != "check":  # cases come in the order in which they were done
            own.sort(key=lambda c: (c.group, c.row))
        names = [n for n in columns if any(c.column == n for c in own)]
        by_place = {(c.row, c.column): c for c in own}
        groups = collections.defaultdict(dict)
        for cell in own:
            groups[cell.group].setdefault(cell.row, cell.summary)
        made.append({"kind": kind, "title": title, "columns": names, "groups": [
            {"name": group, "good": [_good([c for c in own if c.group == group and c.column == n]) for n in names],
             "rows": [{"name": row, "summary": summary,
                       "cells": [_shown(by_place.get((row, n)), evidence) for n in names]}
                      for row, summary in rows.items()]}
            for group, rows in groups.items()], "good": [_good([c for c in own if c.column == n]) for n in names]})
    return made


def _shown(cell, evidence):
    if cell is None:
        return None
    plain = cell.grade == "pass" and not cell.tests
    return {"grade": cell.grade, "sign": sign(cell), "outcome": cell.outcome,
            "title": f"{cell.column}: {cell.grade}{' (' + cell.outcome + ')' if cell.outcome else ''}"
                     + (f": {cell.reason}"[:160] if cell.reason and not plain else ""),
            "detail": _detail(cell, evidence)}


@functools.lru_cache(maxsize=None)
def _template():
    import jinja2
    loader = jinja2.FileSystemLoader(str(HERE))
    return jinja2.Environment(loader=loader, autoescape=True, trim_blocks=True, lstrip_blocks=True).get_template("report.html")


def page(folders, output, against=()):
    """The page as text."""
    cells, columns, about = load(folders)
    changes = compare(load(against)[0], cells) if against else None
    counts = collections.Counter(c.grade for c in cells)
    evidence = Evidence(pathlib.Path(output).resolve().parent)
    return _template().render(
        tables=_tables(cells, columns, evidence), columns=columns, about=about, legend=LEGEND, grades=GRADES, signs=SIGNS,
        counts=counts, total=len(cells), changes=changes, sign=sign,
        style=(HERE / "report.css").read_text(), script=(HERE / "report.js").read_text())


# -- Markdown, for a forge's summary --------------------------------------------------------------------------


def _escaped(text):
    return text.replace("|", "\\|").replace("\n", " ")


def markdown(cells, columns, changes=None, limit=60):
    """A table of kinds and columns, what changed, and the first failures."""
    lines = ["| | " + " | ".join(_escaped(name) for name in columns) + " |", "|---|" + "---:|" * len(columns)]
    for kind, title in KINDS.items():
        own = [c for c in cells if c.kind == kind]
        if own:
            good = (_good([c for c in own if c.column == name]) for name in columns)
            lines.append(f"| {title} | " + " | ".join(f"{a}/{b}" if b else "–" for a, b in good) + " |")
    for name, entries in (changes or {}).items():
        lines += ["", f"**{name}**: {len(entries)}"]
        lines += [f"- {c.kind} {c.row} × {c.column}: {was + ' → ' if was else ''}{c.grade}" for c, was in entries[:limit]]
    failed = [c for c in cells if c.grade == "fail"]
    if failed:
        lines += ["", f"<details><summary>{len(failed)} failed</summary>", ""]
        lines += [f"- {c.kind} {c.row} × {c.column}: {_escaped((c.reason or c.outcome).splitlines()[0] if c.reason or c.outcome else '')}"
                  for c in failed[:limit]]
        lines += [f"- and {len(failed) - limit} more"] if len(failed) > limit else []
        lines.append("</details>")
    return "\n".join(lines) + "\n"


def _options(argv):
    parser = argparse.ArgumentParser(prog="igdlab report", add_help=False)
    parser.add_argument("folders", nargs="+")
    parser.add_argument("-o", "--output", default="report.html")
    parser.add_argument("--compare", action="append", default=[])
    parser.add_argument("--markdown")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args(argv)


def _write(path, text):
    """A file at once or not at all."""
    part = f"{path}.{os.getpid()}.part"
    try:
        with open(part, "w", encoding="utf-8") as file:
            file.write(text)
        os.replace(part, path)
    except OSError as error:
        raise WrongInput(f"{path}: {error.strerror}") from None


def main(argv=None):
    """Exit status 0, or 2 after a complaint."""
    options = _options(argv if argv is not None else sys.argv[1:])
    try:
        _write(options.output, page(options.folders, options.output, options.compare))
        cells, columns, _ = load(options.folders)
        changes = compare(load(options.compare)[0], cells) if options.compare else None
        if options.markdown:
            _write(options.markdown, markdown(cells, columns, changes))
    except ImportError as error:
        print(f"igdlab report: {error}; run scripts/install-deps test", file=sys.stderr)
        return 3
    except WrongInput as error:
        print(f"igdlab report: {error}", file=sys.stderr)
        return 2
    said = {"report": options.output, "cases": len(cells), "counts": dict(collections.Counter(c.grade for c in cells)),
            "changes": {k: len(v) for k, v in changes.items()} if changes else None}
    if options.json:
        print(json.dumps(said))
    else:
        print(f"{options.output}: {len(cells)} cases, " + ", ".join(f"{n} {g}" for g, n in said["counts"].items()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
