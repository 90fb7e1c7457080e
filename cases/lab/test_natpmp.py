# SPDX-License-Identifier: MIT
"""The reference control point by NAT-PMP: what it asks, what it believes, what it says."""
import json

import pytest

from cases.harness.effect import tcp_reaches
from cases.harness.lab import Lab, program

PORT = 1872


@pytest.fixture
def verb(request):
    """verb(lab, name, ...): (exit status, JSON) of a verb of the control point on the client."""
    def run(lab, *argv):
        done = lab.run("client", program("igdlab"), *argv, "--via", "natpmp", "--json", timeout=30)
        assert done.stdout, done.stderr
        return done.code, json.loads(done.stdout)
    return run


def mapping(*more):
    return ["--external", str(PORT), "--internal", str(PORT), *more]


def test_external_address(verb):
    with Lab("flat", profile="natpmp-only") as lab:
        code, told = verb(lab, "external-ip")
    assert code == 0 and told["result"]["external_address"] == "44.0.1.2"
    assert told["layers"][0]["via"] == "natpmp"


def test_map_and_unmap(verb):
    with Lab("flat", profile="natpmp-only") as lab:
        code, told = verb(lab, "map", *mapping("--lease", "60"))
        assert code == 0 and told["layers"][0]["lease"] == 60
        assert tcp_reaches(lab, PORT)
        assert verb(lab, "unmap", *mapping())[0] == 0
        assert not tcp_reaches(lab, PORT, timeout=0.3)


@pytest.mark.parametrize("quirk,code,port", [
    ("pmp-ext-port-incremented", 0, PORT + 1), ("pmp-short-lifetime", 0, PORT), ("pmp-result-3-no-wan", 0, PORT),
    ("pmp-lifetime-zero-success", 1, None), ("pmp-result-2-not-authorised", 1, None), ("pmp-result-4-5", 1, None),
    ("pmp-conflict-bogus-int-port", 1, None), ("pmp-reply-wrong-source", 1, None)])
def test_map_under_a_quirk(verb, quirk, code, port):
    with Lab("flat", profile="natpmp-only", quirks=[quirk]) as lab:
        got, told = verb(lab, "map", *mapping("--timeout", "2"))
        assert got == code, told["result"]["sentence"]
        if port:
            assert told["result"]["external_port"] == port and tcp_reaches(lab, port, internal=PORT)


def test_closed_port_is_told_at_once(verb):
    with Lab("flat", profile="conformant-igd1") as lab:
        code, told = verb(lab, "map", *mapping())
    assert code == 1 and told["result"]["took_ms"] < 5000
    assert any("closed" in step["why"] for step in told["steps"])


@pytest.mark.parametrize("more", [("--internal-client", "192.168.1.99"), ("--remote-host", "44.0.1.10")])
def test_what_natpmp_cannot_say(verb, more):
    with Lab("flat", profile="natpmp-only") as lab:
        assert verb(lab, "map", *mapping(*more))[0] == 1
        assert not lab.mappings()


def test_routers_behind_routers(verb):
    with Lab("nested-2", profile=["r1=natpmp-only", "r2=natpmp-only"]) as lab:
        code, told = verb(lab, "map", *mapping())
        assert code == 0 and len(told["layers"]) == 2, told["result"]["sentence"]
        assert tcp_reaches(lab, told["result"]["external_port"], internal=PORT)


def test_nothing_is_listed(verb):
    with Lab("flat", profile="natpmp-only") as lab:
        code, told = verb(lab, "list-mappings")
    assert code == 1 and told["result"]["mappings"] == []
