# SPDX-License-Identifier: MIT
"""Device templates and access policy of InternetGatewayDevice:1 and :2 (area IGD)."""
import contextlib
import re

import pytest

from cases.harness import http, soap, ssdp
from cases.harness.controlpoint import IN_ADD, fault_of
from cases.harness.description import DEVICE, fetch
from cases.harness.requirement import nonstrict, notrun, requirement

IDS = {"WANCommonInterfaceConfig": r"WANCommonIFC\d+", "WANIPConnection": r"WANIPConn\d+", "WANPPPConnection": r"WANPPPConn\d+",
       "Layer3Forwarding": "L3Forwarding1", "LANHostConfigManagement": "LANHostCfg1",
       "WANEthernetLinkConfig": "WANEthLinkC1", "WANDSLLinkConfig": "WANDSLLinkC1",
       "WANCableLinkConfig": "WANCableLinkC1", "WANPOTSLinkConfig": "WANPOTSLinkC1"}
PLACES = {"WANCommonInterfaceConfig": "WANDevice", "WANIPConnection": "WANConnectionDevice",
          "WANPPPConnection": "WANConnectionDevice", "Layer3Forwarding": "InternetGatewayDevice",
          "LANHostConfigManagement": "LANDevice", "WANEthernetLinkConfig": "WANConnectionDevice",
          "WANDSLLinkConfig": "WANConnectionDevice", "WANCableLinkConfig": "WANConnectionDevice",
          "WANPOTSLinkConfig": "WANConnectionDevice"}


def services_named(cp, *names):
    """The services of those names, each with its version; they are in the right device, with the right id."""
    found = []
    for service in cp.description.services:
        name, version = service.type.split(":")[-2:]
        if name in names:
            assert service.type == f"urn:schemas-upnp-org:service:{name}:{int(version)}"
            assert re.fullmatch(f"urn:upnp-org:serviceId:{IDS[name]}", service.id), service.id
            assert service.device.split(":")[-2] == PLACES[name]
            found.append((name, int(version)))
    return found


def refused(lab, node, address, port):
    """Whether no connection from a node to address:port comes to a request that is answered."""
    try:
        with http.Client(lab.connect(node, address, port, timeout=1)) as client:
            client.exchange(http.request("GET", "/", f"{address}:{port}"))
    except (OSError, EOFError):
        return True
    return False


@requirement("IGD-01")
def test_root_device(subject, cp):
    kind = f"urn:schemas-upnp-org:device:InternetGatewayDevice:{subject.igd}"
    assert cp.description.devices[0][0] == kind
    if cp.description.root.findtext(f"{DEVICE}device/{DEVICE}deviceType") != kind:
        nonstrict("white space around the device type")


@requirement("IGD-02")
def test_common_interface(cp):
    kinds = [kind.split(":")[-2] for kind, _ in cp.description.devices]
    assert "WANDevice" in kinds
    assert ("WANCommonInterfaceConfig", 1) in services_named(cp, "WANCommonInterfaceConfig")


@requirement("IGD-03")
def test_connection_service(subject, cp):
    found = services_named(cp, "WANIPConnection", "WANPPPConnection")
    assert found and all(version <= (subject.igd if name == "WANIPConnection" else 1) for name, version in found)
    assert len({service.id for service in cp.description.services}) == len(cp.description.services)


@requirement("IGD-04")
def test_optional_services(cp):
    services_named(cp, *set(IDS) - {"WANCommonInterfaceConfig", "WANIPConnection", "WANPPPConnection"})


@requirement("IGD-05", needs="wan-control")
def test_tree_is_static(subject, lab, cp):
    before = [(service.type, service.id) for service in cp.description.services]
    for status in ("down", "up"):
        subject.wan(status)
        again = fetch(lab, cp.description.location)
        assert [(service.type, service.id) for service in again.services] == before


@requirement("IGD-06", needs="wan-control")
def test_serves_without_a_line(subject, lab, cp):
    subject.wan("down")
    assert ssdp.search(lab, "upnp:rootdevice")
    assert fetch(lab, cp.description.location).services
    assert cp.call("GetStatusInfo")["NewConnectionStatus"] in ("Disconnected", "Unconfigured")


@requirement("IGD-07", igd=2)
def test_second_version(cp):
    kinds = {kind for kind, _ in cp.description.devices}
    for name in ("InternetGatewayDevice", "WANDevice", "WANConnectionDevice"):
        assert f"urn:schemas-upnp-org:device:{name}:2" in kinds
    assert cp.connection.type == "urn:schemas-upnp-org:service:WANIPConnection:2"


@requirement("IGD-08", igd=2, service="DeviceProtection")
def test_device_protection(cp):
    service = cp.description.service("DeviceProtection")
    assert service.id == "urn:upnp-org:serviceId:DeviceProtection1"
    assert ":InternetGatewayDevice:" in service.device


