# SPDX-License-Identifier: MIT
"""The reference control point by PCP and by whichever protocol works: what it asks, what it believes, what it says."""
import contextlib
import json

import pytest

from cases.harness.effect import tcp_reaches
from cases.harness.gateway import USUAL, Gateway, topology
from cases.harness.lab import Lab, program, until
from cases.harness.miniupnpd import PROGRAM, MiniupnpdLab

PORT = 1872
DEBIAN = pytest.mark.skipif(not PROGRAM.exists(), reason="miniupnpd is not there; run scripts/install-deps")


def verb(lab, name, *argv, via="pcp"):
    """(exit status, JSON) of a verb of the control point on the client."""
    done = lab.run("client", program("igdlab"), name, *argv, "--via", via, "--json", timeout=60)
    assert done.stdout, done.stderr
    return done.code, json.loads(done.stdout)


@pytest.fixture
def server(tmp_path):
    """server(...): (lab, Gateway) in ``with``."""
    @contextlib.contextmanager
    def place(speaks=("pcp",), **more):
        with Lab(topology(tmp_path)) as lab, Gateway(lab, speaks=speaks, **more) as gate:
            yield lab, gate
    return place


@DEBIAN
@pytest.mark.parametrize("via", ["pcp", "auto"])
def test_life_of_a_mapping_on_miniupnpd(tmp_path, via):
    """A server that is not ours."""
    with MiniupnpdLab(tmp_path) as lab:
        code, told = verb(lab, "external-ip", via=via)
        assert code == 0 and told["result"]["external_address"] == "44.0.1.2"
        code, told = verb(lab, "map", "--lease", "300", via=via)
        assert code == 0 and told["layers"][0]["lease"] == 300 and told["layers"][0]["via"] == "pcp"
        assert tcp_reaches(lab, PORT)
        assert verb(lab, "map", "--lease", "600", via=via)[0] == 0  # the same nonce: a renewal
        assert verb(lab, "unmap", via=via)[0] == 0
        assert not tcp_reaches(lab, PORT, timeout=0.3)


@pytest.mark.parametrize("profile, via", [("pcp-only", "pcp"), ("pcp-only", "auto"), ("conformant-all", "auto"), ("conformant-all", "pcp")])
def test_life_of_a_mapping(profile, via):
    with Lab("flat", profile=profile) as lab:
        assert verb(lab, "external-ip", via=via)[1]["result"]["external_address"] == "44.0.1.2" and not lab.mappings()
        code, told = verb(lab, "map", via=via)
        assert code == 0 and told["layers"][0]["via"] == "pcp" and tcp_reaches(lab, PORT)
        assert verb(lab, "map", via=via)[0] == 0 and len(lab.mappings()) == 1
        assert verb(lab, "unmap", via=via)[0] == 0
        assert not lab.mappings() and not tcp_reaches(lab, PORT, timeout=0.3)


@pytest.mark.parametrize("via, profiles", [("pcp", ["r1=pcp-only", "r2=pcp-only"]), ("auto", ["r1=natpmp-only", "r2=pcp-only"]),
                                           ("auto", ["r1=pcp-only", "r2=conformant-igd1"])])
def test_routers_behind_routers(via, profiles):
    """The outer router maps for the inner one, whose address stands in the request; each by what it speaks."""
    with Lab("nested-2", profile=profiles) as lab:
        code, told = verb(lab, "map", via=via)
        assert code == 0 and len(told["layers"]) == 2, told["result"]["sentence"]
        assert tcp_reaches(lab, told["result"]["external_port"], internal=PORT)
        assert verb(lab, "unmap", via=via)[0] == 0
        assert not lab.mappings("r1") and not lab.mappings("r2")


def test_exact_port_or_none(server):
    """PREFER_FAILURE goes along; who gives another port all the same has it taken back (PCP-86)."""
    with server() as (lab, gate):
        gate.port = 50000
        code, told = verb(lab, "map", "--exact")
        assert code == 1 and "another port (50000)" in told["result"]["sentence"]
        assert gate.maps()[0].options == bytes([2, 0, 0, 0]) and gate.deletes() and not gate.deletes()[0].options
        gate.port = None
        assert verb(lab, "map", "--exact")[0] == 0


def test_exact_port_or_none_by_natpmp(server):
    with server(speaks=("natpmp",)) as (lab, gate):
        gate.port = 50000
        assert verb(lab, "map", "--exact", via="natpmp")[0] == 1 and gate.deletes()


def test_remote_host_is_a_filter(server):
    with server() as (lab, gate):
        verb(lab, "map", "--remote-host", "44.0.1.10")
        assert gate.maps()[0].options == bytes([3, 0, 0, 20, 0, 128, 0, 0]) + bytes(10) + b"\xff\xff" + bytes([44, 0, 1, 10])


def test_lifetime_of_ages_is_cut(server):
    """PCP-80"""
    with server() as (lab, gate):
        gate.lifetime = 0xffffffff
        assert verb(lab, "map")[1]["layers"][0]["lease"] == 86400


