# SPDX-License-Identifier: MIT
"""Clients of PCP (RFC 6887): what they ask, whom they believe, when they renew, what they do when the server forgets."""
import functools
import time

import pytest

from cases.harness.drive import Wanted
from cases.harness.gateway import AT_ONCE, MAPPED_ZERO, USUAL, Gateway, alike, first_map, renewed, settled, waits
from cases.harness.pcp import packed
from cases.harness.requirement import inconclusive, nonstrict, notrun
from cases.harness.scenario import scenario, unhurried

WANTED = Wanted()
SPREAD = 5.0   # seconds within which a client makes its mappings again (clause 14.1.3)
SLACK = 0.6    # a busy machine
GRANTED = 50000
WRONG = 40000


@pytest.fixture
def server(scripted):
    """server(...): (lab, session, Gateway) in ``with``; the router has PCP and nothing else."""
    return functools.partial(scripted, "server", speaks=("pcp",))


def begin(session, gate):
    """Start the client, until it has asked for a mapping by PCP. Returns that request."""
    return first_map(session, gate, 2, WANTED)


def pcp_maps(gate):
    """Requests for a mapping by PCP."""
    return gate.maps(2)


def claims(session, gate):
    """What the client says of an "add"; ends the test where it asks for nothing."""
    said = settled(session, WANTED, lambda left: gate.wait(lambda: pcp_maps(gate), 1, left), session.patience)
    if not pcp_maps(gate):
        inconclusive("it asked for no mapping")
    return said


@scenario("PCP-74", speaks="pcp")
def test_says_its_own_address(server):
    """The client's address in a request is the one that the packet comes from."""
    with server() as (_, session, gate):
        claims(session, gate)
        assert all(a.client == packed(a.source[0]) for a in gate.of(2)), [a.client.hex() for a in gate.of(2)]


@scenario("PCP-75", speaks="pcp", operation="delete")
def test_nonce_is_that_of_the_mapping(server):
    """A mapping has one nonce, in deletion too; another mapping has another one; none can be guessed."""
    with server() as (_, session, gate):
        claims(session, gate)
        session.perform("delete", WANTED)
        if not gate.deletes():
            inconclusive("nothing is taken away")
        of = {}
        for ask in gate.maps() + gate.deletes():
            of.setdefault((ask.protocol, ask.internal), set()).add(ask.nonce)
        if not session.client.resident:
            session.perform("add", Wanted(external_port=1873, internal_port=1873))
            of["another"] = {pcp_maps(gate)[-1].nonce}
        assert all(len(nonces) == 1 for nonces in of.values()), "a mapping changes its nonce"
        nonces = [next(iter(each)) for each in of.values()]
        assert len(set(nonces)) == len(nonces), "two mappings have the same nonce"
        assert all(len(set(nonce)) > 3 for nonce in nonces), nonces


@scenario("PCP-76", speaks="pcp")
def test_asks_again_after_three_seconds(server):
    """Nobody answers: the request is sent again after 2.7 to 3.3 s, then after twice that, with the same nonce."""
    with server(script=lambda ask: None) as (_, session, gate):
        session.process = session.start("add", WANTED)
        asked = gate.wait(lambda: alike(gate.of(2)), 3, 14)
        assert asked, "it sends nothing by PCP"
        gaps = [round(b.time - a.time, 2) for a, b in zip(asked, asked[1:])]
        if not gaps:
            nonstrict("it gives up after one request")
        assert all(0.9 * want - 0.1 < gap < 1.1 * want + SLACK for gap, want in zip(gaps, (3, 6))), gaps


