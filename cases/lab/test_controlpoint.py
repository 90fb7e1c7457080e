# SPDX-License-Identifier: MIT
"""The reference control point: it gets through where each of its naive modes does not.

A naive mode that no router can trip would prove nothing, so each one here has the router that does.
"""
import json
import subprocess

import pytest
import yaml

from cases.harness.lab import REPOSITORY, Lab, program, until

IGDLAB = program("igdlab")

QUIRK = """\
summary: made for one case
layer: http
priority: 3
evidence: [{source: cases/lab/test_controlpoint.py, seen: nowhere, class: recalled}]
breaks: []
naive: fails
robust: works
client: {must: mapped}
overlay:
"""
SILENT = "ssdp: {notify: false}"
# The description comes with a gap that no pause of a busy machine bridges, so that one recv() never has both parts.
APART = "rules: [{when: {layer: http, message: get}, split: {at: head-body, gap: 3s}}]"

# mode, options of igdlab run, overlay of the router
TRIPPED = [
    ("multicast-only", ["-t", "no-multicast"], None),
    ("single-search", [],
     "policy: {%s}\nrules: [{when: {layer: ssdp, message: m-search, first: 10}, drop: true}]" % SILENT),
    ("case-sensitive-headers", ["-p", "broadcom-brcm400"], "policy: {%s}" % SILENT),
    ("trust-location", [],
     "policy: {%s}\nlisten: {http: 5000}\nurls: {description: /d.xml}\nmessages:\n  ssdp-reply: |\n"
     "    HTTP/1.1 200 OK\n    LOCATION: http://127.0.0.1:5000/d.xml\n    ST: {st}\n    USN: {usn}" % SILENT),
    ("wrong-st-type", ["-p", "conformant-igd2"], "policy: {soap: {version: exact}}"),
    ("exact-service-version", ["-p", "conformant-igd2"], None),
    ("urlbase-literal", ["-q", "desc-urlbase-slash-joins"], None),
    ("urlbase-needed", [], None),
    ("single-recv", [], APART),
    ("trust-content-length-only", ["-p", "broadcom-brcm400"], None),
    ("ignores-conflict", [],
     "rules: [{when: {action: AddPortMapping, NewExternalPort: 1872}, fault: {code: 718, text: x}}]"),
]


def options(tmp_path, overlay):
    if overlay is None:
        return []
    path = tmp_path / "made.yaml"
    path.write_text(QUIRK + "".join(f"  {line}\n" for line in overlay.splitlines()))
    return ["-q", f"r1={path}"]


def cp(before, *argv):
    """A verb of the control point on the client; returns its JSON."""
    out = subprocess.run([IGDLAB, "run", *before, "--", IGDLAB, *argv, "--json"],
                         capture_output=True, text=True, check=False)
    value, _ = json.JSONDecoder().raw_decode(out.stdout)
    return value


@pytest.mark.parametrize("mode, before, overlay", TRIPPED,
                         ids=[f"{mode}-{i}" for i, (mode, _, _) in enumerate(TRIPPED)])
def test_naive_mode_is_tripped(tmp_path, mode, before, overlay):
    before = [*before, *options(tmp_path, overlay)]
    assert cp(before, "map")["result"]["status"] == "mapped"
    naive = cp(before, "map", "--naive", mode, "--timeout", "2")
    assert naive["naive"] == [mode]
    assert naive["result"]["status"] != "mapped", naive["result"]


# What else it takes for a mode to fall for a quirk that its list names.
LAST = ("rules: [{when: {action: GetGenericPortMappingEntry, NewPortMappingIndex: 40}, "
        "fault: {code: 713, text: x}}]")
BESIDE = {  # quirk: overlay
    "http-fault-with-200": "rules: [{when: {action: AddPortMapping, NewExternalPort: 1872}, "
                           "fault: {code: 718, text: x}}]",
    # There is an end to everything, in a test.
    "pm-generic-end-codes": LAST,
    "pm-generic-repeat-last": LAST,
}
BEHIND = {"head-and-body-in-two-segments": APART}  # the same; of two gaps the later one counts
ALSO = {  # quirk: options of the verb, good or naive
    "pm-int-equals-ext-forced": ["--internal", "99"],
}
QUIET = {"case-sensitive-headers", "connect-udp-socket", "trust-location"}  # hear announcements too
LISTS = {"stops-at-empty-entry", "endless-enumeration"}  # are seen in the list, not in the mapping


def modes():
    done = subprocess.run([IGDLAB, "map", "--naive", "list", "--json"], capture_output=True, text=True,
                          check=True)
    return {m["name"]: m for m in json.loads(done.stdout)}


