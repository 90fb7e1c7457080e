# SPDX-License-Identifier: MIT
"""WANIPv6FirewallControl:1 (area 6FC): what its actions say, and which packets the pinholes let in."""
import contextlib
import ipaddress

import pytest

from cases.harness import effect6, http, packet6, pinhole, soap
from cases.harness.controlpoint import fault_of
from cases.harness.effect6 import reaches
from cases.harness.pinhole import ANY, LEASE, Pinholes
from cases.harness.requirement import inconclusive, nonstrict, notrun, requirement
from cases.harness.subscriber import Subscriber

BOTH = pytest.mark.parametrize("protocol", ["UDP", "TCP"])
MANY = 300  # pinholes that a table is filled with before it counts as too large to fill
pytestmark = pytest.mark.bulk  # each needs the lab with IPv6


def served(*needs):
    """What a check of this service asks of the subject."""
    return {"service": "WANIPv6FirewallControl:1", "needs": ["ipv6", "wan-side", *needs]}


@pytest.fixture
def pinholes(subject):
    """The service, used from the client over IPv6; what is opened is closed."""
    with Pinholes(subject.control_point6()) as made:
        yield made


@pytest.fixture
def others(subject):
    """The service, used from the other host."""
    subject.require(needs="other")
    with Pinholes(subject.control_point6("other")) as made:
        yield made


def refused(code, *exact):
    """A fault of exactly these codes; of an argument that is none, one of the general codes will do."""
    assert code in exact or (402 in exact and code in pinhole.WRONG), f"error {code}, expected {exact}"


# -- status and events ----------------------------------------------------------------------------------------


@requirement("6FC-01", **served())
def test_status(pinholes):
    got = pinholes.call("GetFirewallStatus")
    assert list(got) == ["FirewallEnabled", "InboundPinholeAllowed"]
    assert set(got.values()) <= {"0", "1"}, got


@requirement("6FC-01", **served())
def test_status_is_evented(lab, cp, pinholes):
    with Subscriber(lab, cp, service=cp.description.service(pinhole.SERVICE)) as sub:
        sub.subscribe()
        values = sub.initial().values
    assert (values["FirewallEnabled"], values["InboundPinholeAllowed"]) == pinholes.status()


@requirement("6FC-02", **served("firewall-switch"))
def test_pinholes_are_not_needed_without_firewall(subject, lab, pinholes):
    assert not reaches(lab, 5002)
    subject.firewall6(enabled=False)
    assert pinholes.status()[0] == "0"
    assert fault_of(pinholes.add, 5002) == pinhole.DISABLED
    assert reaches(lab, 5002) and reaches(lab, 5002, "TCP")


@requirement("6FC-03", **served("firewall-switch"))
def test_pinholes_are_not_allowed(subject, pinholes):
    number = pinholes.add(5003)
    subject.firewall6(inbound=False)
    try:
        assert pinholes.status() == ("1", "0")
        codes = {"AddPinhole": fault_of(pinholes.add, 5004)} | pinholes.of_all(number)
        if subject.offers("CheckPinholeWorking"):
            codes["CheckPinholeWorking"] = fault_of(pinholes.working, number)
    finally:
        subject.firewall6(inbound=True)
    assert set(codes.values()) == {pinhole.NOT_ALLOWED}, codes


@requirement("6FC-24", **served("firewall-switch"))
@pytest.mark.parametrize("name, switch", [("FirewallEnabled", "enabled"), ("InboundPinholeAllowed", "inbound")],
                         ids=["firewall", "inbound"])
def test_changes_are_evented(subject, lab, cp, name, switch):
    with Subscriber(lab, cp, service=cp.description.service(pinhole.SERVICE)) as sub:
        sub.subscribe()
        assert sub.initial().values[name] == "1"
        for value in (False, True):
            subject.firewall6(**{switch: value})
            event = sub.until(lambda event: name in event.values)[-1]
            assert event.values[name] == str(int(value))


# -- what is let in -----------------------------------------------------------------------------------------


