# SPDX-License-Identifier: MIT
"""Clients of NAT-PMP (RFC 6886): what they ask, how often, whom they believe, when they renew. The oracle is the wire."""
import functools
import time

import pytest

from cases.harness.drive import Wanted
from cases.harness.gateway import ANNOUNCE_PORT, AT_ONCE, USUAL, alike, first_map, renewed, settled, waits
from cases.harness.requirement import inconclusive, nonstrict, unsupported
from cases.harness.scenario import scenario, unhurried

WANTED = Wanted()
SPREAD = 5.0   # seconds within which a client makes its mappings again (clause 3.7)
SLACK = 0.6    # a busy machine
GRANTED = 50000
TIMER = 0.6    # seconds: what waits for a timer takes longer
LOOKS = 3      # as chance may make a client late, and no chance one that waits early


@pytest.fixture
def gateway(scripted):
    """gateway(...): (lab, session, Gateway) in ``with``; the router has NAT-PMP and nothing else."""
    return functools.partial(scripted, "gateway", speaks=("natpmp",))


def begin(session, wanted=WANTED):
    """Start the client, and do not wait for it."""
    session.process = session.start("add", wanted)
    return session.process


def mute(ask):
    """Silence by NAT-PMP; who asks by PCP first is told that there is another protocol, or would never come to it."""
    return USUAL if ask.version == 2 else None


def old_maps(gate):
    """Requests for a mapping by NAT-PMP; a client may have asked by PCP before."""
    return gate.maps(0)


def mapped(session, gate):
    """Start a client that stays, until it has asked for a mapping. Returns that request."""
    return first_map(session, gate, 0, WANTED)


def claims(session, gate):
    """What the client says of an "add"; one that stays has time to come to NAT-PMP."""
    return settled(session, WANTED, lambda left: gate.wait(lambda: gate.of(0), 1, left), session.patience)


@scenario("NATPMP-35", speaks="natpmp")
def test_asks_again_at_growing_gaps(gateway):
    """Nobody answers: the request is sent again after 250 ms, 500 ms, 1 s, 2 s."""
    with gateway(script=mute) as (_, session, gate):
        begin(session)
        same = gate.wait(lambda: alike(gate.of(0)), 5, 8)[:5]
        assert same, "it sends nothing to port 5351"
        gaps = [round(b.time - a.time, 2) for a, b in zip(same, same[1:])]
        assert gaps and all(0.6 * want < gap < 1.5 * want + 0.2 for gap, want in zip(gaps, (0.25, 0.5, 1, 2))), gaps
        if len(gaps) < 4:
            nonstrict(f"it gives up after {len(same)} requests")


@scenario("NATPMP-35", speaks="natpmp")
def test_gives_up_after_nine_attempts(gateway):
    """Nobody answers: after nine requests it gives up."""
    unhurried()
    with gateway(script=mute) as (_, session, gate):
        said = claims(session, gate)
        assert said.claim != "mapped", said
        same = alike(gate.of(0))
        assert same, "it sends nothing to port 5351"
        assert len(same) <= 9, f"{len(same)} requests"


@scenario("NATPMP-36", speaks="natpmp")
def test_one_request_at_a_time(gateway):
    """Answers take 150 ms: no other request is sent while one is on its way."""
    late = 0.15
    with gateway() as (_, session, gate):
        gate.script = lambda ask: [(late, gate.usual(ask))]
        claims(session, gate)
        asked = gate.of(0)
        assert asked, "it sends nothing to port 5351"
        distinct = [asked[0], *(b for a, b in zip(asked, asked[1:]) if b.data != a.data)]
        gaps = [round(b.time - a.time, 3) for a, b in zip(distinct, distinct[1:])]
        assert all(gap >= 0.9 * late for gap in gaps), gaps


@scenario("NATPMP-37", speaks="natpmp")
def test_answer_of_somebody_else(gateway):
    """Somebody else answers, the gateway does not: the client asks again."""
    with gateway() as (_, session, gate):
        gate.also("other")
        gate.script = lambda ask: [(0, gate.natpmp(ask), "other")] if ask.version == 0 else USUAL
        begin(session)
        same = gate.wait(lambda: alike(gate.of(0)), 2, 10)
        assert same, "it sends nothing to port 5351"
        assert len(same) > 1, "the answer of a neighbour was taken"


@scenario("NATPMP-38", speaks="natpmp")
@pytest.mark.parametrize("result", [77, 2, 3])
def test_refusal_is_final(gateway, result):
    """A result that is not 0, known or not, ends the request: the client does not loop, nor say that it is mapped."""
    def refuse(ask):
        if ask.version or not ask.is_map:
            return USUAL
        # There are gateways that fill in what would have been granted.
        return gate.natpmp(ask, result, external=ask.external or ask.internal, lifetime=ask.lifetime)
    with gateway(script=refuse) as (_, session, gate):
        said = claims(session, gate)
        asked = old_maps(gate)
        assert asked, "it asked for no mapping"
        assert said.claim != "mapped", f"it says that it is mapped: {said.stdout[-200:]}"
        assert len(asked) <= 3 * len({a.data for a in asked}), f"{len(asked)} requests"


@scenario("NATPMP-39", speaks="natpmp", resident=True)
def test_renews_at_half_of_the_lifetime(gateway):
    """The gateway grants 12 s and another port: it is renewed after 6 s, with the port that was assigned."""
    with gateway() as (_, session, gate):
        gate.lifetime, gate.port = 12, GRANTED
        first = mapped(session, gate)
        at, renewal = renewed(gate, first)
        assert at < 12, f"the lifetime was over before it was renewed, after {at:.1f} s"
        assert renewal.external == GRANTED, f"it suggests {renewal.external}, not the assigned port"
        if not 6 - SLACK <= at <= 7.5 + SLACK:
            nonstrict(f"renewed after {at:.1f} s of 12")


