# SPDX-License-Identifier: MIT
"""Topologies with IPv6: what is routed, advertised, delegated, closed and withdrawn (RFC 4861, 4862, 7084, 9096)."""
import errno
import json
import socket

import pytest

from cases.harness.lab import Lab

PEER = "2a0e:b107:1:2::10"
NO_ROUTE, POLICY_FAIL = (1, 0), (1, 5)  # RFC 4443 clause 3.1: type, code
IPV6_RECVERR, SO_EE_ORIGIN_ICMP6 = 25, 3  # linux/in6.h, linux/errqueue.h


def refusal(lab, node, to, source=None):
    """What a datagram from a node is refused with: (ICMPv6 type, code)."""
    with lab.socket(node, domain="inet6") as sock:
        sock.setsockopt(socket.IPPROTO_IPV6, IPV6_RECVERR, 1)
        if source:
            sock.bind((source, 0))
        sock.connect((to, 9))
        sock.send(b"anybody there")
        with pytest.raises(OSError):
            sock.recv(64)
        _, ancillary, _, _ = sock.recvmsg(64, 512, socket.MSG_ERRQUEUE)
    record = ancillary[0][2]  # struct sock_extended_err
    assert record[4] == SO_EE_ORIGIN_ICMP6
    return record[5], record[6]


def exchange(lab, node, source=None):
    """A datagram from a node to the peer and one back; the address that the peer saw."""
    with lab.socket("peer", domain="inet6") as there, lab.socket(node, domain="inet6") as here:
        there.bind(("::", 9))
        if source:
            here.bind((source, 0))
        here.connect((PEER, 9))
        here.send(b"hello")
        data, seen = there.recvfrom(64)
        assert data == b"hello"
        there.sendto(b"back", seen)
        assert here.recv(64) == b"back"
    return seen[0]


def addresses(lab, node):
    """Global IPv6 addresses of a node: {address: deprecated}."""
    text = lab.run(node, "ip", "-6", "-j", "addr", "show", "scope", "global").stdout
    return {a["local"]: bool(a.get("deprecated")) for i in json.loads(text) for a in i.get("addr_info", ())
            if "local" in a}


def enters(lab, node, address):
    """Whether a connection from the peer to a listener at a node's address is made."""
    with lab.socket(node, "stream", "inet6") as listener, lab.socket("peer", "stream", "inet6") as sock:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("::", 1872))
        listener.listen()
        try:
            sock.connect((address, 1872))
        except OSError as error:
            assert error.errno in (errno.EACCES, errno.ECONNREFUSED), error  # closed, and says so
            return False
    return True


@pytest.fixture(scope="module")
def delegated():
    with Lab("delegated-prefix") as lab:
        yield lab


@pytest.fixture(scope="module")
def renumbered():
    with Lab("renumbered-prefix") as lab:
        yield lab


def test_ipv6_only_has_nothing_else():
    with Lab("ipv6-only") as lab:
        assert exchange(lab, "client") == "2a0e:b107:1:1::4"
        assert lab.run("client", "ip", "-4", "-o", "addr", "show", "dev", "eth0").stdout == ""
        assert not enters(lab, "client", "2a0e:b107:1:1::4")


def test_ipv6_only_router_is_found_by_ipv6():
    """The gateway of a home without IPv4 answers searches, and describes itself, over IPv6."""
    with Lab("ipv6-only") as lab:
        with lab.socket("client", domain="inet6") as sock:
            search = ("M-SEARCH * HTTP/1.1\r\nHOST: [FF02::C]:1900\r\nMAN: \"ssdp:discover\"\r\nMX: 1\r\n"
                      "ST: urn:schemas-upnp-org:device:InternetGatewayDevice:1\r\n\r\n").encode()
            index = lab.port("client")["index"]
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, index)
            sock.sendto(search, ("ff02::c", 1900, 0, index))
            reply, source = sock.recvfrom(4096)
        assert reply.startswith(b"HTTP/1.1 200 OK") and source[0].startswith("fe80::")


def test_each_lan_has_a_part_of_the_delegated_prefix(delegated):
    assert exchange(delegated, "client") == "2a0e:b107:1:100::4"
    guest, = addresses(delegated, "guest")
    assert guest.startswith("2a0e:b107:1:101:")
    assert exchange(delegated, "guest") == guest
    assert not enters(delegated, "guest", guest)


def test_rest_of_the_delegated_prefix_is_nowhere(delegated):
    """RFC 7084 WPD-5: it is not sent back out to where it would come from again."""
    assert refusal(delegated, "peer", "2a0e:b107:1:1ff::4") == NO_ROUTE
    assert refusal(delegated, "client", "2a0e:b107:1:1ff::4") == NO_ROUTE


def test_renumbered_host_has_both_addresses(renumbered):
    suffix = "69:67ff:fe01:101"
    assert addresses(renumbered, "client") == {f"2a0e:b107:1:200:{suffix}": False, f"2a0e:b107:1:100:{suffix}": True}
    assert exchange(renumbered, "client") == f"2a0e:b107:1:200:{suffix}"


def test_former_prefix_is_refused_and_not_routed(renumbered):
    former = "2a0e:b107:1:100:69:67ff:fe01:101"
    assert refusal(renumbered, "client", PEER, source=former) == POLICY_FAIL
    with renumbered.socket("peer", domain="inet6") as sock, pytest.raises(OSError) as refused:
        sock.connect((former, 9))
    assert refused.value.errno == errno.ENETUNREACH


def test_former_prefix_after_the_link_was_down(renumbered):
    for up in (False, True):
        renumbered.request(op="link", node="r1", ifname="lan0", up=up)
    assert refusal(renumbered, "client", PEER, source="2a0e:b107:1:100:69:67ff:fe01:101") == POLICY_FAIL


def test_every_advertisement_withdraws_the_former_prefix(renumbered):
    """RFC 7084 L-13, RFC 9096 clause 3.5: both lifetimes 0, beside the prefix that took its place."""
    with renumbered.socket("client", "raw", "inet6", socket.IPPROTO_ICMPV6) as sock:
        index = renumbered.port("client")["index"]
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 255)
        sock.sendto(b"\x85\0\0\0\0\0\0\0", ("ff02::2", 0, 0, index))
        while (advertisement := sock.recv(1500))[0] != 134:
            pass
    prefixes, at = {}, 16
    while at < len(advertisement):
        kind, length = advertisement[at], advertisement[at + 1] * 8
        if kind == 3:
            valid, preferred = (int.from_bytes(advertisement[at + i:at + i + 4], "big") for i in (4, 8))
            prefixes[socket.inet_ntop(socket.AF_INET6, advertisement[at + 16:at + 32])] = (valid > 0, preferred > 0)
        at += length
    assert prefixes == {"2a0e:b107:1:200::": (True, True), "2a0e:b107:1:100::": (False, False)}
