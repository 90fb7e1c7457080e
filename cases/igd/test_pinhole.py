# SPDX-License-Identifier: MIT
"""IPv6 pinholes of fakeigd, by packets: what a real client opens is open, and nothing else is."""
import os
import re
import select
import shutil
import socket

import pytest

from cases.harness.lab import Lab, until

CLIENT, PEER, ROUTER = "2a0e:b107:1:1::4", "2a0e:b107:1:2::10", "2a0e:b107:1:1::1"


@pytest.fixture
def lab():
    with Lab("dual-stack", profile="conformant-igd2") as running:
        yield running


@pytest.fixture
def upnpc(lab):
    """upnpc(arguments): Debian's upnpc on the client, told where the router is; returns what it prints."""
    if not shutil.which("upnpc"):
        pytest.skip("upnpc is not installed (scripts/install-deps)")
    return lambda *arguments: lab.run("client", "upnpc", "-u", lab.router(op="state")["location"], *arguments).stdout


def bound(lab, node, port=0, kind="dgram"):
    sock = lab.socket(node, kind, "inet6")
    sock.bind(("::", port))
    return sock


def udp_reaches(lab, port, from_port=0):
    """Whether a datagram from the peer arrives; what is refused comes back as an ICMPv6 error, so nothing is waited for."""
    token = os.urandom(8)
    with bound(lab, "client", port) as inner, bound(lab, "peer", from_port) as outer:
        outer.connect((CLIENT, port))
        outer.send(token)
        ready, _, _ = select.select([inner, outer], [], [], 5)
        assert ready, "neither the datagram nor an error came"
        if inner in ready:
            assert inner.recv(64) == token
            return True
        with pytest.raises(OSError):
            outer.recv(64)
        return False


def tcp_reaches(lab, port):
    """Whether a connection is made; a SYN that may not come in is answered 6 s of the lab later (V6FW-08)."""
    with bound(lab, "client", port, "stream") as listener, bound(lab, "peer", 0, "stream") as sock:
        listener.listen(1)
        sock.setblocking(False)
        sock.connect_ex((CLIENT, port))
        if select.select([listener], [], [], 0.2)[0]:
            return True
        lab.router(op="sync")
        lab.advance(6.1)
        assert select.select([], [sock], [], 5)[1], "no answer to the SYN"
        return sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0


def pinholes(lab):
    return lab.router(op="pinholes")["pinholes"]


def opened(text):
    """UniqueID that upnpc prints."""
    return re.search(r"Pinhole ID = (\d+)", text).group(1)


@pytest.mark.parametrize("family", ["-4", "-6"])
def test_upnpc_finds_opens_and_closes(lab, upnpc, family):
    assert not udp_reaches(lab, 5000)
    found = lab.run("client", "upnpc", *["-6"][:family == "-6"], "-A", "", "0", CLIENT, "5000", "17", "3600").stdout
    assert ("desc: http://[fe80" in found) == (family == "-6")
    number = opened(found)
    assert "Firewall Enabled: Yes" in upnpc("-S") and "code 709" in upnpc("-C", number)
    assert udp_reaches(lab, 5000) and udp_reaches(lab, 5000)
    assert not udp_reaches(lab, 5001) and not tcp_reaches(lab, 5000), "wider than what was asked for"
    assert "PinholePackets = 2" in upnpc("-K", number)
    assert "IsWorking = Yes" in upnpc("-C", number)
    assert "with Lease Time: 60" in upnpc("-U", number, "60")
    assert pinholes(lab)[0]["remaining"] <= 60
    upnpc("-D", number)
    assert not pinholes(lab) and not udp_reaches(lab, 5000), "it was closed"


def test_tcp_and_the_end_of_the_lease(lab, upnpc):  # 6FC-18
    upnpc("-A", "", "0", CLIENT, "5000", "6", "100")
    assert tcp_reaches(lab, 5000) and not udp_reaches(lab, 5000)
    lab.advance(101)
    assert not pinholes(lab) and not tcp_reaches(lab, 5000)


