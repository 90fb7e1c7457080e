# SPDX-License-Identifier: MIT
"""The topology nat64: IPv6 hosts, an IPv4 internet, and a translation in between (RFC 6146, RFC 7915)."""
import errno
import os
import socket
import subprocess

import pytest

from cases.harness import pcp
from cases.harness.lab import Lab, program
from cases.lab.test_ipv6 import refusal

PEER, OUTER = "64:ff9b::2c00:10a", "44.0.1.2"  # as the client sees the peer; as the peer sees the client
IP_MTU_DISCOVER, IP_PMTUDISC_DONT = 10, 0  # linux/in.h

pytestmark = pytest.mark.skipif(not os.access("/dev/net/tun", os.R_OK | os.W_OK), reason="/dev/net/tun cannot be opened")


@pytest.fixture(scope="module")
def nat64():
    with Lab("nat64") as lab:
        yield lab


@pytest.mark.parametrize("size", [1, 1200, 1440, 4000])
def test_datagrams(nat64, size):
    """Larger ones in fragments, which the one side names in 16 bits and the other in 32."""
    with nat64.socket("peer") as there, nat64.socket("client", domain="inet6") as here:
        there.bind(("0.0.0.0", 9))
        there.setsockopt(socket.IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DONT)
        here.connect((PEER, 9))
        here.send(os.urandom(size))
        data, source = there.recvfrom(8192)
        assert source[0] == OUTER and len(data) == size
        there.sendto(data, source)
        assert here.recv(8192) == data


def test_stream(nat64):
    """A megabyte each way: segments of IPv4 are larger than IPv6 has room for, and become smaller."""
    data = os.urandom(1 << 20)
    with nat64.listen("peer", 80) as listener, nat64.socket("client", "stream", "inet6") as here:
        here.connect((PEER, 80))
        accepted, source = listener.accept()
        with accepted:
            assert source[0] == OUTER
            for sender, receiver in ((here, accepted), (accepted, here)):
                sent = got = b""
                sender.setblocking(False)
                receiver.settimeout(30)
                while len(got) < len(data):
                    if len(sent) < len(data):
                        try:
                            sent += data[len(sent):len(sent) + sender.send(data[len(sent):])]
                        except BlockingIOError:
                            pass
                    got += receiver.recv(1 << 16)
                assert got == data
                sender.setblocking(True)


def test_echo(nat64):
    done = nat64.run("client", "ping", "-6", "-n", "-c", "1", "-W", "5", PEER)
    assert done.code == 0 and f"from {PEER}" in done.stdout


def test_closed_ports_say_so(nat64):
    with nat64.socket("client", "stream", "inet6") as sock, pytest.raises(OSError) as refused:
        sock.connect((PEER, 81))
    assert refused.value.errno == errno.ECONNREFUSED
    assert refusal(nat64, "client", PEER) == (1, 4)


def test_hops_count_on_both_sides(nat64):
    with nat64.socket("client", domain="inet6") as sock:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS, 2)
        sock.setsockopt(socket.IPPROTO_IPV6, 25, 1)  # IPV6_RECVERR
        sock.connect((PEER, 9))
        sock.send(b"not far")
        with pytest.raises(OSError):
            sock.recv(64)
        _, ancillary, _, _ = sock.recvmsg(64, 512, socket.MSG_ERRQUEUE)
    assert ancillary[0][2][5:7] == b"\3\0"  # hop limit exceeded, from the translator's IPv4 side


def test_nobody_comes_in(nat64):
    """Neither by the outer address nor by the pool's, and there is no IPv6 outside."""
    with nat64.socket("client", "stream", "inet6") as listener:
        listener.bind(("::", 1872))
        listener.listen()
        with pytest.raises(OSError):
            nat64.connect("peer", OUTER, 1872, timeout=5)
        with pytest.raises(OSError):
            nat64.connect("peer", "198.18.0.1", 1872, timeout=5)


def test_without_tun_the_lab_says_why(tmp_path):
    """A host that does not let the lab open /dev/net/tun: the reason, and exit status 3."""
    script = 'mount -t tmpfs none /dev/net && exec "$0" run -t nat64 -- true'
    done = subprocess.run(["unshare", "-Urnm", "sh", "-c", script, program("igdlab")], capture_output=True,
                                        text=True, check=False, cwd=tmp_path)
    assert done.returncode == 3 and "router r1: cannot be a NAT64, which needs /dev/net/tun" in done.stderr


def test_prefix_is_told_by_pcp(nat64):
    """RFC 7225: an IPv6 host learns how to write an IPv4 address."""
    with pcp.Client(nat64, ipv6=True) as client:
        answer = client.map(1872, options=pcp.option("PREFIX64", b"\0\x0c" + bytes(12) + b"\0\0"))
    assert answer.result == pcp.SUCCESS
    assert bytes.fromhex("0064ff9b0000000000000000") in (answer.option("PREFIX64") or b""), answer
