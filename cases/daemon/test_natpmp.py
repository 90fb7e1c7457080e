# SPDX-License-Identifier: MIT
"""NATPMP: NAT-PMP (RFC 6886), the gateway's side."""
import struct

import pytest

from cases.harness import effect, natpmp, pcp, port5351
from cases.harness.natpmp import Client
from cases.harness.requirement import nonstrict, requirement, strict

PORTS = {"TCP": 40000, "UDP": 40001}


def source_of(pmp, answer):
    """An answer comes from the address and port that were asked."""
    assert answer.source == (pmp.to, natpmp.PORT), answer.source


def failed(answer, internal):
    """A failure tells the internal port and nothing else (clause 3.5)."""
    assert answer.fields == (internal, 0, 0), answer


@requirement("NATPMP-01", natpmp=True)
def test_external_address(subject, pmp):
    answer = pmp.external()
    strict(answer.notes)
    source_of(pmp, answer)
    assert answer.opcode == 128 and answer.result == natpmp.SUCCESS
    assert answer.address == subject.lab.wan_address()


@requirement("NATPMP-02", natpmp=True, needs="wan-control")
def test_external_address_without_wan(subject, pmp):
    subject.wan("down")
    answer = pmp.external()
    assert answer.result == natpmp.NETWORK_FAILURE and answer.address == "0.0.0.0", answer


@requirement("NATPMP-03", natpmp=True)
@pytest.mark.parametrize("protocol", PORTS)
def test_mapping(subject, pmp, protocol):
    port = PORTS[protocol]
    answer = pmp.map(port, protocol=protocol)
    strict(answer.notes)
    source_of(pmp, answer)
    assert answer.opcode == 128 + natpmp.OPCODES[protocol] and answer.result == natpmp.SUCCESS
    assert answer.internal == port and answer.external and answer.lifetime
    assert subject.reaches(answer.external, protocol, internal=port)


@requirement("NATPMP-04", natpmp=True, needs="wan-side")
@pytest.mark.parametrize("protocol,other", [("TCP", "UDP"), ("UDP", "TCP")])
def test_mapping_is_for_its_protocol_only(subject, pmp, protocol, other):
    external = pmp.mapped(40000, protocol=protocol)
    assert subject.reaches(external, protocol, internal=40000)
    assert not subject.reaches(external, other, internal=40000)


@requirement("NATPMP-05", natpmp=True, needs="other")
def test_companion_port_is_kept_for_its_client(subject, pmp, pmp2):
    external = pmp.mapped(40000)
    assert pmp2.map(40000, external, protocol="UDP").external != external
    assert not subject.reaches(external, "UDP", client="other", internal=40000)


@requirement("NATPMP-06", natpmp=True)
def test_companion_port_of_the_same_client(subject, pmp):
    external = pmp.mapped(40000)
    assert pmp.mapped(40000, external, protocol="UDP") == external
    assert subject.reaches(external, internal=40000) and subject.reaches(external, "UDP", internal=40000)


@requirement("NATPMP-07", natpmp=True, needs="other")
def test_port_of_another_client(subject, pmp, pmp2):
    first = pmp.mapped(40000)
    answer = pmp2.map(40000, first)
    assert answer.result in (natpmp.SUCCESS, natpmp.OUT_OF_RESOURCES), answer
    if answer.result:
        failed(answer, 40000)
    else:
        assert answer.external not in (0, first)
        assert subject.reaches(answer.external, client="other", internal=40000)
    assert subject.reaches(first, internal=40000)


@requirement("NATPMP-08", natpmp=True, needs="other")
def test_mapping_leads_to_the_sender(subject, pmp2):
    external = pmp2.mapped(40000)
    assert subject.reaches(external, client="other", internal=40000)
    assert not subject.reaches(external, client="client", internal=40000)


@requirement("NATPMP-09", natpmp=True)
def test_any_external_port(subject, pmp):
    external = pmp.mapped(40000, 0)
    assert external >= 1024
    assert subject.reaches(external, internal=40000)


@requirement("NATPMP-10", natpmp=True)
def test_mapping_again_keeps_the_port(subject, pmp):
    external = pmp.mapped(40000, 0)
    assert pmp.mapped(40000, external + 1 if external < 65535 else 50000) == external
    assert subject.reaches(external, internal=40000)


@requirement("NATPMP-10", natpmp=True)
def test_retransmission_gets_the_same_answer(pmp):
    request = natpmp.map_request(natpmp.TCP, 40000, 0)
    first, second = pmp.ask(request), pmp.ask(request)
    assert first.fields == second.fields and first.result == natpmp.SUCCESS


@requirement("NATPMP-11", natpmp=True)
@pytest.mark.parametrize("lifetime", [1, 10, 7200, 4294967295])
def test_lifetime_is_not_longer_than_asked(pmp, lifetime):
    granted = pmp.map(40000, lifetime=lifetime).lifetime
    assert granted > 0
    if granted > lifetime:
        nonstrict(f"{granted} s are granted where {lifetime} s were asked for")


