# SPDX-License-Identifier: MIT
"""Evidence: one complete pcapng, the ladder, the journals."""
import json
import subprocess
import threading
import xml.etree.ElementTree as ElementTree

import pytest

from cases.harness.lab import Lab, program


def tshark(path, *argv):
    done = subprocess.run(["tshark", "-r", str(path), *argv], capture_output=True, text=True, check=False)
    complaints = [line for line in done.stderr.splitlines() if "Running as user" not in line]
    assert done.returncode == 0 and not complaints, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def evidence(tmp_path_factory):
    """The directory that one run of upnpc in nested-2 leaves behind."""
    out = tmp_path_factory.mktemp("evidence")
    done = subprocess.run([program("igdlab"), "run", "-t", "flat", "-o", out, "--json", "--",
                           "upnpc", "-e", "igdlab test", "-a", "@client", "1872", "1872", "TCP", "60"],
                          capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return out


def test_tshark_opens_it_without_a_warning(evidence):
    frames = tshark(evidence / "capture.pcapng").splitlines()
    assert len(frames) > 20
    summary = subprocess.run(["capinfos", evidence / "capture.pcapng"], capture_output=True, text=True,
                             check=True).stdout
    for network in ("home", "internet"):
        assert f"Name = {network}" in summary


def test_capture_is_complete(evidence):
    """Every TCP connection to the router is there from SYN to FIN, and no segment is missing."""
    lost = tshark(evidence / "capture.pcapng", "-Y",
                  "tcp.analysis.lost_segment or tcp.analysis.ack_lost_segment")
    assert lost == ""
    first = tshark(evidence / "capture.pcapng", "-Y", "ssdp", "-T", "fields", "-e", "http.request.method")
    assert "M-SEARCH" in first
    opened = tshark(evidence / "capture.pcapng", "-Y", "tcp.flags.syn==1 and tcp.flags.ack==0 "
                    "and frame.interface_name==\"home\"").count("\n")
    assert opened >= 4
    begun, ended = (set(tshark(evidence / "capture.pcapng", "-Y", flag, "-T", "fields", "-e", "tcp.stream").split())
                    for flag in ("tcp.flags.syn==1", "tcp.flags.fin==1 or tcp.flags.reset==1"))
    assert begun == ended


def test_times_never_go_back(evidence):
    deltas = tshark(evidence / "capture.pcapng", "-T", "fields", "-e", "frame.time_delta").split()
    assert len(deltas) > 20 and all(float(delta) >= 0 for delta in deltas)


def test_journal_is_in_the_comments(evidence):
    comments = tshark(evidence / "capture.pcapng", "-Y", "frame.comment", "-T", "fields", "-e",
                      "frame.comment")
    assert "AddPortMapping" in comments


def test_ladder_is_a_picture_of_the_exchange(evidence):
    root = ElementTree.parse(evidence / "ladder.svg").getroot()
    text = " ".join(t for t in root.itertext())
    for word in ("client", "r1", "M-SEARCH", "AddPortMapping", "1872"):
        assert word in text


def test_run_json_and_lab_json(evidence):
    run = json.loads((evidence / "run.json").read_text())
    assert run["verdict"] == "pass"
    assert run["routers"]["r1"]["mappings"][0]["external_port"] == 1872
    lab = json.loads((evidence / "lab.json").read_text())
    assert lab["nodes"]["client"]["kind"] == "host"
    lines = (evidence / "r1.journal.ndjson").read_text().splitlines()
    events = {json.loads(line)["event"] for line in lines}
    assert {"received", "sent", "state"} <= events


def test_what_never_ends_fills_no_disk(tmp_path):
    """Of each network 16 MiB are kept, the last packet says so, and those behind it are counted."""
    path, full, sent = tmp_path / "out" / "capture.pcapng", 2 * (16 << 20), 0
    with Lab("flat", evidence=path.parent, capture=True) as lab, lab.listen("peer", 9) as listener:
        with lab.connect("client", lab.address_of("peer"), 9) as sending:
            taking, _ = listener.accept()
            reader = threading.Thread(target=lambda: all(iter(lambda: taking.recv(1 << 20), b"")))
            reader.start()
            while path.stat().st_size < full and sent < 2000:  # a ring that was full lost some
                sending.sendall(bytes(1 << 20))
                sent += 1
            sending.sendall(bytes(8 << 20))
        reader.join()
        taking.close()
    assert full <= path.stat().st_size < full + (1 << 20)
    last = tshark(path, "-Y", 'frame.comment contains "those behind it are only counted"', "-T", "fields", "-e", "frame.interface_name")
    assert sorted(last.split()) == ["home", "internet"]
