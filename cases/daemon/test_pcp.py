# SPDX-License-Identifier: MIT
"""PCP (RFC 6887), the server's side: the header, versions, errors, epoch and announcements."""
import random
import time

import pytest

from cases.harness import natpmp, pcp, port5351
from cases.harness.http import BadMessage
from cases.harness.pcp import Client
from cases.harness.requirement import nonstrict, requirement, strict, unsupported

PAYLOAD = bytes(range(36))


def requests(pc):
    """One request that succeeds per opcode."""
    return {"ANNOUNCE": pc.announce_request(), "MAP": pc.map_request(40000)}


# What has to be refused, by name: (request, result)
REFUSED = {
    "version": lambda pc: (pc.map_request(40000, version=3), pcp.UNSUPP_VERSION),
    "opcode": lambda pc: (pcp.header(96, 0, pc.address) + PAYLOAD, pcp.UNSUPP_OPCODE),
    "address": lambda pc: (pc.map_request(40000, client="10.9.8.7"), pcp.ADDRESS_MISMATCH),
    "request": lambda pc: (pc.map_request(40000, protocol=0), pcp.MALFORMED_REQUEST),
    "option": lambda pc: (pc.map_request(40000, options=pcp.option(100, b"abcd")), pcp.UNSUPP_OPTION),
    "length": lambda pc: (pc.map_request(40000, options=pcp.option("PREFER_FAILURE", b"abcd")), pcp.MALFORMED_OPTION),
}


@requirement("PCP-01", pcp=True)
@pytest.mark.parametrize("name", ["ANNOUNCE", "MAP"])
def test_answer_comes_from_where_it_was_asked(pc, name):
    assert pc.ask(requests(pc)[name]).source == (pc.to, pcp.PORT)


@requirement("PCP-02", pcp=True)
@pytest.mark.parametrize("name", ["ANNOUNCE", "MAP", "unknown"])
def test_answer_in_kind(pc, name):
    request = {**requests(pc), "unknown": pcp.header(77, 0, pc.address)}[name]
    answer = pc.ask(request)  # which has version 2 and the top bit, or is no Answer
    strict(answer.notes)
    assert answer.opcode == request[1]


@requirement("PCP-03", pcp=True)
def test_less_than_two_octets(pc):
    for data in (b"", b"\2", b"\3", b"\xff"):
        assert not pc.answers(data), data


@requirement("PCP-04", pcp=True)
@pytest.mark.parametrize("name", ["ANNOUNCE", "MAP"])
def test_response_is_dropped(subject, pc, name):
    request = requests(pc)[name]
    assert not pc.answers(request[:1] + bytes([request[1] | pcp.RESPONSE]) + request[2:])


@requirement("PCP-05", pcp=True)
@pytest.mark.parametrize("version", [1, 3, 255])
def test_version_that_is_not_spoken(pc, version):
    answer = pc.ask(pc.announce_request(version=version))
    assert answer.result == pcp.UNSUPP_VERSION and len(answer.raw) % 4 == 0, answer


@requirement("PCP-05", pcp=True)
def test_other_version_in_two_octets(pc):
    found = pc.answers(b"\3\1")
    assert len(found) == 1, found
    data = found[0][0]
    assert data[:2] == b"\2\x81" and data[3] == pcp.UNSUPP_VERSION and len(data) % 4 == 0, data.hex()
    if len(data) < pcp.HEADER:
        nonstrict(f"a client drops an answer of {len(data)} octets (8.3)")


@requirement("PCP-06", pcp=True)
def test_shorter_than_the_header(pc):
    whole = pc.announce_request()
    for size in range(2, pcp.HEADER):
        pc.send(whole[:size])
    assert not pc.fenced()