def test_server_with_two_addresses(server):
    """--server: the first address is closed (ICMP), the second one is asked at once, with one nonce for both (PCPX-21, PCPX-23)."""
    with server() as (lab, gate):
        code, told = verb(lab, "map", "--server", "192.168.1.77,192.168.1.1")
        assert code == 0 and told["layers"][0]["gateway"] == "192.168.1.1" and told["result"]["took_ms"] < 3000  # when one that is silent would be asked again
        first = gate.maps()[0].nonce
        verb(lab, "map", "--server", "192.168.1.77")
        verb(lab, "map")
        assert gate.maps()[-1].nonce != first
        verb(lab, "map", "--server", "192.168.1.77,192.168.1.1")
        assert gate.maps()[-1].nonce == first


def test_server_instead_of_the_gateway(server):
    """PCP-90"""
    with server() as (lab, gate), Gateway(lab, speaks=("pcp",), node="other") as other:
        assert verb(lab, "map", "--server", "192.168.1.77")[0] == 0
        assert other.maps() and not gate.all()


def test_late_answer_of_an_address_that_was_given_up(server):
    """The first address answers when the second one has been asked: it does not count (PCPX-24)."""
    with server() as (lab, gate), Gateway(lab, speaks=("pcp",), node="other") as other:
        other.script = lambda ask: [(1.5, other.pcp(ask))]
        code, told = verb(lab, "map", "--server", "192.168.1.77,192.168.1.1", "--timeout", "1")
        assert code == 0 and told["layers"][0]["gateway"] == "192.168.1.1" and gate.maps() and not other.maps()


def test_speaks_natpmp_alone(server):
    """--via pcp does not fall back, and says what the server speaks."""
    with server(speaks=("natpmp",)) as (lab, _):
        code, told = verb(lab, "map")
        assert code == 1 and any("version 0" in step["why"] for step in told["steps"])


def test_what_pcp_is_not_asked_for(server):
    with server() as (lab, gate):
        code, told = verb(lab, "map", "--internal-client", "192.168.1.77")
        assert code == 1 and "host that asks" in told["result"]["sentence"] and not gate.maps()


def test_nothing_is_listed(server):
    with server() as (lab, _):
        code, told = verb(lab, "list-mappings")
        assert code == 1 and told["result"]["mappings"] == []


def test_keep_tries_again_and_cleans_up(server):
    """A refusal for a second, then it is mapped; SIGTERM takes it away."""
    with server() as (lab, gate):
        gate.script = lambda ask: gate.pcp(ask, 8) if ask.is_map and not gate.maps() else USUAL
        kept = lab.start("client", program("igdlab"), "map", "--keep", "--via", "pcp", "--naive", "retries-errors")
        until(lambda: "Mapped: 44" in kept.stdout, what="the mapping")
        kept.finish()
        assert gate.deletes() and kept.code == 0, kept.stdout + kept.stderr
        assert "Not mapped" in kept.stdout and "Mapped: 44.0.1.2:1872" in kept.stdout


def test_keep_that_never_was_mapped(server):
    with server() as (lab, gate):
        gate.script = lambda ask: gate.pcp(ask, 2) if ask.is_map else USUAL
        kept = lab.start("client", program("igdlab"), "map", "--keep", "--via", "pcp")
        until(lambda: "Not mapped" in kept.stdout, what="the refusal")
        kept.finish()
        assert kept.code == 1 and "NOT_AUTHORIZED" in kept.stdout, kept.stdout


def test_auto_says_which_it_was(server):
    with server(speaks=("natpmp",)) as (lab, _):
        code, told = verb(lab, "map", via="auto")
        assert code == 0 and told["layers"][0]["via"] == "natpmp"


def test_auto_on_closed_port(tmp_path):
    """ICMP says so at once: UPnP is not waited for."""
    with Lab(topology(tmp_path, igd="conformant-igd1")) as lab:
        code, told = verb(lab, "map", via="auto")
        assert code == 0 and told["layers"][0]["via"] == "igd"
        assert next(s for s in told["steps"] if s["step"] == "which protocol")["took_ms"] < 2000  # what a silent one is given
        assert tcp_reaches(lab, PORT)
        assert verb(lab, "list-mappings", via="auto")[1]["result"]["mappings"]
        assert verb(lab, "unmap", via="auto")[0] == 0 and not lab.mappings()


@DEBIAN
def test_auto_goes_through_every_protocol(tmp_path):
    """Neither PCP nor NAT-PMP maps for another host, and miniupnpd does not do so by UPnP: each is tried, and it is said."""
    with MiniupnpdLab(tmp_path) as lab:
        code, told = verb(lab, "map", "--internal-client", "192.168.1.99", via="auto")
        assert code == 1 and told["result"]["status"] == "refused"
        steps = [s["step"] for s in told["steps"]]
        assert steps.index("which protocol") < steps.index("add mapping") < steps.index("external address") < steps.index("search")


def test_port_that_is_taken_is_an_error():
    """CANNOT_PROVIDE_EXTERNAL of a server that looks for no other port itself: any port is asked for."""
    with Lab("flat", quirks=["syn-pcp-26-taken-is-an-error"], profile="pcp-only") as lab:
        code, told = verb(lab, "map")
        assert code == 0 and told["result"]["external_port"] != PORT
        assert tcp_reaches(lab, told["result"]["external_port"], internal=PORT)
        assert verb(lab, "map", "--exact")[0] == 1