@requirement("6FC-04", **served())
@BOTH
def test_pinhole_opens(lab, pinholes, protocol):
    assert not reaches(lab, 5000, protocol), "it is open without a pinhole"
    pinholes.add(5000, protocol)
    assert reaches(lab, 5000, protocol)


@requirement("6FC-05", **served("peer2"))
@BOTH
def test_remote_host(lab, pinholes, protocol):
    pinholes.add(5005, protocol, remote=lab.address6_of("peer"))
    assert reaches(lab, 5005, protocol)
    assert not reaches(lab, 5005, protocol, peer="peer2"), "another host comes in as well"


@requirement("6FC-05", **served())
@BOTH
def test_remote_port(lab, pinholes, protocol):
    pinholes.add(5006, protocol, remote_port=6006)
    assert reaches(lab, 5006, protocol, from_port=6006)
    assert not reaches(lab, 5006, protocol, from_port=6007), "another port comes in as well"


# -- wildcards, ranges, forms ---------------------------------------------------------------------------------


@requirement("6FC-06", **served())
def test_client_is_no_wildcard(lab, pinholes):
    assert fault_of(pinholes.add, 5000, client="") == pinhole.CLIENT_WILD
    assert not reaches(lab, 5000)


@requirement("6FC-07", **served())
@BOTH
def test_every_port(lab, pinholes, protocol):
    code = fault_of(pinholes.add, 0, protocol)
    open_ = [port for port in (5107, 6107) if reaches(lab, port, protocol)]
    if code:
        assert (code, open_) == (pinhole.PORT_WILD, [])
    else:
        assert open_ == [5107, 6107], "not every port is open"


@requirement("6FC-08", **served())
def test_every_protocol(lab, pinholes):
    code = fault_of(pinholes.add, 5008, ANY)
    open_ = [protocol for protocol in ("UDP", "TCP") if reaches(lab, 5008, protocol)]
    if code:
        assert (code, open_) == (pinhole.PROTOCOL_WILD, [])
    else:
        assert open_ == ["UDP", "TCP"], "not every protocol passes"


@requirement("6FC-09", **served())
@pytest.mark.parametrize("number", [1, 255])
def test_protocols_that_are_not_supported(pinholes, number):
    assert fault_of(pinholes.add, 5009, number) == pinhole.PROTOCOL


@requirement("6FC-09", **served())
@pytest.mark.parametrize("number", [packet6.UDPLITE, packet6.SCTP], ids=["UDP-Lite", "SCTP"])
def test_protocols_that_may_be_supported(lab, pinholes, number):
    """Each is refused by the letter, or works."""
    code = fault_of(pinholes.add, 5009, number)
    assert code in (0, pinhole.PROTOCOL)
    ends = lab.address6_of("peer"), lab.address6_of("client"), (6009, 5009)
    packet = packet6.udp(*ends, b"igdlab", packet6.UDPLITE) if number == packet6.UDPLITE else packet6.sctp_init(*ends)
    with effect6.Wire(lab) as wire:
        assert wire.arrives(packet) == (code == 0), f"error {code}"


@requirement("6FC-10", **served())
@pytest.mark.parametrize("text", ["tcp", "Udp", "70000", "-1", ""], ids=lambda text: text or "empty")
def test_protocol_is_a_number(pinholes, text):
    code = fault_of(pinholes.add, 5010, text)
    if code == pinhole.PROTOCOL:
        nonstrict(f"Protocol {text!r} is error 705, as if it were a number")
    else:
        refused(code, 402)


@requirement("6FC-11", **served())
@pytest.mark.parametrize("lease", [0, LEASE[1] + 1, "-1", 2**32 + 60])
def test_lease_out_of_range(lab, pinholes, lease):
    refused(fault_of(pinholes.add, 5011, lease=lease), 402)
    assert not reaches(lab, 5011)


