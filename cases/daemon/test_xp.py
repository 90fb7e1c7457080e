# SPDX-License-Identifier: MIT
"""XP: one table of mappings, whatever the protocol that made them."""
import pytest

from cases.harness import natpmp, pcp, ssdp
from cases.harness.controlpoint import fault_of
from cases.harness.effect6 import reaches as reaches6
from cases.harness.pinhole import Pinholes
from cases.harness.requirement import inconclusive, notrun, requirement
from cases.harness.subscriber import Subscriber

NEW = "44.0.1.77"  # the address after a renumbering


def is_listed(subject, client, cp, protocol="TCP"):
    """A mapping of a client of NAT-PMP or PCP is in the table of IGD, as it was made."""
    external = client.mapped(40000, 41000, lifetime=600, protocol=protocol)
    entry = cp.specific(external, protocol)
    assert entry["NewInternalClient"] == subject.lab.address_of("client") and entry["NewInternalPort"] == "40000"
    assert 0 < int(entry["NewLeaseDuration"]) <= 600
    assert [(e["NewExternalPort"], e["NewProtocol"]) for e in cp.enumerate(limit=3)[0]] == [(str(external), protocol)]


def is_evented(subject, client, cp):
    """And an event of IGD tells of it."""
    with Subscriber(subject.lab, cp) as subscriber:
        subscriber.works().subscribe()
        subscriber.initial()
        client.mapped(40000)
        assert subscriber.next().values.get("PortMappingNumberOfEntries") == "1"


def ends_for_all(subject, client, cp, lifetime):
    """When its lifetime is over it is gone for IGD, too."""
    answer = client.map(40000, lifetime=lifetime)
    assert fault_of(cp.specific, answer.external) == 0
    subject.advance(answer.lifetime + 1)
    assert fault_of(cp.specific, answer.external) == 714
    assert not subject.reaches(answer.external, internal=40000)


@requirement("XP-01", natpmp=True, igd=1)
def test_mapping_of_natpmp_is_listed(subject, pmp, cp):
    is_listed(subject, pmp, cp)


@requirement("XP-02", natpmp=True, igd=1)
def test_mapping_of_natpmp_is_evented(subject, pmp, cp):
    is_evented(subject, pmp, cp)


@requirement("XP-03", natpmp=True, igd=1, needs="other")
def test_port_of_igd_is_not_given_to_another(subject, cp, pmp2):
    cp.add(40000)
    assert pmp2.map(41000, 40000).external != 40000
    assert subject.reaches(40000)


@requirement("XP-05", natpmp=True, igd=1)
def test_delete_by_natpmp_of_a_mapping_of_igd(subject, pmp, cp):
    cp.add(40000)
    answer = pmp.delete(40000)
    assert answer.result in (natpmp.SUCCESS, natpmp.NOT_AUTHORIZED), answer
    assert (fault_of(cp.specific, 40000) == 0) == subject.reaches(40000)


@requirement("XP-06", natpmp=True, igd=1)
def test_end_of_a_lease_is_the_same_for_all(subject, pmp, cp):
    ends_for_all(subject, pmp, cp, 3)


@requirement("XP-07", natpmp=True, igd=1)
def test_addresses_agree(pmp, cp):
    assert pmp.external().address == cp.external_address()


# -- PCP beside them ----------------------------------------------------------------------------------------


@requirement("XP-01", pcp=True, igd=1)
@pytest.mark.parametrize("protocol", ["TCP", "UDP"])
def test_mapping_of_pcp_is_listed(subject, pc, cp, protocol):
    is_listed(subject, pc, cp, protocol)


@requirement("XP-02", pcp=True, igd=1)
def test_mapping_of_pcp_is_evented(subject, pc, cp):
    is_evented(subject, pc, cp)


@requirement("XP-03", pcp=True, igd=1, needs="other")
def test_port_of_igd_is_not_given_to_another_by_pcp(subject, cp, pc2):
    cp.add(40000)
    assert pc2.map(41000, 40000).external != 40000
    assert subject.reaches(40000)


