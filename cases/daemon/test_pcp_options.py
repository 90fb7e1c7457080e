# SPDX-License-Identifier: MIT
"""PCP (RFC 6887), options: THIRD_PARTY, PREFER_FAILURE, FILTER, and how options are read."""
import pytest

from cases.harness import pcp
from cases.harness.requirement import requirement, strict, unsupported

PREFER_FAILURE = pcp.option("PREFER_FAILURE")
ROUNDS, MANY = 4, 40  # requests with as many filters


def of(*nodes):
    """Which hosts pass: what reached() is compared with."""
    return {name: name in nodes for name in ("peer", "peer2")}


def reached(subject, port, internal=40000):
    """{outer host: whether it reaches the client}"""
    return {name: subject.reaches(port, "UDP", internal=internal, peer=name) for name in ("peer", "peer2")}


def only(subject, *nodes):
    """FILTERs for outer hosts, in that order; None stands for the one that clears."""
    return b"".join(pcp.filtered(subject.lab.address_of(name)) if name else pcp.filtered("0.0.0.0", 0) for name in nodes)


# -- THIRD_PARTY --------------------------------------------------------------------------------------------


@requirement("PCP-53", pcp=True, needs="other")
def test_for_a_third_party(subject, pc):
    if subject.speaks_pcp("THIRD_PARTY"):
        unsupported("the subject maps for third parties")
    request = pc.map_request(40000, options=pcp.third_party(subject.lab.address_of("other")))
    pcp.refused(pc.ask(request), request, pcp.UNSUPP_OPTION)
    assert not subject.reaches(40000, client="other") and not subject.reaches(40000)


@requirement("PCP-54", pcp=True)
def test_third_party_that_is_oneself(subject, pc):
    answer = pc.map(40000, options=pcp.third_party(pc.address))
    expected = {pcp.MALFORMED_REQUEST} if subject.speaks_pcp("THIRD_PARTY") else {pcp.MALFORMED_REQUEST, pcp.UNSUPP_OPTION}
    assert answer.result in expected, answer
    assert not subject.reaches(40000)


# -- PREFER_FAILURE -----------------------------------------------------------------------------------------


@requirement("PCP-55", pcp="PREFER_FAILURE", needs="other")
def test_this_port_or_none(subject, pc, pc2):
    taken = pc.mapped(40000)
    request = pc2.map_request(41000, taken, options=PREFER_FAILURE)
    pcp.refused(pc2.ask(request), request, pcp.CANNOT_PROVIDE_EXTERNAL)
    assert subject.reaches(taken, internal=40000)
    assert not subject.reaches(41000, client="other")


@requirement("PCP-55", pcp="PREFER_FAILURE")
def test_this_port_which_is_free(subject, pc):
    answer = pc.map(40000, 41000, options=PREFER_FAILURE)
    assert (answer.result, answer.external) == (pcp.SUCCESS, 41000), answer
    assert subject.reaches(41000, internal=40000)


@requirement("PCP-56", pcp="PREFER_FAILURE")
def test_this_port_which_is_none(pc):
    assert pc.map(40000, 0, options=PREFER_FAILURE).result == pcp.MALFORMED_OPTION


@requirement("PCP-57", pcp="PREFER_FAILURE")
def test_delete_this_port_or_none(subject, pc):
    external = pc.mapped(40000)
    assert pc.delete(40000, external=external, options=PREFER_FAILURE).result == pcp.MALFORMED_OPTION
    assert subject.reaches(external, internal=40000)


@requirement("PCP-58", pcp="PREFER_FAILURE")
def test_this_port_for_what_has_another(subject, pc):
    external = pc.mapped(40000)
    assert pc.map(40000, 41000, options=PREFER_FAILURE).result == pcp.CANNOT_PROVIDE_EXTERNAL
    assert subject.reaches(external, internal=40000) and not subject.reaches(41000, internal=40000)


# -- FILTER ---------------------------------------------------------------------------------------------------


@requirement("PCP-60", pcp="FILTER", needs=["wan-side", "peer2"])
@pytest.mark.parametrize("node", ["peer", "peer2"])
def test_filter(subject, pc, node):
    option = only(subject, node)
    answer = pc.map(40000, protocol="UDP", options=option)
    strict(answer.notes)
    assert answer.result == pcp.SUCCESS and answer.options == [(3, option[4:])], answer
    assert reached(subject, answer.external) == of(node)


@requirement("PCP-60", pcp="FILTER", needs=["wan-side", "peer2"])
def test_filter_for_a_prefix(subject, pc):
    """Both hosts are in the same network of 24 bits."""
    external = pc.mapped(40000, protocol="UDP", options=pcp.filtered(subject.lab.address_of("peer"), 96 + 24))
    assert reached(subject, external) == of("peer", "peer2")


@requirement("PCP-60", pcp="FILTER", needs=["wan-side", "peer2"])
def test_filter_for_a_port(subject, pc):
    external = pc.mapped(40000, protocol="UDP", options=pcp.filtered(subject.lab.address_of("peer"), 128, 6000))
    assert subject.reaches(external, "UDP", internal=40000, from_port=6000)
    assert not subject.reaches(external, "UDP", internal=40000, from_port=6001)


@requirement("PCP-61", pcp="FILTER")
@pytest.mark.parametrize("prefix", [1, 95, 129, 255])
def test_prefix_that_is_none(subject, pc, prefix):
    request = pc.map_request(40000, options=pcp.filtered(subject.lab.address_of("peer"), prefix))
    pcp.refused(pc.ask(request), request, pcp.MALFORMED_OPTION)
    assert not subject.reaches(40000)


