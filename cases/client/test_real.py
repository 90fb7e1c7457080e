# SPDX-License-Identifier: MIT
"""Debian's own programs against fakeigd: what they say, and what the packets say."""
import json
import os
import re
import subprocess

import pytest

from cases.harness.controlpoint import ControlPoint
from cases.harness.effect import tcp_reaches
from cases.harness.lab import REPOSITORY, Lab, program, until

PROFILES = ["conformant-igd1", "conformant-igd2", "broadcom-brcm400"]
DEBIAN = REPOSITORY / "build" / "debian"


@pytest.fixture(params=PROFILES)
def lab(request):
    """A flat lab with each profile in turn."""
    with Lab("flat", profile=request.param) as running:
        running.profile = request.param
        yield running


def test_upnpc_add_list_delete(lab):
    """The whole life of a mapping by miniupnpc: said and true at each step."""
    client = lab.address_of("client")
    added = lab.run("client", "upnpc", "-e", "igdlab", "-a", client, 1872, 1872, "TCP", 3600)
    assert added.code == 0, added.stdout + added.stderr
    assert f"external {lab.wan_address()}:1872 TCP is redirected to internal {client}:1872" \
        in added.stdout
    assert tcp_reaches(lab, 1872)
    listed = lab.run("client", "upnpc", "-l").stdout
    assert re.search(rf"TCP\s+1872->{re.escape(client)}:1872\s+'igdlab' ''", listed), listed
    assert lab.run("client", "upnpc", "-d", 1872, "TCP").code == 0
    assert not tcp_reaches(lab, 1872)


def test_upnpc_status(lab):
    text = lab.run("client", "upnpc", "-s").stdout
    assert f"ExternalIPAddress = {lab.wan_address()}" in text
    assert "Status : Connected" in text


def test_upnpc_redirect_lease_ends(lab):
    done = lab.run("client", "upnpc", "-r", 1900, "TCP")
    assert done.code == 0 and tcp_reaches(lab, 1900)
    client = lab.address_of("client")
    lab.run("client", "upnpc", "-a", client, 1901, 1901, "TCP", 600)
    assert tcp_reaches(lab, 1901)
    lab.advance(601)
    assert not tcp_reaches(lab, 1901)


def test_upnpc_add_any():
    with Lab("flat", profile="conformant-igd2") as lab:
        client = lab.address_of("client")
        done = lab.run("client", "upnpc", "-n", client, 2500, 2500, "TCP", 600)
        assert done.code == 0, done.stdout
        assert tcp_reaches(lab, 2500)


@pytest.mark.parametrize("protocol", ["tcp", "udp"])
def test_natpmpc_opens_a_port(protocol):
    """One command line from nothing to a packet through the mapping."""
    done = subprocess.run([program("igdlab"), "run", "-t", "flat", "-p", "natpmp-only", "--json", "--",
                           "natpmpc", "-a", "1872", "1872", protocol, "60"], capture_output=True, text=True, check=False)
    told = json.loads(done.stdout)
    assert (done.returncode, told["verdict"]) == (0, "pass"), told["reason"]
    assert [(e["protocol"], e["external_port"], e["from"], e["reached"], e["port"], e["ok"]) for e in told["effect"]] == [
        (protocol.upper(), 1872, "peer", "client", 1872, True)]
    assert "Mapped public port 1872" in told["command"]["stdout"] and told["routers"]["r1"]["mappings"][0]["lease"] == 60


def test_gssdp_discover_sees_every_service(lab):
    done = lab.run("client", "gssdp-discover", "-i", "eth0", "--timeout=2", "--target=ssdp:all",
                   env={"G_MESSAGES_DEBUG": ""})
    assert f"http://{lab.lan_address()}:" in done.stdout, done.stderr
    offered = {service.type for service in ControlPoint(lab).discover().description.services}
    assert len(offered) >= 3 and not {kind for kind in offered if kind not in done.stdout}, done.stdout


def test_transmission_opens_its_port():
    """transmission-daemon (miniupnpc and libnatpmp below its own state machine) maps its peer port."""
    with Lab("flat") as lab:
        library = DEBIAN / "usr/lib/x86_64-linux-gnu"
        daemon = lab.start("client", DEBIAN / "usr/bin/transmission-daemon", "-f", "-g", "/tmp/t",
                           "--no-auth", "-p", 9091, "-P", 51413, "-m", "--log-debug", "--no-dht",
                           env={"HOME": "/tmp", "LD_LIBRARY_PATH": f"{library}",
                                "TRANSMISSION_WEB_HOME": "/tmp"})
        mappings = until(lambda: lab.mappings(), timeout=25, what="transmission's mapping")
        assert {m["external_port"] for m in mappings} == {51413}, json.dumps(mappings)
        with lab.connect("peer", lab.wan_address(), 51413):
            pass
        daemon.finish()
        assert lab.mappings() == [], "it removes the mapping when it ends"


def test_libraries_of_unpacked_programs_are_there():
    assert os.access(DEBIAN / "usr/bin/transmission-daemon", os.X_OK)