@requirement("NATPMP-12", natpmp=True)
def test_mapping_ends_with_its_lifetime(subject, pmp):
    port5351.ends_with_its_lifetime(subject, pmp, 3)


@requirement("NATPMP-12", natpmp=True)
def test_renewal_keeps_it(subject, pmp):
    external = pmp.mapped(40000, lifetime=4)
    subject.advance(2)
    assert pmp.mapped(40000, external, lifetime=4) == external
    subject.advance(3)
    assert subject.reaches(external, internal=40000)


@requirement("NATPMP-13", natpmp=True)
@pytest.mark.parametrize("protocol", PORTS)
def test_delete(subject, pmp, protocol):
    external = pmp.mapped(40000, protocol=protocol)
    assert subject.reaches(external, protocol, internal=40000)
    answer = pmp.delete(40000, protocol)
    assert answer.result == natpmp.SUCCESS and answer.fields == (40000, 0, 0), answer
    assert not subject.reaches(external, protocol, internal=40000)


@requirement("NATPMP-13", natpmp=True)
def test_answer_to_a_delete_has_no_external_port(pmp):
    external = pmp.mapped(40000)
    assert pmp.delete(40000, external=external).fields == (40000, 0, 0)


@requirement("NATPMP-14", natpmp=True)
def test_delete_with_another_suggested_port(subject, pmp):
    external = pmp.mapped(40000)
    assert pmp.delete(40000, external=external - 1).result == natpmp.SUCCESS
    assert not subject.reaches(external, internal=40000)


@requirement("NATPMP-15", natpmp=True)
def test_delete_of_what_is_not_there(pmp):
    pmp.mapped(40000)
    first, second = pmp.delete(40000), pmp.delete(40000)
    assert first.result == second.result == natpmp.SUCCESS and first.raw[8:] == second.raw[8:]


@requirement("NATPMP-16", natpmp=True, igd=1)
def test_delete_of_a_mapping_that_is_not_its_own(subject, pmp, cp):
    cp.add(40000)
    answer = pmp.delete(40000)
    assert answer.result == natpmp.NOT_AUTHORIZED, answer
    failed(answer, 40000)
    assert subject.reaches(40000)


@requirement("NATPMP-17", natpmp=True)
def test_delete_all_of_a_protocol(subject, pmp):
    tcp = [pmp.mapped(port) for port in (40000, 40001, 40002)]
    udp = pmp.mapped(40000, protocol="UDP")
    answer = pmp.delete(0)
    assert answer.result == natpmp.SUCCESS and answer.fields == (0, 0, 0), answer
    assert not any(subject.reaches(port, internal=40000 + n) for n, port in enumerate(tcp))
    assert subject.reaches(udp, "UDP", internal=40000)


@requirement("NATPMP-17", natpmp=True, needs="other")
def test_delete_all_leaves_others(subject, pmp, pmp2):
    pmp.mapped(40000)
    external = pmp2.mapped(41000)
    pmp.delete(0)
    assert subject.reaches(external, client="other", internal=41000)


@requirement("NATPMP-18", natpmp=True, igd=1)
def test_delete_all_but_what_is_not_its_own(subject, pmp, cp):
    cp.add(40000)
    external = pmp.mapped(41000)
    answer = pmp.delete(0)
    assert answer.result not in (natpmp.SUCCESS, natpmp.UNSUPPORTED_OPCODE), answer
    assert not subject.reaches(external, internal=41000)
    assert subject.reaches(40000)


@requirement("NATPMP-20", natpmp=True)
@pytest.mark.parametrize("version", [1, 3, 255])
def test_other_version(subject, pmp, version):
    request = natpmp.map_request(natpmp.TCP, 40000, version=version)
    if subject.speaks_pcp(True):  # which has a word for this, too: RFC 6887 clause 9, appendix A
        pmp.send(request)
        raw, _ = pmp.receive(4.0)
        assert raw[0] in (0, pcp.VERSION) and raw[3] == natpmp.UNSUPPORTED_VERSION, raw.hex()
        return
    answer = pmp.ask(request)
    strict(answer.notes)
    assert answer.version == 0 and answer.result == natpmp.UNSUPPORTED_VERSION and answer.epoch is not None
    assert answer.opcode in (0, 128 + natpmp.TCP), answer


@requirement("NATPMP-21", natpmp=True)
@pytest.mark.parametrize("opcode", [3, 64, 127])
def test_unknown_opcode(pmp, opcode):
    request = natpmp.map_request(opcode, 40000)
    answer = pmp.ask(request)
    assert answer.opcode == opcode + 128 and answer.result == natpmp.UNSUPPORTED_OPCODE
    assert answer.raw[4:] == request[4:], answer.raw.hex()


@requirement("NATPMP-22", natpmp=True)
@pytest.mark.parametrize("opcode", [128, 129, 255])
def test_response_is_ignored(pmp, opcode):
    assert not pmp.answers(natpmp.map_request(opcode, 40000))