@requirement("PCP-62", pcp="FILTER")
def test_delete_with_a_filter(subject, pc):
    external = pc.mapped(40000)
    assert pc.delete(40000, options=only(subject, "peer")).result == pcp.MALFORMED_OPTION
    assert subject.reaches(external, internal=40000)


@requirement("PCP-63", pcp="FILTER", needs=["wan-side", "peer2"])
def test_more_filters_than_there_is_room_for(subject, pc):
    external = pc.mapped(40000, protocol="UDP", options=only(subject, "peer"))
    for number in range(ROUNDS):
        filters = [pcp.filtered(f"198.51.{number}.{n}") for n in range(1, MANY)] + [only(subject, "peer2")]
        answer = pc.map(40000, protocol="UDP", options=b"".join(filters))
        if answer.result:
            assert answer.result == pcp.EXCESSIVE_REMOTE_PEERS, answer
            assert number or reached(subject, external) == of("peer")
            return
    unsupported(f"there is room for {ROUNDS * MANY} filters")


@requirement("PCP-64", pcp="FILTER", needs=["wan-side", "peer2"])
def test_filters_are_cleared(subject, pc):
    external = pc.mapped(40000, protocol="UDP", options=only(subject, "peer"))
    assert reached(subject, external) == of("peer")
    assert pc.mapped(40000, protocol="UDP", options=only(subject, None)) == external
    assert reached(subject, external) == of("peer", "peer2")


@requirement("PCP-64", pcp="FILTER", needs=["wan-side", "peer2"])
def test_filters_are_replaced(subject, pc):
    external = pc.mapped(40000, protocol="UDP", options=only(subject, "peer"))
    assert pc.mapped(40000, protocol="UDP", options=only(subject, None, "peer2")) == external
    assert reached(subject, external) == of("peer2")


@requirement("PCP-64", pcp="FILTER", needs=["wan-side", "peer2"])
def test_filters_add_up(subject, pc):
    external = pc.mapped(40000, protocol="UDP", options=only(subject, "peer"))
    pc.mapped(40000, protocol="UDP", options=only(subject, "peer2"))
    assert reached(subject, external) == of("peer", "peer2")


@requirement("PCP-68", pcp="FILTER", needs=["wan-side", "peer2"])
@pytest.mark.parametrize("order,left", [(("peer", None), ("peer", "peer2")), ((None, "peer"), ("peer",)),
                                        (("peer", None, "peer2"), ("peer2",))])
def test_options_are_taken_in_order(subject, pc, order, left):
    options = only(subject, *order)
    answer = pc.map(40000, protocol="UDP", options=options)
    assert answer.result == pcp.SUCCESS, answer
    assert [data for _, data in answer.options] == [options[at + 4:at + 24] for at in range(0, len(options), 24)], answer
    assert reached(subject, answer.external) == of(*left)


# -- how options are read -----------------------------------------------------------------------------------


@requirement("PCP-65", pcp="PREFER_FAILURE")
def test_option_given_twice(subject, pc):
    assert pc.map(40000, options=2 * PREFER_FAILURE).result == pcp.MALFORMED_OPTION
    assert not subject.reaches(40000)


@requirement("PCP-65", pcp=True)
def test_third_party_given_twice(subject, pc):
    answer = pc.map(40000, options=2 * pcp.third_party("192.168.1.5"))
    expected = {pcp.MALFORMED_OPTION} if subject.speaks_pcp("THIRD_PARTY") else {pcp.MALFORMED_OPTION, pcp.UNSUPP_OPTION}
    assert answer.result in expected, answer
    assert not subject.reaches(40000)


@requirement("PCP-66", pcp=True)
@pytest.mark.parametrize("code", [4, 100, 127])
def test_unknown_option_that_must_be_understood(subject, pc, code):
    request = pc.map_request(40000, options=pcp.option(code, b"abcd"))
    pcp.refused(pc.ask(request), request, pcp.UNSUPP_OPTION)
    assert not subject.reaches(40000)


@requirement("PCP-66", pcp=True)
@pytest.mark.parametrize("code", [192, 200, 255])
def test_unknown_option_that_need_not_be_understood(subject, pc, code):
    answer = pc.map(40000, options=pcp.option(code, b"abcd"))
    assert answer.result == pcp.SUCCESS and answer.options == [], answer
    assert subject.reaches(answer.external, internal=40000)


LENGTHS = {
    "past the end": pcp.option(200, length=0xffff),
    "by one octet": pcp.option(200, b"abcd", length=5),
    "PREFER_FAILURE with data": pcp.option("PREFER_FAILURE", b"abcd"),
    "PREFER_FAILURE of length 1": pcp.option("PREFER_FAILURE", b"a"),
}


@requirement("PCP-67", pcp="PREFER_FAILURE")
@pytest.mark.parametrize("name", LENGTHS)
def test_length_of_an_option(subject, pc, name):
    request = pc.map_request(40000, options=LENGTHS[name])
    pcp.refused(pc.ask(request), request, pcp.MALFORMED_OPTION)
    assert not subject.reaches(40000)


@requirement("PCP-67", pcp="FILTER")
@pytest.mark.parametrize("size", [0, 16, 19, 24])
def test_length_of_a_filter(subject, pc, size):
    data = (only(subject, "peer")[4:] + bytes(4))[:size]
    assert pc.map(40000, options=pcp.option("FILTER", data)).result == pcp.MALFORMED_OPTION
    assert not subject.reaches(40000)


@requirement("PCP-67", pcp=True)
@pytest.mark.parametrize("size", [1, 2, 3, 5])
def test_padding_is_no_part_of_an_option(subject, pc, size):
    answer = pc.map(40000, options=pcp.option(200, b"abcde"[:size]) + pcp.option(201))
    assert answer.result == pcp.SUCCESS, answer
    assert subject.reaches(answer.external, internal=40000)
