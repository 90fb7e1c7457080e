# SPDX-License-Identifier: MIT
"""Port mappings of WANIPConnection and WANPPPConnection (area WIPC)."""
import pytest

from cases.harness.controlpoint import fault_of
from cases.harness.requirement import requirement


@requirement("WIPC-01")
@pytest.mark.parametrize("protocol", ["TCP", "UDP"])
def test_new_mapping_forwards(subject, cp, protocol):
    cp.add(40000, protocol)
    assert subject.reaches(40000, protocol)


@requirement("WIPC-02")
def test_same_client_overwrites(subject, cp):
    cp.add(40000, internal=50000, text="first", lease=600)
    cp.add(40000, internal=50001, text="second", lease=300)
    entries, _ = cp.enumerate()
    assert [(e["NewInternalPort"], e["NewPortMappingDescription"]) for e in entries] == [("50001", "second")]
    assert 0 < int(entries[0]["NewLeaseDuration"]) <= 300
    assert subject.reaches(40000, internal=50001)
    assert not subject.reaches(40000, internal=50000)


@requirement("WIPC-03", needs="other")
def test_port_of_another_client_is_refused(subject, cp, other):
    cp.add(40000)
    assert fault_of(other.add, 40000) == 718
    assert subject.reaches(40000)
    assert not subject.reaches(40000, client="other")


@requirement("WIPC-04", igd=2, needs="other")
def test_other_client_and_other_remote_host_is_refused(subject, lab, cp, other):
    cp.add(40000, remote=lab.address_of("peer"))
    assert fault_of(other.add, 40000, remote=lab.address_of("peer2")) == 718
    assert subject.reaches(40000)


@requirement("WIPC-05", needs="peer2")
def test_same_client_and_other_remote_host(subject, lab, cp):
    cp.add(40000, remote=lab.address_of("peer"))
    code = fault_of(cp.add, 40000, remote=lab.address_of("peer2"))
    assert code in (0, 718)
    assert len(cp.enumerate()[0]) == (1 if code else 2)
    assert subject.reaches(40000, peer="peer")
    assert subject.reaches(40000, peer="peer2") == (code == 0)
