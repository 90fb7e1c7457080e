# SPDX-License-Identifier: MIT
"""The topology cgnat-pcp: a home router and its carrier, both with PCP."""
import json

import pytest

from cases.harness import pcp
from cases.harness.effect import tcp_reaches
from cases.harness.lab import Lab, program

CARRIER = "100.64.0.1"


@pytest.fixture
def carried():
    with Lab("cgnat-pcp") as lab:
        yield lab


@pytest.mark.parametrize("via", ["pcp", "auto"])
def test_both_are_opened(carried, via):
    """Each NAT on the way is asked for the one before it, and a packet comes all the way in."""
    done = carried.run("client", program("igdlab"), "map", "--via", via, "--external", "1872", "--internal", "1872",
                       "--layers", "2", "--json", timeout=60)
    assert done.code == 0, done.stderr
    assert [layer["via"] for layer in json.loads(done.stdout)["layers"]] == ["pcp", "pcp"]
    assert tcp_reaches(carried, 1872)
    inner, = carried.mappings("carrier")
    assert inner["internal_client"] == "100.64.0.2"


def test_inner_mapping_alone_leads_nowhere(carried):
    with pcp.Client(carried) as client:
        assert client.map(1872).outer == ("100.64.0.2", 1872)
    assert not tcp_reaches(carried, 1872)


def test_the_carrier_sees_the_home_router(carried):
    """RFC 6887 clause 8.2: that is how a client learns that there is a NAT in between."""
    with pcp.Client(carried, to=CARRIER) as client:
        assert client.map(1872).result == pcp.ADDRESS_MISMATCH
        assert client.ask(client.map_request(1872, client="100.64.0.2")).outer == ("44.0.1.2", 1872)


def test_ports_of_a_subscriber_in_a_row(carried):
    """PORT_SET (RFC 7753), for a home router that hands ports out."""
    with pcp.Client(carried, "r1", to=CARRIER) as router:
        router.address = "100.64.0.2"
        answer = router.map(2000, 2000, options=pcp.port_set(16, 2000))
    assert answer.result == pcp.SUCCESS and answer.option("PORT_SET")[:2] == b"\0\x10", answer


# -- a home router that is a PCP proxy (RFC 7648) ------------------------------------------------------------


@pytest.fixture
def relayed():
    with Lab("cgnat-pcp", profile="r1=conformant-pcp-proxy") as lab:
        yield lab


def test_a_proxy_opens_both(relayed):
    """One MAP to the home router, and a packet of the peer comes through both NATs; deleted, none does."""
    with pcp.Client(relayed) as client:
        answer = client.map(1872, lifetime=86400)
        assert answer.outer == ("44.0.1.2", 1872) and answer.lifetime <= 7200, answer  # no longer than the carrier's
        inner, = relayed.mappings("carrier")
        assert inner["internal_client"] == "100.64.0.2" and tcp_reaches(relayed, 1872)
        assert client.delete(1872).result == pcp.SUCCESS
    assert relayed.mappings("carrier") == relayed.mappings("r1") == [] and not tcp_reaches(relayed, 1872)


def test_a_proxy_has_lost_what_its_carrier_has_lost(relayed):
    relayed.advance(300)  # what was announced of the start is over
    with pcp.Client(relayed) as client, pcp.listen(relayed) as heard:
        client.map(1872)
        pcp.drain(relayed, heard)
        relayed.router("carrier", op="reboot")
        assert pcp.hear(heard).epoch <= 5
        assert relayed.mappings("r1") == []
        assert client.map(1872).outer == ("44.0.1.2", 1872) and tcp_reaches(relayed, 1872)


def test_a_proxy_without_an_answer(relayed):
    """The carrier says nothing: the client hears so, and the router's own mapping has gone."""
    relayed.run("carrier", "nft", "add table ip deaf; add chain ip deaf in { type filter hook input priority -300; };"
                " add rule ip deaf in udp dport 5351 drop")
    with pcp.Client(relayed) as client:
        request = client.map_request(1872)
        client.send(request)
        client.fenced()
        relayed.advance(26)
        got = client.receive(4)
        pcp.refused(pcp.parse(*got), request, pcp.NETWORK_FAILURE)
    assert relayed.mappings("r1") == []
