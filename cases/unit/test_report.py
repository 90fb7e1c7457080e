# SPDX-License-Identifier: MIT
"""igdlab report: what is read, merged, compared, and what the page holds; bad input."""
import base64
import gzip
import json
import re
import subprocess

import pytest

from cases.harness import report
from cases.harness.lab import program
from cases.unit import report_data


def run(*argv):
    """igdlab report; (status, standard output, standard error)"""
    done = subprocess.run([program("igdlab"), "report", *map(str, argv)], capture_output=True, text=True, check=False)
    return done.returncode, done.stdout, done.stderr


@pytest.fixture
def results(tmp_path):
    """A folder of results with ten clients."""
    folder = tmp_path / "run"
    folder.mkdir()
    report_data.write(folder)
    return folder


def details(page):
    """What the cells of a page open."""
    return [json.loads(gzip.decompress(base64.b64decode(text))) for text in re.findall(r'data-detail="([^"]+)"', page)]


def test_every_case_is_a_cell_and_nothing_is_loaded(results, tmp_path):
    out = tmp_path / "r.html"
    status, said, _ = run(results, "-o", out, "--json")
    cases = json.loads((results / "results.json").read_text())["cases"]
    page = out.read_text()
    assert status == 0 and json.loads(said)["cases"] == len(cases) == len(details(page))
    assert not re.search(r'(?:src|href)="(?!data:)', page), "the page holds everything"
    assert not re.search(r"url\(|@import|fetch\(|XMLHttpRequest", page)


def test_a_failed_case_has_its_evidence(results, tmp_path):
    out = tmp_path / "r.html"
    run(results, "-o", out)
    found = next(d for d in details(out.read_text()) if d.get("path"))
    assert "AddPortMapping" in found["ladder"] and found["replay"] == "sh run/cases/first/replay.sh"
    assert [line[4] for line in found["journal"]] == ["<b>line 0</b>", "<b>line 1</b>", "<b>line 2</b>"]
    assert base64.b64decode(found["pcapng"]) == b"\x0a\x0d\x0d\x0a" and "redirected" in found["out"]


def test_rows_of_clients_are_in_order_of_their_names(results, tmp_path):
    """Many workers are done in any order."""
    document = json.loads((results / "results.json").read_text())
    document["cases"].reverse()
    (results / "results.json").write_text(json.dumps(document))
    run(results, "-o", tmp_path / "r.html")
    quirks = re.search(r'<table.*?</table>', (tmp_path / "r.html").read_text(), re.S)[0]
    groups = re.split(r'<tr class="group">', quirks)[1:]
    names = [re.findall(r'<b>([^<]+)</b>', group) for group in groups]
    assert names and all(rows == sorted(rows) for rows in names) and any(len(rows) > 1 for rows in names)


def test_markup_in_results_stays_text(results, tmp_path):
    document = json.loads((results / "results.json").read_text())
    document["cases"][0]["summary"] = "<script>alert(1)</script>"
    (results / "results.json").write_text(json.dumps(document))
    run(results, "-o", tmp_path / "r.html")
    assert "<script>alert" not in (tmp_path / "r.html").read_text()


def first_of_two(tmp_path):
    """(folder, cases) of a run of two clients, an empty folder for another one, and what client-1 passed and failed in the first."""
    folders = tmp_path / "1", tmp_path / "2"
    for folder in folders:
        folder.mkdir()
    cases = report_data.write(folders[0], ["client-0", "client-1"])
    return folders, cases, *(next(c["name"] for c in cases if (c["client"], c["grade"]) == ("client-1", grade)) for grade in ("pass", "fail"))


def test_shards_are_merged_and_a_conflict_is_inconclusive(tmp_path):
    (one, two), cases, name, _ = first_of_two(tmp_path)
    report_data.write(two, ["client-1", "client-2"], {("client-1", name): "fail"})
    cells, columns, _ = report.load([one, two])
    assert set(columns) == {"client-0", "client-1", "client-2"} and len(cells) == len(cases) // 2 * 3
    cell = next(c for c in cells if c.column == "client-1" and c.row == name)
    assert cell.grade == "inconclusive" and "pass in one run, fail in another" in cell.reason


def test_comparison_tells_worse_better_new_and_gone(tmp_path):
    (old, new), cases, passed, failed = first_of_two(tmp_path)
    report_data.write(new, ["client-1", "client-2"], {("client-1", passed): "fail", ("client-1", failed): "pass"})
    status, said, _ = run(new, "--compare", old, "-o", tmp_path / "r.html", "--markdown", tmp_path / "r.md", "--json")
    half = len(cases) // 2
    assert status == 0 and json.loads(said)["changes"] == {"worse": 1, "better": 1, "new": half, "gone": half}
    text = (tmp_path / "r.md").read_text()
    assert f"{passed} × client-1: pass → fail" in text and f"{failed} × client-1: fail → pass" in text


@pytest.mark.parametrize("content, said", [
    (None, "results.json: No such file or directory; expected a folder"), ("{", "results.json:1: no JSON"),
    ("[]", "expected an object with cases (of clients) or checks (of daemons)"), ("{}", "expected an object with cases")])
def test_bad_input(tmp_path, content, said):
    if content is not None:
        (tmp_path / "results.json").write_text(content)
    status, _, complaint = run(tmp_path, "-o", tmp_path / "r.html")
    assert status == 2 and said in complaint and not (tmp_path / "r.html").exists()


def test_wrong_use(results, tmp_path):
    assert run()[0] == 2
    status, _, complaint = run(results, "-o", tmp_path / "no" / "r.html")
    assert status == 2 and "No such file or directory" in complaint
