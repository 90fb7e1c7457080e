# SPDX-License-Identifier: MIT
"""Subscriptions (area GENA): SUBSCRIBE, renewal, UNSUBSCRIBE, and where callbacks may go."""
import contextlib
import select

import pytest

from cases.harness import description, http
from cases.harness.subscriber import Subscriber, granted
from cases.harness.requirement import inconclusive, nonstrict, notrun, requirement, strict

UNKNOWN = "uuid:00000000-1111-4222-8333-444444444444"


@pytest.fixture
def sub(lab, cp):
    """A subscriber on the client of a router that grants subscriptions."""
    with Subscriber(lab, cp) as subscriber:
        yield subscriber.works()


@pytest.fixture
def bare(lab, cp):
    """A subscriber on the client that has not tried whether it works."""
    with Subscriber(lab, cp) as subscriber:
        yield subscriber


def alive(cp):
    """The router still answers."""
    assert description.get(cp.lab, cp.node, cp.description.location).status == 200


def services(cp):
    """Services that have an eventSubURL."""
    return [s for s in cp.description.services if s.event != cp.description.location]


def duration(reply):
    """Seconds granted, for checks that only need them."""
    try:
        return granted(reply)
    except AssertionError as error:
        inconclusive(str(error))


def refused(reply, *statuses):
    """The request was refused; with another status than the clause's it is not by the letter."""
    assert 400 <= reply.status < 600, f"answered {reply.status}"
    if reply.status not in statuses:
        nonstrict(f"refused with {reply.status} instead of {' or '.join(map(str, statuses))}")


@requirement("GENA-01")
def test_every_service_grants_a_subscription(cp, bare):
    sids = []
    for service in services(cp):
        reply = bare.ask(service)
        assert reply.status == 200, f"{service.id}: {reply.status}"
        assert reply.get("SID", "").startswith("uuid:"), f"{service.id}: SID {reply.get('SID')!r}"
        assert granted(reply) > 0 and reply.get("SERVER") and reply.body == b""
        if not reply.get("DATE"):
            nonstrict("no DATE")
        strict(reply.notes)
        sids.append(reply.get("SID"))
    assert sids and len(set(sids)) == len(sids)


@requirement("GENA-02")
def test_granted_time(sub):
    reply = sub.ask()
    if duration(reply) < 1800:
        nonstrict(f"grants {duration(reply)} s of 1800")


@requirement("GENA-03")
def test_infinite_is_not_granted(sub):
    assert granted(sub.ask(TIMEOUT="Second-infinite")) > 0


@requirement("GENA-05")
@pytest.mark.parametrize("callback", [None, "<ftp://192.168.1.4/>", "<>"])
def test_no_callback(sub, callback):
    refused(sub.ask(CALLBACK=callback), 412)


@requirement("GENA-06")
@pytest.mark.parametrize("kind", [None, "foo"])
def test_no_such_notification(sub, kind):
    refused(sub.ask(NT=kind), 412)


@requirement("GENA-07")
@pytest.mark.parametrize("headers", [{"NT": "upnp:event", "CALLBACK": "<http://192.168.1.4:9/>"},
                                     {"NT": "upnp:event"}, {"CALLBACK": "<http://192.168.1.4:9/>"}],
                         ids=lambda headers: "+".join(headers))
def test_renewal_with_headers_of_a_new_one(sub, headers):
    sid = sub.ask().get("SID") or UNKNOWN
    refused(sub.send("SUBSCRIBE", SID=sid, **headers), 400)


@requirement("GENA-08")
@pytest.mark.parametrize("sid", [UNKNOWN, "", None], ids=["unknown", "empty", "missing"])
def test_renewal_of_nothing(sub, sid):
    refused(sub.send("SUBSCRIBE", SID=sid, TIMEOUT="Second-1800"), 412)


@requirement("GENA-08", "GENA-26")
def test_subscription_ends(subject, cp, sub):
    reply = sub.ask(TIMEOUT="Second-2")
    sub.initial()
    if "clock" not in subject.abilities and duration(reply) > 5:
        notrun(f"a subscription lasts {duration(reply)} s")
    subject.advance(duration(reply) + 1)
    cp.add(40000)
    assert not sub.rest()
    refused(sub.send("SUBSCRIBE", SID=reply.get("SID")), 412)


@requirement("GENA-09")
def test_cancel(sub, cp):
    sid = sub.subscribe()
    sub.initial()
    assert sub.send("UNSUBSCRIBE", SID=sid).status == 200
    cp.add(40000)
    assert not sub.rest()
    refused(sub.send("UNSUBSCRIBE", SID=sid), 412)


@requirement("GENA-09")
def test_cancel_nothing(sub):
    refused(sub.send("UNSUBSCRIBE", SID=UNKNOWN), 412)
    refused(sub.send("UNSUBSCRIBE"), 412)


