# SPDX-License-Identifier: MIT
"""Port mappings of WANIPConnection and WANPPPConnection (area WIPC)."""
import select
import socket

import pytest

from cases.harness.controlpoint import fault_of
from cases.harness.portmap import (REFUSALS, begin, code_of_add, delete_range, external, listing,
                                   version)
from cases.harness.requirement import nonstrict, requirement, unsupported


@requirement("WIPC-01")
@pytest.mark.parametrize("protocol", ["TCP", "UDP"])
def test_new_mapping_forwards(subject, cp, protocol):
    cp.add(20000, protocol)
    assert subject.reaches(20000, protocol)


@requirement("WIPC-01")
def test_two_ports_of_one_service(subject, cp):
    cp.add(20000, internal=30000)
    cp.add(20001, internal=30000)
    assert subject.reaches(20000, internal=30000)
    assert subject.reaches(20001, internal=30000)


@requirement("WIPC-01")
def test_new_mapping_after_a_deletion(subject, cp):
    cp.add(20000)
    fault_of(cp.delete, 20000)
    cp.add(20000)
    assert subject.reaches(20000)


@requirement("WIPC-02")
def test_same_client_overwrites(subject, cp):
    cp.add(20000, internal=30000, text="first")
    cp.add(20000, internal=30001, text="second")
    entries, _ = cp.enumerate()
    assert [(e["NewInternalPort"], e["NewPortMappingDescription"]) for e in entries] == [("30001", "second")]
    assert subject.reaches(20000, internal=30001)
    assert not subject.reaches(20000, internal=30000)


@requirement("WIPC-03", needs="other")
def test_port_of_another_client_is_refused(subject, cp, other):
    cp.add(20000)
    assert fault_of(other.add, 20000) == 718
    assert subject.reaches(20000)
    assert not subject.reaches(20000, client="other")


@requirement("WIPC-04", igd=2, needs="other")
def test_other_client_and_other_remote_host_is_refused(subject, lab, cp, other):
    cp.add(20000, remote=lab.address_of("peer"))
    assert fault_of(other.add, 20000, remote=lab.address_of("peer2")) == 718
    assert subject.reaches(20000)


@requirement("WIPC-05", interworking=False, needs="peer2")
def test_same_client_and_other_remote_host(subject, lab, cp):
    cp.add(20000, remote=lab.address_of("peer"))
    code = fault_of(cp.add, 20000, remote=lab.address_of("peer2"))
    assert code in (0, 718)
    assert len(cp.enumerate()[0]) == (1 if code else 2)
    assert subject.reaches(20000, peer="peer")
    assert code or subject.reaches(20000, peer="peer2")


@requirement("WIPC-06")
def test_protocols_are_independent(subject, cp):
    cp.add(20000, "TCP", internal=30000)
    cp.add(20000, "UDP", internal=30001)
    assert subject.reaches(20000, "TCP", internal=30000)
    assert subject.reaches(20000, "UDP", internal=30001)


@requirement("WIPC-07")
def test_empty_internal_client(subject, cp):
    assert code_of_add(cp, NewInternalClient="") == 715


@requirement("WIPC-08")
def test_internal_port_0(subject, cp):
    assert code_of_add(cp, NewInternalPort=0) in ((732,) if version(subject) == 2 else (402, 600, 601))


@requirement("WIPC-09", interworking=False, needs="other")
def test_external_port_0(subject, cp, other):
    code = code_of_add(cp, 0, NewInternalPort=30000)
    if code != 716:
        assert code == 0
        assert code_of_add(other, 0, NewInternalPort=30000) == 718
        cp.add(20000)
        assert subject.reaches(20001)  # the internal port is ignored then
        assert subject.reaches(20000)


@requirement("WIPC-10", service="WANIPConnection:2", needs="peer2")
@pytest.mark.parametrize("protocol", ["TCP", "UDP"])
def test_remote_host_is_a_filter(subject, lab, cp, protocol):
    cp.add(20000, protocol, remote=lab.address_of("peer"))
    assert subject.reaches(20000, protocol, peer="peer")
    assert not subject.reaches(20000, protocol, peer="peer2")


@requirement("WIPC-11", needs="peer2")
def test_remote_host_is_a_filter_or_refused(subject, lab, cp):
    if version(subject) == 2:
        unsupported("is for version 1 of the connection services")
    code = fault_of(cp.add, 20000, remote=lab.address_of("peer"))
    assert code in (0, 726)
    assert subject.reaches(20000, peer="peer") == (code == 0)
    assert not subject.reaches(20000, peer="peer2")


@requirement("WIPC-12", service="WANIPConnection:2")
@pytest.mark.parametrize("changes", [
    {"NewInternalPort": 30000}, {"NewLeaseDuration": 600}, {"NewLeaseDuration": 0},
    {"NewRemoteHost": "44.0.1.10"}, {"NewExternalPort": 20001}, {"NewExternalPort": 0}],
    ids=lambda changes: "-".join(f"{k[3:]}-{v}" for k, v in changes.items()))
@pytest.mark.parametrize("action", ["AddPortMapping", "AddAnyPortMapping"])
def test_no_error_of_version_1(subject, cp, action, changes):
    assert code_of_add(cp, action=action, **changes) not in (724, 725, 726, 727)