BAD = {  # an answer that is none; the right one comes 200 ms later
    "three-octets": lambda gate, ask: gate.pcp(ask)[:3],
    "less-than-a-header": lambda gate, ask: gate.pcp(ask)[:20],
    "no-multiple-of-4": lambda gate, ask: gate.pcp(ask, external=WRONG) + b"xx",
    "more-than-1100-octets": lambda gate, ask: gate.pcp(ask, external=WRONG) + b"\x80\x00\x04\x1c" + bytes(1052),
    "a-request": lambda gate, ask: gate.pcp(ask, opcode=1, external=WRONG),
    "another-opcode": lambda gate, ask: gate.pcp(ask, opcode=0x82, external=WRONG),
    "another-nonce": lambda gate, ask: gate.pcp(ask, nonce=bytes(12), external=WRONG),
    "another-protocol": lambda gate, ask: gate.pcp(ask, protocol=23 - ask.protocol, external=WRONG),
    "another-port": lambda gate, ask: gate.pcp(ask, internal=ask.internal + 1, external=WRONG),
}


@scenario("PCP-77", speaks="pcp")
@pytest.mark.parametrize("bad", [*BAD, "another-source"])
def test_answer_that_is_none(server, bad):
    """Something that is no answer comes first, the answer after it: the answer counts."""
    def confuse(ask):
        if ask.version != 2 or not ask.is_map:
            return USUAL
        first = (0, gate.pcp(ask, external=WRONG), "other") if bad == "another-source" else (0, BAD[bad](gate, ask))
        return [first, (0.2, gate.pcp(ask))]
    with server() as (_, session, gate):
        gate.port = GRANTED
        gate.also("other").script = confuse
        said = claims(session, gate)
        assert said.claim == "mapped", f"{said.claim}: {(said.stdout + said.stderr)[-200:]}"
        if said.port is None:
            notrun("it does not say which port it has")
        assert said.port == GRANTED, f"port {said.port}"


@scenario("PCP-78", "PCP-79", speaks="pcp", resident=True)
@pytest.mark.parametrize("result", [8, 7])
def test_error_is_believed_for_its_lifetime(server, result):
    """NO_RESOURCES and NETWORK_FAILURE for 30 s: for ten of them, at least, nothing more is asked for."""
    with server() as (_, session, gate):
        gate.script = lambda ask: gate.pcp(ask, result) if ask.version == 2 and ask.is_map else USUAL
        first = begin(session, gate)
        more = gate.again(first, 10)
        assert not more, f"asked again after {more.time - first.time:.1f} s"


@scenario("PCP-81", "PCP-82", speaks="pcp", resident=True)
def test_renews_after_half_of_the_lifetime(server):
    """The server grants 12 s and another port: it is renewed after 6 to 7.5 s, with the port and address assigned."""
    with server() as (_, session, gate):
        gate.lifetime, gate.port = 12, GRANTED
        first = begin(session, gate)
        at, renewal = renewed(gate, first)
        assert 6 - SLACK <= at <= 7.5 + SLACK, f"after {at:.1f} s of 12"
        assert renewal.external == GRANTED and renewal.address == packed(gate.external), (renewal.external, renewal.address.hex())


@scenario("PCP-81", speaks="pcp", resident=True)
def test_renewals_that_nobody_answers(server):
    """The server falls silent: renewals after 1/2 to 5/8, 3/4 to 13/16 and 7/8 to 29/32 of 48 s, never within 4 s."""
    unhurried()
    with server() as (_, session, gate):
        gate.lifetime = 48
        first = begin(session, gate)
        gate.wait(gate.maps, 2, 0.5)
        gate.script = lambda ask: None
        at = [round(a.time - first.answered, 1) for a in gate.wait(lambda: gate.repeats(first), 3, 50)][:3]
        assert len(at) == 3 and all(low - SLACK <= t <= high + SLACK for t, (low, high) in
                                    zip(at, ((24, 30), (36, 39), (42, 43.5)))), at
        assert all(b - a >= 4 - 0.1 for a, b in zip(at, at[1:])), at


@scenario("PCP-83", speaks="pcp", resident=True)
@pytest.mark.parametrize("epoch", [0, -100, 100000])
def test_server_forgets_and_says_so(server, epoch):
    """The server's seconds go back, or run ahead of the clock: the mapping is made again within some seconds."""
    with server() as (_, session, gate):
        first = begin(session, gate)
        told = time.monotonic()
        gate.reset(epoch if epoch >= 0 else gate.epoch + epoch)
        gate.announce(version=2)
        assert gate.again(first, SPREAD + 3, told), "it is not made again"