MODES = modes()
PAIRS = [(name, quirk) for name, mode in MODES.items() for quirk in mode["quirks"].split()]


def show(quirk):
    return json.loads(subprocess.run([IGDLAB, "show", "quirk", quirk, "--json"], capture_output=True,
                                     text=True, check=True).stdout)


def came_of_it(before, argv):
    """What the control point says, and what the client's gateway holds afterwards."""
    done = subprocess.run([IGDLAB, "run", "--json", *before, "--", *argv], capture_output=True, text=True,
                          check=False)
    assert done.returncode in (0, 1), done.stderr
    run = json.loads(done.stdout)
    value = json.JSONDecoder().raw_decode(run["command"]["stdout"])[0]
    result = value["result"]
    said = {key: result.get(key) for key in ("status", "complete", "external_port")}
    if value["verb"] == "list-mappings":
        said["ends"] = [(s["believed"], s["why"]) for s in value["steps"] if s["step"] == "enumerate"]
    held = [(m["external_port"], m["internal_client"], m["internal_port"])
            for m in run["routers"]["r1"]["mappings"] if m["enabled"]]
    return said, held


@pytest.mark.parametrize("mode, quirk", PAIRS, ids=[f"{mode}-{quirk}" for mode, quirk in PAIRS])
def test_mode_falls_for_the_quirks_it_names(tmp_path, mode, quirk):
    """--naive list tells the truth: every quirk exists, and makes a difference to that mode."""
    what = show(quirk)
    where = what.get("topology", "flat")
    where = where if isinstance(where, str) else where["name"]
    before = ["-t", where, "-p", what.get("base", "conformant-igd1"), "-q", quirk]
    overlay = "policy: {%s}" % SILENT if mode in QUIET else BESIDE.get(quirk) or BEHIND.get(quirk)
    # what is made here comes first in its layer only when it is named first
    before = [*options(tmp_path, overlay), *before] if quirk in BESIDE else before + options(tmp_path, overlay)
    verb = [IGDLAB, "map", "--json", *ALSO.get(quirk, [])]
    if mode in LISTS:
        verb = ["sh", "-c", f"{IGDLAB} map >/dev/null; exec {IGDLAB} list-mappings --json $@", "sh"]
    said, held = came_of_it(before, verb)
    assert (said, held) != came_of_it(before, [*verb, "--naive", mode, "--timeout", "1"])
    if mode not in LISTS:
        assert (said["status"] == "mapped") == bool(held), "says what is not so"


def test_every_mode_falls_for_something():
    tried = {mode for mode, _ in PAIRS} | {mode for mode, _, _ in TRIPPED} | {"first-reply-wins"}
    table = yaml.safe_load((REPOSITORY / "cases" / "loop" / "naive.yaml").read_text())
    elsewhere = {mode for key in [*table["modes"], *table["long"]] for mode in key.rpartition(":")[2].split("+")}
    assert tried | elsewhere == set(MODES)
    assert all(m["summary"] for m in MODES.values())


def test_success_without_a_mapping_is_seen(tmp_path):
    before = options(tmp_path, "rules: [{when: {action: AddPortMapping}, lie: true}]")
    assert cp(before, "map")["result"]["status"] == "refused"
    assert cp(before, "map", "--naive", "believes-success")["result"]["status"] == "mapped"


def test_private_external_address_is_no_success(tmp_path):
    before = options(tmp_path, "rules: [{when: {action: GetExternalIPAddress}, "
                               "reply: {NewExternalIPAddress: 100.81.111.102}}]")
    assert cp(before, "map")["result"]["complete"] is False
    assert cp(before, "map", "--naive", "believes-external-address")["result"]["complete"] is True


def test_the_gateway_is_chosen_not_the_quickest(tmp_path):
    before = ["-t", "two-routers", *options(tmp_path,
              "policy: {%s}\nrules: [{when: {layer: ssdp, message: reply}, delay: 1s}]" % SILENT)]
    good, naive = cp(before, "map"), cp(before, "map", "--naive", "first-reply-wins")
    assert good["layers"][0]["gateway"] == "192.168.1.1"
    assert naive["layers"][0]["gateway"] == "192.168.1.2"


def test_empty_entry_is_not_the_end():
    before = ["-p", "broadcom-brcm400"]
    script = f"{IGDLAB} map >/dev/null; exec {IGDLAB} list-mappings --json $0"

    def listed(*argv):
        out = subprocess.run([IGDLAB, "run", *before, "--", "sh", "-c", script, *argv],
                             capture_output=True, text=True, check=False).stdout
        return [m["external_port"] for m in
                json.JSONDecoder().raw_decode(out)[0]["result"]["mappings"]]

    assert listed("-v") == [1872]
    assert listed("--naive=stops-at-empty-entry") == []