@requirement("NATPMP-23", natpmp=True, needs="wan-control")
def test_fields_of_a_failure(subject, pmp):
    subject.wan("down")
    answer = pmp.map(40000)
    assert answer.result == natpmp.NETWORK_FAILURE and answer.epoch is not None, answer
    failed(answer, 40000)


@requirement("NATPMP-25", natpmp=True)
def test_reserved_field_is_ignored(subject, pmp):
    answer = pmp.ask(natpmp.map_request(natpmp.TCP, 40000, 40000, reserved=0xffff))
    assert answer.result == natpmp.SUCCESS, answer
    assert subject.reaches(answer.external, internal=40000)


@requirement("NATPMP-26", natpmp=True)
def test_short_datagrams(pmp):
    whole = natpmp.map_request(natpmp.TCP, 40000)
    for size in (0, 1, *range(3, 12)):
        for answer in pmp.answers(whole[:size]):
            assert answer.result != natpmp.SUCCESS, f"{size} bytes make a mapping: {answer}"
    assert pmp.external().result == natpmp.SUCCESS


@requirement("NATPMP-27", natpmp=True)
def test_trailing_bytes(pmp):
    whole = natpmp.map_request(natpmp.TCP, 40000)
    for size in (13, 100, 1100):
        for answer in pmp.answers(whole + bytes(size - len(whole))):
            assert answer.result == natpmp.SUCCESS and answer.internal == 40000, answer
    assert pmp.external().result == natpmp.SUCCESS


@requirement("NATPMP-28", natpmp=True, needs="clock")
def test_epoch_counts_seconds(subject, pmp):
    before = pmp.external().epoch
    subject.advance(100)
    assert 100 <= pmp.external().epoch - before <= 102


@requirement("NATPMP-28", natpmp=True, needs=["clock", "reboot"])
def test_epoch_begins_again_with_an_empty_table(subject, pmp):
    subject.advance(100)
    assert pmp.external().epoch >= 100
    subject.reboot()
    assert pmp.external().epoch < 50


@requirement("NATPMP-29", natpmp=True, needs="reboot")
def test_restart_is_announced(subject):
    answer = port5351.announced_restart(subject, natpmp)
    assert (answer.version, answer.opcode, answer.result) == (0, 128, natpmp.SUCCESS), answer
    assert answer.address == subject.lab.wan_address()


@requirement("NATPMP-29", natpmp=True, needs="wan-control")
def test_another_address_is_announced(subject):
    with natpmp.listen(subject.lab) as sock:
        subject.renumber("44.0.1.77")
        for _ in range(10):
            answer = natpmp.hear(sock)
            if answer.address == "44.0.1.77":
                return
    raise AssertionError(f"announced is {answer.address}")


@requirement("NATPMP-30", natpmp=True, needs=["clock", "reboot"])
def test_announcements_double_their_gaps(subject):
    with natpmp.listen(subject.lab) as sock:
        natpmp.drain(subject.lab, sock)
        subject.reboot()
        epochs = [natpmp.hear(sock).epoch]
        for number in range(9):
            subject.advance(0.25 * 2 ** number + 0.01)
            epochs.append(natpmp.hear(sock).epoch)
    assert epochs == sorted(epochs) and epochs[-1] >= 127, epochs


@requirement("NATPMP-31", "SEC-23", natpmp=True, needs="wan-side")
def test_mapping_from_outside(subject):
    lab = subject.lab
    with Client(lab, "peer", to=lab.wan_address()) as outside, Client(lab) as inside:
        outside.send(natpmp.map_request(natpmp.TCP, 40000, 40000))
        inside.external()
        assert not outside.receive(0)


@requirement("NATPMP-31", "SEC-24", natpmp=True, needs="wan-side")
def test_address_from_outside(subject):
    lab = subject.lab
    with Client(lab, "peer", to=lab.wan_address()) as outside, Client(lab) as inside:
        outside.send(natpmp.address_request())
        inside.external()
        assert not outside.receive(0)


@requirement("NATPMP-31", natpmp=True)
def test_request_to_the_external_address(subject, pmp):
    pmp.send(natpmp.map_request(natpmp.TCP, 40000, 40000), to=subject.lab.wan_address())
    assert not pmp.fenced()
    assert not subject.reaches(40000)


@requirement("NATPMP-33", natpmp=True, needs="wan-side")
def test_outbound_packets_leave_from_the_mapped_port(subject, pmp):
    external = pmp.mapped(40000, 41000, protocol="UDP")
    assert effect.leaves_from(subject.lab, 40000) == [(subject.lab.wan_address(), external)]


@requirement("NATPMP-03", natpmp=True)
def test_network_order(pmp):
    """Numbers whose bytes differ."""
    external = pmp.mapped(0x9c41, 0x9c42)
    answer = pmp.map(0x9c41, external, 256)
    assert answer.raw[8:12] == struct.pack("!HH", 0x9c41, external) and answer.lifetime <= 256
