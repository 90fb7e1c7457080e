# SPDX-License-Identifier: MIT
"""The reference control point by PCP over IPv6: a mapping is a way in through the router's firewall (RFC 6887 11.3)."""
import subprocess

import pytest

from cases.harness.effect6 import tcp_reaches
from cases.harness.lab import Lab, program, until
from cases.lab.test_pcp import PORT, verb

CLIENT, ROUTER = "2a0e:b107:1:1::4", "2a0e:b107:1:1::1"


@pytest.fixture(scope="module", params=["dual-stack", "ipv6-only"])
def lab(request):
    with Lab(request.param, profile="pcp-only") as running:
        yield running


def held(lab):
    """(client, port) of each way in."""
    return [(one["internal_client"], one["internal_port"]) for one in lab.router(op="pinholes")["pinholes"]]


@pytest.mark.parametrize("via", ["pcp", "auto"])
def test_life_of_a_way_in(fresh, via):
    """Asked at the router's link-local address, from the address that is to be reached (PCP-74, PCP-90)."""
    assert not tcp_reaches(fresh, PORT)
    code, told = verb(fresh, "map", "--ipv6", via=via)
    layer = told["layers"][0]
    assert code == 0 and (layer["via"], layer["external_address"]) == ("pcp", CLIENT) and layer["gateway"].startswith("fe80::")
    assert "let in" in told["result"]["sentence"] and tcp_reaches(fresh, PORT)
    assert verb(fresh, "map", "--ipv6", via=via)[0] == 0 and held(fresh) == [(CLIENT, PORT)]  # the same nonce
    assert verb(fresh, "unmap", "--ipv6", via=via)[0] == 0
    assert not held(fresh) and not tcp_reaches(fresh, PORT)


def test_home_without_ipv4_needs_no_option():
    with Lab("ipv6-only", profile="pcp-only") as lab:
        for via in ("pcp", "auto"):
            assert verb(lab, "map", via=via)[0] == 0 and held(lab) == [(CLIENT, PORT)]
            assert verb(lab, "external-ip", via=via)[1]["result"]["external_address"] == CLIENT
            assert verb(lab, "unmap", via=via)[0] == 0 and not held(lab)


def test_server_by_address(fresh):
    """Another address of the same router is another server, with another nonce (PCPX-23)."""
    assert verb(fresh, "map", "--server", ROUTER)[0] == 0 and tcp_reaches(fresh, PORT)
    assert verb(fresh, "unmap", "--ipv6")[0] == 1, "another server, another nonce"
    assert verb(fresh, "unmap", "--server", ROUTER)[0] == 0 and not held(fresh)


def test_remote_host_is_a_filter(fresh):
    assert verb(fresh, "map", "--remote-host", fresh.address6_of("peer"))[0] == 0 and tcp_reaches(fresh, PORT)
    assert verb(fresh, "unmap", "--ipv6")[0] == 0
    assert verb(fresh, "map", "--remote-host", "2001:db8::9")[0] == 0 and not tcp_reaches(fresh, PORT)


def test_exact_port(fresh):
    assert verb(fresh, "map", "--ipv6", "--exact")[0] == 0
    code, told = verb(fresh, "map", "--ipv6", "--exact", "--internal", "1873")
    assert code == 1 and "CANNOT_PROVIDE_EXTERNAL" in told["result"]["sentence"] and held(fresh) == [(CLIENT, PORT)]


def test_other_addresses_of_ours_and_of_others(fresh):
    other = "2a0e:b107:1:1::44"
    assert fresh.run("client", "ip", "addr", "add", f"{other}/64", "dev", "eth0", "nodad").code == 0
    assert verb(fresh, "map", "--internal-client", other)[0] == 0 and held(fresh) == [(other, PORT)]
    assert verb(fresh, "unmap", "--internal-client", other)[0] == 0 and not held(fresh)
    assert fresh.run("client", "ip", "addr", "del", f"{other}/64", "dev", "eth0").code == 0
    code, told = verb(fresh, "map", "--internal-client", other)
    assert code == 1 and "host that asks" in told["result"]["sentence"] and not held(fresh)


def test_host_without_a_global_address():
    with Lab("dual-stack", profile="pcp-only") as lab:
        assert lab.run("client", "ip", "-6", "addr", "flush", "dev", "eth0", "scope", "global").code == 0
        code, told = verb(lab, "map", "--ipv6")
        assert code == 1 and "global IPv6 address" in told["result"]["sentence"]


