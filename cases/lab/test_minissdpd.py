# SPDX-License-Identifier: MIT
"""Debian's MiniSSDPd: under the daemon suite, and beside a client that asks it in place of the network."""
import pytest

from cases.harness import minissdpd, ssdp
from cases.harness.effect import tcp_reaches
from cases.harness.lab import REPOSITORY, Lab, until
from cases.harness.minissdpd import ALL, BY_TYPE, Client
from cases.harness.subject import Adapter
from cases.lab.test_daemon_suite import results

ADAPTER = Adapter("minissdpd")
PROGRAM = REPOSITORY / "build" / "debian" / "usr" / "sbin" / "minissdpd"
IGD = "urn:schemas-upnp-org:device:InternetGatewayDevice:1"

pytestmark = pytest.mark.skipif(bool(ADAPTER.missing()), reason=str(ADAPTER.missing()))


@pytest.fixture
def beside():
    """A flat lab with the daemon on the client, which knows the router already."""
    with Lab("flat") as lab:
        assert lab.run("client", PROGRAM, "-i", "eth0", "-s", minissdpd.PATH, "-p", "/tmp/pid").code == 0
        with Client(lab, "client") as msd:
            until(lambda: msd.list(BY_TYPE, IGD), what="the router on the list")
        yield lab


def searches(lab):
    """How many searches the router has heard."""
    return sum(e["event"] == "received" and e["layer"] == "ssdp" for e in lab.journal())


def test_nothing_new():
    done, found = results("minissdpd", "--select", "area:MSSD !MSSD-07 !MSSD-27", "-n", 2)
    failed = [(c["requirements"], c["check"], c["reason"]) for c in found["checks"] if c["grade"] not in ("pass", "known")]
    assert not failed and done.returncode == 0
    assert found["counts"]["pass"] >= 55 and found["counts"]["known"] >= 17


def test_it_finds_the_router_by_itself(beside):
    with Client(beside, "client") as msd:
        entry, = msd.list(BY_TYPE, IGD)
        assert entry.location == beside.router(op="state")["location"]
        assert {e.type for e in msd.list(ALL)} >= {"upnp:rootdevice", IGD}


def test_upnpc_asks_it_and_not_the_network(beside):
    before = searches(beside)
    assert "44.0.1.2" in beside.run("client", "upnpc", "-s").stdout
    added = beside.run("client", "upnpc", "-a", beside.address_of("client"), "1872", "1872", "TCP")
    assert added.code == 0, added.stdout
    assert tcp_reaches(beside, 1872)
    assert searches(beside) == before


def test_upnpc_without_it_searches():
    with Lab("flat") as lab:
        assert "44.0.1.2" in lab.run("client", "upnpc", "-s").stdout
        assert searches(lab) > 0


def test_upnpc_beside_one_that_knows_nothing():
    """An empty list is no answer: the client goes on to the network."""
    with Lab("flat") as lab:
        lab.request(op="link", node="client", ifname="eth0", up=False)
        assert lab.run("client", PROGRAM, "-i", "lo", "-s", minissdpd.PATH, "-p", "/tmp/pid").code == 0
        lab.request(op="link", node="client", ifname="eth0", up=True)
        with Client(lab, "client") as msd:
            assert msd.list() == []
        assert "44.0.1.2" in lab.run("client", "upnpc", "-s").stdout
        assert searches(lab) > 0


def test_it_forgets_a_router_that_says_goodbye(beside):
    beside.router(op="quit")
    with Client(beside, "client") as msd:
        until(lambda: not msd.list(BY_TYPE, IGD), what="the router off the list")


def test_it_answers_for_what_the_client_submits(beside):
    """A program of the client's, found by the rest of the network without a socket of its own."""
    entry = minissdpd.Entry("http://192.168.1.4:5000/desc.xml", "urn:igdlab:device:Thing:1", "uuid:t::urn:igdlab:device:Thing:1")
    with Client(beside, "client") as msd:
        msd.submit(entry)
        reply, = ssdp.search(beside, entry.type, node="r1", network="home")
    assert reply.get("LOCATION") == entry.location and reply.source[0] == beside.address_of("client")
