# SPDX-License-Identifier: MIT
"""Text logs become flows: the field log by the command that users type, and what real tools print of a capture."""
import json
import subprocess

import pytest

from cases.harness.lab import REPOSITORY, program

FIELD = REPOSITORY / "captures" / "field-2025-07-28-nested.log"


def run_import(source, flow, *options):
    return subprocess.run([program("igdlab"), "import", source, "-o", flow, *options],
                          capture_output=True, text=True)


def exchanges(flow):
    """(name, request, replies) of HTTP, bytes as text."""
    return [(x["name"], x.get("request", {}).get("text"), [r["text"] for r in x.get("replies", [])])
            for x in json.loads(flow.read_text())["exchanges"] if x["protocol"] in ("http", "soap")]


def test_the_field_log_gives_the_committed_flow(tmp_path):
    flow = tmp_path / "a.flow.json"
    done = run_import(FIELD, flow)
    assert done.returncode == 0, done.stderr
    assert flow.read_bytes() == FIELD.with_suffix(".flow.json").read_bytes()


def test_a_log_with_nothing_is_wrong_use(tmp_path):
    log = tmp_path / "a.log"
    log.write_text("started\nstopped\n")
    done = run_import(log, tmp_path / "a.flow.json")
    assert done.returncode == 2 and "looked for start lines" in done.stderr
    assert not (tmp_path / "a.flow.json").exists()


@pytest.fixture(scope="module")
def capture(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    subprocess.run([program("igdlab"), "run", "-p", "conformant-igd1", "-o", folder, "--", "upnpc", "-s"],
                   capture_output=True, check=False)
    assert (folder / "capture.pcapng").exists()
    return folder / "capture.pcapng"


@pytest.mark.parametrize("how", ["ascii", "hex"])
def test_what_tshark_prints_of_a_stream(capture, tmp_path, how):
    """Follow stream of every connection, one after the other, is the capture's exchanges.

    As ASCII, tshark puts byte counts between the packets of a long body, so the description is damaged there.
    """
    direct, printed, log = tmp_path / "a.flow.json", tmp_path / "b.flow.json", tmp_path / "b.log"
    assert run_import(capture, direct).returncode == 0
    wanted = exchanges(direct)
    assert len(wanted) >= 3
    text = b""
    for stream in range(len(wanted)):
        text += subprocess.run(["tshark", "-r", capture, "-q", "-z", f"follow,tcp,{how},{stream}"],
                               capture_output=True, check=True).stdout
    log.write_bytes(text)
    done = run_import(log, printed)
    assert done.returncode == 0, done.stderr
    skipped = "GET /description.xml" if how == "ascii" else None
    assert [x for x in exchanges(printed) if x[0] != skipped] == [x for x in wanted if x[0] != skipped]


def test_what_xxd_prints_of_a_message(capture, tmp_path):
    direct, printed, log = tmp_path / "a.flow.json", tmp_path / "b.flow.json", tmp_path / "b.log"
    assert run_import(capture, direct).returncode == 0
    wanted = exchanges(direct)
    with log.open("wb") as out:
        for _, request, replies in wanted:
            for word, message in ((b"send\n", request), (b"recv\n", replies[0])):
                out.write(word + subprocess.run(["xxd"], input=message.encode(), capture_output=True,
                                                check=True).stdout)
    assert run_import(log, printed).returncode == 0
    assert exchanges(printed) == wanted
