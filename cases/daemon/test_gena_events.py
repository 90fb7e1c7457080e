# SPDX-License-Identifier: MIT
"""Events (area GENA): their form, keys and order, and what each change of the router sends."""
import re
import select
import socket
import struct
import xml.etree.ElementTree as ElementTree

import pytest

from cases.harness import http, trace
from cases.harness.subscriber import EVENT, Subscriber, evented, read_event
from cases.harness.requirement import inconclusive, nonstrict, requirement, unsupported

COUNT, UPDATE = "PortMappingNumberOfEntries", "SystemUpdateID"
CONNECTION = {"PossibleConnectionTypes", "ConnectionStatus", "ExternalIPAddress", COUNT}
TABLE = {
    "WANIPConnection:1": CONNECTION, "WANPPPConnection:1": CONNECTION, "WANIPConnection:2": CONNECTION | {UPDATE},
    "WANIPv6FirewallControl:1": {"FirewallEnabled", "InboundPinholeAllowed"},
    "DeviceProtection:1": {"SetupReady"}, "Layer3Forwarding:1": {"DefaultConnectionService"},
    "WANCommonInterfaceConfig:1": {"PhysicalLinkStatus"},
}
OPTIONAL = {"NumberOfActiveConnections", "EnabledForInternet"}


@pytest.fixture
def sub(lab, cp):
    """A subscriber on the client."""
    with Subscriber(lab, cp) as subscriber:
        yield subscriber.works()


@pytest.fixture
def watch(sub):
    """A subscriber that has a subscription and its initial event, in .first."""
    sub.subscribe()
    sub.first = sub.initial()
    return sub


@pytest.fixture
def heard(sub):
    """The same where the initial event is part of what is tested."""
    sub.subscribe()
    sub.first = sub.next()
    return sub


def count_in(event):
    return int(event.values[COUNT])


def update_in(event):
    trace.note(UPDATE)
    return int(event.values[UPDATE])


def has(name):
    trace.note(name)
    return lambda event: name in event.values


@requirement("GENA-17")
def test_initial_event_in_spite_of_cancellation(lab, sub):
    sid = sub.subscribe()
    sub.send("UNSUBSCRIBE", SID=sid)
    event = sub.next()
    assert event.seq == 0 and set(event.values) == evented(lab, sub.service)
    assert not sub.rest()


@requirement("GENA-18")
def test_answer_comes_before_the_initial_event(lab, sub):
    where = sub.service.event
    with http.Client(lab.connect("client", where.host, where.port)) as client:
        client.send(sub.request("SUBSCRIBE", CALLBACK=f"<{sub.url}/>", NT="upnp:event"))
        ready = select.select([client.socket, sub.listener], [], [], 30)[0]
        reply = client.receive()
    sub.sids.append((reply.get("SID"), sub.service))
    assert client.socket in ready, "the event was sent before the answer"
    assert reply.status == 200


@requirement("GENA-19")
def test_renewal(watch):
    sid = watch.sids[0][0]
    reply = watch.send("SUBSCRIBE", SID=sid, TIMEOUT="Second-1800")
    assert reply.status == 200 and reply.get("SID") == sid
    assert re.fullmatch(r"Second-[1-9]\d*", reply.get("TIMEOUT") or "", re.IGNORECASE), reply.get("TIMEOUT")
    assert not [e for e in watch.rest() if e.seq == watch.first.seq]


@requirement("GENA-20")
def test_head_of_an_event(watch):
    head, sid = watch.first.head, watch.sids[0][0]
    assert re.fullmatch(rb"NOTIFY /\d+ HTTP/1\.[01]", head.start), head.start
    assert head.get("HOST") == watch.url[len("http://"):]
    assert [head.get(n) for n in ("NT", "NTS", "SID")] == ["upnp:event", "upnp:propchange", sid]
    assert re.fullmatch(r"\d+", head.get("SEQ") or "")
    kind = head.get("CONTENT-TYPE") or ""
    assert kind.replace(" ", "").split(";")[0].lower() == "text/xml"
    if not re.fullmatch(r'text/xml; ?charset="utf-8"', kind, re.IGNORECASE):
        nonstrict(f"CONTENT-TYPE: {kind}")