@scenario("NATPMP-40", speaks="natpmp", resident=True)
def test_gateway_forgets_and_says_so(gateway):
    """The gateway restarts and announces it: the mapping is made again within some seconds."""
    with gateway() as (_, session, gate):
        first = mapped(session, gate)
        gate.reset()
        gate.announce()
        assert gate.again(first, SPREAD + 3), "it is not made again"


@scenario("NATPMP-41", speaks="natpmp", resident=True)
def test_comes_not_with_the_crowd(gateway):
    """After an announcement a client waits a random time of up to 5 s before it makes its mappings again."""
    with gateway() as (_, session, gate):
        waited = waits(gate, mapped(session, gate), gate.announce, SPREAD + 3)
        assert max(waited) <= SPREAD + SLACK, waited
        assert max(waited) > AT_ONCE, f"it comes at once: {waited}"


@scenario("NATPMP-42", speaks="natpmp", resident=True)
@pytest.mark.parametrize("who", ["another-address", "another-port"])
def test_announcement_of_somebody_else(gateway, who):
    """Somebody else announces that the gateway has restarted: nothing is done before the mapping is renewed anyway."""
    with gateway() as (_, session, gate):
        gate.also("other")
        gate.lifetime = 14
        first = mapped(session, gate)
        if who == "another-address":
            gate.announce(node="other", epoch=0)
        else:
            gate.announce(epoch=0, port=ANNOUNCE_PORT)
        renewal = gate.again(first, 16)
        if not renewal:
            inconclusive("it is not renewed")
        assert renewal.time - first.time > SPREAD + SLACK, f"made again after {renewal.time - first.time:.1f} s"


@scenario("NATPMP-43", "CP-05", speaks="natpmp", operation="delete")
def test_delete_suggests_no_port(gateway):
    """A mapping is taken away with an external port of 0, and at least one such request is sent at a clean end."""
    with gateway() as (_, session, gate):
        claims(session, gate)
        if not old_maps(gate):
            inconclusive("it asked for no mapping")
        session.perform("delete", WANTED)
        gone = [a for a in gate.deletes() if a.version == 0]
        assert gone, "nothing is taken away"
        assert {a.external for a in gone} == {0}, [a.external for a in gone]


@scenario("NATPMP-44", speaks="natpmp")
def test_public_address_of_its_own(gateway):
    """With a public address of its own there is no NAT to ask: nothing of NAT-PMP is sent."""
    with gateway(net="45.12.0") as (_, session, gate):
        claims(session, gate)
        gate.caught_up()
        assert not gate.of(0), f"{len(gate.of(0))} requests"


def both(client):
    """Only for clients of PCP that speak NAT-PMP, too."""
    if "natpmp" not in client.speaks:
        unsupported("does not speak NAT-PMP")


@scenario("NATPMP-45", speaks="pcp")
def test_pcp_first_and_natpmp_at_once(client, gateway):
    """A gateway of NAT-PMP is asked by PCP first, each time, and by NAT-PMP as soon as it has said what it speaks."""
    both(client)
    with gateway() as (_, session, gate):
        gaps = []
        while len(gaps) < LOOKS and not (len(gaps) > 1 and min(gaps) < TIMER):
            begun = len(gate.asks)
            claims(session, gate)
            asked = gate.all()[begun:]
            assert asked and asked[0].version == 2, "it does not begin with PCP"
            old = [a for a in asked if a.version == 0]
            assert old, "it does not fall back to NAT-PMP"
            gaps += [round(old[0].time - asked[0].answered, 2)] * (LOOKS if client.resident else 1)
        assert min(gaps) < TIMER, f"only after {gaps} s"


@scenario("NATPMP-46", speaks="pcp")
@pytest.mark.parametrize("opcode", ["0", "128-and-more"])
def test_either_form_of_the_version_reply(client, gateway, opcode):
    """"Unsupported version" has opcode 0, as the figure prints it, or that of the response: the client falls back at once."""
    both(client)
    with gateway() as (_, session, gate):
        gate.script = lambda ask: gate.other_version(ask, 0 if opcode == "0" else None) if ask.version == 2 else USUAL
        gaps = []
        while len(gaps) < LOOKS and not (gaps and min(gaps) < TIMER):
            begun = time.monotonic()
            claims(session, gate)
            new, old = gate.of(2, begun), gate.of(0, begun)
            assert new and old, f"{len(new)} requests of PCP, {len(old)} of NAT-PMP"
            gaps += [round(old[0].time - new[0].answered, 2)] * (LOOKS if client.resident else 1)
        assert min(gaps) < TIMER, f"it waited for something else: {gaps}"


@scenario("NATPMP-47", speaks="natpmp")
@pytest.mark.parametrize("granted", ["another-port", "port-0", "lifetime-0"])
def test_what_is_granted_counts(gateway, granted):
    """Another port than the suggested one is the one to tell; port 0 or lifetime 0 in a success is a failure."""
    change = {"another-port": {"external": GRANTED}, "port-0": {"external": 0}, "lifetime-0": {"lifetime": 0}}[granted]
    with gateway() as (_, session, gate):
        gate.script = lambda ask: gate.natpmp(ask, **change) if ask.version == 0 and ask.is_map else USUAL
        said = claims(session, gate)
        if not old_maps(gate):
            inconclusive("it asked for no mapping")
        if granted == "another-port":
            assert said.claim == "mapped" and said.port in (GRANTED, None), f"{said.claim}, port {said.port}"
            if said.port is None:
                nonstrict("it does not say which port it has")
        else:
            assert said.claim != "mapped", f"it says that it is mapped: {said.stdout[-200:]}"
