# SPDX-License-Identifier: MIT
"""Captures and journals of labs become flows; tshark counts and reads the same messages."""
import json
import re
import subprocess

import pytest

from cases.flows import alone
from cases.harness.lab import program

# A plain router, one with faults (a phantom entry, head and body apart, delays), one with NAT on the way.
RUNS = [("conformant-igd1", "flat"), ("broadcom-brcm400", "flat"), ("conformant-igd2", "nested-2")]
UPNPC = ["upnpc", "-m", "@client", "-e", "import", "-a", "@client", "1872", "1872", "TCP", "60"]


@pytest.fixture(scope="module", params=RUNS, ids=lambda run: "-".join(run))
def evidence(request, tmp_path_factory):
    """Folder of a run of upnpc."""
    profile, topology = request.param
    folder = tmp_path_factory.mktemp("run")
    done = subprocess.run([program("igdlab"), "run", "-t", topology, "-p", f"r1={profile}", "-o", folder,
                           "--", *UPNPC], capture_output=True, text=True)
    assert (folder / "capture.pcapng").exists(), done.stderr
    return folder


def load(capture, tmp_path, *options):
    """The flow of a capture, by the command that users type."""
    flow = tmp_path / "a.flow.json"
    done = subprocess.run([program("igdlab"), "import", capture, "-o", flow, *options],
                          capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(flow.read_text())


def tshark(capture, condition, *fields):
    """Lines of fields, per frame."""
    command = ["tshark", "-r", capture, "-Y", condition, "-T", "fields", "-E", "aggregator= "]
    for field in fields:
        command += ["-e", field]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


def tcp_exchanges(flow):
    return [x for x in flow["exchanges"] if x["protocol"] in ("http", "soap", "gena")]


@pytest.mark.sanitize
def test_as_many_messages_as_tshark_sees(evidence, tmp_path):
    capture = evidence / "capture.pcapng"
    flow = load(capture, tmp_path)
    over_tcp = tcp_exchanges(flow)
    ours = (sum("request" in x for x in over_tcp), sum(len(x.get("replies", [])) for x in over_tcp))
    assert ours == (len(tshark(capture, "http.request and tcp", "frame.number")),
                    len(tshark(capture, "http.response and tcp and http.response.code >= 200", "frame.number")))
    assert ours[0] >= 3
    ssdp = [x for x in flow["exchanges"] if x["protocol"] == "ssdp"]
    ours = sum("request" in x for x in ssdp) + sum(len(x.get("replies", [])) for x in ssdp)
    assert ours == len(tshark(capture, "ssdp", "frame.number"))


def test_requests_are_what_tshark_reads(evidence, tmp_path):
    capture = evidence / "capture.pcapng"
    theirs = tshark(capture, "http.request and tcp", "http.request.method", "http.request.uri", "ip.dst")
    ours = []
    for x in tcp_exchanges(load(capture, tmp_path)):
        method, target, _ = x["request"]["text"].split(" ", 2)
        ours.append(f"{method}\t{target}\t{x['request']['to'].rsplit(':', 1)[0]}")
    assert sorted(ours) == sorted(theirs)


def test_soap_bodies_are_whole(evidence, tmp_path):
    """Content-Length is met in both directions and nothing is missing."""
    soap = [x for x in load(evidence / "capture.pcapng", tmp_path)["exchanges"] if x["protocol"] == "soap"]
    # behind two NATs upnpc looks at the state of the connection and maps nothing
    assert {"AddPortMapping", "GetStatusInfo"} & {x["name"] for x in soap}
    for message in (m for x in soap for m in [x["request"], *x["replies"]]):
        head, body = message["text"].split("\r\n\r\n", 1)
        length = re.search(r"(?im)^content-length: *(\d+)", head)
        assert length is None or int(length.group(1)) == len(body.encode())
        assert not message.get("gaps")


def test_pcap_and_pcapng_give_the_same(evidence, tmp_path):
    """One interface of the capture as pcap, by tshark, has exactly the exchanges of that link."""
    pcap, ng = tmp_path / "a.pcap", tmp_path / "b.pcapng"
    for form, path in (("pcap", pcap), ("pcapng", ng)):
        subprocess.run(["tshark", "-r", evidence / "capture.pcapng", "-Y", "frame.interface_id == 0",
                        "-F", form, "-w", path], check=True, capture_output=True)
    a, b = load(pcap, tmp_path), load(ng, tmp_path)
    assert a["exchanges"] and [x["name"] for x in a["exchanges"]] == [x["name"] for x in b["exchanges"]]
    texts = [[m.get("text") for x in flow["exchanges"] for m in x.get("replies", [])] for flow in (a, b)]
    assert texts[0] == texts[1]


def test_a_capture_that_breaks_off(evidence, tmp_path):
    """What came before is kept, and where it breaks off is said."""
    whole = (evidence / "capture.pcapng").read_bytes()
    broken = tmp_path / "broken.pcapng"
    broken.write_bytes(whole[:-7])
    flow = load(broken, tmp_path)
    assert flow["exchanges"]
    assert any("damaged at byte" in note["what"] for note in flow["notes"])


TWO_REQUESTS = r"""
port=$(sed -n 's/.*"http_port": \([0-9]*\).*/\1/p' journal | head -n 1)
exec 3<>"/dev/tcp/192.168.9.1/$port"
printf 'GET /none HTTP/1.1\r\nHost: a\r\n\r\nGET /none2 HTTP/1.1\r\nConnection: close\r\nHost: a\r\n\r\n' >&3
cat <&3 >answers"""


@pytest.mark.sanitize
def test_a_journal_with_bytes(tmp_path):
    """What the client got is what the flow of the journal says, to the byte."""
    alone.run(tmp_path, TWO_REQUESTS, "--journal journal --journal-bytes")
    flow = load(tmp_path / "journal", tmp_path)
    over_tcp = tcp_exchanges(flow)
    assert [x["name"] for x in over_tcp] == ["GET /none", "GET /none2"]
    assert "".join(x["replies"][0]["text"] for x in over_tcp) == (tmp_path / "answers").read_bytes().decode()
    assert over_tcp[0]["connection"] == over_tcp[1]["connection"]


def test_a_journal_without_bytes_says_so(evidence, tmp_path):
    done = subprocess.run([program("igdlab"), "import", evidence / "r1.journal.ndjson", "-o", tmp_path / "x.flow.json"],
                          capture_output=True, text=True)
    assert done.returncode == 2
    assert "--journal-bytes" in done.stderr and "capture.pcapng" in done.stderr
