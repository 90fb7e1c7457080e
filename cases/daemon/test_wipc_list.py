# SPDX-License-Identifier: MIT
"""AddAnyPortMapping, and ranges and lists of WANIPConnection:2 (area WIPC)."""
import xml.etree.ElementTree as ElementTree

import pytest

from cases.harness.controlpoint import fault_of
from cases.harness.portmap import (add_any, begin, code_of_add, delete_range, entries_of, external,
                                   listing, ports)
from cases.harness.requirement import nonstrict, requirement
from cases.harness.soap import Fault

V2 = "WANIPConnection:2"
SPACE = "{urn:schemas-upnp-org:gw:WANIPConnection}"
CHILDREN = ["NewRemoteHost", "NewExternalPort", "NewProtocol", "NewInternalPort", "NewInternalClient",
            "NewEnabled", "NewDescription", "NewLeaseTime"]


def fill(cp, *external, protocol="TCP"):
    """Add mappings."""
    for port in external:
        cp.add(port, protocol)


# -- AddAnyPortMapping ---------------------------------------------------------------------------------


@requirement("WIPC-44", service=V2)
@pytest.mark.parametrize("protocol", ["TCP", "UDP"])
def test_any_port_is_the_asked_one(subject, cp, protocol):
    assert add_any(cp, 21000, protocol=protocol, internal=30000) == 21000
    assert subject.reaches(21000, protocol, internal=30000)


@requirement("WIPC-45", service=V2, needs="other")
def test_any_port_is_another_one(subject, cp, other):
    cp.add(21000)
    port = add_any(other, 21000)
    assert port not in (0, 21000)
    assert subject.reaches(port, client="other", internal=21000)
    assert subject.reaches(21000)


@requirement("WIPC-46", service=V2)
def test_any_port_again_is_an_update(subject, cp):
    assert add_any(cp, 21000, internal=30000, text="first") == 21000
    assert add_any(cp, 21000, internal=30001, text="second") == 21000
    entries, _ = cp.enumerate(limit=10)
    assert [entry["NewPortMappingDescription"] for entry in entries] == ["second"]
    assert subject.reaches(21000, internal=30001)


@requirement("WIPC-47", service=V2, interworking=False, needs="peer2")
def test_any_port_for_another_remote_host(subject, lab, cp):
    first = add_any(cp, 21000, internal=30000, remote=lab.address_of("peer"))
    second = add_any(cp, 21000, internal=30000, remote=lab.address_of("peer2"))
    assert subject.reaches(first, internal=30000, peer="peer")
    assert subject.reaches(second, internal=30000, peer="peer2")


@requirement("WIPC-48", service=V2)
def test_any_port_0(subject, cp):
    try:
        port = add_any(cp, 0, internal=30000)
    except Fault as fault:
        assert fault.code == 716
        return
    if port:
        nonstrict(f"external port 0 is answered with port {port}, not 0 or 716")
        assert subject.reaches(port, internal=30000)
    else:
        assert subject.reaches(21000)


@requirement("WIPC-49", service=V2)
@pytest.mark.parametrize("changes, code", [
    ({"NewInternalClient": ""}, 715), ({"NewInternalPort": 0}, 732)], ids=["no-client", "internal-0"])
def test_errors_of_any_port(subject, cp, changes, code):
    assert code_of_add(cp, 21000, "AddAnyPortMapping", **changes) == code


@requirement("WIPC-49", service=V2)
@pytest.mark.parametrize("changes", [{"NewExternalPort": 80}, {"NewInternalPort": 80},
                                     {"NewInternalClient": "192.168.1.5"}], ids=["external", "internal", "client"])
def test_policy_of_any_port(subject, cp, changes):
    assert code_of_add(cp, 21000, "AddAnyPortMapping", **changes) in (0, 606)


@requirement("WIPC-49", service=V2, needs="other")
@pytest.mark.parametrize("remote", ["", "44.0.1.10"])
def test_any_port_has_no_conflict(subject, cp, other, remote):
    fill(cp, 21000, 21001, 21002)
    assert fault_of(other.add, 21000, remote=remote, action="AddAnyPortMapping") in (0, 728)


# -- DeletePortMappingRange ----------------------------------------------------------------------------


@requirement("WIPC-51", service=V2, needs="other")
def test_range_is_the_callers(subject, cp, other):
    fill(cp, 20000, 20002)
    fill(other, 20001)
    delete_range(cp, 20000, 20010)
    assert not subject.reaches(20000) and not subject.reaches(20002)
    assert subject.reaches(20001, client="other")


@requirement("WIPC-52", service=V2, needs="other")
def test_range_with_manage_of_a_stranger(subject, cp, other):
    fill(cp, 20000)
    fill(other, 20001)
    delete_range(cp, 20000, 20010, manage=1)
    assert not subject.reaches(20000)
    assert subject.reaches(20001, client="other")


