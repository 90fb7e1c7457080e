# SPDX-License-Identifier: MIT
"""Flows become profiles: the recorded answers again, and sense beyond them; replay as router.

The field log goes all the way from text to a live client. Captures of upnpc against unlike routers are
made here, learned, and rehearsed. The comparison of a learned miniupnpd with the real one in every check
of the daemon suite takes minutes: IGDLAB_LONG=1.
"""
import json
import os
import shutil
import subprocess

import pytest

from cases.harness.lab import REPOSITORY, program

LOG = REPOSITORY / "captures" / "field-2025-07-28-nested.log"
MINIUPNPD = REPOSITORY / "build" / "debian" / "usr" / "sbin" / "miniupnpd"
# What a client does to a router, so that a capture shows table, leases, faults and form.
CLIENT = """
upnpc -l
upnpc -e 'test one' -a 192.168.1.4 8080 8080 TCP 600
upnpc -e two -a 192.168.1.4 53 5353 UDP
upnpc -l
upnpc -d 8080 TCP
upnpc -d 8081 TCP
upnpc -s
true
"""
DAEMON = """
summary: a daemon between client and peer
networks:
  home:     {subnet: 192.168.1.0/24}
  internet: {subnet: 44.0.1.0/24}
nodes:
  client: {kind: host, attach: {home: 192.168.1.4}, gateway: r1}
  r1: {kind: router, lan: {home: 192.168.1.1}, wan: {internet: 44.0.1.2}, daemon: miniupnpd-nftables}
  peer: {kind: host, attach: {internet: 44.0.1.10}}
"""
# A router that differs where only curious.py looks.
ODD = """
summary: a router that is odd in what few clients ask
extends: conformant-igd1
ssdp: {order: ["urn:schemas-upnp-org:service:WANIPConnection:1", "upnp:rootdevice"]}
policy: {generic: {order: %s}}
pages: [{path: /second.xml, body: "<root><device><UDN>uuid:second</UDN></device></root>"}]
messages:
  error-body: "<b>{reason}, {status}</b>"
  event: "<e:propertyset xmlns:e=\\"urn:schemas-upnp-org:event-1-0\\">{properties} </e:propertyset>"
  event-property: " <e:property><{name}>{value}</{name}></e:property>"
rules:
  - when: {message: reply, target: "urn:schemas-upnp-org:device:*", header: {ST: "ssdp:all"}}
    drop: true
  - when: {message: m-search, target: "urn:schemas-upnp-org:device:WANDevice:1"}
    drop: true
  - when: {message: m-search, target: "urn:schemas-upnp-org:service:Nothing:1"}
    also: [{ssdp-reply: {}}]
"""
needs_upnpc = pytest.mark.skipif(not shutil.which("upnpc"), reason="upnpc is not installed")


def igdlab(*argv, status=0):
    """Run a verb with --json; the object that it printed. Another exit status is a failure."""
    done = subprocess.run([program("igdlab"), *map(str, argv)], capture_output=True, text=True, timeout=600)
    assert done.returncode == status, done.stdout + done.stderr
    return json.loads(done.stdout)


def recorded(folder, *options):
    """A capture of CLIENT against a router, as a flow."""
    script = folder / "client.sh"
    script.write_text(CLIENT)
    evidence = folder / "evidence"
    igdlab("run", "-o", evidence, *options, "--json", "--", "sh", script)
    flow = folder / "captured.flow.json"
    igdlab("import", evidence / "capture.pcapng", "-o", flow, "--json")
    return flow


@pytest.fixture(scope="module", name="field")
def _field(tmp_path_factory):
    """The field log as flow and profile, with what learn --check found."""
    folder = tmp_path_factory.mktemp("field")
    igdlab("import", LOG, "-o", folder / "field.flow.json", "--json")
    report = igdlab("learn", folder / "field.flow.json", "-o", folder / "field.yaml", "--check", "--json")
    return folder / "field.flow.json", folder / "field.yaml", report


def test_field_log_says_the_same_again(field):
    """Every recorded answer, byte for byte but dates, from templates, state and policy alone."""
    exchanges = field[2]["exchanges"]
    assert [e["name"].split()[0] for e in exchanges] == [
        "reply", "GET", "GetExternalIPAddress", *["GetGenericPortMappingEntry"] * 4, "GetSpecificPortMappingEntry",
        "AddPortMapping"]
    assert all(e["same"] and not e["verbatim"] for e in exchanges)


def test_each_line_has_its_evidence(field):
    text = field[1].read_text()
    assert "lease: 16905}  # exchange 5, line 154" in text
    assert "external: 100.81.111.102  # exchange 3" in text
    assert "assumed:" in text and "4 entries of the table that the flow passes over" in text


