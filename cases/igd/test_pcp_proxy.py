# SPDX-License-Identifier: MIT
"""A PCP proxy whose mappings change while the server upstream is asked (RFC 7648)."""
import pytest

from cases.harness import pcp, pcp_server
from cases.harness.lab import Lab

AGAIN = 4  # seconds after which an engine asks once more (RFC 6887 clause 8.1.1: three, a tenth more at most)


@pytest.fixture
def proxy():
    """The lab, a client, and the server upstream that has been asked for port 40000 and has not answered."""
    with Lab("flat", profile="r1=conformant-pcp-proxy") as lab, pcp_server.behind(lab) as upstream, pcp.Client(lab) as client:
        upstream.mute(times=1)
        client.send(client.map_request(40000))
        assert len(upstream.wait(upstream.maps)) == 1
        yield lab, client, upstream


def answered(lab, upstream):
    """Let the router ask once more, and the server answer."""
    lab.advance(AGAIN)
    assert len(upstream.wait(upstream.maps, 2)) == 2
    upstream.fence()


@pytest.mark.sanitize
def test_what_was_taken_back_is_given_back(proxy):
    lab, client, upstream = proxy
    client.send(client.map_request(40000, lifetime=0))
    client.fenced()
    assert not lab.mappings("r1")
    answered(lab, upstream)
    first, = {(ask.client, ask.nonce, ask.protocol, ask.internal) for ask in upstream.maps()}
    assert [(ask.client, ask.nonce, ask.protocol, ask.internal) for ask in upstream.deletes()] == [first]
    assert not lab.mappings("r1")


def test_what_is_wanted_still_is_kept(proxy):
    lab, client, upstream = proxy
    answered(lab, upstream)
    assert pcp.parse(*client.receive(10)).result == pcp.SUCCESS
    assert not upstream.deletes() and len(lab.mappings("r1")) == 1