@requirement("6FC-11", **served())
@pytest.mark.parametrize("lease", LEASE)
def test_lease_in_range(lab, pinholes, lease):
    pinholes.add(5011, lease=lease)
    assert lease == 1 or reaches(lab, 5011)


@requirement("6FC-11", **served())
@pytest.mark.parametrize("lease", [0, LEASE[1] + 1])
def test_new_lease_out_of_range(pinholes, lease):
    number = pinholes.add(5011)
    refused(fault_of(pinholes.update, number, lease), 402)


@requirement("6FC-12", **served())
@pytest.mark.parametrize("where", ["lan", "wan", "link"])
def test_address_of_the_gateway(lab, pinholes, where):
    port = lab.port("r1", role="wan" if where == "wan" else "lan")
    refused(fault_of(pinholes.add, 5012, client=port["link_local" if where == "link" else "address6"]), 606, 402)


@requirement("6FC-13", **served("other"))
def test_pinhole_for_another_host(lab, pinholes):
    assert fault_of(pinholes.add, 5013, client=lab.address6_of("other")) == pinhole.REFUSED
    assert not reaches(lab, 5013, client="other")


@requirement("6FC-13", **served())
@pytest.mark.parametrize("port", [22, 1023])
def test_port_below_1024(lab, pinholes, port):
    assert fault_of(pinholes.add, port) == pinhole.REFUSED
    assert not reaches(lab, port)


def full(address):
    """All 32 digits."""
    return ipaddress.IPv6Address(address).exploded


@requirement("6FC-23", **served())
@pytest.mark.parametrize("form", [str.upper, full, lambda text: full(text).upper()], ids=["upper", "full", "both"])
@pytest.mark.parametrize("which", ["client", "remote"])
def test_forms_of_an_address(lab, pinholes, form, which):
    address = pinholes.address if which == "client" else lab.address6_of("peer")
    pinholes.add(5023, **{which: form(address)})
    assert reaches(lab, 5023)


@requirement("6FC-23", **served())
@pytest.mark.parametrize("form", ["::ffff:{v4}", "{link}%eth0", "[{v6}]", "{v4}", "{v6}/128", "{v6} x", "peer.example"],
                         ids=["mapped", "zone", "brackets", "IPv4", "prefix", "rest", "name"])
@pytest.mark.parametrize("which", ["client", "remote"])
def test_what_is_no_address(lab, pinholes, form, which):
    node = {"client": "client", "remote": "peer"}[which]
    text = form.format(v4=lab.address_of(node), v6=lab.address6_of(node), link=lab.port(node)["link_local"])
    refused(fault_of(pinholes.add, 5023, **{which: text}), 402)
    assert not reaches(lab, 5023)


@requirement("6FC-30", **served())
@pytest.mark.parametrize("text", ["a" * 300, "2a0e:" * 60 + ":1", "[" * 100, "::" * 200, "client.example", "localhost", "%s%n%x",
                                  "2a0e:b107:1:1::4%" + "e" * 300, "1.2.3.4." * 40],
                         ids=["long", "groups", "brackets", "colons", "name", "localhost", "format", "zone", "dots"])
@pytest.mark.parametrize("which", ["client", "remote"])
def test_odd_addresses_do_no_harm(pinholes, text, which):
    """Whether a remote host is refused is 6FC-23's."""
    code = fault_of(pinholes.add, 5030, **{which: text})
    assert pinholes.status(), "it is not there any more"
    assert code or which == "remote", "it was taken for an address"
    if which == "client" and code not in pinhole.WRONG:
        nonstrict(f"error {code}, not 402")


# -- one pinhole and its life ------------------------------------------------------------------------------


@requirement("6FC-14", **served())
def test_same_pinhole_again(subject, lab, pinholes):
    number = pinholes.add(5014, lease=3)
    assert pinholes.add(5014, lease=601) == number, "it is another one"
    subject.advance(4)
    assert reaches(lab, 5014), "the first lease has ended it"
    pinholes.delete(number)
    assert not reaches(lab, 5014), "there were two"


