# SPDX-License-Identifier: MIT
"""PEER of fakeigd (RFC 6887 clause 12): how long the kernel keeps the flow, and whom it lets in; by its table of connections and by packets."""
import contextlib

import pytest

from cases.harness import effect, pcp
from cases.harness.lab import Lab

INNER, OUTER, GRANTED = 40000, 41000, 3600
IDLE = 130  # seconds, above each time-out that the kernel gives a flow of UDP by itself


@pytest.fixture(scope="module")
def shared():
    with Lab("flat", profile="pcp-only") as made:
        yield made


@pytest.fixture
def lab(shared):
    shared.router(op="reset")
    return shared


@pytest.fixture
def pc(lab):
    with pcp.Client(lab) as made:
        yield made


@pytest.fixture
def to(lab):
    return lab.address_of("peer"), effect.ABROAD


def left(lab, protocol="UDP"):
    """Seconds that the kernel still keeps the client's flow, None when it has none."""
    lab.request(op="sync")
    return effect.remembered(lab, protocol, lab.address_of("client"), INNER)


def let_in(lab, from_port=effect.ABROAD, peer="peer"):
    """Whether a datagram from there arrives at the client, which has sent nothing."""
    return effect.udp_reaches(lab, OUTER, internal=INNER, from_port=from_port, peer=peer)


def test_flow_that_is_there_lives_on(lab, pc, to):
    ((_, port),) = effect.leaves_from(lab, INNER, ports=[to[1]])
    assert left(lab) <= IDLE
    assert pc.peer(INNER, to).external == port
    assert GRANTED - 300 < left(lab) <= GRANTED


def test_packet_does_not_cut_it(lab, pc, to):
    """The kernel sets its own time-out with each packet; the router looks every two seconds."""
    pc.peer(INNER, to, OUTER)
    assert effect.leaves_from(lab, INNER, ports=[to[1]]) == [(lab.wan_address(), OUTER)]
    lab.advance(60)
    assert GRANTED - 360 < left(lab) <= GRANTED - 60


@pytest.mark.parametrize("protocol", ["UDP", "TCP"])
def test_flow_that_is_not_there_begins(lab, pc, to, protocol):
    assert pc.peer(INNER, to, OUTER, protocol=protocol).external == OUTER
    assert GRANTED - 300 < left(lab, protocol) <= GRANTED


def test_that_peer_alone_is_let_in(lab, pc, to):
    assert not let_in(lab)
    pc.peer(INNER, to, OUTER)
    assert let_in(lab) and not let_in(lab, from_port=to[1] + 1)


@contextlib.contextmanager
def connected(lab, to):
    """A TCP connection of the client to the peer: its two ends, and from where the peer sees it come."""
    with lab.listen("peer", to[1]) as listener, lab.socket("client", "stream") as inside:
        inside.bind(("0.0.0.0", INNER))
        inside.settimeout(5)
        inside.connect(to)
        accepted, source = listener.accept()
        accepted.settimeout(5)
        with accepted:
            yield inside, accepted, source


def test_connection_leaves_by_what_was_begun(lab, pc, to):
    pc.peer(INNER, to, OUTER, protocol="TCP")
    with connected(lab, to) as (inside, accepted, source):
        assert source == (lab.wan_address(), OUTER)
        inside.sendall(b"out")
        assert accepted.recv(64) == b"out"


def test_connection_outlives_a_short_lease(lab, pc, to):
    """What the kernel gives by itself is not cut (clause 15)."""
    with connected(lab, to) as (inside, accepted, _):
        natural = left(lab, "TCP")
        assert pc.peer(INNER, to, lifetime=120, protocol="TCP").lifetime > 120
        lab.advance(121)
        assert left(lab, "TCP") > natural - 600 > 600
        accepted.sendall(b"back")
        assert inside.recv(64) == b"back"


@pytest.mark.parametrize("used", [False, True], ids=["unused", "used"])
def test_ends_with_its_lease(lab, pc, to, used):
    """By the lab's clock, of which the kernel's time-outs know nothing."""
    pc.peer(INNER, to, OUTER)
    if used:
        effect.leaves_from(lab, INNER, ports=[to[1]])
        lab.advance(3)
    lab.advance(GRANTED - 10)
    assert 0 < left(lab) <= 10
    lab.advance(IDLE)
    assert left(lab) is None and not let_in(lab)


def test_ends_when_it_is_asked_to(lab, pc, to):
    pc.peer(INNER, to, OUTER)
    assert left(lab)
    assert pc.peer(INNER, to, OUTER, lifetime=0).result == pcp.SUCCESS
    assert left(lab) is None and not let_in(lab)


def test_used_flow_gets_its_own_time_out_back(lab, pc, to):
    effect.leaves_from(lab, INNER, ports=[to[1]])
    pc.peer(INNER, to)
    pc.peer(INNER, to, lifetime=0)
    assert 0 < left(lab) <= IDLE

