# SPDX-License-Identifier: MIT
"""IGD at home, PCP at the carrier (RFC 6970): one action opens both NATs, and packets come all the way in."""
import json
import subprocess

import pytest

from cases.harness import pcp
from cases.harness.controlpoint import ControlPoint
from cases.harness.effect import tcp_reaches
from cases.harness.lab import Lab, program
from cases.harness.matrix import conformant
from cases.harness.soap import Fault

CARRIER = "100.64.0.1"
PROFILES = [name for name, asked in conformant().items() if "IWF-*" in asked]


def ports(lab, router):
    return [(m["external_port"], m["internal_client"], m["internal_port"]) for m in lab.mappings(router)]


@pytest.fixture(params=PROFILES)
def home(request):
    """A control point of a home whose router interworks."""
    with Lab("cgnat-pcp", profile=f"r1={request.param}") as lab:
        yield ControlPoint(lab).discover()


@pytest.fixture
def home2():
    """The same where the router has AddAnyPortMapping."""
    with Lab("cgnat-pcp", profile="r1=conformant-interworking") as lab:
        yield ControlPoint(lab).discover()


def taken(lab, port):
    """Another subscriber's mapping, as far as the carrier can tell: the home router's own host has the port."""
    with pcp.Client(lab, "r1", to=CARRIER) as router:
        router.address = "100.64.0.2"
        answer = router.map(50000, port)
    assert answer.outer == ("44.0.1.2", port), answer


@pytest.mark.parametrize("profile", PROFILES)
def test_upnpc_opens_both(profile):
    done = subprocess.run([program("igdlab"), "run", "-t", "cgnat-pcp", "-p", f"r1={profile}", "--json", "--",
                           "upnpc", "-e", "a game", "-a", "@client", "1872", "1872", "TCP", "600"],
                          capture_output=True, text=True, check=False, timeout=60)
    result = json.loads(done.stdout)
    assert done.returncode == 0, result["reason"]
    assert [(e["router"], e["external_port"], e["from"], e["reached"]) for e in result["effect"]] == \
        [("carrier", 1872, "peer", "client")]
    there, = result["routers"]["carrier"]["mappings"]
    assert (there["internal_client"], there["description"]) == ("100.64.0.2", "a game")


def test_a_run_follows_the_port_between(tmp_path):
    """Where the carrier gives another port than the home router has, the verdict knows the way."""
    carrier = tmp_path / "carrier.yaml"
    carrier.write_text("summary: a port is taken\nextends: carrier-pcp\nstate: {mappings: [{external_port: 1872,"
                       " protocol: TCP, internal_port: 1, internal_client: 100.64.0.9}]}\n")
    done = subprocess.run([program("igdlab"), "run", "-t", "cgnat-pcp", "-p", "r1=conformant-interworking",
                           "-p", f"carrier={carrier}", "--json", "--", "upnpc", "-n", "@client", "3000", "1872", "TCP", "600"],
                          capture_output=True, text=True, check=False, timeout=60)
    result = json.loads(done.stdout)
    assert done.returncode == 0, result["reason"]
    here, = result["routers"]["r1"]["mappings"]
    assert here["wan_port"] == 1872 != here["external_port"]
    assert [e["reached"] for e in result["effect"] if e["external_port"] == here["external_port"]] == ["client"]


@pytest.mark.sanitize
def test_both_open_and_close(home):
    lab = home.lab
    assert home.external_address() == "44.0.1.2", "the carrier's, not the router's own"
    home.add(1872, internal=3000, lease=600)
    assert tcp_reaches(lab, 1872, internal=3000)
    assert ports(lab, "carrier") == [(1872, "100.64.0.2", 1872)]
    home.delete(1872)
    assert not tcp_reaches(lab, 1872, internal=3000)
    assert not ports(lab, "r1") and not ports(lab, "carrier")


def test_the_lease_is_kept_to_its_end(home):
    home.add(1872, lease=600)
    home.lab.advance(590)
    assert tcp_reaches(home.lab, 1872)
    home.lab.advance(11)
    assert not ports(home.lab, "r1") and not ports(home.lab, "carrier")


def test_a_carrier_that_forgets_is_asked_again(home):
    """RFC 6970 clause 5.10: it announces that it has started anew."""
    home.add(1872, lease=600)
    home.lab.router("carrier", op="reboot")
    for router in ("carrier", "r1", "carrier"):  # it has told, has been asked, has answered
        home.lab.router(router, op="sync")
    assert tcp_reaches(home.lab, 1872)


def test_a_port_that_the_carrier_has_given_away(home):
    lab = home.lab
    taken(lab, 1872)
    with pytest.raises(Fault) as fault:
        home.add(1872, lease=600)
    assert fault.value.code == 718
    assert not ports(lab, "r1"), "nothing is opened here for a port that is not open there"


def test_any_port_is_reached_by_the_one_that_was_told(home2):
    lab = home2.lab
    taken(lab, 1872)
    port = int(home2.add(1872, internal=3000, lease=600, action="AddAnyPortMapping")["NewReservedPort"])
    assert port != 1872
    assert tcp_reaches(lab, port, internal=3000)
    assert home2.specific(port)["NewInternalPort"] == "3000"
    home2.delete(port)
    assert not tcp_reaches(lab, port, internal=3000)