@requirement("6FC-14", **served())
def test_another_pinhole_has_another_number(pinholes):
    numbers = [pinholes.add(5014, protocol) for protocol in ("UDP", "TCP")] + [pinholes.add(5114)]
    assert len(set(numbers)) == 3, numbers


@requirement("6FC-15", **served())
def test_table_is_full(subject, pinholes):
    subject.spoil()
    for port in range(20000, 20000 + MANY):
        code = fault_of(pinholes.add, port)
        if code:
            assert code == pinhole.SPACE, f"error {code} after {port - 20000} pinholes"
            return
    notrun(f"it has room for more than {MANY} pinholes")


@requirement("6FC-16", **served())
def test_update_renews(subject, lab, pinholes):
    number = pinholes.add(5016, lease=3)
    pinholes.update(number, 600)
    subject.advance(4)
    assert reaches(lab, 5016)


@requirement("6FC-16", **served())
def test_update_shortens(subject, lab, pinholes):
    number = pinholes.add(5016, lease=600)
    pinholes.update(number, 2)
    subject.advance(4)
    assert not reaches(lab, 5016)


@requirement("6FC-16", **served())
def test_update_of_an_unknown_one(pinholes):
    assert fault_of(pinholes.update, 65535, 600) == pinhole.NO_ENTRY


@requirement("6FC-17", **served())
@BOTH
def test_delete_closes(lab, pinholes, protocol):
    number = pinholes.add(5017, protocol)
    assert reaches(lab, 5017, protocol, from_port=6017)
    pinholes.delete(number)
    assert not reaches(lab, 5017, protocol, from_port=6117)


@requirement("6FC-17", **served())
def test_second_delete(pinholes):
    number = pinholes.add(5017)
    pinholes.delete(number)
    assert fault_of(pinholes.delete, number) == pinhole.NO_ENTRY


@requirement("6FC-17", **served())
def test_delete_ends_what_goes_on(lab, pinholes):
    """A flow that the pinhole let in is traffic, too."""
    number = pinholes.add(5018)
    with effect6.Fence(lab, "peer", "client") as fence, effect6.bound(lab, "client", 5018) as inside, \
            effect6.bound(lab, "peer") as outside:
        outside.sendto(b"first", (pinholes.address, 5018))
        got = fence.arrived(inside) or inconclusive("the pinhole does not forward: see 6FC-04")
        inside.sendto(b"answer", got[1])
        outside.settimeout(effect6.ANSWERS)
        assert outside.recv(64) == b"answer", "the answer does not come out"
        pinholes.delete(number)
        outside.sendto(b"second", (pinholes.address, 5018))
        if fence.arrived(inside):
            nonstrict("a flow that it has let in goes on")


@requirement("6FC-18", **served())
def test_lease_ends(subject, lab, pinholes):
    pinholes.add(5019, lease=2)
    assert reaches(lab, 5019)
    subject.advance(4)
    assert not reaches(lab, 5019)


@requirement("6FC-18", **served())
def test_number_ends_with_the_lease(subject, pinholes):
    number = pinholes.add(5019, lease=2)
    pinholes.packets(number)
    subject.advance(4)
    assert fault_of(pinholes.packets, number) == pinhole.NO_ENTRY


@requirement("6FC-19", **served("other"))
def test_pinhole_of_another_host(subject, lab, pinholes, others):
    number = pinholes.add(5020)
    codes = others.of_all(number)
    if subject.offers("CheckPinholeWorking"):
        codes["CheckPinholeWorking"] = fault_of(others.working, number)
    assert set(codes.values()) == {pinhole.REFUSED}, codes
    assert reaches(lab, 5020)


# -- counters and probes --------------------------------------------------------------------------------------


def send_packets(lab, port, count):
    """Datagrams of one flow through a pinhole, each of which arrives."""
    with effect6.Wire(lab) as wire:
        ends = lab.address6_of("peer"), lab.address6_of("client"), (6021, port)
        assert all(wire.arrives(packet6.udp(*ends, bytes([n]))) for n in range(count))