@requirement("XP-03", pcp=True, natpmp=True, needs="other")
def test_port_of_pcp_is_not_given_to_another_by_natpmp(subject, pc, pmp2):
    pc.mapped(40000)
    assert pmp2.map(41000, 40000).external != 40000
    assert subject.reaches(40000)


@requirement("XP-06", pcp=True, igd=1)
def test_end_of_a_lifetime_is_the_same_for_all(subject, pc, cp):
    ends_for_all(subject, pc, cp, 120)


@requirement("XP-07", pcp=True, igd=1)
def test_address_of_pcp_agrees(pc, cp):
    assert pc.map(40000).address == cp.external_address()


def version_octets(sock, wanted, patience=4.0):
    """The version octets that come to a socket, until those that are wanted are there."""
    seen = set()
    sock.settimeout(patience)
    while not wanted <= seen:
        try:
            seen.add(sock.recv(2048)[0])
        except TimeoutError:
            break
    return seen


@requirement("XP-08", pcp=True, natpmp=True, igd=1, needs="reboot")
def test_restart_is_announced_by_all(subject, pc, pmp):
    subject.advance(4)
    before = pc.announce().epoch, pmp.external().epoch
    with pcp.listen(subject.lab) as sock, ssdp.listen_socket(subject.lab) as notify:
        pcp.drain(subject.lab, sock)
        subject.reboot()
        assert version_octets(sock, {0, 2}) == {0, 2}
        kinds = set()
        while "alive" not in kinds:
            kinds |= {datagram.kind for datagram in ssdp.receive(notify, count=1) or inconclusive("nothing is announced by SSDP: see SSDP-07")}
    assert pc.announce().epoch < before[0] and pmp.external().epoch < before[1]


@requirement("XP-09", pcp=True, natpmp=True, needs="reboot")
def test_both_announce_in_one_group(subject):
    with pcp.listen(subject.lab) as sock:
        pcp.drain(subject.lab, sock)
        subject.reboot()
        assert version_octets(sock, {0, 2}) == {0, 2}


@requirement("XP-10", pcp="PREFER_FAILURE", natpmp=True, igd=1)
def test_permissions_are_the_same(pc, pmp, cp):
    """A port that UPnP may not have."""
    if not fault_of(cp.add, 80):
        notrun("nothing here refuses port 80 to UPnP")
    answers = [pc.map(80, options=pcp.option("PREFER_FAILURE")), pc.map(80), pmp.map(80)]
    assert all(answer.result or answer.external != 80 for answer in answers), answers


@requirement("XP-11", pcp=True, service="WANIPv6FirewallControl:1", needs=["ipv6", "wan-side"])
@pytest.mark.bulk
@pytest.mark.parametrize("first", ["IGD", "PCP"])
def test_two_pinholes_for_one_port(subject, first):
    with Pinholes(subject.control_point6()) as pinholes, pcp.Client(subject.lab, ipv6=True) as pc6:
        number = pinholes.add(40000, "UDP")
        assert pc6.mapped(40000, protocol="UDP") == 40000
        ends = [lambda: pinholes.delete(number), lambda: pc6.delete(40000, "UDP")]
        for end in ends if first == "IGD" else ends[::-1]:
            assert reaches6(subject.lab, 40000)
            end()
        assert not reaches6(subject.lab, 40000)


@requirement("XP-12", pcp=True, natpmp=True, igd=1, needs="wan-control")
def test_another_address_is_told_by_all(subject, pc, cp):
    pc.mapped(40000)
    with Subscriber(subject.lab, cp) as subscriber, pcp.listen(subject.lab) as sock:
        subscriber.works().subscribe()
        subscriber.initial()
        pcp.drain(subject.lab, sock)
        subject.renumber(NEW)
        subscriber.until(lambda event: event.values.get("ExternalIPAddress") == NEW)
        while natpmp.hear(sock).address != NEW:
            pass
        got = pc.receive(2)
    assert got, "no Mapping Update comes"
    update = pcp.parse(*got)
    assert (update.opcode, update.address) == (pcp.MAP, NEW), update