@requirement("IGD-09", igd=2)
@pytest.mark.parametrize("kind", ["device:InternetGatewayDevice:1", "device:WANConnectionDevice:1", "service:WANIPConnection:1"])
def test_first_version_is_found(lab, cp, kind):
    answer = ssdp.search(lab, f"urn:schemas-upnp-org:{kind}")
    assert answer and answer[0].get("ST") == f"urn:schemas-upnp-org:{kind}"


@requirement("IGD-09", igd=2)
def test_first_version_can_be_used(subject, lab, cp):
    old, where = "urn:schemas-upnp-org:service:WANIPConnection:1", cp.connection
    values = ("", 20000, "TCP", 20000, lab.address_of("client"), 1, "igdlab", 600)
    for action, arguments in (("GetExternalIPAddress", ()), ("AddPortMapping", zip(IN_ADD, values))):
        soap.parse(cp.post(where, soap.request(where.control, old, action, arguments)), old, action)
    assert subject.reaches(20000)


@requirement("IGD-10", needs="wan-side")
@pytest.mark.parametrize("at", ["wan_address", "lan_address"])
def test_control_is_closed_outside(subject, lab, cp, at):
    address = getattr(lab, at)()
    if at == "lan_address":
        subject.spoil()
        done = lab.run("peer", "ip", "route", "add", f"{address}/32", "via", lab.wan_address())
        if done.code != 0:
            notrun(f"peer cannot have a route to the LAN: {done.stderr.strip()}")
    assert refused(lab, "peer", address, cp.connection.control.port)
    assert cp.external_address()


@pytest.mark.bulk
@requirement("IGD-10", needs="wan-side")
@pytest.mark.parametrize("to", [None, (ssdp.GROUP, ssdp.PORT)], ids=["unicast", "multicast"])
def test_discovery_is_closed_outside(lab, cp, to):
    with ssdp.search_socket(lab, "peer") as sock:
        sock.sendto(ssdp.search_bytes("ssdp:all"), to or (lab.wan_address(), ssdp.PORT))
        assert ssdp.search(lab, "upnp:rootdevice")  # whoever answers had the time to
        sock.settimeout(0.2)
        with contextlib.suppress(TimeoutError, ConnectionRefusedError):
            raise AssertionError(f"{sock.recvfrom(65536)[1]} answered")


@requirement("IGD-11", igd=2, needs="other")
def test_stranger_maps_for_itself_only(subject, lab, cp):
    assert fault_of(cp.add, 20000, client=lab.address_of("other")) == 606
    assert not subject.reaches(20000, client="other")
    assert cp.enumerate()[0] == []


@requirement("IGD-12", igd=2)
@pytest.mark.parametrize("external, internal", [(1023, 8080), (8080, 1023)])
def test_stranger_maps_no_low_port(subject, cp, external, internal):
    assert fault_of(cp.add, external, internal=internal) == 606
    assert not subject.reaches(external, internal=internal)


@requirement("IGD-12", igd=2)
def test_stranger_maps_the_lowest_port(subject, cp):
    cp.add(1024)
    assert subject.reaches(1024)


@requirement("IGD-13", igd=2, needs="other")
def test_stranger_reads_and_deletes_its_own_only(subject, cp, other):
    cp.add(20000)
    codes = [fault_of(other.specific, 20000), fault_of(other.generic, 0), fault_of(other.delete, 20000)]
    assert subject.reaches(20000)
    assert codes == [606, 606, 606]


@requirement("IGD-16", needs="reboot")
def test_mappings_end_with_a_reboot(subject, cp):
    cp.add(20000)
    assert subject.reaches(20000)
    subject.reboot()
    assert not subject.reaches(20000)
    again = subject.control_point()
    assert fault_of(again.specific, 20000) == 714
    again.add(20000)
    assert subject.reaches(20000)


@requirement("IGD-17", needs="wan-control")
def test_mappings_follow_the_address(subject, cp):
    cp.add(20000)
    assert subject.reaches(20000)
    subject.renumber("44.0.1.77")
    assert subject.reaches(20000, address="44.0.1.77")


@requirement("IGD-18", service="WANPPPConnection")
@pytest.mark.parametrize("values", [{"internal": 25000}, {"lease": 0}, {"lease": 600}, {"remote": "44.0.1.10"}, {}], ids=str)
def test_ppp_maps_everything(subject, cp, values):
    assert fault_of(cp.add, 20000, **values) == 0
    assert subject.reaches(20000, internal=values.get("internal"))


@pytest.mark.bulk
@requirement("IGD-19", needs="wan-side")
def test_multicast_stays_inside(lab, cp):
    with ssdp.listen_socket(lab, "peer") as outside, ssdp.search_socket(lab, ttl=4) as sock:
        outside.settimeout(0.3)
        sock.sendto(ssdp.search_bytes("ssdp:all"), (ssdp.GROUP, ssdp.PORT))
        assert ssdp.search(lab, "upnp:rootdevice")
        with contextlib.suppress(TimeoutError):
            raise AssertionError(f"{outside.recvfrom(65536)} left the LAN")