@requirement("GENA-21")
def test_body_of_an_event(watch):
    root = ElementTree.fromstring(watch.first.body)
    assert root.tag == f"{{{EVENT}}}propertyset"
    assert len(root) and all(p.tag == f"{{{EVENT}}}property" and len(p) == 1 for p in root)
    assert not [p[0].tag for p in root if p[0].tag.startswith("{")]


@requirement("GENA-22")
def test_no_event_names_a_variable_twice(cp, watch):
    for port in range(40000, 40005):
        cp.add(port)
    for event in [watch.first, *watch.until(has(COUNT)), *watch.rest()]:
        names = [name for name, _ in event.properties]
        assert len(set(names)) == len(names), names


@requirement("GENA-27")
def test_initial_events_are_well_formed(cp, sub):
    for service in cp.description.services:
        if service.event != cp.description.location and sub.ask(service).status == 200:
            assert ElementTree.fromstring(sub.initial().body) is not None


@requirement("GENA-23")
def test_keys_count(cp, watch):
    keys = [watch.first.seq]
    for port in range(40000, 40003):
        cp.add(port)
        keys += [e.seq for e in watch.until(has(COUNT))]
    assert keys == list(range(len(keys)))


@requirement("GENA-24")
def test_subscriptions_count_for_themselves(lab, cp, watch):
    cp.add(40000)
    watch.until(has(COUNT))
    second = watch.subscribe(CALLBACK=f"<{watch.url}{watch.first.path}>")
    assert second != watch.sids[0][0]
    assert watch.until(lambda e: e.head.get("SID") == second)[-1].seq == watch.first.seq
    cp.add(40001)
    assert {watch.until(has(COUNT))[-1].head.get("SID") for _ in range(2)} == {watch.sids[0][0], second}


@requirement("GENA-25")
def test_mute_subscriber_delays_nobody(lab, cp, watch):
    with Subscriber(lab, cp) as mute:
        mute.subscribe()
        if not mute.arrives(5):
            inconclusive("no initial event comes")
        connection, _ = mute.listener.accept()
        with connection:
            cp.add(40000)
            assert watch.until(has(COUNT))


@requirement("GENA-25", needs="clock")
def test_mute_subscriber_stays(subject, lab, cp, sub):
    sub.subscribe()
    if not sub.arrives(5):
        inconclusive("no initial event comes")
    connection, _ = sub.listener.accept()
    with connection:
        read_event(connection, answer=None)
        subject.advance(31)
    cp.add(40000)
    assert sub.until(has(COUNT))


@requirement("GENA-28")
def test_subscriber_of_http_1_0(sub):
    sub.subscribe(version="1.0")
    event = sub.initial()
    assert not event.head.get("Transfer-Encoding")
    assert event.head.get("Content-Length") and event.properties


@requirement("GENA-29")
def test_filter_of_variables(lab, sub):
    reply = sub.ask(STATEVAR=COUNT)
    assert reply.status == 200
    accepted = reply.get("ACCEPTED-STATEVAR")
    expected = {n.strip() for n in accepted.split(",")} if accepted else evented(lab, sub.service)
    assert set(sub.initial().values) == expected and (not accepted or expected == {COUNT})


@requirement("GENA-29")
def test_filter_with_unknown_variable(lab, sub):
    reply = sub.ask(STATEVAR=f"{COUNT},NoSuchVariable")
    assert reply.status == 200 and not reply.get("ACCEPTED-STATEVAR")
    assert set(sub.initial().values) == evented(lab, sub.service)


@requirement("GENA-30")
def test_number_of_entries(cp, heard):
    before = count_in(heard.first)
    cp.add(40000)
    assert count_in(heard.until(has(COUNT))[-1]) == before + 1
    cp.delete(40000)
    assert count_in(heard.until(has(COUNT))[-1]) == before