def test_remote_port(lab, upnpc):  # 6FC-05
    upnpc("-A", PEER, "4000", CLIENT, "5000", "17", "100")
    assert udp_reaches(lab, 5000, from_port=4000) and not udp_reaches(lab, 5000, from_port=4001)
    upnpc("-A", "2001:db8::9", "0", CLIENT, "5001", "17", "100")
    assert not udp_reaches(lab, 5001)


@pytest.mark.parametrize("number,protocol,port", [("0", "17", "5000"), ("5000", "65535", "0")])
def test_wildcards(lab, upnpc, number, protocol, port):  # 6FC-07, 6FC-08
    opened(upnpc("-A", "", "0", CLIENT, number, protocol, "100"))
    assert udp_reaches(lab, 5000)
    assert tcp_reaches(lab, 5000) == (protocol == "65535")
    assert udp_reaches(lab, 6000) == (number == "0")


def test_what_leaves_comes_back_and_conversations_end_with_the_pinhole(lab, upnpc):
    with bound(lab, "client", 5000) as inner, bound(lab, "peer", 4000) as outer:
        inner.sendto(b"out", (PEER, 4000))
        assert select.select([outer], [], [], 5)[0] and outer.recv(8) == b"out"
        outer.sendto(b"back", (CLIENT, 5000))
        assert select.select([inner], [], [], 5)[0] and inner.recv(8) == b"back"
    number = opened(upnpc("-A", "", "0", CLIENT, "6000", "17", "100"))
    with bound(lab, "client", 6000) as inner, bound(lab, "peer", 4001) as outer:
        outer.connect((CLIENT, 6000))
        outer.send(b"in")
        assert select.select([inner], [], [], 5)[0]
        inner.sendto(b"answer", inner.recvfrom(8)[1])
        assert select.select([outer], [], [], 5)[0] and outer.recv(8) == b"answer"
        upnpc("-D", number)
        outer.send(b"again")
        select.select([inner, outer], [], [], 5)
        assert not select.select([inner], [], [], 0)[0], "the conversation goes on behind a closed pinhole"


def test_switches(lab, upnpc):  # 6FC-02, 6FC-03, V6FW-14
    lab.router(op="firewall", inbound_allowed=False)
    assert "Inbound Pinhole Allowed: No" in upnpc("-S") and "703" in upnpc("-A", "", "0", CLIENT, "5000", "17", "60")
    lab.router(op="firewall", enabled=False)
    assert "Firewall Enabled: No" in upnpc("-S") and udp_reaches(lab, 5000), "transparent mode"
    lab.router(op="reset")
    assert not udp_reaches(lab, 5000)


def test_reload_keeps_pinholes_and_counts(lab, upnpc):
    upnpc("-A", "", "0", CLIENT, "5000", "17", "600")
    assert udp_reaches(lab, 5000)
    lab.router(op="reload")
    assert udp_reaches(lab, 5000) and pinholes(lab)[0]["packets"] == 2
    lab.router(op="reboot")
    assert not pinholes(lab) and not udp_reaches(lab, 5000)


def test_another_prefix(lab, upnpc):
    """A LAN that gets another prefix: what led to the old one is gone (quirk v6-prefix-change)."""
    upnpc("-A", "", "0", CLIENT, "5000", "17", "600")
    lab.run("r1", "ip", "-6", "addr", "add", "2a0e:b107:9:1::1/64", "dev", "lan0")
    lab.run("r1", "ip", "-6", "addr", "del", f"{ROUTER}/64", "dev", "lan0")
    until(lambda: not pinholes(lab), what="the pinhole's end")


def test_a_host_is_known_by_its_hardware(lab, upnpc):  # 6FC-13, 6FC-25
    """Over IPv4 for the own address: yes; for an address that the peer has: no."""
    assert "606" in upnpc("-A", "", "0", "2a0e:b107:1:1::99", "5000", "17", "60")
    assert opened(upnpc("-A", "", "0", CLIENT, "5000", "17", "60"))


def test_no_firewall_without_ipv6():
    with Lab("flat", profile="conformant-igd2") as lab:
        assert not lab.router(op="pinholes")["firewall"]["stands"]