@scenario("PCP-83", speaks="pcp", resident=True)
def test_server_that_forgets_nothing(server):
    """An ANNOUNCE with the seconds that the clock expects changes nothing: the mapping is renewed when it is due."""
    with server() as (_, session, gate):
        gate.lifetime = 14
        first = begin(session, gate)
        gate.announce(version=2)
        renewal = gate.again(first, 16)
        if not renewal:
            inconclusive("it is not renewed")
        assert renewal.time - first.time > SPREAD + SLACK, f"made again after {renewal.time - first.time:.1f} s"


@scenario("PCP-84", speaks="pcp", resident=True)
def test_comes_not_with_the_other_clients(server):
    """After an ANNOUNCE of a server that has forgotten, a client waits a random time of up to 5 s."""
    with server() as (_, session, gate):
        waited = waits(gate, begin(session, gate), lambda: gate.announce(version=2), SPREAD + 3)
        assert max(waited) <= SPREAD + SLACK, waited
        assert max(waited) > AT_ONCE, f"it comes at once: {waited}"


@scenario("PCP-85", speaks="pcp", resident=True)
def test_mapping_update_is_applied(server):
    """A Mapping Update gives the mapping another port: the renewal suggests that one."""
    with server() as (_, session, gate):
        gate.lifetime = 10
        first = begin(session, gate)
        gate.wait(gate.maps, 2, 0.5)
        gate.send(gate.pcp(first, external=GRANTED), first.source)
        renewal = gate.again(first, 12)
        if not renewal:
            inconclusive("it is not renewed")
        assert renewal.external == GRANTED, f"it suggests {renewal.external}"


@scenario("PCP-87", speaks="pcp")
@pytest.mark.parametrize("code", [99, 200])
def test_option_that_it_does_not_know(server, code):
    """An option that nobody knows is in the answer, of the mandatory range too: the answer counts."""
    with server() as (_, session, gate):
        gate.script = lambda ask: gate.pcp(ask, options=bytes([code, 0, 0, 4]) + b"what") if ask.version == 2 and ask.is_map else USUAL
        said = claims(session, gate)
        assert said.claim == "mapped", f"{said.claim}: {(said.stdout + said.stderr)[-200:]}"


@scenario("PCP-88", "CP-05", speaks="pcp", operation="delete")
def test_suggests_nothing_where_it_has_no_wish(server):
    """No address is suggested for a new mapping; neither address nor port in a deletion."""
    with server() as (_, session, gate):
        claims(session, gate)
        session.perform("delete", WANTED)
        assert {a.address for a in pcp_maps(gate)[:1]} == {MAPPED_ZERO}, [a.address.hex() for a in pcp_maps(gate)]
        gone = [a for a in gate.deletes() if a.version == 2]
        assert gone, "nothing is taken away"
        assert {(a.external, a.address) for a in gone} == {(0, MAPPED_ZERO)}, [(a.external, a.address.hex()) for a in gone]


@scenario("PCP-89", speaks="pcp", resident=True)
def test_server_of_a_later_version(server):
    """The server has version 3 alone: it is not asked again soon."""
    with server() as (_, session, gate):
        gate.script = lambda ask: gate.pcp(ask, 1, version=3) if ask.version == 2 else USUAL
        session.process = session.start("add", WANTED)
        asked = gate.wait(lambda: gate.of(2), 1, 2 * session.patience)
        assert asked, "it sends nothing by PCP"
        more = gate.wait(lambda: gate.of(2, asked[0].time + 2), 1, 14)
        assert not more, f"asked again after {more[0].time - asked[0].time:.1f} s"


@scenario("PCP-90", speaks="pcp")
def test_asks_the_default_router(server):
    """There is another server of PCP on the network: the default router is asked, and nobody else."""
    with server() as (lab, session, gate):
        with Gateway(lab, speaks=("pcp",), node="other") as other:
            claims(session, gate)
            other.caught_up()
            assert gate.of(2) and not other.all(), f"{len(other.all())} requests to a neighbour"