@requirement("GENA-31", igd=2)
def test_count_and_update_come_together(cp, watch):
    last = update_in(watch.first)
    before = count_in(watch.first)
    for act, count in ((cp.add, before + 1), (cp.delete, before)):
        act(40000)
        event = watch.until(lambda e: has(COUNT)(e) or has(UPDATE)(e))[-1]
        assert (count_in(event), update_in(event)) == (count, last + 1)
        last += 1


@requirement("GENA-32", igd=2, action="DeletePortMappingRange")
def test_range_is_one_change(cp, watch):
    for port in range(40000, 40005):
        cp.add(port)
        last = update_in(watch.until(has(COUNT))[-1])
    cp.call("DeletePortMappingRange", ("NewStartPort", 40000), ("NewEndPort", 40004), ("NewProtocol", "TCP"),
            ("NewManage", 0))
    event = watch.until(has(COUNT))[-1]
    assert (count_in(event), update_in(event)) == (count_in(watch.first), last + 1)
    assert not [e for e in watch.rest() if {COUNT, UPDATE} & set(e.values)]


def assert_change_is_told(cp, watch, **change):
    """A mapping that is added again with another value raises SystemUpdateID by one."""
    cp.add(40000, lease=3600)
    last = update_in(watch.until(has(UPDATE))[-1])
    cp.add(40000, **{"lease": 3600, **change})
    assert update_in(watch.until(has(UPDATE))[-1]) == last + 1


@requirement("GENA-33", igd=2)
@pytest.mark.parametrize("change", [{"lease": 7200}, {"text": "other"}], ids=lambda c: next(iter(c)))
def test_change_of_a_mapping(cp, watch, change):
    assert_change_is_told(cp, watch, **change)


@requirement("GENA-33", igd=2, interworking=False)
def test_mapping_that_is_disabled(cp, watch):
    assert_change_is_told(cp, watch, enabled=0)


@requirement("GENA-34")
def test_end_of_a_lease(subject, cp, heard):
    cp.add(40000, lease=3)
    event = heard.until(has(COUNT))[-1]
    subject.advance(4)
    last = event.values.get(UPDATE)
    event = heard.until(has(COUNT), timeout=10)[-1]
    assert count_in(event) == count_in(heard.first)
    assert subject.igd < 2 or update_in(event) == int(last) + 1


@requirement("GENA-35", interworking=False, needs="wan-control")
def test_loss_of_the_connection(subject, lab, heard):
    assert heard.first.values["ExternalIPAddress"] == lab.wan_address()
    assert heard.first.values["ConnectionStatus"] == "Connected"
    subject.wan("down")
    seen = {}
    heard.until(lambda e: seen.update(e.values) or {"ExternalIPAddress", "ConnectionStatus"} <= set(seen))
    assert seen["ConnectionStatus"] != "Connected" and seen["ExternalIPAddress"] == ""
    subject.wan("up")
    seen.clear()
    heard.until(lambda e: seen.update(e.values) or (seen.get("ConnectionStatus") == "Connected"
                                                    and "ExternalIPAddress" in seen))
    assert seen["ExternalIPAddress"] == lab.wan_address()


@requirement("GENA-35", interworking=False, needs="wan-control")
def test_change_of_the_address(subject, lab, heard):
    before = lab.wan_address()
    subject.renumber("44.0.1.77")
    try:
        heard.until(lambda e: e.values.get("ExternalIPAddress") == "44.0.1.77")
    finally:
        subject.renumber(before)


@requirement("GENA-36")
@pytest.mark.parametrize("kind", sorted(TABLE))
def test_evented_variables(cp, sub, kind):
    found = [s for s in cp.description.services if s.type.endswith(kind)]
    if not found:
        unsupported(f"has no {kind}")
    sub.subscribe(found[0])
    names = set(sub.next().values)
    assert names - OPTIONAL == TABLE[kind]


@requirement("GENA-37")
def test_no_multicast_events(lab, cp, watch):
    with lab.socket("client") as group:
        group.bind(("", 7900))
        group.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP,
                         struct.pack("4s4s", socket.inet_aton("239.255.255.246"),
                                     socket.inet_aton(lab.address_of("client"))))
        cp.add(40000)
        watch.until(has(COUNT))
        watch.rest()
        assert not select.select([group], [], [], 0)[0], "a multicast event"
