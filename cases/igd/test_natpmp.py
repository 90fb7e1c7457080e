# SPDX-License-Identifier: MIT
"""NAT-PMP of fakeigd where its configuration decides: switched off, refusing, full; the port itself."""
import pytest

from cases.harness import natpmp
from cases.harness.effect import tcp_reaches
from cases.harness.lab import Lab

QUIRK = """
summary: made for a test
layer: natpmp
evidence: {source: made for a test, class: synthetic}
overlay: {policy: POLICY}
"""


@pytest.fixture
def lab_with(tmp_path):
    """lab_with(policy): a lab whose router speaks NAT-PMP with this policy over it."""
    def made(policy):
        path = tmp_path / "q.yaml"
        path.write_text(QUIRK.replace("POLICY", policy))
        return Lab("flat", profile="natpmp-only", quirks=[str(path)])
    return made


def refused(lab):
    """Whether UDP port 5351 of the router is closed: an ICMP error comes back."""
    with lab.socket("client") as sock:
        sock.settimeout(3)
        sock.connect((lab.lan_address(), natpmp.PORT))
        sock.send(natpmp.address_request())
        try:
            sock.recv(64)
        except ConnectionRefusedError:
            return True
        return False


@pytest.mark.parametrize("policy", ["{natpmp: {enabled: false}}", "{wan: {nat: false}}"])
def test_port_is_closed_when_it_is_off(lab_with, policy):  # NATPMP-32, NATPMP-34
    with lab_with(policy) as lab:
        assert refused(lab)


def test_port_is_closed_by_default():
    with Lab("flat", profile="conformant-igd2") as lab:
        assert refused(lab)


@pytest.mark.parametrize("code", [2, 3, 4, 5])
def test_mappings_refused(lab_with, code):  # NATPMP-24
    with lab_with(f"{{natpmp: {{mapping: {code}}}}}") as lab, natpmp.Client(lab) as pmp:
        answer = pmp.map(40000)
        assert answer.result == code
        if code != natpmp.UNSUPPORTED_OPCODE:
            assert answer.fields == (40000, 0, 0)
        assert pmp.external().result == natpmp.SUCCESS and not tcp_reaches(lab, 40000, timeout=0.3)


def test_table_is_full(lab_with):  # NATPMP-07
    with lab_with("{table: {max: 3}}") as lab, natpmp.Client(lab) as pmp:
        for port in (40000, 40001, 40002):
            pmp.mapped(port)
        answer = pmp.map(40003)
        assert answer.result == natpmp.OUT_OF_RESOURCES and answer.fields == (40003, 0, 0)
        assert pmp.mapped(40001) == 40001, "a refresh needs no room"
        pmp.delete(40000)
        assert pmp.mapped(40003) == 40003


def test_no_upnp_beside_it():
    with Lab("flat", profile="natpmp-only") as lab:
        assert ":076C" not in lab.run("r1", "cat", "/proc/net/udp").stdout, "SSDP listens"
        assert " 0A " not in lab.run("r1", "cat", "/proc/net/tcp").stdout, "HTTP listens"


def test_reload_keeps_the_mappings():
    with Lab("flat", profile="natpmp-only") as lab, natpmp.Client(lab) as pmp:
        first = pmp.mapped(40000, lifetime=600)
        lab.advance(30)
        lab.router(op="reload")
        assert pmp.external().epoch >= 30, "a reload loses no mapping"
        assert tcp_reaches(lab, first, internal=40000)
