# SPDX-License-Identifier: MIT
"""igdlab pinhole: what it does to a router's IPv6 firewall, and what it says of what it is told."""
import json
import subprocess

import pytest

from cases.harness.lab import Lab, program

IGDLAB = program("igdlab")
CLIENT = "2a0e:b107:1:1::4"


@pytest.fixture(scope="module", params=["dual-stack", "ipv6-only"])
def lab(request):
    with Lab(request.param, profile="conformant-igd2") as running:
        yield running


def pinhole(lab, *arguments):
    """Exit status and what --json tells."""
    done = lab.run("client", IGDLAB, "pinhole", *arguments, "--json")
    return done.code, json.loads(done.stdout)["result"]


def asked(lab):
    """How often AddPinhole was called."""
    return sum(line["event"] == "received" and line["what"].startswith("AddPinhole") for line in lab.journal())


def held(lab):
    return lab.router(op="pinholes")["pinholes"]


def test_life_of_a_pinhole(fresh):
    code, told = pinhole(fresh, "add", "--internal", "5000", "--protocol", "udp", "--remote-host", "2001:db8::9",
                         "--remote-port", "77", "--lease", "600")
    assert code == 0 and told["status"] == "opened" and told["internal_client"] == CLIENT
    one = held(fresh)[0]
    assert (one["unique_id"], one["internal_port"], one["protocol"], one["remote_host"], one["remote_port"]) == \
        (told["unique_id"], 5000, 17, "2001:db8::9", 77)
    assert one["owner"] == CLIENT, "6FC-27: asked from the address that is to be opened"
    number = str(told["unique_id"])
    assert pinhole(fresh, "update", "--id", number, "--lease", "60")[0] == 0 and held(fresh)[0]["lease"] == 60
    assert pinhole(fresh, "check", "--id", number)[1]["status"] == "no-traffic"
    assert pinhole(fresh, "list")[1]["pinholes"] == [{"unique_id": int(number), "ours": True, "packets": 0}]
    assert pinhole(fresh, "delete", "--id", number)[0] == 0 and not held(fresh)
    code, told = pinhole(fresh, "delete", "--id", number)
    assert (code, told["code"]) == (1, 704)


def test_one_that_is_gone_is_opened_again(fresh):  # 6FC-29
    assert pinhole(fresh, "update", "--id", "9")[1]["code"] == 704 and not held(fresh)
    code, told = pinhole(fresh, "update", "--id", "9", "--internal", "5000")
    assert code == 0 and told["status"] == "opened" and held(fresh)[0]["internal_port"] == 5000


@pytest.mark.parametrize("switches,code,status", [({"enabled": False}, 0, "open"), ({"inbound_allowed": False}, 1, "not-allowed")])
def test_switches_are_looked_at_first(fresh, switches, code, status):  # 6FC-28
    fresh.router(op="firewall", **switches)
    before = asked(fresh)
    got, told = pinhole(fresh, "add")
    assert (got, told["status"]) == (code, status) and not held(fresh)
    assert asked(fresh) == before, "AddPinhole was tried"


def test_over_ipv4():
    with Lab("dual-stack", profile="conformant-igd2") as lab:
        code, told = pinhole(lab, "add", "--over", "ipv4")
        assert code == 0 and held(lab)[0]["owner"] == "::ffff:192.168.1.4" and "192.168.1.1" in told["control"]


def test_router_without_the_service():
    with Lab("dual-stack", profile="conformant-igd1") as lab:
        code, told = pinhole(lab, "add", "--timeout", "1")
        assert (code, told["status"]) == (1, "no-router")


def run(*arguments, profile="conformant-igd2", quirk=()):
    """igdlab run on dual-stack: exit status and what it tells."""
    script = " && ".join(f"{IGDLAB} pinhole add {one} >/dev/null" for one in arguments)
    done = subprocess.run([IGDLAB, "run", "-t", "dual-stack", "-p", profile, *quirk, "--json", "--", "sh", "-c", script],
                          capture_output=True, text=True, check=False)
    return done.returncode, json.loads(done.stdout)


def test_run_proves_pinholes_by_packets():
    code, told = run("--internal 5000", "--internal 5001 --protocol udp --remote-port 777",
                     "--internal 5002 --remote-host 2001:db8::9", "--internal 0 --protocol udp")
    assert code == 0 and [one["internal_port"] for one in told["routers"]["r1"]["pinholes"]] == [5000, 5001, 5002, 0]
    assert [(one["protocol"], one["external_port"], one["reached"]) for one in told["effect"]] == \
        [("TCP", 5000, "client"), ("UDP", 5001, "client"), ("TCP", 5002, None), ("UDP", 61872, "client")]


def test_run_tells_a_pinhole_that_opens_nothing(tmp_path):
    quirk = tmp_path / "q.yaml"
    quirk.write_text("summary: nothing opens\nlayer: ipv6-pinhole\nevidence: {source: made for a test, class: synthetic}\n"
                     "overlay: {policy: {pinhole: {opens: nothing}, firewall6: {refusal: at-once}}}\n")
    code, told = run("--internal 5000", quirk=["-q", str(quirk)])
    assert code == 1 and told["verdict"] == "fail" and not told["effect"][0]["ok"] and told["effect"][0]["reached"] is None


@pytest.mark.parametrize("arguments,complaint", [
    ([], "what to do is missing"), (["ad"], 'did you mean "add"?'), (["delete"], "which one?"),
    (["delete", "--id", "65536"], "expected 0 to 65535"), (["add", "--protocol", "x"], "expected tcp, udp"),
    (["add", "--lease", "86401"], "86400"), (["add", "--internal-client", "192.168.1.4"], "expected an IPv6 address"),
    (["add", "--remote-host", "peer"], "expected an IPv6 address"), (["list", "--over", "ip"], "expected ipv4, ipv6 or any"),
])
def test_wrong_use(arguments, complaint):
    done = subprocess.run([IGDLAB, "pinhole", *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 2 and complaint in done.stderr and done.stderr.count("\n") == 1
