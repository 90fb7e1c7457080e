# SPDX-License-Identifier: MIT
"""igdlab list with filters, igdlab show of quirks: against what the files say, read by another reader."""
import ast
import json
import pathlib
import subprocess

import pytest
import yaml

from cases.harness.lab import program

TOP = pathlib.Path(__file__).resolve().parents[2]


def igdlab(*argv):
    return subprocess.run([program("igdlab"), *argv], capture_output=True, text=True, check=False)


def names(*argv):
    done = igdlab("list", *argv, "--json")
    assert done.returncode == 0, done.stderr
    return {item["name"] for item in json.loads(done.stdout)}


@pytest.fixture(scope="module")
def quirks():
    return {p.stem: yaml.safe_load(p.read_text()) for p in (TOP / "fakeigd/quirks").glob("*.yaml")}


def test_by_layer(quirks):
    wanted = {name for name, quirk in quirks.items() if quirk["layer"] == "http"}
    assert wanted and names("quirks", "--layer", "http") == wanted


def test_by_class(quirks):
    wanted = {name for name, quirk in quirks.items() if any(e["class"] == "field" for e in quirk["evidence"])}
    assert wanted and names("quirks", "--class", "field") == wanted


def test_by_priority(quirks):
    wanted = {name for name, quirk in quirks.items() if quirk["priority"] == 1}
    assert wanted and names("quirks", "--priority", "1") == wanted


def test_by_requirement_and_by_area(quirks):
    wanted = {name for name, quirk in quirks.items() if "WIPC-37" in quirk["breaks"]}
    assert wanted and names("quirks", "--breaks", "WIPC-37") == wanted
    area = {name for name, quirk in quirks.items() if any(b.startswith("WIPC-") for b in quirk["breaks"])}
    assert names("quirks", "--breaks", "wipc") == area
    pcp = {name for name, quirk in quirks.items() if any(b.startswith("PCP-") for b in quirk["breaks"])}
    assert names("quirks", "--breaks", "PCP") == pcp and any(b.startswith("PCPX-") for quirk in quirks.values() for b in quirk["breaks"])


def test_by_router(quirks):
    wanted = {name for name, quirk in quirks.items()
              if any("brcm400" in text.lower()
                     for text in [*quirk["seen-on"], *[str(e.get("seen", "")) for e in quirk["evidence"]]])}
    assert wanted and names("quirks", "--router", "BRCM400") == wanted
    assert "broadcom-brcm400" in names("profiles", "--router", "brcm400")


def test_all_must_hold(quirks):
    wanted = {name for name, quirk in quirks.items()
              if quirk["layer"] == "portmap" and quirk["priority"] == 1 and "WIPC-37" in quirk["breaks"]}
    assert names("quirks", "--layer", "portmap", "--priority", "1", "--breaks", "WIPC-37") == wanted


def test_policies_by_group():
    found = names("policies", "--layer", "gena")
    assert found and all(name.startswith("gena.") for name in found)


def rows(*argv):
    return {row["id"]: row for row in json.loads(igdlab("list", "requirements", *argv, "--json").stdout)}


def test_requirements():
    every = rows()
    assert len(every) >= 715 and {row["side"] for row in every.values()} == {"daemon", "client", "both"}
    assert set(rows("--area", "wipc")) == {name for name in every if name.startswith("WIPC-")}
    assert set(rows("--level", "must", "--side", "client")) == \
        {name for name, row in every.items() if (row["level"], row["side"]) == ("MUST", "client")}
    assert set(rows("--spec", "rfc6886")) == {n for n, row in every.items() if "RFC6886" in row["spec"]}


def test_requirements_that_checks_name():
    """What "covered" means is what pytest's marks, and the table of the matrix's rows, say."""
    every, covered, uncovered = set(rows()), set(rows("--covered")), set(rows("--uncovered"))
    assert covered | uncovered == every and not covered & uncovered
    marks = set(yaml.safe_load((TOP / "cases/client/rows.yaml").read_text()))
    for suite, mark in (("daemon", "requirement"), ("client", "scenario")):
        for path in (TOP / "cases" / suite).glob("test_*.py"):
            tree = list(ast.walk(ast.parse(path.read_text())))
            calls = [n for n in tree if isinstance(n, ast.Call) and getattr(n.func, "id", "") == mark]
            marks |= {argument.value for call in calls for argument in call.args if isinstance(argument, ast.Constant)}
            if any(isinstance(argument, ast.Starred) for call in calls for argument in call.args):  # ids stand in a table
                marks |= {n.value for n in tree if isinstance(n, ast.Constant) and n.value in every}
    assert covered == marks


@pytest.mark.parametrize("argv, sentence", [
    (["requirements", "--area", "wipd"], 'unknown area "wipd"; did you mean "WIPC"?'),
    (["requirements", "--level", "MIST"], 'unknown level "MIST"; did you mean "MUST"?'),
    (["quirks", "--side", "daemon"], "--side is for requirements, not quirks"),
    (["quirks", "--layer", "sopa"], 'unknown layer "sopa"; did you mean "soap"?'),
    (["quirks", "--class", "felid"], 'unknown class "felid"; did you mean "field"?'),
    (["quirks", "--priority", "4"], "from 1 to 3"),
    (["topologies", "--layer", "soap"], "--layer is for quirks and policies, not topologies"),
    (["profiles", "--breaks", "WIPC-37"], "--breaks is for quirks, not profiles"),
])
def test_wrong_filters(argv, sentence):
    done = igdlab("list", *argv)
    assert done.returncode == 2 and sentence in done.stderr


def test_nothing_fits():
    done = igdlab("list", "quirks", "--router", "no such box")
    assert (done.returncode, done.stdout) == (0, "") and "no such quirks" in done.stderr


def test_show_quirk():
    done = igdlab("show", "quirk", "head-and-body-in-two-segments")
    text = (TOP / "fakeigd/quirks/head-and-body-in-two-segments.yaml").read_text()
    assert done.returncode == 0 and done.stdout.startswith(text) and "broadcom-brcm400" in done.stdout
    item = json.loads(igdlab("show", "quirk", "head-and-body-in-two-segments", "--json").stdout)
    assert "broadcom-brcm400" in item["profiles"] and item["overlay"]


def test_show_quirk_by_an_id_that_was_merged(quirks):
    merged = [(name, alias) for name, quirk in quirks.items() for alias in quirk.get("also", [])]
    for name, alias in merged[:3]:
        assert json.loads(igdlab("show", "quirk", alias, "--json").stdout)["name"] == name