def test_field_router_lives_on(field):
    """What is added to the learned router is listed and carries packets; the flow's answers come from it."""
    run = igdlab("replay", field[0], "--as", "router", "--json")
    assert run["verdict"] == "pass"
    assert {m["external_port"] for m in run["routers"]["r1"]["mappings"]} >= {1872, 3, 1}
    assert all(e["ok"] for e in run["effect"] if e["external_port"] == 1872)
    sources = [r["source"] for r in run["replay"]["requests"]]
    # A lease that went on by a second on a busy machine is adapted.
    assert run["replay"]["from-flow"] == sources.count("flow") > 0
    assert run["replay"]["from-flow"] + run["replay"]["adapted"] >= 8
    assert run["replay"]["beyond"] == sources.count("beyond") > 0


def test_addresses_are_adapted_to_another_lab(field):
    topology = "nested-2"
    run = igdlab("replay", field[0], "--as", "router", "-t", topology, "--json", "--", program("igdlab"),
                 "external-ip")
    assert run["topology"] == topology and run["replay"]["from-flow"]


@needs_upnpc
@pytest.mark.parametrize("profile", ["broadcom-brcm400", "asuswrt", "miniupnpd-igd2", "tp-link-archer-c2300"])
def test_captures_of_unlike_routers(tmp_path, profile):
    flow = recorded(tmp_path, "-p", profile)
    report = igdlab("learn", flow, "-o", tmp_path / "learned.yaml", "--check", "--json")
    assert len(report["exchanges"]) >= 40
    assert [e for e in report["exchanges"] if not e["same"]] == []
    assert sum(e["verbatim"] for e in report["exchanges"]) <= len(report["exchanges"]) // 10


@needs_upnpc
@pytest.mark.parametrize("how", ["dot", "remove"])
def test_what_becomes_of_a_description(tmp_path, how):
    """The client's "test one, two" comes back as the router made it, and so it does from the learned one."""
    odd, script = tmp_path / "odd.yaml", tmp_path / "client.sh"
    odd.write_text(f"summary: characters\nextends: conformant-igd1\npolicy: {{description: {{other-characters: {how}}}}}\n")
    script.write_text("upnpc -e 'test one, two' -a 192.168.1.4 8080 8080 TCP 600\nupnpc -l\n")
    igdlab("run", "-o", tmp_path / "evidence", "-p", odd, "--json", "--", "sh", script)
    igdlab("import", tmp_path / "evidence" / "capture.pcapng", "-o", tmp_path / "a.flow.json", "--json")
    report = igdlab("learn", tmp_path / "a.flow.json", "-o", tmp_path / "learned.yaml", "--check", "--json")
    assert f"other-characters: {how}" in (tmp_path / "learned.yaml").read_text()
    assert report["exchanges"] and [e for e in report["exchanges"] if not e["same"]] == []


@pytest.mark.parametrize("order", ["oldest", "newest", "port"])
def test_what_few_clients_ask(tmp_path, order):
    """Searches, silence, order, errors, events and documents come from policy and templates, too."""
    odd = tmp_path / "odd.yaml"
    odd.write_text(ODD % order)
    script = REPOSITORY / "cases" / "flows" / "curious.py"
    igdlab("run", "-o", tmp_path / "evidence", "-p", odd, "--json", "--", "/usr/bin/python3", script, "@gateway")
    flow = tmp_path / "captured.flow.json"
    igdlab("import", tmp_path / "evidence" / "capture.pcapng", "-o", flow, "--json")
    report = igdlab("learn", flow, "-o", tmp_path / "learned.yaml", "--check", "--json")
    assert [e for e in report["exchanges"] if not e["same"] or e["verbatim"]] == []
    assert sum(e["name"].startswith("M-SEARCH") for e in report["exchanges"]) >= 5
    text = (tmp_path / "learned.yaml").read_text()
    assert ("order: oldest" in text, f"order: {order}" in text) == (False, order != "oldest")
    assert '- path: "/second.xml"' in text and "event-property: " in text
    assert "<b>{reason}, {status}</b>" in text


@pytest.mark.parametrize("quirk, policy", [
    (None, "natpmp:\n    enabled: true"),
    ("pmp-ext-port-random", "port: unrelated"),
    ("pmp-companion-given-away", "external_port: 1872, protocol: TCP, internal_port: 1872"),
    ("pmp-ext-port-zero-unsupported", "port-zero: ignore"),
    ("pmp-result-2-not-authorised", "mapping: 2"),
    ("pmp-epoch-bogus", "epoch: wall-clock"),
])
def test_nat_pmp_is_learned(tmp_path, quirk, policy):
    """Ports, lifetimes, refusals and silence, byte for byte but the epoch; no answer word for word."""
    script = REPOSITORY / "cases" / "flows" / "curious_natpmp.py"
    igdlab("run", "-o", tmp_path / "evidence", "-p", "natpmp-only", *(["-q", quirk] if quirk else []), "--json", "--",
           "/usr/bin/python3", script, "@gateway")
    flow = tmp_path / "captured.flow.json"
    igdlab("import", tmp_path / "evidence" / "capture.pcapng", "-o", flow, "--json")
    report = igdlab("learn", flow, "-o", tmp_path / "learned.yaml", "--check", "--json")
    assert len(report["exchanges"]) >= 14
    assert [e for e in report["exchanges"] if not e["same"] or e["verbatim"]] == []
    assert policy in (tmp_path / "learned.yaml").read_text()


