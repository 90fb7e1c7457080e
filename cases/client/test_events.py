# SPDX-License-Identifier: MIT
"""Clients that subscribe to events: what they ask for, and how they answer events that are right, wrong, and somebody else's."""
import contextlib
import re

import pytest

from cases.harness import http
from cases.harness.drive import Wanted, routers
from cases.harness.requirement import inconclusive, nonstrict, unsupported
from cases.harness.scenario import place, scenario
from cases.harness.wire import Watch

PROPERTY = ('<?xml version="1.0"?><e:propertyset xmlns:e="urn:schemas-upnp-org:event-1-0"><e:property><{0}>{1}</{0}></e:property>'
            "</e:propertyset>")
SEQ = 7  # of the events made here


@contextlib.contextmanager
def subscribed(visit, topology="flat"):
    """A program that runs, maps and subscribes: yields (lab, session, its subscription), a Request and its SID."""
    with visit(place("events", topology=topology)) as (lab, session):
        with Watch(lab) as watch:
            session.perform("add", Wanted())
        made = [r for r in watch.requests() if r.method == "SUBSCRIBE"]
        if not made:
            unsupported("it does not subscribe to events")
        asked = next(name for name in routers(lab) if lab.lan_address(name) == made[0].to[0])
        sids = [line["sid"] for line in lab.journal(asked) if line["layer"] == "gena" and line.get("sid")]
        if not sids:
            inconclusive("the router has no subscription")
        yield lab, session, made, sids[-1]


def notify(lab, request, sid, body, headers=None, node="r1"):
    """Send an event to the callback of a subscription; the status of the answer, 0 for none."""
    callback = re.match(r"<http://([^/>:]+):(\d+)(/[^>]*)?>", request.head.get("CALLBACK") or "")
    assert callback, f"CALLBACK: {request.head.get('CALLBACK')}"
    fields = {"NT": "upnp:event", "NTS": "upnp:propchange", "SID": sid, "SEQ": str(SEQ),
              "Content-Type": 'text/xml; charset="utf-8"', **(headers or {})}
    pairs = [(name, value) for name, value in fields.items() if value is not None]
    message = http.request("NOTIFY", callback[3] or "/", f"{callback[1]}:{callback[2]}", pairs, body.encode())
    try:
        with http.Client(lab.connect(node, callback[1], int(callback[2]), timeout=5)) as connection:
            return connection.exchange(message).status
    except (OSError, EOFError, http.BadMessage):
        return 0


@scenario("GENA-04", resident=True)
def test_subscription_is_finite(client, visit):
    """TIMEOUT of a subscription is a number of seconds."""
    del client
    with subscribed(visit) as (_, _, made, _):
        for request in made:
            timeout = request.head.get("TIMEOUT") or ""
            assert "infinite" not in timeout.lower(), timeout
            if not re.fullmatch(r"Second-\d+", timeout):
                nonstrict(f"TIMEOUT: {timeout or 'none'}")


@scenario("GENA-39", "GENA-41", resident=True)
@pytest.mark.parametrize("name", ["ConnectionStatus", "X_Unheard"])
def test_event_is_answered(client, visit, name):
    """An event is answered with 200, also when it tells a variable that nobody knows."""
    del client
    with subscribed(visit) as (lab, session, made, sid):
        assert notify(lab, made[0], sid, PROPERTY.format(name, "Connected")) == 200
        assert session.process.code is None, "it ended"


@scenario("GENA-40", resident=True)
@pytest.mark.parametrize("headers, status", [({"SID": "uuid:nobody"}, 412), ({"NT": None}, 400), ({"NTS": None}, 400),
                                             ({"NT": "upnp:odd"}, 412), ({"NTS": "upnp:odd"}, 412)],
                         ids=["sid", "no-nt", "no-nts", "nt", "nts"])
def test_wrong_event_is_refused(client, visit, headers, status):
    """An event of an unknown subscription, or with wrong headers, is refused."""
    del client
    with subscribed(visit) as (lab, session, made, sid):
        got = notify(lab, made[0], sid, PROPERTY.format("ConnectionStatus", "Connected"), headers)
        assert session.process.code is None, "it ended"
        if got in (400, 412) and got != status:
            nonstrict(f"refused with {got}, not {status}")
        assert got in (400, 412), f"answered with {got}"


@scenario("GENA-45", resident=True)
def test_event_of_somebody_else_is_refused(client, visit):
    """An event that comes from another host than the router is not taken."""
    del client
    with subscribed(visit, "two-routers") as (lab, session, made, sid):
        sender = next(name for name in ("r1", "r2") if lab.lan_address(name) != made[0].to[0])
        status = notify(lab, made[0], sid, PROPERTY.format("ConnectionStatus", "Disconnected"), node=sender)
        assert session.process.code is None, "it ended"
        assert status != 200, f"taken from {lab.lan_address(sender)}, though the subscription is with {made[0].to[0]}"
