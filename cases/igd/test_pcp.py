# SPDX-License-Identifier: MIT
"""PCP of fakeigd where its configuration decides: switched off, refusing, limits, third parties; the port itself."""
import pytest

from cases.harness import natpmp, pcp
from cases.harness.effect import tcp_reaches
from cases.harness.lab import Lab

QUIRK = """
summary: made for a test
layer: pcp
evidence: {source: made for a test, class: synthetic}
overlay: OVERLAY
"""


@pytest.fixture
def lab_with(tmp_path):
    """lab_with(overlay, profile): a lab whose router speaks PCP with this laid over it."""
    def made(overlay, profile="pcp-only"):
        path = tmp_path / "q.yaml"
        path.write_text(QUIRK.replace("OVERLAY", overlay))
        return Lab("flat", profile=profile, quirks=[str(path)])
    return made


def refused(lab, request):
    """Whether UDP port 5351 of the router is closed: an ICMP error comes back."""
    with lab.socket("client") as sock:
        sock.settimeout(3)
        sock.connect((lab.lan_address(), pcp.PORT))
        sock.send(request)
        try:
            sock.recv(64)
        except ConnectionRefusedError:
            return True
        return False


def test_port_is_closed_when_it_is_off(lab_with):
    with lab_with("{policy: {pcp: {enabled: false}}}") as lab, pcp.Client(lab) as pc:
        assert refused(lab, pc.announce_request())


def test_one_port_two_protocols():  # PCP-70, appendix A
    with Lab("flat", profile="conformant-all") as lab, pcp.Client(lab) as pc, natpmp.Client(lab) as pmp:
        first, second = pc.mapped(40000), pmp.mapped(40001)
        assert {m["origin"] for m in lab.router(op="state")["mappings"]} == {"pcp", "nat-pmp"}
        assert tcp_reaches(lab, first, internal=40000) and tcp_reaches(lab, second, internal=40001)


def test_natpmp_alone_tells_its_version():
    with Lab("flat", profile="natpmp-only") as lab, pcp.Client(lab) as pc:
        pc.send(pc.announce_request())
        raw, _ = pc.receive(4.0)
    assert raw[0] == 0 and raw[3] == natpmp.UNSUPPORTED_VERSION


def test_pcp_alone_tells_its_version():
    with Lab("flat", profile="pcp-only") as lab, pcp.Client(lab) as pc:
        pc.send(natpmp.address_request())
        raw, _ = pc.receive(4.0)
    assert raw[0] == pcp.VERSION and raw[3] == pcp.UNSUPP_VERSION


@pytest.mark.parametrize("policy, code", [("map: 8", 8), ("map: 4", 4), ("peer: 2", 2), ("announce: 2", 2)])
def test_refused_opcodes(lab_with, policy, code):  # PCP-41
    with lab_with(f"{{policy: {{pcp: {{{policy}}}}}}}") as lab, pcp.Client(lab) as pc:
        answer = {"map": lambda: pc.map(40000), "announce": pc.announce,
                  "peer": lambda: pc.peer(40000, (lab.address_of("peer"), 9))}[policy.split(":")[0]]()
        assert answer.result == code and answer.lifetime == (30 if code == 8 else 1800)
        assert not tcp_reaches(lab, 40000, timeout=0.3)


def test_limits_of_a_subscriber(lab_with):  # PCP-39, NAT-26
    with lab_with("{policy: {pcp: {quota: 3}}}", "carrier-pcp") as lab, pcp.Client(lab) as pc:
        assert pc.map(40000, options=pcp.port_set(16, 40000)).option("PORT_SET")[:2] == b"\0\3"
        full = pc.map(41000)
        assert (full.result, full.lifetime) == (10, 30)
        assert pc.map(40000, options=pcp.port_set(16, 40000)).result == pcp.SUCCESS, "a renewal needs no room"
        pc.delete(40000, options=pcp.port_set(16, 40000))
        assert pc.mapped(41000) and len(lab.router(op="state")["mappings"]) == 1


