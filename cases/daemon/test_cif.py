# SPDX-License-Identifier: MIT
"""WANCommonInterfaceConfig, Layer3Forwarding, WAN*LinkConfig, LANHostConfigManagement (area CIF)."""
import ipaddress
import re

import pytest

from cases.harness import effect
from cases.harness.controlpoint import fault_of
from cases.harness.description import SERVICE, scpd
from cases.harness.events import Subscription
from cases.harness.requirement import requirement, unsupported

ACCESS = {"DSL", "POTS", "Cable", "Ethernet"}
LINK = {"Up", "Down", "Initializing", "Unavailable"}
COUNTERS = ["TotalBytesSent", "TotalBytesReceived", "TotalPacketsSent", "TotalPacketsReceived"]
POLICY = {401, 501, 602, 606}  # what a router says that does not let a host of the LAN do it


class On:
    """The actions of one service; values go by the name without "New"."""

    def __init__(self, cp, name):
        self._cp, self.service = cp, cp.description.service(name)

    def __call__(self, action, **arguments):
        given = [(f"New{name}", value) for name, value in arguments.items()]
        return {name.removeprefix("New"): value
                for name, value in self._cp.call(action, *given, service=self.service).items()}


@pytest.fixture
def common(cp):
    return On(cp, "WANCommonInterfaceConfig")


@pytest.fixture
def layer3(subject, cp):
    subject.require(service="Layer3Forwarding")
    return On(cp, "Layer3Forwarding")


def traffic(lab, count, size):
    """Datagrams from the client to the peer and back."""
    with effect._bound(lab, "peer", effect.ABROAD) as peer, lab.socket("client") as client:
        for _ in range(count):
            client.sendto(bytes(size), (lab.address_of("peer"), effect.ABROAD))
            _, source = peer.recvfrom(65536)
            peer.sendto(bytes(size), source)
            client.recv(65536)


@requirement("CIF-01")
def test_link_properties(common):
    link = common("GetCommonLinkProperties")
    assert link["WANAccessType"] in ACCESS
    assert link["PhysicalLinkStatus"] == "Up"
    for name in ("Layer1UpstreamMaxBitRate", "Layer1DownstreamMaxBitRate"):
        assert re.fullmatch(r"\d+", link[name]) and int(link[name]) < 2 ** 32


@requirement("CIF-01", needs="wan-control")
def test_link_properties_of_a_line_that_is_down(subject, common):
    subject.wan("down")
    assert common("GetCommonLinkProperties")["PhysicalLinkStatus"] in LINK - {"Up"}


@requirement("CIF-02", needs="wan-control")
def test_link_status_is_evented(subject, lab, common):
    subject.spoil()
    with Subscription(lab, common.service) as events:
        assert events.next()["PhysicalLinkStatus"] == "Up"
        subject.wan("down")
        assert events.until("PhysicalLinkStatus", "Down") == ["Down"]
        subject.wan("up")
        assert events.until("PhysicalLinkStatus", "Up")[-1] == "Up"


@requirement("CIF-03", needs="wan-side")
@pytest.mark.parametrize("name", COUNTERS)
def test_counters_count(subject, lab, common, name):
    subject.require(action=f"Get{name}")
    before = int(common(f"Get{name}")[name])
    traffic(lab, 50, 1000)
    more = (int(common(f"Get{name}")[name]) - before) % 2 ** 32
    least = 50 if "Packets" in name else 50000
    assert least <= more <= 4 * least


@requirement("CIF-04")
@pytest.mark.parametrize("name", COUNTERS)
def test_counters_are_ui4(subject, common, name):
    subject.require(action=f"Get{name}")
    value = common(f"Get{name}")[name]
    assert re.fullmatch(r"\d+", value) and int(value) < 2 ** 32


@requirement("CIF-04")
def test_counters_are_described_as_ui4(lab, cp, common):
    for variable in scpd(lab, common.service).iter(f"{SERVICE}stateVariable"):
        if variable.findtext(f"{SERVICE}name").strip() in COUNTERS:
            assert variable.findtext(f"{SERVICE}dataType").strip() == "ui4"


@requirement("CIF-06", action=["SetEnabledForInternet", "GetEnabledForInternet"])
def test_internet_access_can_be_closed(subject, cp, common):
    assert common("GetEnabledForInternet")["EnabledForInternet"] == "1"
    cp.add(20000)
    assert subject.reaches(20000)
    code = fault_of(common, "SetEnabledForInternet", EnabledForInternet=0)
    if code in POLICY:
        unsupported(f"the subject does not let a host of the LAN do that: {code}")
    subject.spoil()
    assert code == 0 and common("GetEnabledForInternet")["EnabledForInternet"] == "0"
    assert not subject.reaches(20000)