@requirement("6FC-20", **served())
def test_packets_are_counted(lab, pinholes):
    number = pinholes.add(5021)
    assert pinholes.packets(number) == 0
    send_packets(lab, 5021, 10)
    first = pinholes.packets(number)
    assert first >= 10, f"{first} packets"
    send_packets(lab, 5021, 5)
    assert pinholes.packets(number) > first


@requirement("6FC-20", **served())
def test_packets_of_an_unknown_one(pinholes):
    assert fault_of(pinholes.packets, 65535) == pinhole.NO_ENTRY


@requirement("6FC-21", action="CheckPinholeWorking", **served())
def test_check_tells_of_traffic(lab, pinholes):
    number = pinholes.add(5022)
    assert fault_of(pinholes.working, number) == pinhole.NO_TRAFFIC
    assert reaches(lab, 5022)
    assert pinholes.working(number) == "1"


@requirement("6FC-21", action="CheckPinholeWorking", **served())
def test_check_of_an_unknown_one(pinholes):
    assert fault_of(pinholes.working, 65535) == pinhole.NO_ENTRY


@requirement("6FC-22", action="GetOutboundPinholeTimeout", **served())
@pytest.mark.parametrize("protocol, least", [("UDP", 120), ("TCP", 7440)], ids=["UDP", "TCP"])
def test_outbound_timeout(pinholes, protocol, least):
    before = pinholes.timeout(protocol=protocol)
    assert before >= least
    pinholes.add(5000, protocol, lease=60)
    assert pinholes.timeout(protocol=protocol) == before, "it follows the lease of a pinhole"


@requirement("6FC-22", action="GetOutboundPinholeTimeout", **served())
def test_outbound_timeout_of_no_protocol(pinholes):
    assert fault_of(pinholes.timeout, protocol=255) == pinhole.PROTOCOL


@requirement("6FC-22", action="GetOutboundPinholeTimeout", **served("firewall-switch"))
def test_outbound_timeout_without_firewall(subject, pinholes):
    subject.firewall6(enabled=False)
    assert fault_of(pinholes.timeout) == pinhole.DISABLED


# -- who asks ----------------------------------------------------------------------------------------------


@requirement("6FC-25", **served())
def test_asked_for_over_ipv4(subject, lab):
    """Refused, or done: never a yes that opens nothing."""
    with Pinholes(subject.control_point()) as over4:
        code = fault_of(over4.add, 5025)
        assert code in (0, pinhole.REFUSED), f"error {code}"
        assert reaches(lab, 5025) == (code == 0)


@contextlib.contextmanager
def second_address(lab, address):
    """An address beside the client's own, as temporary ones are (RFC 8981)."""
    name = lab.port("client")["ifname"]
    assert lab.run("client", "ip", "-6", "addr", "add", f"{address}/64", "dev", name, "nodad").code == 0
    try:
        yield
    finally:
        lab.run("client", "ip", "-6", "addr", "del", f"{address}/64", "dev", name)


@requirement("6FC-26", **served())
def test_asked_for_from_a_temporary_address(lab, pinholes):
    """The same: an answer that is true."""
    address = str(ipaddress.IPv6Address(int(ipaddress.IPv6Address(pinholes.address)) | 0xd5a1 << 32))
    where = pinholes.service.control
    with second_address(lab, address), lab.socket("client", "stream", "inet6") as sock:
        sock.bind((address, 0))
        sock.connect((where.host, where.port))
        request = soap.request(where, pinholes.service.type, "AddPinhole", pinholes.wish(5026))
        with http.Client(sock) as client:
            reply = client.exchange(request)
        code = fault_of(soap.parse, reply, pinholes.service.type, "AddPinhole")
        assert code in (0, pinhole.REFUSED), f"error {code}"
        assert reaches(lab, 5026) == (code == 0)
        if code == 0:
            pinholes.delete(soap.parse(reply, pinholes.service.type, "AddPinhole")["UniqueID"])