@requirement("PCP-07", pcp=True)
@pytest.mark.parametrize("size", [1104, 1400, 61, 62, 63, 56, 28])
def test_wrong_length(subject, pc, size):
    request = (pc.map_request(40000) + pcp.option(200, bytes(1336)))[:size]
    answer = pc.ask(request)
    assert answer.result == pcp.MALFORMED_REQUEST and len(answer.raw) <= pcp.LONGEST, answer
    strict(answer.notes)
    assert not subject.reaches(40000)


@requirement("PCP-08", pcp=True)
@pytest.mark.parametrize("client", ["10.9.8.7", "2001:db8::1", "::192.168.1.4"], ids=["other", "IPv6", "unmapped"])
def test_address_of_another(subject, pc, client):
    assert pc.map(40000, client=client).result == pcp.ADDRESS_MISMATCH
    assert not subject.reaches(40000)


@requirement("PCP-09", pcp=True)
@pytest.mark.parametrize("upper", ["2001" + 16 * "0" + "ffff", 19 * "0" + "1ffff", 20 * "0" + "fffe"])
def test_address_in_another_prefix(subject, pc, upper):
    own = bytes.fromhex(upper) + pcp.packed(pc.address)[12:]
    assert pc.map(40000, client=own).result == pcp.ADDRESS_MISMATCH
    assert not subject.reaches(40000)


@requirement("PCP-10", pcp=True)
@pytest.mark.parametrize("opcode", [4, 63, 96, 127])
def test_opcode_that_is_not_known(pc, opcode):
    request = pcp.header(opcode, 3600, pc.address) + PAYLOAD
    pcp.refused(pc.ask(request), request, pcp.UNSUPP_OPCODE)


@requirement("PCP-11", pcp=True)
@pytest.mark.parametrize("name", REFUSED)
def test_error_repeats_the_request(pc, name):
    request, _ = REFUSED[name](pc)
    answer = pc.ask(request)
    strict(answer.notes)
    assert answer.result
    pcp.refused(answer, request, answer.result)


@requirement("PCP-12", pcp=True)
@pytest.mark.parametrize("name", ["option", "length"])
def test_error_changes_nothing(subject, pc, name):
    request, result = REFUSED[name](pc)
    assert pc.ask(request).result == result
    assert not subject.reaches(40000)


@requirement("PCP-12", pcp=True)
def test_error_leaves_what_was_there(subject, pc):
    external = pc.mapped(40000, 41000)
    assert pc.delete(40000, options=pcp.option(100)).result == pcp.UNSUPP_OPTION
    assert subject.reaches(external, internal=40000)


@requirement("PCP-13", pcp=True)
def test_reserved_fields(subject, pc):
    answer = pc.map(40000, reserved=0xffff)
    assert answer.result == pcp.SUCCESS, answer
    strict(answer.notes)
    assert subject.reaches(answer.external, internal=40000)


@requirement("PCP-13", pcp=True)
def test_reserved_octet_of_an_option(pc):
    answer = pc.map(40000, options=pcp.option(200, b"abcd", reserved=255))
    assert answer.result == pcp.SUCCESS, answer
    strict(answer.notes)


@requirement("PCP-14", pcp=True)
@pytest.mark.parametrize("name", REFUSED)
def test_lifetime_of_a_long_error(pc, name):
    request, result = REFUSED[name](pc)
    answer = pc.ask(request)
    assert answer.result
    if answer.lifetime != 1800:
        nonstrict(f"result {result} is to be kept for {answer.lifetime} s, not for 1800")


@requirement("PCP-15", pcp=True)
def test_epoch_goes_on(subject, pc):
    before = pc.announce().epoch
    subject.advance(3)
    assert 2 <= pc.map(40000).epoch - before <= 5


@requirement("PCP-15", pcp=True, needs="reboot")
def test_epoch_of_an_empty_table(subject, pc):
    subject.advance(4)
    before = pc.announce().epoch
    assert before >= 3
    subject.reboot()
    assert pc.announce().epoch < before


@requirement("PCP-15", pcp=True, needs="wan-control")
def test_epoch_begins_again_with_another_address(subject, pc):
    subject.advance(4)
    before = pc.announce().epoch
    assert before >= 3
    subject.renumber("44.0.1.77")
    assert pc.map(40000).epoch < before


