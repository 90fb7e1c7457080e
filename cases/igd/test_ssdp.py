# SPDX-License-Identifier: MIT
"""Discovery of fakeigd on the wire (UDA 2.0 clause 1)."""
import socket

import pytest

from cases.harness import description, ssdp
from cases.harness.lab import Lab

IGD = "urn:schemas-upnp-org:device:InternetGatewayDevice:1"
WANIP = "urn:schemas-upnp-org:service:WANIPConnection:1"


def answered(lab, target, **more):
    """The one reply to a search."""
    got = ssdp.search(lab, target, **more)
    assert got, f"no answer to {target}"
    return got[0]


@pytest.mark.sanitize
@pytest.mark.parametrize("target", [
    "upnp:rootdevice", IGD, WANIP,
    "urn:schemas-upnp-org:device:WANDevice:1",
    "urn:schemas-upnp-org:device:WANConnectionDevice:1",
    "urn:schemas-upnp-org:service:WANCommonInterfaceConfig:1",
    "urn:schemas-upnp-org:service:Layer3Forwarding:1",
])
def test_each_target_is_answered_with_itself(flat, target):
    reply = answered(flat, target)
    assert reply.target == target
    assert reply.source == (flat.lan_address(), 1900)
    assert reply.get("USN").endswith("::" + target)
    assert reply.get("LOCATION").startswith(f"http://{flat.lan_address()}:")
    assert reply.get("EXT") == ""
    assert not reply.notes


def test_search_for_a_udn(flat):
    udn = answered(flat, "upnp:rootdevice").get("USN").split("::")[0]
    assert answered(flat, udn).get("USN") == udn


def test_search_all_gives_every_advertisement(flat):
    """3 + 2d + k messages (UDA 2.0 table 1-1): here 1 root, 2 embedded devices, k service types."""
    location = answered(flat, "upnp:rootdevice").get("LOCATION")
    tree = description.fetch(flat, location)
    services = {(udn, s.type) for s in tree.services for udn in [s.udn]}
    expected = 3 + 2 * (len(tree.devices) - 1) + len(services)
    got = ssdp.search(flat, "ssdp:all", count=expected)
    assert len(got) == expected
    assert len({(d.target, d.get("USN")) for d in got}) == expected


def test_unicast_search(flat):
    assert answered(flat, IGD, to=(flat.lan_address(), 1900)).target == IGD


def test_lower_version_is_answered_by_a_newer_router():
    with Lab("flat", profile="conformant-igd2") as lab:
        assert answered(lab, IGD).target == IGD
        assert answered(lab, IGD[:-1] + "2").target == IGD[:-1] + "2"


@pytest.mark.sanitize
@pytest.mark.parametrize("bent", [
    ssdp.search_bytes(IGD, man=None),
    ssdp.search_bytes(IGD, man='"ssdp:other"'),
    ssdp.search_bytes(IGD, mx=None),
    ssdp.search_bytes(None),
    ssdp.search_bytes("urn:schemas-upnp-org:device:InternetGatewayDevice:9"),
    ssdp.search_bytes("urn:schemas-upnp-org:device:MediaServer:1"),
    ssdp.search_bytes("uuid:00000000-0000-0000-0000-000000000000"),
    b"M-SEARCH * HTTP/1.1\r\n",
    b"M-SEARCH * HTTP/1.1",
    b"M-SEARCH / HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\nMAN: \"ssdp:discover\"\r\nMX: 1\r\n"
    b"ST: " + IGD.encode() + b"\r\n\r\n",
    ssdp.search_bytes(IGD).replace(b"HTTP/1.1", b"HTTP/1.0"),
    ssdp.search_bytes(IGD).replace(b"HTTP/1.1", b"HTTP/2.0"),
    b"NOTIFY * HTTP/1.1\r\n\r\n",
    b"\0" * 64,
    b"",
    b"GET / HTTP/1.1\r\n\r\n",
    b"M-SEARCH * HTTP/1.1\r\n" + b"A: b\r\n" * 5000 + b"\r\n",
    b"\xff\xfe" + b"M-SEARCH",
], ids=range(18))
def test_bent_searches_are_ignored(flat, bent):
    """A good search sent after the bent one is the barrier: its answer is the first and only one."""
    with ssdp.search_socket(flat) as sock:
        sock.sendto(bent, (ssdp.GROUP, ssdp.PORT))
        sock.sendto(ssdp.search_bytes(WANIP), (ssdp.GROUP, ssdp.PORT))
        assert [d.target for d in ssdp.receive(sock, 1)] == [WANIP]


def test_alive_at_start_byebye_at_end_and_refresh(flat):
    """NOTIFY alive is refreshed before max-age runs out; byebye comes when the router is told to end."""
    with ssdp.listen_socket(flat) as sock:
        flat.advance(1800)
        alive = ssdp.receive(sock, 1)
        assert alive[0].kind == "alive"
        assert int(alive[0].get("CACHE-CONTROL").split("=")[1]) >= 1800
        flat.router(op="quit")
        while True:
            got = ssdp.receive(sock, 1)
            assert got, "no byebye"
            if got[0].kind == "byebye":
                break


def test_ipv6_search(tmp_path):
    with Lab("dual-stack") as lab:
        with lab.socket("client", domain="inet6") as sock:
            index = int(lab.run("client", "cat", "/sys/class/net/eth0/ifindex").stdout)
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, index)
            sock.sendto(ssdp.search_bytes("upnp:rootdevice", host="[ff02::c]:1900"),
                        ("ff02::c", 1900, 0, index))
            got = ssdp.receive(sock, 1)
        assert got and got[0].get("LOCATION").startswith("http://[")


def test_location_is_of_the_interface_asked(tmp_path):
    """A router with two LANs names, on each, its own address there."""
    path = tmp_path / "two-lans.yaml"
    path.write_text("""
summary: one router, two LANs
networks:
  home: {subnet: 192.168.1.0/24}
  guest: {subnet: 192.168.2.0/24}
  internet: {subnet: 44.0.1.0/24}
nodes:
  client: {kind: host, attach: {home: 192.168.1.4}, gateway: r1}
  visitor: {kind: host, attach: {guest: 192.168.2.4}, gateway: r1}
  r1: {kind: router, lan: {home: 192.168.1.1, guest: 192.168.2.1}, wan: {internet: 44.0.1.2}, igd: conformant-igd1}
  peer: {kind: host, attach: {internet: 44.0.1.10}}
""")
    with Lab(path) as lab:
        for node, address in (("client", "192.168.1.1"), ("visitor", "192.168.2.1")):
            location = answered(lab, IGD, node=node).get("LOCATION")
            assert location.startswith(f"http://{address}:")
            assert description.fetch(lab, location, node).services


def test_nothing_answers_on_the_internet_side(flat):
    with flat.socket("peer") as sock:
        sock.sendto(ssdp.search_bytes("ssdp:all"), (flat.wan_address(), 1900))
        with ssdp.search_socket(flat, "peer") as multicast:
            multicast.sendto(ssdp.search_bytes("ssdp:all"), (ssdp.GROUP, ssdp.PORT))
            answered(flat, IGD)  # a later search from inside is answered: the router has seen both
            assert not ssdp.receive(multicast, 1, timeout=0)
        sock.setblocking(False)
        with pytest.raises((BlockingIOError, ConnectionRefusedError)):
            sock.recv(2048)