@requirement("CIF-07", action="GetActiveConnection")
def test_active_connections(common, cp):
    first = common("GetActiveConnection", ActiveConnectionIndex=0)
    assert first["ActiveConnectionServiceID"] in [s.id for s in cp.description.services if "Connection:" in s.type]
    assert fault_of(common, "GetActiveConnection", ActiveConnectionIndex=99) == 713


@requirement("CIF-08", action=["GetMaximumActiveConnections", "GetWANAccessProvider"])
def test_limits_of_the_interface(common):
    assert 1 <= int(common("GetMaximumActiveConnections")["MaximumActiveConnections"]) < 2 ** 16
    assert isinstance(common("GetWANAccessProvider")["WANAccessProvider"], str)


@requirement("CIF-09")
def test_default_connection(layer3, cp):
    udn, _, rest = layer3("GetDefaultConnectionService")["DefaultConnectionService"].partition(":WANConnectionDevice:")
    version, _, service = rest.partition(",")
    assert version.isdigit()
    assert (udn, service) in [(s.udn, s.id) for s in cp.description.services if "WANConnectionDevice:" in s.device]


@requirement("CIF-10")
@pytest.mark.parametrize("change, wanted", [
    (("uuid:", "uuid:0"), 720), ((",urn:upnp-org:serviceId:", ",urn:upnp-org:serviceId:No"), 721)])
def test_wrong_default_connection(layer3, change, wanted):
    value = layer3("GetDefaultConnectionService")["DefaultConnectionService"]
    code = fault_of(layer3, "SetDefaultConnectionService", DefaultConnectionService=value.replace(*change))
    assert code in {wanted} | POLICY
    assert layer3("GetDefaultConnectionService")["DefaultConnectionService"] == value


@requirement("CIF-11")
def test_default_connection_is_evented(lab, layer3):
    with Subscription(lab, layer3.service) as events:
        told = events.next()
    assert told == {"DefaultConnectionService": layer3("GetDefaultConnectionService")["DefaultConnectionService"]}


@requirement("CIF-12", service="WANEthernetLinkConfig", needs="wan-control")
def test_ethernet_link(subject, lab, cp):
    link = On(cp, "WANEthernetLinkConfig")
    subject.spoil()
    with Subscription(lab, link.service) as events:
        assert events.next()["EthernetLinkStatus"] == link("GetEthernetLinkStatus")["EthernetLinkStatus"] == "Up"
        subject.wan("down")
        assert events.until("EthernetLinkStatus", "Down") == ["Down"]
    assert link("GetEthernetLinkStatus")["EthernetLinkStatus"] == "Down"


@requirement("CIF-13", service="WANDSLLinkConfig")
def test_dsl_link(cp):
    link = On(cp, "WANDSLLinkConfig")
    info = link("GetDSLLinkInfo")
    assert info["LinkType"] and info["LinkStatus"] in LINK
    if link("GetAutoConfig")["AutoConfig"] == "1":
        assert fault_of(link, "SetDSLLinkType", LinkType="PPPoE") in {719} | POLICY


@requirement("CIF-14", service="LANHostConfigManagement")
@pytest.mark.parametrize("action, name, one", [("GetSubnetMask", "SubnetMask", True), ("GetIPRoutersList", "IPRouters", False),
                                               ("GetDNSServers", "DNSServers", False)])
def test_lan_addresses(subject, lab, cp, action, name, one):
    subject.require(action=action)
    values = On(cp, "LANHostConfigManagement")(action)[name].split(",")
    assert all(ipaddress.IPv4Address(value) for value in values if value) and (not one or len(values) == 1)
    assert name != "IPRouters" or lab.lan_address() in values


@requirement("CIF-15", service="LANHostConfigManagement")
@pytest.mark.parametrize("action, read, name", [("SetDNSServer", "GetDNSServers", "DNSServers"),
                                                ("SetIPRouter", "GetIPRoutersList", "IPRouters")])
def test_stranger_cannot_change_the_lan(subject, cp, action, read, name):
    subject.require(action=read)
    lan = On(cp, "LANHostConfigManagement")
    before = lan(read)
    assert fault_of(lan, action, **{name: "192.168.1.99"}) in POLICY
    assert lan(read) == before
