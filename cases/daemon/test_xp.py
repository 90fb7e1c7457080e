# SPDX-License-Identifier: MIT
"""XP: one table of mappings, whatever the protocol that made them."""
import pytest

from cases.harness import natpmp
from cases.harness.controlpoint import fault_of
from cases.harness.requirement import requirement
from cases.harness.subscriber import Subscriber


@pytest.fixture
def pmp(subject):
    """A NAT-PMP client on the first host."""
    with natpmp.Client(subject.lab) as made:
        yield made


@requirement("XP-01", natpmp=True, igd=1)
def test_mapping_of_natpmp_is_listed(subject, pmp, cp):
    external = pmp.mapped(40000, 41000, 600)
    entry = cp.specific(external)
    assert entry["NewInternalClient"] == subject.lab.address_of("client") and entry["NewInternalPort"] == "40000"
    assert 0 < int(entry["NewLeaseDuration"]) <= 600
    assert [e["NewExternalPort"] for e in cp.enumerate(limit=3)[0]] == [str(external)]


@requirement("XP-02", natpmp=True, igd=1)
def test_mapping_of_natpmp_is_evented(subject, pmp, cp):
    with Subscriber(subject.lab, cp) as subscriber:
        subscriber.works().subscribe()
        subscriber.initial()
        pmp.mapped(40000)
        assert subscriber.next().values.get("PortMappingNumberOfEntries") == "1"


@requirement("XP-03", natpmp=True, igd=1, needs="other")
def test_port_of_igd_is_not_given_to_another(subject, cp):
    cp.add(40000)
    with natpmp.Client(subject.lab, "other") as pmp2:
        answer = pmp2.map(41000, 40000)
    assert answer.external != 40000
    assert subject.reaches(40000)


@requirement("XP-05", natpmp=True, igd=1)
def test_delete_by_natpmp_of_a_mapping_of_igd(subject, pmp, cp):
    cp.add(40000)
    answer = pmp.delete(40000)
    assert answer.result in (natpmp.SUCCESS, natpmp.NOT_AUTHORIZED), answer
    assert (fault_of(cp.specific, 40000) == 0) == subject.reaches(40000)


@requirement("XP-06", natpmp=True, igd=1)
def test_end_of_a_lease_is_the_same_for_all(subject, pmp, cp):
    external = pmp.mapped(40000, lifetime=3)
    assert fault_of(cp.specific, external) == 0
    subject.advance(4)
    assert fault_of(cp.specific, external) == 714
    assert not subject.reaches(external, internal=40000)


@requirement("XP-07", natpmp=True, igd=1)
def test_addresses_agree(pmp, cp):
    assert pmp.external().address == cp.external_address()
