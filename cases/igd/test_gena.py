# SPDX-License-Identifier: MIT
"""Eventing of fakeigd (UDA 2.0 clause 4)."""
import pytest

from cases.harness import http
from cases.harness.subscriber import read_event


class Subscriber:
    """A listener in a node that takes NOTIFY messages."""

    def __init__(self, lab, node="client", port=7777):
        self.lab, self.port = lab, port
        self.listener = lab.listen(node, port)
        self.callback = f"<http://{lab.address_of(node)}:{port}/events>"

    def notify(self, timeout=10):
        """The next NOTIFY as (head, variables); answers 200."""
        self.listener.settimeout(timeout)
        sock, _ = self.listener.accept()
        with sock:
            sock.settimeout(timeout)
            event = read_event(sock)
        return event.head, event.values


@pytest.fixture
def events(cp):
    """(control point, subscriber, function that sends a request to the event URL)."""
    subscriber = Subscriber(cp.lab)
    where = cp.connection.event

    def ask(method, **headers):
        names = {"callback": "CALLBACK", "nt": "NT", "sid": "SID", "timeout": "TIMEOUT"}
        lines = [(names[k], v) for k, v in headers.items()]
        with http.Client(cp.lab.connect("client", where.host, where.port)) as client:
            return client.exchange(http.request(method, where.path, where.authority, lines))

    yield cp, subscriber, ask
    subscriber.listener.close()


@pytest.mark.sanitize
def test_initial_event_changes_and_unsubscribe(events):
    cp, subscriber, ask = events
    reply = ask("SUBSCRIBE", callback=subscriber.callback, nt="upnp:event", timeout="Second-1800")
    assert reply.status == 200
    assert reply.get("TIMEOUT").startswith("Second-")
    sid = reply.get("SID")
    assert sid.startswith("uuid:")
    head, first = subscriber.notify()
    assert (head.get("SEQ"), head.get("SID"), head.get("NTS")) == ("0", sid, "upnp:propchange")
    assert set(first) == {"PossibleConnectionTypes", "ConnectionStatus", "ExternalIPAddress",
                          "PortMappingNumberOfEntries"}
    assert first["PortMappingNumberOfEntries"] == "0"
    cp.add(1872)
    head, change = subscriber.notify()
    assert head.get("SEQ") == "1" and change["PortMappingNumberOfEntries"] == "1"
    cp.lab.router(op="renumber", address="44.0.1.99")
    seen = {}
    while "ExternalIPAddress" not in seen:
        seen.update(subscriber.notify()[1])
    assert seen["ExternalIPAddress"] == "44.0.1.99"
    assert ask("UNSUBSCRIBE", sid=sid).status == 200
    assert ask("UNSUBSCRIBE", sid=sid).status == 412


def test_renewal_and_expiry(events):
    cp, subscriber, ask = events
    sid = ask("SUBSCRIBE", callback=subscriber.callback, nt="upnp:event",
              timeout="Second-1800").get("SID")
    subscriber.notify()
    cp.lab.advance(1700)
    assert ask("SUBSCRIBE", sid=sid, timeout="Second-1800").get("SID") == sid
    cp.lab.advance(1700)
    assert cp.lab.router(op="state")["subscriptions"] == 1
    cp.lab.advance(200)
    assert cp.lab.router(op="state")["subscriptions"] == 0
    assert ask("SUBSCRIBE", sid=sid, timeout="Second-1800").status == 412


@pytest.mark.sanitize
@pytest.mark.parametrize("headers, status", [
    ({"nt": "upnp:event"}, 412),
    ({"callback": "<http://192.168.1.4:7777/>"}, 412),
    ({"callback": "<http://192.168.1.4:7777/>", "nt": "upnp:other"}, 412),
    ({"callback": "nonsense", "nt": "upnp:event"}, 412),
    ({"callback": "<ftp://192.168.1.4/>", "nt": "upnp:event"}, 412),
    ({"callback": "<http://192.168.1.4:7777/>", "nt": "upnp:event", "sid": "uuid:1"}, 400),
    ({"sid": "uuid:unknown"}, 412),
    ({"callback": "<http://44.0.1.10:7777/>", "nt": "upnp:event"}, 412),
    ({"callback": "<http://127.0.0.1:7777/>", "nt": "upnp:event"}, 412),
], ids=["no callback", "no nt", "other nt", "no url", "no http", "sid and nt", "unknown sid",
        "callback on the internet", "callback on loopback"])
def test_bad_subscriptions(events, headers, status):
    cp, _, ask = events
    assert ask("SUBSCRIBE", **headers).status == status
    assert cp.lab.router(op="state")["subscriptions"] == 0
