# SPDX-License-Identifier: MIT
"""Port mappings of fakeigd: the table, the result matrix, leases, and packets that prove each of them."""
import pytest

from cases.harness.controlpoint import ControlPoint
from cases.harness.effect import tcp_reaches, udp_reaches
from cases.harness.lab import Lab
from cases.harness.soap import Fault

OTHER = """
summary: two clients behind one router
networks: {home: {subnet: 192.168.1.0/24}, internet: {subnet: 44.0.1.0/24}}
nodes:
  client: {kind: host, attach: {home: 192.168.1.4}, gateway: r1}
  other:  {kind: host, attach: {home: 192.168.1.5}, gateway: r1}
  r1:     {kind: router, lan: {home: 192.168.1.1}, wan: {internet: 44.0.1.2}, igd: PROFILE}
  peer:   {kind: host, attach: {internet: 44.0.1.10}}
  peer2:  {kind: host, attach: {internet: 44.0.1.11}}
"""


@pytest.fixture(params=["conformant-igd1", "conformant-igd2"])
def two(request, tmp_path):
    """Two clients and two peers around one router of either version."""
    path = tmp_path / "two.yaml"
    path.write_text(OTHER.replace("PROFILE", request.param))
    with Lab(path) as lab:
        lab.igd = int(request.param[-1])
        yield lab


def fault_of(call, *args, **kwargs):
    """UPnP error code of a call, 0 when it succeeds."""
    try:
        call(*args, **kwargs)
    except Fault as fault:
        return fault.code
    return 0


@pytest.mark.sanitize
def test_mapping_forwards_until_deleted(cp):
    lab = cp.lab
    assert not tcp_reaches(lab, 1872)
    cp.add(1872, "TCP")
    assert tcp_reaches(lab, 1872)
    assert not udp_reaches(lab, 1872), "a TCP mapping must not forward UDP"
    cp.delete(1872, "TCP")
    assert not tcp_reaches(lab, 1872)


@pytest.mark.sanitize
def test_udp_mapping_with_another_internal_port(cp):
    cp.add(5000, "UDP", internal=6000)
    assert udp_reaches(cp.lab, 5000, internal=6000)
    cp.delete(5000, "UDP")
    assert not udp_reaches(cp.lab, 5000, internal=6000)


def test_live_connection_ends_with_the_mapping(cp):
    """WIPC: a deleted mapping forwards nothing, whatever connections it carried before."""
    lab = cp.lab
    cp.add(7000, "UDP")
    with lab.socket("client") as inside, lab.socket("peer") as outside:
        inside.bind(("0.0.0.0", 7000))
        inside.settimeout(1)
        outside.connect((lab.wan_address(), 7000))
        outside.send(b"first")
        assert inside.recv(64) == b"first"
        cp.delete(7000, "UDP")
        outside.send(b"second")
        with pytest.raises(TimeoutError):
            inside.recv(64)


def test_lease_expires_on_the_labs_clock(cp):
    lab = cp.lab
    cp.add(1900, "TCP", lease=604800)
    lab.advance(604000)
    assert 0 < int(cp.specific(1900)["NewLeaseDuration"]) <= 800
    assert tcp_reaches(lab, 1900)
    lab.advance(801)
    assert fault_of(cp.specific, 1900) == 714
    assert not tcp_reaches(lab, 1900)
    assert lab.mappings() == []


def test_refresh_restarts_the_lease(cp):
    cp.add(1901, lease=100)
    cp.lab.advance(60)
    cp.add(1901, lease=100)
    cp.lab.advance(60)
    assert int(cp.specific(1901)["NewLeaseDuration"]) <= 40
    cp.lab.advance(41)
    assert fault_of(cp.specific, 1901) == 714


def test_disabled_mapping_is_kept_but_forwards_nothing(cp):
    cp.add(1902, enabled=0)
    assert cp.specific(1902)["NewEnabled"] == "0"
    assert not tcp_reaches(cp.lab, 1902)
    cp.add(1902, enabled=1)
    assert tcp_reaches(cp.lab, 1902)


def test_remote_host_limits_who_gets_in(two):
    cp = ControlPoint(two).discover()
    cp.add(3000, "TCP", remote=two.address_of("peer2"))
    assert tcp_reaches(two, 3000, peer="peer2")
    assert not tcp_reaches(two, 3000, peer="peer")


def test_conflict_with_another_client(two):
    """Result matrix of WANIPConnection (services.md): same port and protocol, other client: 718."""
    mine = ControlPoint(two).discover()
    theirs = ControlPoint(two, node="other").discover()
    mine.add(4000, "TCP")
    assert fault_of(theirs.add, 4000, "TCP") == 718
    assert fault_of(theirs.add, 4000, "UDP") == 0
    assert fault_of(mine.add, 4000, "TCP", text="again") == 0
    assert mine.specific(4000)["NewPortMappingDescription"] == "again"
    assert len(two.mappings()) == 2
    assert tcp_reaches(two, 4000)


def test_add_any_gives_another_port_when_taken(two):
    if two.igd == 1:
        assert fault_of(ControlPoint(two).discover().add, 4100, action="AddAnyPortMapping") == 401
        return
    mine = ControlPoint(two).discover()
    theirs = ControlPoint(two, node="other").discover()
    mine.add(4100)
    port = int(theirs.add(4100, action="AddAnyPortMapping")["NewReservedPort"])
    assert port != 4100
    assert tcp_reaches(two, port, client="other", internal=4100)
    assert int(mine.add(4200, action="AddAnyPortMapping")["NewReservedPort"]) == 4200