@requirement("WIPC-14", service="WANIPConnection:2")
@pytest.mark.parametrize("protocol", ["TCP", "UDP"])
def test_internal_port_differs(subject, cp, protocol):
    cp.add(20001, protocol, internal=30001)
    assert subject.reaches(20001, protocol, internal=30001)


@requirement("WIPC-24", interworking=False)
def test_disabled_mapping(subject, cp):
    cp.add(20000, enabled=0)
    assert cp.specific(20000)["NewEnabled"] == "0"
    assert not subject.reaches(20000)
    cp.add(20000, enabled=1)
    assert cp.specific(20000)["NewEnabled"] == "1"
    assert subject.reaches(20000)


@requirement("WIPC-25")
def test_broadcast_as_internal_client(subject, cp):
    """A router that maps for nobody but the sender may say so: version 2, and one that interworks (RFC 6970 clause 6)."""
    forbidden = 606 if subject.igd >= 2 else 718 if subject.claims.get("interworking") else None
    code = code_of_add(cp, NewProtocol="UDP", NewInternalClient="255.255.255.255")
    if code == 0:
        assert subject.reaches(20000, "UDP")
    elif code != forbidden:
        assert code in REFUSALS
        nonstrict(f"UDP to the broadcast address is refused with {code}")


@requirement("WIPC-26")
def test_name_as_internal_client(subject, cp):
    code = code_of_add(cp, NewInternalClient="client")
    assert code in (0, 402)
    assert subject.reaches(20000) == (code == 0)


@requirement("WIPC-27")
@pytest.mark.parametrize("protocol", ["ICMP", "tcp", "", "TCPUDP"])
@pytest.mark.parametrize("action", ["AddPortMapping", "DeletePortMapping", "GetSpecificPortMappingEntry"])
def test_other_protocols(subject, cp, action, protocol):
    cp.add(20000)
    if action == "AddPortMapping":
        code = code_of_add(cp, 20001, NewProtocol=protocol)
    else:
        code = fault_of(cp.call, action, ("NewRemoteHost", ""), ("NewExternalPort", 20000),
                        ("NewProtocol", protocol))
    assert code in ((601,) if version(subject) == 2 else (402, 600, 601))
    assert subject.reaches(20000)


@requirement("WIPC-27", service="WANIPConnection:2")
@pytest.mark.parametrize("protocol", ["ICMP", "tcp", ""])
@pytest.mark.parametrize("act", [lambda cp, p: code_of_add(cp, 20001, "AddAnyPortMapping", NewProtocol=p),
                                 lambda cp, p: fault_of(delete_range, cp, 20000, 20010, p),
                                 lambda cp, p: fault_of(listing, cp, protocol=p)],
                         ids=["AddAnyPortMapping", "DeletePortMappingRange", "GetListOfPortMappings"])
def test_other_protocols_in_version_2(subject, cp, act, protocol):
    cp.add(20000)
    assert act(cp, protocol) == 601
    assert subject.reaches(20000)


@requirement("WIPC-28")
@pytest.mark.parametrize("where", ["outside", "external", "127.0.0.1", "0.0.0.0", "224.0.0.1", "router"])
def test_internal_client_outside_the_lan(subject, lab, cp, where):
    address = {"outside": lambda: "8.8.8.8", "external": lab.wan_address,
               "router": lab.lan_address}.get(where, lambda: where)()
    assert code_of_add(cp, NewInternalClient=address) in REFUSALS
    assert fault_of(cp.specific, 20000) == 714


@pytest.mark.bulk
@requirement("WIPC-29", needs="other")
@pytest.mark.parametrize("form", [";{};", "`{}`", "$({})", "|{}|", "\n{}\n", "';{};'", '";{};"'])
@pytest.mark.parametrize("argument", ["NewRemoteHost", "NewInternalClient", "NewPortMappingDescription"])
def test_shell_metacharacters(subject, lab, cp, argument, form):
    command = form.format(f"ping -c 1 {lab.address_of('other')}")
    with lab.socket("other", "raw", protocol=socket.IPPROTO_ICMP) as echo:
        code = code_of_add(cp, **{argument: command})
        cp.external_address()
        assert not select.select([echo], [], [], 0.1)[0], "the command was executed"
    if argument == "NewInternalClient":
        assert code in REFUSALS
    elif argument == "NewRemoteHost" and code == 0:
        nonstrict("accepts a command as remote host, and does not execute it")


@requirement("WIPC-30")
@pytest.mark.parametrize("remote", ["1.2.3", "999.1.1.1", "a b", "44.0.1.10/24", "-"])
def test_invalid_remote_host(subject, cp, remote):
    assert code_of_add(cp, NewRemoteHost=remote) in (402, 600, 601)
    assert not subject.reaches(20000)


@pytest.mark.bulk
@requirement("WIPC-31")
def test_full_table(subject, cp):
    """Whatever the limit is, what was accepted is there, and the first refusal has the right code."""
    accepted, code = [], 0
    for port in range(20000, 20150):
        code = fault_of(cp.add, port, "UDP")
        if code:
            break
        accepted.append(port)
    assert code in (0, 728 if version(subject) == 2 else 501)
    assert sorted(external(cp)) == accepted
    assert subject.reaches(accepted[-1], "UDP")


@requirement("WIPC-32")
def test_port_of_the_router(subject, cp):
    where = cp.connection.control
    code = fault_of(cp.add, where.port, internal=30000)
    assert code in (0, 606, 718, 729)
    begin(cp, "GetExternalIPAddress", timeout=2)()
