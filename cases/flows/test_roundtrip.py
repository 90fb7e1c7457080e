# SPDX-License-Identifier: MIT
"""From a bug report to the router on the desk: the field log is imported, learned and replayed in both
directions, without a line of hand editing; and the client's half of captures against live routers."""
import json
import re
import shutil
import subprocess

import pytest

from cases.flows import alone
from cases.harness.lab import REPOSITORY, program

LOG = REPOSITORY / "captures" / "field-2025-07-28-nested.log"
MINIUPNPD = REPOSITORY / "build" / "debian" / "usr" / "sbin" / "miniupnpd"
UPNPC = ["--", "upnpc", "-m", "@client", "-e", "x", "-a", "@client", "1872", "1872", "TCP", "60"]


def igdlab(*argv, status=0):
    """Run a verb with --json; the object that it printed. Another exit status is a failure."""
    done = subprocess.run([program("igdlab"), argv[0], "--json", *map(str, argv[1:])], capture_output=True, text=True,
                          timeout=120)
    assert done.returncode == status, done.stdout + done.stderr
    return json.loads(done.stdout)


def grades(report):
    """[(name, grade)] of what was played."""
    return [(e["name"].split(" ")[0], e["grade"]) for e in report["exchanges"] if "grade" in e]


@pytest.fixture(scope="module", name="field")
def _field(tmp_path_factory):
    """The field log as flow and learned profile."""
    folder = tmp_path_factory.mktemp("field")
    igdlab("import", LOG, "-o", folder / "field.flow.json")
    igdlab("learn", folder / "field.flow.json", "-o", folder / "field.yaml")
    return folder / "field.flow.json", folder / "field.yaml"


@pytest.mark.sanitize
def test_the_learned_router_says_what_the_log_says(field):
    """Discovery, description and all SOAP exchanges, at full speed."""
    report = igdlab("replay", field[0], "--as", "client", "-p", field[1])
    assert [grade for _, grade in grades(report)] == ["same"] * 10
    assert report["left-out"] == 0 and report["described"]


def test_it_does_so_at_recorded_speed_in_other_addresses(field, tmp_path):
    topology = tmp_path / "other.yaml"
    text = (REPOSITORY / "topologies" / "flat.yaml").read_text()
    topology.write_text(text.replace("192.168.1.", "10.7.7."))
    report = igdlab("replay", field[0], "--as", "client", "-p", field[1], "-t", topology, "--speed", "recorded")
    assert {"from": "192.168.1.1:5431", "to": "10.7.7.1:5431"} in report["names"]
    assert {grade for _, grade in grades(report)} == {"same"}
    # Entries that the log's router had before still lead to the log's client.
    remarks = [d["text"] for e in report["exchanges"] for d in e["differences"]]
    assert len([text for text in remarks if "leads to the recorded client" in text]) == 2


def test_the_learned_router_plays_to_a_live_client(field):
    run = igdlab("replay", field[0], "--as", "router")
    assert run["verdict"] == "pass" and run["replay"]["from-flow"] >= 8


def test_another_router_is_told_apart(field):
    """The same model with an empty table: only the two entries that the log lists are not there."""
    report = igdlab("replay", field[0], "--as", "client", "-p", "broadcom-brcm400", status=1)
    different = [name for name, grade in grades(report) if grade != "same"]
    assert different == ["GetGenericPortMappingEntry"] * 2
    wrong = [d["text"] for e in report["exchanges"] for d in e["differences"] if d["grade"] == "different"]
    assert any("fault 713" in text for text in wrong)


@pytest.fixture(scope="module", name="mapped")
def _mapped(tmp_path_factory):
    """A capture of upnpc mapping a port at a conformant router."""
    if not shutil.which("upnpc"):
        pytest.skip("upnpc is not installed")
    folder = tmp_path_factory.mktemp("mapped")
    igdlab("run", "-p", "conformant-igd1", "-o", folder / "run", *UPNPC)
    igdlab("import", folder / "run" / "capture.pcapng", "-o", folder / "a.flow.json", "--anonymise")
    return folder / "a.flow.json"


@pytest.mark.sanitize
def test_an_anonymised_capture_against_its_router(mapped, tmp_path):
    """Another port, other UUIDs, another address outside: the same all the same; evidence is kept."""
    report = igdlab("replay", mapped, "--as", "client", "-p", "conformant-igd1", "-o", tmp_path / "out")
    assert {grade for _, grade in grades(report)} == {"same"} and len(grades(report)) >= 6
    assert (tmp_path / "out" / "capture.pcapng").exists() and (tmp_path / "out" / "ladder.svg").exists()
    live = json.loads((tmp_path / "out" / "live.flow.json").read_text())
    assert len(live["exchanges"]) == len(grades(report)) and live["router"] == "192.168.1.1"


def test_a_fault_is_different(mapped):
    report = igdlab("replay", mapped, "--as", "client", "-p", "conformant-igd1", "-q", "pm-501-catch-all-every-add", status=1)
    assert dict(grades(report))["AddPortMapping"] == "different"