@requirement("GENA-09")
def test_cancel_with_headers_of_a_new_one(sub):
    sid = sub.subscribe()
    refused(sub.send("UNSUBSCRIBE", SID=sid, NT="upnp:event", CALLBACK=f"<{sub.url}/>"), 400)


@requirement("GENA-10")
def test_no_room_for_more(subject, cp, sub):
    subject.spoil()
    for _ in range(300):
        reply = sub.ask(CALLBACK=f"<http://{sub.lab.address_of('client')}:9/>")
        if reply.status != 200:
            break
    alive(cp)
    if reply.status == 200:
        inconclusive("300 subscriptions are all accepted")
    assert 500 <= reply.status < 600


@requirement("GENA-11")
def test_answers_in_time(subject, sub):
    for method in ("SUBSCRIBE", "UNSUBSCRIBE"):
        data = sub.request(method, SID=UNKNOWN) if method == "UNSUBSCRIBE" else sub.request(
            method, CALLBACK=f"<{sub.url}/>", NT="upnp:event")
        where = sub.service.event
        with http.Client(sub.lab.connect("client", where.host, where.port)) as client:
            client.send(data)
            if subject.fake and not select.select([client.socket], [], [], 3)[0]:
                subject.advance(30)
                client.socket.settimeout(3)
            reply = client.receive()
        if reply.get("SID"):
            sub.sids.append((reply.get("SID"), sub.service))


@requirement("GENA-12")
@pytest.mark.parametrize("size", [200, 2000, 20000])
def test_long_callback(sub, size):
    path = "/" + "0123456789" * (size // 10)
    try:
        reply = sub.ask(CALLBACK=f"<{sub.url}{path}>")
    except (EOFError, ConnectionResetError):
        nonstrict("refused by closing the connection")
        return
    if reply.status == 200:
        assert sub.initial().path == path
    else:
        assert 400 <= reply.status < 600


@requirement("GENA-13")
def test_second_callback(sub):
    sub.subscribe()
    sub.initial()
    sub.subscribe(CALLBACK=f"<http://{sub.lab.address_of('client')}:9/dead><{sub.url}/live>")
    assert sub.next().path == "/live"


@requirement("GENA-14", needs="wan-side")
def test_callback_to_the_wan(lab, sub):
    with lab.listen("peer", 7777) as listener:
        reply = sub.ask(CALLBACK=f"<http://{lab.address_of('peer')}:7777/>")
        sub.rest()
        assert not select.select([listener], [], [], 0)[0], "the router has connected to the peer"
    refused(reply, 412)


@requirement("GENA-14")
@pytest.mark.parametrize("address", ["8.8.8.8", "169.254.169.254", "127.0.0.1", "localhost"])
def test_callback_elsewhere(sub, address):
    refused(sub.ask(CALLBACK=f"<http://{address}:7777/>"), 412)


@requirement("GENA-15")
@pytest.mark.parametrize("address", ["[fe80::1]", "[2001:db8::1]"])
def test_callback_of_the_other_family(sub, address):
    refused(sub.ask(CALLBACK=f"<http://{address}:7777/>"), 412)


@requirement("GENA-16", needs="other")
def test_callback_to_another_host_connects_once(lab, sub):
    with lab.listen("other", 22) as listener:
        reply = sub.ask(CALLBACK=f"<http://{lab.address_of('other')}:22/>")
        count = 0
        sub.rest()
        while select.select([listener], [], [], 0)[0]:
            listener.accept()[0].close()
            count += 1
            sub.rest()
    assert count <= (1 if reply.status == 200 else 0)


@requirement("GENA-46")
@pytest.mark.parametrize("callback", ["", "<", "<http://192.168.1.4:7777/", "http://192.168.1.4:7777/",
                                      "<http://:80/>", "<http://[::/>",
                                      "<http://[fe80::1%25eth0:::]:1/>", "<http:///>", "<" * 500, ">" + "<>" * 300],
                         ids=lambda c: ascii(c[:32]))
def test_malformed_callback(cp, sub, callback):
    with contextlib.suppress(ConnectionResetError, EOFError):
        refused(sub.ask(CALLBACK=callback), 412, 400)
    alive(cp)


@requirement("GENA-46")
def test_callback_port_out_of_range(cp, sub):
    test_malformed_callback(cp, sub, "<http://192.168.1.4:99999/>")


@requirement("GENA-46")
@pytest.mark.parametrize("data", [b"SUBSCRIBE\r\n\r\n", b"SUBSCRIBE  HTTP/1.1\r\n\r\n", b"\r\n\r\n",
                                  b"UNSUBSCRIBE / HTTP/1.1\r\nSID\r\n\r\n"])
def test_malformed_request(lab, cp, data):
    where = cp.connection.event
    with contextlib.suppress(ConnectionResetError, EOFError, TimeoutError, http.BadMessage), \
            http.Client(lab.connect("client", where.host, where.port)) as client:
        client.socket.settimeout(2)
        client.send(data)
        client.socket.shutdown(1)
        reply = client.receive()
        assert 400 <= reply.status < 600
    alive(cp)