def test_table_is_full(lab_with):
    with lab_with("{policy: {table: {max: 2}}}") as lab, pcp.Client(lab) as pc:
        for port in (40000, 40001):
            pc.mapped(port)
        full = pc.map(40002)
        assert (full.result, full.lifetime) == (8, 30)


def test_third_party_where_it_is_allowed(lab_with):
    with lab_with("{policy: {pcp: {third-party: allowed}}}") as lab, pcp.Client(lab) as pc:
        option = pcp.third_party("192.168.1.9")
        answer = pc.map(40000, options=option)
        assert answer.result == pcp.SUCCESS and answer.options == [(1, option[4:])], answer
        assert lab.router(op="state")["mappings"][0]["internal_client"] == "192.168.1.9"
        assert pc.map(40000, options=pcp.third_party(pc.address)).result == pcp.MALFORMED_REQUEST
        assert pc.map(40000, options=pcp.third_party("44.0.1.10")).result == pcp.NOT_AUTHORIZED


def test_prefix_of_a_nat64(lab_with):  # PCPX-15
    empty = pcp.option("PREFIX64", b"\0\x0c" + bytes(14))
    with lab_with("{policy: {pcp: {prefix64: '64:ff9b::/96'}}}") as lab, pcp.Client(lab) as pc:
        told = pc.map(40000, options=empty).option("PREFIX64")
        assert told == b"\0\x0c" + bytes.fromhex("0064ff9b") + bytes(10)
        assert pc.map(40000).options == []


def test_rules_see_and_change_fields(lab_with):
    rules = """{rules: [
        {when: {layer: pcp, message: map, internal_port: 40000, protocol: 6, lifetime: "3600", prefer_failure: 0},
         reply: {assigned_external_port: 7, nonce: 000102030405060708090a0b, assigned_external_address: 10.1.2.3}},
        {when: {layer: pcp, message: map, prefer_failure: 1}, fault: 11},
        {when: {message: announce-request, client_address: 192.168.1.4}, reply: {epoch: 77, version: 1}},
        {when: {layer: pcp, message: delete}, drop: yes}]}"""
    with lab_with(rules) as lab, pcp.Client(lab) as pc:
        answer = pc.map(40000)
        assert (answer.nonce, answer.external, answer.address) == (bytes(range(12)), 7, "10.1.2.3")
        assert lab.router(op="state")["mappings"][0]["internal_port"] == 40000
        assert pc.map(40001, options=pcp.option("PREFER_FAILURE")).result == 11
        pc.send(pc.announce_request())
        raw, _ = pc.receive(4.0)
        assert raw[0] == 1 and raw[8:12] == b"\0\0\0\x4d"
        pc.send(pc.map_request(40000, lifetime=0))
        assert not pc.receive(0.3)


def test_reload_keeps_the_mappings():
    with Lab("flat", profile="pcp-only") as lab, pcp.Client(lab) as pc:
        first = pc.mapped(40000, lifetime=600, options=pcp.filtered(lab.address_of("peer")))
        pc.peer(41000, (lab.address_of("peer"), 9), 42000)
        lab.advance(30)
        lab.router(op="reload")
        assert pc.announce().epoch >= 30, "a reload loses no mapping"
        assert tcp_reaches(lab, first, internal=40000)
        assert pc.peer(41000, (lab.address_of("peer"), 9)).external == 42000


def test_filters_narrow_what_comes_in(lab_with):  # PCP-60: prefixes that lie in each other
    with lab_with("{policy: {pcp: {lifetime-min: 1}}}") as lab, pcp.Client(lab) as pc:
        wide, narrow = pcp.filtered("44.0.0.0", 96 + 8), pcp.filtered("44.0.1.0", 96 + 24)
        port = pc.mapped(40000, options=narrow + wide + wide)
        assert tcp_reaches(lab, port, internal=40000)
        pc.mapped(40000, options=pcp.filtered("0.0.0.0", 0) + pcp.filtered("10.0.0.0", 96 + 8))
        assert not tcp_reaches(lab, port, internal=40000, timeout=0.3)
        pc.mapped(40000, options=pcp.filtered("0.0.0.0", 0))
        assert tcp_reaches(lab, port, internal=40000)