@requirement("PCP-16", "SEC-23", pcp=True, needs="wan-side")
@pytest.mark.parametrize("name", ["ANNOUNCE", "MAP"])
def test_request_from_outside(subject, pc, name):
    lab = subject.lab
    with Client(lab, "peer", to=lab.wan_address()) as outside:
        outside.send(requests(outside)[name])
        pc.announce()
        assert not outside.receive(0)


@requirement("PCP-49", pcp=True)
def test_announce(pc):
    answer = pc.announce()
    strict(answer.notes)
    assert (answer.opcode, answer.result, answer.lifetime, len(answer.raw)) == (0, pcp.SUCCESS, 0, 24), answer


@requirement("PCP-70", pcp=True, natpmp=True)
def test_both_protocols_at_one_port(subject, pc):
    for _ in range(2):
        pc.send(natpmp.address_request())
        old = natpmp.parse(*pc.receive(4))
        assert (old.version, old.opcode, old.result, old.address) == (0, 128, natpmp.SUCCESS, subject.lab.wan_address())
        assert pc.announce().result == pcp.SUCCESS


@requirement("PCP-71", pcp=True)
def test_natpmp_at_a_server_of_pcp_alone(subject, pc):
    if subject.claims.get("natpmp"):
        unsupported("the subject speaks NAT-PMP, too")
    answer = pc.ask(natpmp.address_request())
    assert (answer.opcode, answer.result) == (0, pcp.UNSUPP_VERSION), answer


@requirement("PCP-71", pcp=True)
def test_natpmp_mapping_at_a_server_of_pcp_alone(subject, pc):
    if subject.claims.get("natpmp"):
        unsupported("the subject speaks NAT-PMP, too")
    assert pc.ask(natpmp.map_request(natpmp.TCP, 40000)).result == pcp.UNSUPP_VERSION
    assert not subject.reaches(40000)


# -- announcements --------------------------------------------------------------------------------------


@requirement("PCP-50", pcp=True, needs="reboot")
def test_restart_is_told(subject):
    answer = port5351.announced_restart(subject, pcp)
    strict(answer.notes)
    assert (answer.opcode, answer.result, answer.epoch < 5) == (pcp.ANNOUNCE, pcp.SUCCESS, True), answer


@requirement("PCP-50", pcp=True, needs="wan-control")
def test_another_address_is_told(subject, pc):
    """To everybody, or to the client that has a mapping."""
    with pcp.listen(subject.lab) as sock:
        pc.mapped(40000)
        pcp.drain(subject.lab, sock)
        subject.renumber("44.0.1.77")
        if got := pc.receive(1):
            answer = pcp.parse(*got)
            assert answer.opcode == pcp.MAP and answer.address == "44.0.1.77", answer
        else:
            assert pcp.hear(sock).opcode == pcp.ANNOUNCE


LATE = 0.2  # seconds: of two announcements the first may leave late, on a busy machine, and the second in time


def announcement_times(subject, sock):
    """[(after, before)]: between which times each announcement of a restart comes, in seconds from the restart."""
    begun = time.monotonic()
    subject.reboot()
    pcp.hear(sock)
    moved, last = 0.0, time.monotonic() - begun
    times = [(0.0, last)]
    while last < times[-1][1] + 200 and len(times) < 12:
        step = max(0.05, (times[-1][1] - times[-2][1] if len(times) > 1 else 0) / 8)
        subject.advance(step)
        moved += step
        with Client(subject.lab) as fence:
            fence.announce()
        heard = pcp.waiting(sock)
        now = time.monotonic() - begun + moved
        times += [(last, now)] * len(heard)
        last = now
    return times


