# SPDX-License-Identifier: MIT
"""Leases of port mappings, and what the connection says of itself (area WIPC)."""
import pytest

from cases.harness import effect
from cases.harness.controlpoint import fault_of
from cases.harness.portmap import WEEK, begin, lease, version, wanted
from cases.harness.requirement import inconclusive, nonstrict, requirement, unsupported

ALL = 0xffffffff


def add_timed(cp, port, seconds, **more):
    """Add with a lease; version 1 may know permanent mappings only (725)."""
    code = fault_of(cp.add, port, lease=seconds, **more)
    if code == 725 and not cp.connection.type.endswith(":2"):
        unsupported("gives permanent leases only (725)")
    if code:
        inconclusive(f"a lease of {seconds} s is refused with {code}: see WIPC-18")


@requirement("WIPC-02")
def test_same_client_overwrites_lease(subject, cp):
    add_timed(cp, 20000, 600)
    if fault_of(cp.specific, 20000) or not 590 <= lease(cp, 20000) <= 600:
        inconclusive("the first lease is not the one that was asked for: see WIPC-19")
    cp.add(20000, lease=300)
    assert 290 <= lease(cp, 20000) <= 300


def refuse_or_shorten(cp, action, seconds):
    """A lease that is too long."""
    code = fault_of(cp.add, 20000, lease=seconds, action=action)
    assert code in (0, 601)
    if code == 0:
        assert WEEK - 10 <= lease(cp, 20000) <= WEEK
        nonstrict(f"shortens a lease of {seconds} s to a week")


@requirement("WIPC-15", service="WANIPConnection:2")
def test_lease_0_is_a_week(subject, cp):
    cp.add(20000, lease=0)
    assert WEEK - 10 <= lease(cp, 20000) <= WEEK


@requirement("WIPC-50", service="WANIPConnection:2")
def test_lease_0_of_any_port_is_a_week(subject, cp):
    cp.add(20000, lease=0, action="AddAnyPortMapping")
    assert WEEK - 10 <= lease(cp, 20000) <= WEEK


@requirement("WIPC-16")
def test_lease_0_is_for_ever(subject, cp):
    if version(subject) == 2:
        unsupported("is for version 1 of the connection services")
    cp.add(20000, lease=0)
    assert lease(cp, 20000) == 0
    subject.advance(2 * WEEK if "clock" in subject.abilities else 2)
    assert lease(cp, 20000) == 0
    assert subject.reaches(20000)


@requirement("WIPC-17", service="WANIPConnection:2")
@pytest.mark.parametrize("seconds", [WEEK + 1, ALL])
def test_lease_above_a_week(subject, cp, seconds):
    refuse_or_shorten(cp, "AddPortMapping", seconds)


@requirement("WIPC-17", service="WANIPConnection:2")
@pytest.mark.parametrize("seconds", [WEEK + 60, ALL])
def test_lease_above_a_week_for_any_port(subject, cp, seconds):
    refuse_or_shorten(cp, "AddAnyPortMapping", seconds)


@requirement("WIPC-17", service="WANIPConnection:2")
def test_lease_of_a_week(subject, cp):
    cp.add(20000, lease=WEEK)
    assert WEEK - 10 <= lease(cp, 20000) <= WEEK


@requirement("WIPC-18")
@pytest.mark.parametrize("seconds", [WEEK + 1, 0x7fffffff, 0x80000000, ALL])
def test_lease_of_32_bits(subject, cp, seconds):
    if version(subject) == 2:
        unsupported("is for version 1 of the connection services")
    code = fault_of(cp.add, 20000, lease=seconds)
    assert code in (0, 725)
    if code == 0:
        assert seconds - 10 <= lease(cp, 20000) <= seconds
        assert subject.reaches(20000)


@requirement("WIPC-19")
def test_lease_counts_down(subject, cp):
    add_timed(cp, 20000, 1500)
    step = 500 if "clock" in subject.abilities else 3
    subject.advance(step)
    assert 1500 - step - 4 <= lease(cp, 20000) <= 1500 - step + 1


def assert_ends(subject, cp, enabled):
    """A mapping goes with its lease, and one without a lease stays."""
    add_timed(cp, 20000, 3, enabled=enabled)
    cp.add(20001)
    assert subject.reaches(20000) or not enabled
    subject.advance(4)
    assert not subject.reaches(20000)
    assert fault_of(cp.specific, 20000) == 714
    assert subject.reaches(20001)


@requirement("WIPC-20")
def test_lease_ends(subject, cp):
    assert_ends(subject, cp, enabled=1)


@requirement("WIPC-20", interworking=False)
def test_lease_of_a_disabled_mapping_ends(subject, cp):
    assert_ends(subject, cp, enabled=0)


@requirement("WIPC-21")
def test_lease_begins_again(subject, cp):
    add_timed(cp, 20000, 3)
    subject.advance(2)
    cp.add(20000, lease=3)
    subject.advance(2)
    assert subject.reaches(20000)
    assert fault_of(cp.specific, 20000) == 0


@requirement("WIPC-63")
def test_external_address(subject, lab, cp):
    assert cp.external_address() == lab.wan_address()


@requirement("WIPC-63", needs="wan-control")
def test_external_address_without_connection(subject, lab, cp):
    subject.wan("down")
    address = cp.external_address()
    assert address in ("", "0.0.0.0")
    if address:
        nonstrict("without a connection the external address is 0.0.0.0, not empty")
    subject.wan("up")


@requirement("WIPC-64", interworking=False, needs="wan-control")
@pytest.mark.parametrize("address", ["100.64.0.2", "192.168.77.2", "10.1.2.3"])
def test_private_external_address(subject, cp, address):
    subject.renumber(address)
    assert cp.external_address() in (address, "")


@requirement("WIPC-69", service="WANIPConnection:2", needs="wan-side")
@pytest.mark.parametrize("port, internal", [(23000, 23000), (23001, 23002)], ids=["same-port", "other-port"])
def test_mapping_is_for_what_leaves_too(subject, lab, cp, port, internal):
    cp.add(port, "UDP", internal=internal)
    assert effect.leaves_from(lab, internal, ports=(5000, 5001)) == [(lab.wan_address(), port)] * 2


@requirement("WIPC-73", needs="other")
def test_race_for_a_port(subject, cp, other):
    for port in range(20000, 20007):  # few: some tables are small
        answers = [begin(who, "AddPortMapping", *wanted(who, port, NewProtocol="UDP")) for who in (cp, other)]
        assert sorted(fault_of(answer) for answer in answers) == [0, 718]