def test_nat_pmp_router_lives_on(tmp_path):
    """The reference control point maps at the learned router; with another profile the flow's answers are laid over."""
    flow = "go-nat-pmp-protonvpn-pmp"
    words = ["--", program("igdlab"), "map", "--via", "natpmp", "--external", "1872", "--internal", "1872"]
    for profile in ([], ["-p", "conformant-igd2"]):
        run = igdlab("replay", flow, "--as", "router", *profile, "--json", *words, "--lease", "3600")
        assert run["verdict"] == "pass"
        assert run["replay"]["from-flow"] >= 1 and run["replay"]["requests"][-1]["name"] == "map TCP"
    run = igdlab("replay", flow, "--as", "router", "--json", *words, "--lease", "77")
    assert run["replay"]["requests"][-1]["source"] == "beyond", "the flow has another lifetime"
    assert all(e["ok"] for e in run["effect"]) and run["effect"]


@needs_upnpc
def test_another_profile_with_the_answers_of_a_flow(tmp_path):
    flow = recorded(tmp_path, "-p", "asuswrt")
    run = igdlab("replay", flow, "--as", "router", "-p", "conformant-igd1", "--json", "--", "upnpc", "-s")
    by_name = {r["name"]: r["source"] for r in run["replay"]["requests"]}
    assert by_name["GetStatusInfo"] in ("adapted", "beyond")
    assert by_name["GetConnectionTypeInfo"] == "adapted"


@needs_upnpc
def test_another_profile_says_yes_to_what_the_flow_did(tmp_path):
    """It refuses leases, the flow's router does not: the client's mapping is made or at least promised."""
    flow = recorded(tmp_path, "-p", "conformant-igd1")
    other = tmp_path / "other.yaml"
    other.write_text("summary: refuses leases\nextends: conformant-igd1\npolicy: {lease: {finite: 725}}\n")
    words = ["upnpc", "-e", "test one", "-a", "192.168.1.4", "8080", "8080", "TCP", "600"]
    run = igdlab("replay", flow, "--as", "router", "-p", other, "--json", "--", *words)
    assert run["evidence"] is None and "igdlab-replay" not in json.dumps(run["routers"])
    assert {r["name"]: r["source"] for r in run["replay"]["requests"]}["AddPortMapping"] in ("flow", "adapted")


@pytest.mark.parametrize("words, complaint", [
    (["learn"], "expected one flow"),
    (["learn", "x", "--base", "nobody"], "there is no such profile"),
    (["replay", "x", "--as", "nobody"], "expected --as router or --as client"),
    (["replay", "--as", "router"], "expected a flow"),
    (["replay", "./nothing.flow.json", "--as", "router"], "nothing.flow.json"),
])
def test_wrong_use_is_told(tmp_path, words, complaint):
    done = subprocess.run([program("igdlab"), *words], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 2 and complaint in done.stderr


def _grades(subject, folder):
    """{check: grade} of the whole daemon suite, known failures counted as failures."""
    out = folder / f"{subject.replace('/', '_').replace(':', '_')}.json"
    with out.open("w") as file:
        subprocess.run([program("igdlab"), "test", "daemon", subject, "-n", "1", "--no-known", "--json"],
                       stdout=file, stderr=subprocess.DEVNULL, check=False)
    checks = json.loads(out.read_text())["checks"]
    return {c["check"].replace(c["subject"], "SUBJECT"): c["grade"] for c in checks}


@needs_upnpc
@pytest.mark.skipif(not os.environ.get("IGDLAB_LONG"), reason="IGDLAB_LONG=1: the daemon suite twice, minutes")
@pytest.mark.skipif(not MINIUPNPD.exists(), reason="Debian's miniupnpd is not built")
def test_a_learned_miniupnpd_passes_and_fails_what_it_does(tmp_path):
    """At least 85 % of the checks end the same way; those that do not are printed."""
    topology = tmp_path / "daemon.yaml"
    topology.write_text(DAEMON)
    flow = recorded(tmp_path, "-t", topology)
    igdlab("learn", flow, "-o", tmp_path / "learned.yaml", "--check", "--json")
    real, fake = (_grades(s, tmp_path) for s in ("miniupnpd-nftables", f"fakeigd:{tmp_path}/learned.yaml"))
    verdicts = {"pass": "pass", "non-strict": "pass", "fail": "fail"}
    both = {c: (verdicts[g], verdicts[fake[c]]) for c, g in real.items()
            if g in verdicts and fake.get(c) in verdicts}
    unlike = sorted(c for c, (a, b) in both.items() if a != b)
    for check in unlike:
        print(f"{check}: miniupnpd {both[check][0]}, learned {both[check][1]}")
    print(f"{len(both) - len(unlike)} of {len(both)} alike")
    assert len(both) - len(unlike) >= 0.85 * len(both)