@requirement("PCP-51", pcp=True, needs=["clock", "reboot"])
@pytest.mark.bulk
def test_gaps_between_announcements(subject):
    """Each is looked for in eighths of the last gap, so of each the time is known but for that much."""
    with pcp.listen(subject.lab) as sock:
        pcp.drain(subject.lab, sock)
        times = announcement_times(subject, sock)
    if len(times) < 2:
        unsupported("a restart is announced once")
    assert len(times) <= 10, f"{len(times)} announcements"
    for number, (_, before) in enumerate(times):
        assert before >= 0.25 * (2 ** number - 1), times
    for (_, first), (second, _), (_, third) in zip(times, times[1:], times[2:]):
        assert third - second >= 2 * (second - first) - LATE, times


@requirement("PCP-52", pcp=True, needs=["clock", "wan-control"])
def test_mapping_updates(subject, pc):
    """A MAP answer that nobody asked for, to the client's last port: at once, after 250 ms or more, and 500 ms later."""
    pc.mapped(40000)
    begun = time.monotonic()
    subject.renumber("44.0.1.77")
    got = pc.receive(2)
    assert got, "none comes"
    update = pcp.parse(*got)
    assert (update.opcode, update.result, update.nonce, update.internal) == (pcp.MAP, pcp.SUCCESS, pc.nonce, 40000), update
    assert update.address == "44.0.1.77" and update.source == (pc.to, pcp.PORT)
    subject.advance(0.1)
    early, took = pc.fenced(), time.monotonic() - begun
    assert not early or took >= 0.15, "the second one comes too early"
    for number in ("second", "third")[len(early):]:
        subject.advance(0.6)
        assert pc.fenced(), f"there is no {number} one"
    subject.advance(10)
    assert not pc.fenced(), "there is a fourth one"


@requirement("PCP-52", pcp=True, needs=["clock", "wan-control"])
def test_no_mapping_updates_behind_a_renewal(subject, pc):
    pc.mapped(40000)
    subject.renumber("44.0.1.77")
    assert pc.receive(2), "there is no Mapping Update"
    pc.mapped(40000)
    subject.advance(2)
    assert not pc.fenced()


# -- whatever comes -----------------------------------------------------------------------------------


@requirement("PCP-69", pcp=True)
@pytest.mark.bulk
def test_every_length(pc):
    """Zeros behind a good request; what an answer has beyond its fields is of the request."""
    whole = pc.map_request(40000) + bytes(1141)
    for size in range(1201):
        for data, source in pc.answers(whole[:size]) if size % 50 == 0 else [pc.send(whole[:size])] and []:
            check_answer(data, source, whole[:size])
    pc.fenced()
    assert pc.announce().result == pcp.SUCCESS


@requirement("PCP-69", pcp=True)
@pytest.mark.bulk
@pytest.mark.parametrize("seed", range(4))
def test_random_bodies(subject, pc, seed):
    """MAP, PEER and unknown opcodes with rubbish behind the header."""
    rubbish = random.Random(seed)
    for number in range(60):
        body = rubbish.randbytes(rubbish.choice((36, 40, 56, 60, 76, 100, 1076)))
        request = pcp.header(rubbish.choice((1, 1, 2, 2, 9)), rubbish.getrandbits(32), pc.address) + body
        found = pc.answers(request)
        assert len(found) == 1, f"number {number}: {len(found)} answers to {request.hex()}"
        check_answer(*found[0], request)
    if not subject.fake:
        subject.spoil()  # of what PEER made


def check_answer(data, source, request):
    """An answer that can be read, and a refusal that has nothing but what was sent."""
    try:
        answer = pcp.parse(data, source)
    except BadMessage as error:
        raise AssertionError(f"in answer to {request.hex()}: {error}") from None
    if answer.result:
        data = data[:42] + bytes(len(data[42:60])) + data[60:]  # some tell what they would have assigned
        there = zip(data[pcp.HEADER:], request[pcp.HEADER:].ljust(len(data), b"\0"))
        assert all(octet in (0, sent) for octet, sent in there), f"{data.hex()} has more than {request.hex()}"
