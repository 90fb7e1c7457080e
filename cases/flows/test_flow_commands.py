# SPDX-License-Identifier: MIT
"""igdlab import, show flow and diff on files: what they print, what they refuse, what they leave behind."""
import gzip
import json
import os
import subprocess
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parents[2]
IGDLAB = TOP / os.environ.get("IGDLAB_BUILD", "build") / "igdlab"
LOG = TOP / "captures/field-2025-07-28-nested.log"
FLOW = "field-2025-07-28-nested"


def igdlab(*words, cwd=TOP, status=0):
    done = subprocess.run([IGDLAB, *words], capture_output=True, text=True, cwd=cwd)
    assert done.returncode == status, done.stderr
    return done


def test_import_names_the_flow_after_the_source(tmp_path):
    done = igdlab("import", LOG, cwd=tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [f"{FLOW}.flow.json"]
    assert "client 192.168.1.4, router 192.168.1.1" in done.stdout
    report = json.loads(igdlab("import", LOG, "--json", cwd=tmp_path).stdout)
    flow = json.loads((tmp_path / f"{FLOW}.flow.json").read_text())
    assert sum(report["exchanges"].values()) == len(flow["exchanges"])
    assert report["bytes"] == LOG.stat().st_size == flow["bytes"]


def test_import_writes_into_a_pipe():
    flow, end, report = igdlab("import", LOG, "-o", "/dev/stdout").stdout.partition("\n]}\n")
    assert json.loads(flow + end)["exchanges"]
    assert report.startswith(LOG.name)


@pytest.mark.parametrize("content, says", [
    (b"", "the file is empty"), (gzip.compress(b"GET / HTTP/1.1\r\n", mtime=0), "gunzip"), (b"\x00\x01\x02", "found bytes that are none of these"),
    (b'{"igdlab-flow": 1, "exchanges": []}', "it is a flow already"), (b"PK\x03\x04x", "unzip"),
    (b"nothing of the kind\n", "HTTP"), (b"\xd4\xc3\xb2\xa1", "x.bin"),
])
def test_import_refuses(content, says, tmp_path):
    (tmp_path / "x.bin").write_bytes(content)
    done = igdlab("import", "x.bin", cwd=tmp_path, status=2)
    assert says in done.stderr and done.stdout == ""
    assert [path.name for path in tmp_path.iterdir()] == ["x.bin"]


@pytest.mark.parametrize("words, says", [
    ([], "which file?"), (["a", "b"], 'found "b" too'), (["/"], "expected a plain file"), (["/nowhere"], "No such file"),
    ([LOG, "-o", "/nowhere/x"], "No such file"), ([LOG, "--router", "home"], "--router and --client take an address"),
    ([LOG, "--client", "1.2.3.4:80"], "--router and --client take an address"), ([LOG, "--anonymize"], "--anonymise"),
])
def test_import_used_wrongly(words, says, tmp_path):
    assert says in igdlab("import", *words, cwd=tmp_path, status=2).stderr


def test_show_for_people():
    text = igdlab("show", "flow", FLOW).stdout
    for piece in ("external address 100.81.111.102", "1872/TCP → 192.168.1.4:1872, 60 s", "restored: ", "gap: ", "713 ", "note: "):
        assert piece in text
    assert "\r" not in text and "\t" not in text


def test_show_json_is_the_file_and_its_provenance():
    shown = json.loads(igdlab("show", "flow", FLOW, "--json").stdout)
    flow = json.loads((TOP / f"captures/{FLOW}.flow.json").read_text())
    assert shown.items() >= flow.items()
    assert shown["name"] == FLOW and shown["exchange_count"] == len(flow["exchanges"]) and "Broadcom" in shown["summary"]
    assert json.loads(igdlab("show", "flow", f"./captures/{FLOW}.flow.json", "--json").stdout) == flow


def test_show_ladder(tmp_path):
    igdlab("show", "flow", FLOW, "--ladder", "-o", tmp_path / "x.svg")
    svg = (tmp_path / "x.svg").read_text()
    assert svg == igdlab("show", "flow", FLOW, "--ladder").stdout
    assert "<svg" in svg[:100] and "AddPortMapping" in svg and "192.168.1.1" in svg


def test_anonymised_holds_no_original(tmp_path):
    path = tmp_path / "x.flow.json"
    igdlab("import", LOG, "--anonymise", "-o", path)
    text = path.read_text()
    for original in ("100.81.111.102", "4f8c8842", "b90ebdfa"):
        assert original not in text
    assert "192.168.1.4" in text and "BRCM400" in text
    igdlab("show", "flow", path, "--anonymise", "-o", tmp_path / "again.flow.json")
    assert (tmp_path / "again.flow.json").read_text() == text


def test_diff_grades_and_status(tmp_path):
    path = tmp_path / "x.flow.json"
    igdlab("import", LOG, "--anonymise", "-o", path)
    assert ", 0 different, 0 missing" in igdlab("diff", FLOW, FLOW).stdout
    report = json.loads(igdlab("diff", FLOW, path, "--json", status=1).stdout)
    assert report["grades"]["different"] and not report["grades"]["missing"]
    changed, = [item for pair in report["exchanges"] for item in pair["differences"] if "argument NewExternalIPAddress" in item["text"]]
    assert changed == {"grade": "different", "text": 'reply: argument NewExternalIPAddress: "100.81.111.102" became "198.51.100.100"'}
    maps = ["100.81.111.102=198.51.100.100"] + [
        f"{old}=00000000-0000-4000-8000-00000000000{number}"
        for number, old in enumerate(("4f8c8842-6733-4e8b-806f-c1dfa99deb5a", "b90ebdfa-439c-4411-9c20-79a88e224a26"), 1)]
    maps += ["KCG-UPNP=text-1xx", "yftest_1.0.36_1753696326=text-2xxxxxxxxxxxxxxxxxx"]
    done = igdlab("diff", FLOW, path, *(word for item in maps for word in ("--map", item)))
    assert ", 0 cosmetic, 0 different, 0 missing" in done.stdout


def test_diff_finds_what_is_missing(tmp_path):
    flow = json.loads((TOP / f"captures/{FLOW}.flow.json").read_text())
    gone = flow["exchanges"].pop()
    path = tmp_path / "x.flow.json"
    path.write_text(json.dumps(flow))
    done = igdlab("diff", FLOW, path, status=1)
    assert f"/- soap {gone['name']}: missing" in done.stdout


@pytest.mark.parametrize("words, says", [
    (["diff", FLOW], "expected two flows"), (["diff", FLOW, "nothing"], "nothing: cannot be read"),
    (["diff", FLOW, FLOW, "--map", "x"], "--map takes FROM=TO"), (["diff", FLOW, LOG], f"{LOG}:1: expected a flow"),
    (["show", "flow", LOG], "expected a flow"), (["show", "flow", FLOW, "--json", "--ladder"], "--json"),
    (["show", "topology", "flat", "--ladder"], "recorded flows"), (["show", "flow", "field-2025-07-28-nestd"], "did you mean"),
])
def test_wrong_use(words, says):
    assert says in igdlab(*words, status=2).stderr