def test_enumeration_is_in_order_and_ends_with_713(cp):
    for port in (10, 20, 30, 40):
        cp.add(1000 + port)
    cp.delete(1020)
    entries, code = cp.enumerate()
    assert [e["NewExternalPort"] for e in entries] == ["1010", "1030", "1040"]
    assert code == 713
    assert list(entries[0]) == ["NewRemoteHost", "NewExternalPort", "NewProtocol",
                                "NewInternalPort", "NewInternalClient", "NewEnabled",
                                "NewPortMappingDescription", "NewLeaseDuration"]


def test_range_listing_and_deletion_in_igd2():
    with Lab("flat", profile="conformant-igd2") as lab:
        cp = ControlPoint(lab).discover()
        for port in (2000, 2001, 2005):
            cp.add(port, "TCP")
        span = [("NewStartPort", 2000), ("NewEndPort", 2004), ("NewProtocol", "TCP"),
                ("NewManage", 0)]
        listing = cp.call("GetListOfPortMappings", *span, ("NewNumberOfPorts", 0))["NewPortListing"]
        assert listing.count("<p:PortMappingEntry>") == 2 or listing.count("PortMappingEntry>") == 4
        assert "2005" not in listing
        cp.call("DeletePortMappingRange", *span)
        assert [m["external_port"] for m in lab.mappings()] == [2005]
        assert fault_of(cp.call, "DeletePortMappingRange", *span) == 730
        reverse = [("NewStartPort", 9), ("NewEndPort", 1), ("NewProtocol", "TCP"), ("NewManage", 0)]
        assert fault_of(cp.call, "DeletePortMappingRange", *reverse) == 733


@pytest.mark.parametrize("change, codes", [
    ({"NewProtocol": "SCTP"}, {402, 601}),
    ({"NewExternalPort": "65536"}, {402, 601}),
    ({"NewExternalPort": "-1"}, {402, 601}),
    ({"NewExternalPort": "abc"}, {402, 601}),
    ({"NewExternalPort": ""}, {402, 601}),
    ({"NewInternalPort": "0"}, {402, 601, 732}),
    ({"NewInternalPort": "99999"}, {402, 601}),
    ({"NewInternalClient": ""}, {402, 501, 600, 601, 715}),
    ({"NewInternalClient": "300.1.2.3"}, {402, 501, 600, 601}),
    ({"NewEnabled": "maybe"}, {402, 600, 601}),
    ({"NewLeaseDuration": "4294967296"}, {402, 601}),
    ({"NewLeaseDuration": "1.5"}, {402, 601}),
    ({"NewRemoteHost": "not an address"}, {402, 501, 600, 601, 726}),
])
@pytest.mark.sanitize
def test_bad_argument_values_are_refused(cp, change, codes):
    good = {"NewRemoteHost": "", "NewExternalPort": "1500", "NewProtocol": "TCP",
            "NewInternalPort": "1500", "NewInternalClient": "192.168.1.4", "NewEnabled": "1",
            "NewPortMappingDescription": "x", "NewLeaseDuration": "0"}
    code = fault_of(cp.call, "AddPortMapping", *{**good, **change}.items())
    assert code in codes
    assert cp.lab.mappings() == []


@pytest.mark.sanitize
def test_description_with_markup_comes_back_as_it_was(cp):
    text = "<b>&amp; \"quotes\" 'too' \u00fc\u4e2d"
    cp.add(1600, text=text)
    assert cp.specific(1600)["NewPortMappingDescription"] == text


def test_reboot_forgets_and_counts_boots(cp):
    cp.add(1700)
    before = cp.lab.router(op="state")
    cp.lab.router(op="reboot")
    after = cp.lab.router(op="state")
    assert after["mappings"] == []
    assert after["boot_id"] > before["boot_id"]
    assert not tcp_reaches(cp.lab, 1700)


def test_wan_down_and_renumber(cp):
    lab = cp.lab
    cp.add(1701)
    lab.router(op="wan", status="down")
    assert cp.call("GetStatusInfo")["NewConnectionStatus"] != "Connected"
    assert not tcp_reaches(lab, 1701)
    lab.router(op="wan", status="up")
    assert tcp_reaches(lab, 1701)
    lab.router(op="renumber", address="44.0.1.77")
    assert cp.external_address() == "44.0.1.77"
    assert tcp_reaches(lab, 1701, address="44.0.1.77")


def test_system_update_id_grows_with_every_change():
    with Lab("flat", profile="conformant-igd2") as lab:
        cp = ControlPoint(lab).discover()
        first = lab.router(op="state")["system_update_id"]
        cp.add(1800)
        second = lab.router(op="state")["system_update_id"]
        cp.delete(1800)
        assert first < second < lab.router(op="state")["system_update_id"]


@pytest.mark.long
def test_65535_entries_per_protocol(cp):
    """The table takes every external port; the 65,536th finds the old entries intact."""
    # A connection each: those that are over keep their ports for a minute, and there are 28,000.
    assert cp.lab.run("client", "sh", "-c", "echo 1 >/proc/sys/net/ipv4/tcp_tw_reuse").code == 0
    for port in range(1, 65536):
        cp.add(port)
    assert len(cp.lab.mappings()) == 65535
    assert tcp_reaches(cp.lab, 65535)