@pytest.mark.sanitize
def test_somebody_elses_port_moves_ours_on_that_layer_alone():
    """r2's 1872 is taken: r2 gives 1873, and the chain still leads through."""
    other = "--internal-client 192.168.1.9"
    script = (f"{IGDLAB} map --layers 1 {other} >/dev/null && {IGDLAB} map --json && "
              f"{IGDLAB} unmap >/dev/null && {IGDLAB} list-mappings >/dev/null")
    out = subprocess.run([IGDLAB, "run", "-t", "nested-2", "--", "sh", "-c", script],
                         capture_output=True, text=True, check=False).stdout
    layers = json.JSONDecoder().raw_decode(out)[0]["layers"]
    assert [(l["internal_port"], l["external_port"]) for l in layers] == [(1872, 1873), (1873, 1872)]
    assert layers[1]["internal_client"] == layers[0]["external_address"]
    assert all(l["verified"] for l in layers)


def test_the_router_chooses_where_it_may():
    """AddAnyPortMapping: what the answer says is the port, at the first try."""
    said = cp(["-p", "conformant-igd2", "-q", "pm-addany-other-port"], "map", "--any")
    added = [step["request"].split()[0] for step in said["steps"] if step["step"] == "add"]
    assert added == ["AddAnyPortMapping"] and said["result"]["status"] == "mapped"
    assert said["result"]["external_port"] != 1872 and said["layers"][0]["verified"]


@pytest.mark.sanitize
def test_a_stale_mapping_of_ours_is_deleted():
    script = (f"{IGDLAB} map --internal 99 >/dev/null && {IGDLAB} map --json")
    out = subprocess.run([IGDLAB, "run", "--", "sh", "-c", script],
                         capture_output=True, text=True, check=False).stdout
    steps = json.JSONDecoder().raw_decode(out)[0]["steps"]
    assert "delete" in [s["step"] for s in steps]
    assert steps[-1]["step"] == "verify" and "192.168.1.4:1872" in steps[-1]["believed"]


@pytest.mark.sanitize
def test_a_router_that_moves_is_found_again(tmp_path):
    before = options(tmp_path, "policy: {http: {port-changes-on-reboot: true}}\nrules: "
                               "[{when: {action: GetGenericPortMappingEntry, nth: 1}, reboot: true}]")
    steps = cp(before, "map")
    assert steps["result"]["status"] == "mapped"
    assert [s["step"] for s in steps["steps"]].count("search") == 2


@pytest.mark.parametrize("argv, sentence", [
    (["--naive", "singlerecv"], 'did you mean "single-recv"?'),
    (["--via", "upnp"], 'no "upnp" here; there is: igd, natpmp, pcp, auto'),
    (["--server", "192.168.1.1,gateway"], 'expected addresses with commas between, a link-local one as fe80::1%IF, found "gateway"'),
    (["--url", "ftp://192.168.1.1/"], "--url: expected http://"),
    (["--internal-client", "me"], "--internal-client: expected an address, found \"me\""),
])
def test_wrong_use_is_explained(argv, sentence):
    done = subprocess.run([IGDLAB, "map", *argv], capture_output=True, text=True, check=False)
    assert done.returncode == 2 and sentence in done.stderr


def test_url_is_taken_as_it_is():
    """A router on this host, as a developer of one has it, is asked at the address that was given."""
    steps = cp([], "map", "--url", "http://127.0.0.1:1/d.xml")["steps"]
    assert "http://127.0.0.1:1/d.xml" in [s["request"] for s in steps if s["step"] == "description"][0]


@pytest.mark.parametrize("topology", ["no-multicast", "flat"])
def test_timeout_bounds_the_search(topology):
    done = cp(["-t", topology, "-p", "none"], "map", "--naive", "multicast-only", "--timeout", "1")
    search = [s for s in done["steps"] if s["step"] == "search"][0]
    # without it ten seconds, the default
    assert done["result"]["status"] == "no-router" and 950 <= search["took_ms"] < 9000


def test_kept_by_igd_it_is_quiet_and_hears_a_restart():
    """SSDP-62: mapped once while nothing happens, once more when the router says that it has started anew."""
    with Lab("flat") as lab:
        kept = lab.start("client", IGDLAB, "map", "--keep", "--external", 1872)
        until(lab.mappings, what="the mapping")
        lab.router(op="reboot")
        assert lab.mappings() == []
        until(lab.mappings, timeout=20, what="the mapping made again")
        assert kept.finish() == 0 and lab.mappings() == []
        assert kept.stdout.count("Mapped: ") == 2, kept.stdout
