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
