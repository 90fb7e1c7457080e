# SPDX-License-Identifier: MIT
"""Rules of a running router: added and removed over its control socket in the middle of a case."""
import pytest

from cases.harness import http, soap, ssdp
from cases.harness.controlpoint import ControlPoint
from cases.harness.lab import Lab, LabError

REFUSE = {"when": {"action": "AddPortMapping"}, "fault": 501}


def add_rule(lab, **rule):
    return lab.router(op="add-rule", rule=rule)["id"]


def remove_rule(lab, number):
    lab.router(op="remove-rule", id=number)


def test_a_router_changes_its_mind(flat, cp):
    cp.add(4711)
    number = add_rule(flat, **REFUSE)
    with pytest.raises(soap.Fault) as fault:
        cp.add(4712)
    assert fault.value.code == 501
    remove_rule(flat, number)
    cp.add(4712)
    assert [m["external_port"] for m in flat.mappings()] == [4711, 4712]


def test_rules_add_up_and_the_last_wins(flat, cp):
    first = add_rule(flat, **REFUSE)
    second = add_rule(flat, when={"action": "AddPortMapping"}, fault={"code": 718, "text": "mine"})
    with pytest.raises(soap.Fault) as fault:
        cp.add(4711)
    assert (fault.value.code, fault.value.text) == (718, "mine")
    remove_rule(flat, second)
    with pytest.raises(soap.Fault) as fault:
        cp.add(4711)
    assert fault.value.code == 501
    remove_rule(flat, first)
    cp.add(4711)


def test_rules_of_the_profile_stay():
    with Lab("flat", quirks="phantom-empty-entry") as lab:
        cp = ControlPoint(lab).discover()
        number = add_rule(lab, when={"action": "GetGenericPortMappingEntry"}, fault=713)
        with pytest.raises(soap.Fault):
            cp.generic(0)
        remove_rule(lab, number)
        assert cp.generic(0)["NewProtocol"] == ""


def test_reset_drops_what_was_added(flat, cp):
    add_rule(flat, **REFUSE)
    flat.router(op="reset")
    cp.add(4711)


def test_an_answer_under_way_outlives_its_rule(flat, cp):
    """The padding comes from the rule: it goes on although the rule is gone."""
    number = add_rule(flat, when={"message": "get"}, pad={"bytes": "8M", "with": "<!-- -->"})
    where = cp.description.location
    with http.Client(flat.connect("client", where.host, where.port)) as client:
        client.send(http.request("GET", where.path, where.authority))
        first = client.socket.recv(1)
        remove_rule(flat, number)
        client._pending = first  # what was read before belongs to the same reply
        reply = client.receive()
    assert reply.status == 200 and len(reply.body) > 8 << 20


def test_discovery_falls_silent_and_comes_back(flat):
    number = add_rule(flat, when={"message": "m-search"}, drop=True)
    assert ssdp.search(flat, "upnp:rootdevice", timeout=0.3) == []
    remove_rule(flat, number)
    assert len(ssdp.search(flat, "upnp:rootdevice")) == 1


@pytest.mark.parametrize("rule, complaint", [
    ({"when": {"layre": "http"}, "drop": True}, 'did you mean "layer"'),
    ({"when": {"layer": "http"}}, "no effect"),
    ({"when": {"layer": "http"}, "dorp": True}, 'did you mean "drop"'),
])
def test_mistakes_are_refused(flat, rule, complaint):
    with pytest.raises(LabError) as refusal:
        add_rule(flat, **rule)
    assert complaint in str(refusal.value)


def test_only_what_was_added_can_be_removed(flat):
    with pytest.raises(LabError):
        remove_rule(flat, 1)
