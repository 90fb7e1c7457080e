# SPDX-License-Identifier: MIT
"""What routers refuse: ports that others hold, full tables, leases and ports that they do not like; and lists without an end."""
import pytest

from cases.harness.drive import Wanted, table
from cases.harness.requirement import nonstrict, notrun, unsupported
from cases.harness.scenario import bend, place, scenario
from cases.harness.wire import Watch

NEIGHBOUR = "192.168.1.77"
BOUND = 64         # AddPortMapping in one run: nobody needs more
LIST_BOUND = 1000  # entries asked for, where the router has two


def held(*ports, **policy):
    """An overlay: a neighbour holds those ports."""
    return {"state": {"mappings": [{"external_port": port, "protocol": protocol, "internal_port": port, "internal_client": NEIGHBOUR,
                                    "lease": 86400} for port in ports for protocol in ("TCP", "UDP")]},
            **({"policy": policy} if policy else {})}


@scenario("WIPC-67")
def test_wanted_port_is_somebody_elses(client, meet, tmp_path):
    """The wanted port belongs to a neighbour: another port or an honest failure, and the neighbour keeps his."""
    del client
    case = place("conflict", quirks=bend(tmp_path, held(1872)), must="reports-failure")
    met = meet(case)
    kept = [m for m in met.table if m["internal_client"] == NEIGHBOUR and m["external_port"] == 1872]
    assert len(kept) == 2, f"the neighbour's mapping was taken away: {met.table}"
    met.judge(case)


@scenario("WIPC-67", "SOAP-35")
@pytest.mark.parametrize("code", [718, 501, 606, 728, 402, 899])
def test_everything_is_refused(client, visit, code):
    """AddPortMapping is refused whatever it asks for: the client gives up after few tries, and says so."""
    del client
    with visit(place("refusal")) as (lab, session):
        for action in ("AddPortMapping", "AddAnyPortMapping"):
            lab.router(op="add-rule", rule={"when": {"action": action}, "fault": {"code": code, "text": "no"}})
        with Watch(lab) as watch:
            said = session.perform("add", Wanted())
        tries = len(watch.actions("AddPortMapping")) + len(watch.actions("AddAnyPortMapping"))
        assert said.claim != "mapped" and not said.crashed, f"it says that the port is open: {said.stdout[-300:]}"
        assert tries <= BOUND, f"{tries} tries"
        if not session.client.resident:
            assert not said.hung, f"after {tries} tries it does not end"
            assert said.claim == "refused" or said.code, f"it does not say that it failed: exit {said.code}, {said.stdout[-300:]}"


@scenario("CP-09", "SOAP-35")
@pytest.mark.parametrize("port", ["every", "1872"])
def test_refusal_comes_with_http_200(client, meet, tmp_path, port):
    """A SOAP fault with HTTP 200 is a refusal, of every port or of the one that is wanted."""
    del client
    which = {} if port == "every" else {"NewExternalPort": int(port)}
    rules = [{"when": {"action": action, **which}, "fault": {"code": 718, "text": "no"}, "status": 200}
             for action in ("AddPortMapping", "AddAnyPortMapping")]
    case = place("fault-with-200", quirks=bend(tmp_path, {"rules": rules}), must="reports-failure")
    meet(case).judge(case)


@scenario("WIPC-67", layer="wipc")
@pytest.mark.parametrize("profile", ["conformant-igd1", "conformant-igd2"])
def test_table_is_full(client, meet, tmp_path, profile):
    """The table is full: the client says that the port is not open."""
    del client
    case = place("full", profile=profile, quirks=bend(tmp_path, held(99, table={"max": 2})), must="reports-failure")
    met = meet(case)
    assert not met.ports and len(met.table) == 2, met.table
    met.judge(case)


@scenario("SOAP-28", resident=False)
def test_markup_in_the_description(client, visit):
    """Markup in the description arrives as it was told."""
    if "{description}" not in client.values["run"].get("add", "") and not client.contract:
        unsupported("the description cannot be told")
    text = 'a <b> & "c" \'d\''
    with visit(place("markup")) as (lab, session):
        said = session.perform("add", Wanted(description=text))
        entries = table(lab)
        assert entries, f"not mapped: {(said.stdout + said.stderr)[-300:]}"
        assert [m["description"] for m in entries] == [text]


@scenario("SOAP-27")
@pytest.mark.parametrize("value", ["true", "yes"])
def test_booleans_are_words(client, visit, meet, tmp_path, value):
    """Answers say true or yes where others say 1."""
    del client, visit
    rules = [{"when": {"action": action}, "reply": {"NewEnabled": value}}
             for action in ("GetSpecificPortMappingEntry", "GetGenericPortMappingEntry")]
    case = place("words", quirks=bend(tmp_path, {"rules": rules}), must="mapped")
    meet(case).judge(case)


@scenario("WIPC-13")
@pytest.mark.parametrize("profile", ["conformant-igd1", "conformant-igd2"])
@pytest.mark.parametrize("key, value", [("internal-port.other", "724"), ("lease.finite", "725"), ("remote-host.specific", "726")])
def test_changes_what_the_router_cannot(client, meet, tmp_path, profile, key, value):
    """724, 725 and 726 tell what to change: equal ports, a permanent lease, any remote host."""
    if value == "724" and client.asks["port"] != "as-told":
        unsupported("ports cannot be told")
    group, name = key.split(".")
    case = place(f"code-{value}", profile=profile, quirks=bend(tmp_path, {"policy": {group: {name: int(value)}}}),
                 must="reports-failure" if value == "724" else "mapped")
    met = meet(case, Wanted(internal_port=1873) if value == "724" else None)
    if not met.ports and value == "724":
        nonstrict("it gives up instead of asking for equal ports")
    met.judge(case)


@scenario("CP-12", operation="list", resident=False)
@pytest.mark.parametrize("quirk", ["pm-generic-repeat-last", "pm-generic-end-codes", "pm-generic-end-codes-501", "pm-generic-holes",
                                   "pm-generic-placeholder", pytest.param("pm-generic-order-shifts", marks=scenario("CP-13"))])
def test_list_comes_to_an_end(client, visit, quirk):
    """A table that ends oddly, never, or changes while it is read: listing it ends soon."""
    del client
    with visit(place("list", quirks=quirk)) as (lab, session):
        session.perform("add", Wanted())
        with Watch(lab) as watch:
            said = session.perform("list", Wanted())
        if said.unsupported:
            notrun("it does not list")
        asked = len(watch.actions("GetGenericPortMappingEntry")) + len(watch.actions("GetListOfPortMappings"))
        assert not said.hung and not said.crashed, f"{asked} entries asked for, then: {said.stdout[-200:]}"
        assert asked <= LIST_BOUND, f"{asked} entries asked for, of {len(table(lab))}"


@scenario(operation="list", resident=False, layer="wipc")
@pytest.mark.parametrize("quirk", ["", "pm-generic-placeholder", "pm-generic-empty-200"])
def test_list_shows_the_mapping(client, visit, quirk):
    """Listing shows the client's own mapping, behind an empty entry as well."""
    if "listed" not in client.claims and not client.contract:
        notrun("the adapter does not say how its list is read")
    with visit(place("list", quirks=quirk or ())) as (lab, session):
        session.perform("add", Wanted())
        said = session.perform("list", Wanted())
        if said.unsupported:
            notrun("it does not list")
        assert "1872" in said.stdout, said.stdout[-400:]