def test_what_is_not_answered_is_missing(mapped):
    report = igdlab("replay", mapped, "--as", "client", "-p", "none", status=1)
    assert {grade for _, grade in grades(report)} == {"missing"} and not report["described"]


@pytest.mark.skipif(not MINIUPNPD.exists(), reason="Debian's miniupnpd is not built")
def test_against_a_daemon(mapped):
    """It is another router, and tells who it is; the mapping is made all the same."""
    report = igdlab("replay", mapped, "--as", "client", "--daemon", "miniupnpd-nftables", status=1)
    by_name = dict(grades(report))
    assert by_name["GET"] == by_name["M-SEARCH"] == "different"
    assert by_name["AddPortMapping"] == by_name["GetSpecificPortMappingEntry"] == "cosmetic"


@pytest.mark.skipif(not MINIUPNPD.exists() or not shutil.which("natpmpc"), reason="needs miniupnpd and natpmpc")
def test_datagrams_of_natpmp(tmp_path):
    """A daemon's answers to NAT-PMP, asked again: the same but for its epoch; another port is not granted twice."""
    topology = tmp_path / "daemon.yaml"
    text = (REPOSITORY / "topologies" / "flat.yaml").read_text()
    topology.write_text(text.replace("igd: conformant-igd1", "daemon: miniupnpd-nftables"))
    igdlab("run", "-t", topology, "-o", tmp_path / "run", "--", "natpmpc", "-g", "@gateway", "-a", "1872", "1872",
           "tcp", "60")
    igdlab("import", tmp_path / "run" / "capture.pcapng", "-o", tmp_path / "a.flow.json")
    report = igdlab("replay", tmp_path / "a.flow.json", "--as", "client", "--daemon", "miniupnpd-nftables")
    # natpmpc asks again after 250 ms, answered or not: on a busy machine more than once
    asked = [e["name"].partition(" (")[0] for e in report["exchanges"] if "grade" in e and e["protocol"] == "nat-pmp"]
    assert sorted(set(asked)) == ["external address", "map TCP"] and len(asked) == len(grades(report))
    silent = igdlab("replay", tmp_path / "a.flow.json", "--as", "client", status=1)
    assert {grade for _, grade in grades(silent)} == {"missing"} and len(grades(silent)) == len(asked)


def test_asked_twice_and_answered_twice(tmp_path):
    """A recorded client was not answered in time, asked again and was answered as often: it is played so."""
    igdlab("run", "-p", "natpmp-only", "-o", tmp_path / "run", "--", program("igdlab"), "map", "--via", "natpmp")
    igdlab("import", tmp_path / "run" / "capture.pcapng", "-o", tmp_path / "a.flow.json")
    flow = json.loads((tmp_path / "a.flow.json").read_text())
    for exchange in flow["exchanges"]:
        exchange["request"]["packets"][1] = 2
        exchange["replies"] *= 2
    (tmp_path / "twice.flow.json").write_text(json.dumps(flow))
    report = igdlab("replay", tmp_path / "twice.flow.json", "--as", "client", "-p", "natpmp-only")
    assert len(grades(report)) >= 2 and {grade for _, grade in grades(report)} == {"same"}


def test_a_router_on_this_network(mapped, tmp_path):
    """fakeigd alone is a router on "this network"."""
    report = json.loads(alone.run(tmp_path, '"$IGDLAB" replay "$FLOW" --as client --to 192.168.9.1 --json || [ $? -eq 1 ]',
                                  IGDLAB=program("igdlab"), FLOW=str(mapped)))
    assert report["described"] and {"from": "192.168.1.1", "to": "192.168.9.1"} in report["names"]
    assert dict(grades(report))["AddPortMapping"] != "missing"


@pytest.mark.parametrize("words, says", [
    (["--as", "client", "--", "upnpc"], "no command"),
    (["--as", "client", "--speed", "slow"], "expected recorded or full"),
    (["--as", "client", "--to", "192.0.2.1", "-p", "conformant-igd1"], "--to goes to this network"),
    (["--as", "client", "--to", "somewhere"], "expected an IPv4 address"),
    (["--as", "client", "--daemon", "miniupnpd"], 'unknown daemon "miniupnpd"'),
    (["--as", "client", "--daemon", "miniupnpd-nftables", "-q", "x"], "-p and -q"),
    (["--as", "client", "-p", "conformant-igd9"], 'unknown profile "conformant-igd9"'),
    (["--as", "router", "--speed", "full"], "go with --as client"),
    (["--as", "router", "-p", "a", "-p", "b"], "plays one"),
    ([], "expected --as router or --as client"),
])
def test_wrong_use(words, says):
    done = subprocess.run([program("igdlab"), "replay", "field-2025-07-28-nested", *words], capture_output=True,
                          text=True, check=False)
    assert done.returncode == 2 and says in re.sub(r"\s+", " ", done.stderr)