def test_router_without_pcp():
    with Lab("dual-stack", profile="conformant-igd2") as lab:
        for via in ("pcp", "auto"):
            code, told = verb(lab, "map", "--ipv6", via=via)
            assert code == 1 and not held(lab), told


@pytest.mark.parametrize("arguments,complaint", [
    (["--ipv6"], "igdlab pinhole"), (["--via", "natpmp", "--ipv6"], "--via pcp or auto"),
    (["--via", "pcp", "--server", "fe80::1"], "fe80::1%IF"), (["--via", "pcp", "--server", "fe80::1%nowhere"], "fe80::1%IF"),
    (["--via", "pcp", "--server", "ff02::1"], "expected addresses"), (["--via", "pcp", "--server", "::ffff:1.2.3.4"], "expected addresses"),
    (["--via", "pcp", "--server", "2001:db8::1,192.168.1.1"], "one family"),
    (["--via", "pcp", "--server", "192.168.1.1", "--ipv6"], "do not go together"),
    (["--via", "pcp", "--internal-client", "2001:db8::1", "--remote-host", "44.0.1.10"], "do not go together"),
    (["--via", "pcp", "--internal-client", "2001:db8::1::"], "expected an address"),
])
def test_wrong_use(arguments, complaint):
    done = subprocess.run([program("igdlab"), "map", *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 2 and complaint in done.stderr


# -- staying ----------------------------------------------------------------------------------------------


def keep(lab):
    """A client that stays, once it is mapped."""
    kept = lab.start("client", program("igdlab"), "map", "--keep", "--via", "pcp", "--ipv6")
    until(lambda: "let in" in kept.stdout, what="the way in")
    return kept


def test_way_in_is_made_again_after_a_restart(fresh):
    """The ANNOUNCE to ff02::1 comes from the link-local address that was asked (PCP-50, PCP-83)."""
    fresh.advance(3600)  # the epoch that begins anew is another one
    kept = keep(fresh)
    fresh.router(op="reboot")
    assert not held(fresh)
    until(lambda: " renew " in kept.stdout, what="the way in, again")
    assert held(fresh)
    assert tcp_reaches(fresh, PORT)
    assert kept.finish() == 0, kept.stdout + kept.stderr
    assert "announcement" in kept.stdout and not held(fresh)


def move(lab, here, former, there):
    """Give the home another prefix as a provider does: the router's address, the route to it, then the host's."""
    def command(node, *words):
        done = lab.run(node, "ip", "-6", *words)
        assert done.code == 0, done.stderr
    wan = lab.address6_of("r1", role="wan")
    command("r1", "addr", "add", f"{there}::1/64", "dev", "lan0", "nodad")
    command("r1", "addr", "del", f"{former}::1/64", "dev", "lan0")
    command("peer", "route", "replace", f"{there}::/64", "via", wan)
    command("client", "addr", "change", f"{here}/64", "dev", "eth0", "preferred_lft", "0")
    command("client", "addr", "add", f"{there}::4/64", "dev", "eth0", "nodad")


def test_renumbered_prefix():
    """A provider gives the home another prefix while a client stays: what is open is the new address, and no longer the old one."""
    with Lab("dual-stack", profile="pcp-only") as lab:
        kept = keep(lab)
        assert tcp_reaches(lab, PORT) and held(lab) == [(CLIENT, PORT)]
        move(lab, CLIENT, "2a0e:b107:1:1", "2a0e:b107:1:3")
        until(lambda: "Mapped: [2a0e:b107:1:3::4]" in kept.stdout, what="the way in for the new address")
        assert held(lab) == [("2a0e:b107:1:3::4", PORT)]
        assert enters_at(lab, "2a0e:b107:1:3::4")
        assert kept.finish() == 0, kept.stdout + kept.stderr
        assert not held(lab) and not enters_at(lab, "2a0e:b107:1:3::4")


def enters_at(lab, address):
    """Whether a connection from the peer to that address of the client is made."""
    with lab.socket("client", "stream", "inet6") as listener, lab.socket("peer", "stream", "inet6") as sock:
        listener.bind((address, PORT))
        listener.listen()
        sock.settimeout(5)
        try:
            sock.connect((address, PORT))
        except OSError:
            return False
        return True
