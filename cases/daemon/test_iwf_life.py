# SPDX-License-Identifier: MIT
"""How long mappings last that a PCP server upstream has granted, and what becomes of them when it forgets (RFC 6970; area IWF)."""
import pytest

from cases.daemon.test_iwf import name
from cases.harness.portmap import lease
from cases.harness.requirement import requirement

LEASE, GRANTED = 600, 120
RENEWED = GRANTED * 5 // 8  # seconds after which the first renewal has come (RFC 6887 clause 11.2.1: from a half on)


def renewals(subject, upstream, times):
    """Let so many renewals come; returns the seconds that pass for them. AssertionError when one does not."""
    for _ in range(times):
        before = len(upstream.maps())
        subject.advance(RENEWED)
        assert len(upstream.wait(upstream.maps, before + 1)) > before, "the mapping is not renewed upstream"
        upstream.fence()
    return times * RENEWED


@requirement("IWF-14", needs="clock", interworking=True)
@pytest.mark.parametrize("protocol", ["TCP", "UDP"])
def test_renewed_until_the_lease_ends(subject, cp, upstream, protocol):
    upstream.lifetime = GRANTED
    cp.add(20000, protocol, lease=LEASE)
    passed = renewals(subject, upstream, 4)
    assert len({name(ask) for ask in upstream.maps()}) == 1 and {ask.external for ask in upstream.maps()} == {20000}
    assert LEASE - passed - 10 <= lease(cp, 20000, protocol=protocol) <= LEASE - passed
    assert subject.reaches(20000, protocol)
    subject.advance(LEASE - passed + 1)
    upstream.fence()
    count = len(upstream.maps())
    subject.advance(2 * GRANTED)
    upstream.fence()
    assert len(upstream.maps()) == count, "it is renewed behind its lease"


@requirement("IWF-15", interworking=True)
def test_lease_is_the_one_asked_for(cp, upstream):
    upstream.lifetime = GRANTED
    cp.add(20000, lease=LEASE)
    assert LEASE - 10 <= lease(cp, 20000) <= LEASE
    assert LEASE - 10 <= int(cp.generic(0)["NewLeaseDuration"]) <= LEASE


@requirement("IWF-15", needs="clock", interworking=True)
def test_lease_of_upstream_is_not_shown(subject, cp, upstream):
    upstream.lifetime = GRANTED
    cp.add(20000, lease=LEASE)
    passed = renewals(subject, upstream, 1)
    assert LEASE - passed - 10 <= lease(cp, 20000) <= LEASE - passed


@requirement("IWF-17", needs="clock", interworking=True)
def test_lasts_as_long_as_upstream(subject, cp, upstream):
    """Upstream grants more than was asked for: the router lets the mapping go on, or takes it away there, too."""
    upstream.lifetime = 6 * LEASE
    cp.add(20000, lease=LEASE)
    assert subject.reaches(20000)
    subject.advance(LEASE + 1)
    upstream.fence()
    assert subject.reaches(20000) or [name(ask) for ask in upstream.deletes()] == [name(upstream.maps()[0])]


@requirement("IWF-17", needs="clock", interworking=True)
def test_lasts_while_it_is_renewed(subject, cp, upstream):
    upstream.lifetime = GRANTED
    cp.add(20000, lease=LEASE)
    renewals(subject, upstream, 2)
    assert subject.reaches(20000)


@requirement("IWF-20", needs="clock", interworking=True)
def test_table_is_lost_upstream(subject, cp, upstream):
    """Whoever hears of it waits a little before it asks anew, lest all ask at once (RFC 6887 clause 14.1.3)."""
    cp.add(20000)
    cp.add(20001, "UDP", internal=20002)
    before = upstream.maps()
    upstream.lose()
    upstream.announce()
    upstream.fence()
    subject.advance(10)
    again = upstream.wait(lambda: upstream.maps()[2:], 2)
    assert sorted((*name(ask), ask.external) for ask in again) == sorted((*name(ask), ask.external) for ask in before)
    assert all(ask.option("PREFER_FAILURE") == b"" for ask in again)