@requirement("WIPC-53", service=V2)
def test_range_includes_its_bounds(subject, cp):
    fill(cp, 19999, 20000, 20005, 20010, 20011)
    delete_range(cp, 20000, 20010)
    assert sorted(external(cp)) == [19999, 20011]
    assert not subject.reaches(20000) and not subject.reaches(20010)
    assert subject.reaches(19999) and subject.reaches(20011)


@requirement("WIPC-53", service=V2)
def test_range_of_one_port(subject, cp):
    fill(cp, 20000, 20001)
    delete_range(cp, 20000, 20000)
    assert not subject.reaches(20000) and subject.reaches(20001)


@requirement("WIPC-53", service=V2)
def test_range_backwards(subject, cp):
    fill(cp, 20005)
    assert fault_of(delete_range, cp, 20010, 20000) == 733
    assert subject.reaches(20005)


@requirement("WIPC-54", service=V2)
def test_range_without_entries(subject, cp):
    fill(cp, 20020)
    assert fault_of(delete_range, cp, 20000, 20010) == 730
    assert subject.reaches(20020)


@requirement("WIPC-55", service=V2)
def test_range_of_tcp(subject, cp):
    range_has_a_protocol(subject, cp, "TCP", "UDP")


@requirement("WIPC-55", service=V2)
def test_range_of_udp(subject, cp):
    range_has_a_protocol(subject, cp, "UDP", "TCP")


def range_has_a_protocol(subject, cp, gone, kept):
    """Deleting the one leaves the other alone, though ports and client are the same."""
    fill(cp, 20000, protocol="TCP")
    fill(cp, 20000, protocol="UDP")
    delete_range(cp, 20000, 20010, gone)
    assert not subject.reaches(20000, gone)
    assert subject.reaches(20000, kept)


@requirement("WIPC-56", service=V2)
@pytest.mark.bulk
def test_range_goes_at_once(subject, cp):
    for _ in range(3):
        fill(cp, *range(20000, 20060))
        deleting = begin(cp, "DeletePortMappingRange", ("NewStartPort", 20000), ("NewEndPort", 20100),
                         ("NewProtocol", "TCP"), ("NewManage", 0))
        seen = len(ports(cp, start=20000, end=20100))
        deleting()
        assert seen in (0, 60)
        assert ports(cp, start=20000, end=20100) == []


# -- GetListOfPortMappings -----------------------------------------------------------------------------


@requirement("WIPC-57", service=V2, needs="other")
@pytest.mark.parametrize("start, end, expected", [
    (20000, 20010, [20000, 20010]), (1024, 65535, [19999, 20000, 20010, 20011]),
    (0, 65535, [19999, 20000, 20010, 20011])])
def test_list_is_the_callers(subject, cp, other, start, end, expected):
    fill(cp, 19999, 20000, 20010, 20011)
    fill(cp, 20005, protocol="UDP")
    fill(other, 20001)
    assert sorted(ports(cp, start=start, end=end)) == expected


@requirement("WIPC-58", service=V2)
@pytest.mark.parametrize("count, expected", [(0, 60), (7, 7), (1, 1), (60, 60), (100, 60)])
def test_number_of_ports_listed(subject, cp, count, expected):
    fill(cp, *range(20000, 20060))
    listed = ports(cp, count=count)
    assert len(set(listed)) == len(listed) == expected


@requirement("WIPC-59", service=V2)
@pytest.mark.parametrize("held", [None, ("UDP", 20000), ("TCP", 20020)])
def test_list_of_nothing(subject, cp, held):
    if held:
        fill(cp, held[1], protocol=held[0])
    try:
        text = listing(cp, 20000, 20010)
    except Fault as fault:
        assert fault.code == 730
        return
    assert entries_of(text) == []
    nonstrict("a list of nothing is an empty list, not error 730")


@requirement("WIPC-60", service=V2)
def test_list_backwards(subject, cp):
    fill(cp, 20005)
    assert fault_of(listing, cp, 20010, 20000) == 733


@requirement("WIPC-61", service=V2)
@pytest.mark.parametrize("text", ["igdlab", "a <b> & 'c' \"d\"", "]]>", "\u00fcber"])
def test_form_of_the_list(subject, lab, cp, text):
    cp.add(20000, "UDP", internal=30000, text=text, lease=1200)
    root = ElementTree.fromstring(listing(cp, protocol="UDP"))
    assert root.tag == SPACE + "PortMappingList"
    assert [entry.tag for entry in root] == [SPACE + "PortMappingEntry"]
    assert [child.tag for child in root[0]] == [SPACE + name for name in CHILDREN]
    values = [child.text or "" for child in root[0]]
    assert 1190 <= int(values.pop()) <= 1200
    assert values == ["", "20000", "UDP", "30000", lab.address_of("client"), "1", text]
