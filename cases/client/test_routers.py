# SPDX-License-Identifier: MIT
"""Which router a client uses, and with which of its own addresses: several routers, dead and lying ones, none at all."""
import pytest

from cases.harness.drive import Wanted, table
from cases.harness.requirement import nonstrict
from cases.harness.scenario import bend, place, scenario
from cases.harness.wire import GROUP, Watch

LYING = ["http-hang-on-request", "http-connection-refused-stale-port", "desc-no-wan-services", "soap-500-501-always",
         "soap-status-disconnected-but-works", "ssdp-late-reply", "desc-truncated", "http-login-page-200"]


@scenario("SSDP-66")
@pytest.mark.parametrize("quirk", LYING)
def test_another_router_is_dead_or_lies(client, meet, quirk):
    """A second router on the LAN is dead or lies: the port is open through the one that packets take."""
    del client
    case = place("two", topology="two-routers", quirks=f"r2={quirk}", must="mapped")
    meet(case).judge(case)


@scenario("SSDP-66")
def test_gateway_answers_last(client, meet, tmp_path):
    """The router that packets take answers after the other one: the port is open through it all the same."""
    del client
    late = bend(tmp_path, {"policy": {"ssdp": {"notify": False}},
                           "rules": [{"when": {"layer": "ssdp", "message": "reply"}, "delay": "400ms"}]}, "late")
    unheard = bend(tmp_path, {"policy": {"ssdp": {"notify": False}}}, "unheard")
    case = place("two", topology="two-routers", quirks=(f"r1={late}", f"r2={unheard}"), must="mapped")
    meet(case).judge(case)


@scenario("SSDP-66")
def test_the_same_router_each_time(client, visit):
    """With two routers the client uses the same one each time."""
    if client.resident:
        used = [mapped_on(visit, 1)[0], mapped_on(visit, 1)[0]]
    else:
        used = mapped_on(visit, 3)
    assert len(set(used)) == 1, used


def mapped_on(visit, times):
    """Names of the routers on which the client mapped, port by port."""
    used = []
    with visit(place("two", topology="two-routers")) as (lab, session):
        for number in range(times):
            said = session.perform("add", Wanted(external_port=1872 + number, internal_port=1872 + number))
            new = {m["router"] for m in table(lab) if m["external_port"] == 1872 + number or session.client.asks["port"] != "as-told"}
            assert new, f"not mapped: {(said.stdout + said.stderr)[-300:]}"
            used.append(tuple(sorted(new)))
    return used


def searched(lab, session):
    """The searches that the client sends to the group while it maps."""
    with Watch(lab) as watch:
        session.perform("add", Wanted())
    return [search for search in watch.searches() if search.to[0] == GROUP]


@scenario("CP-18")
def test_searches_on_every_interface(client, visit):
    """With two interfaces a search goes out on each."""
    del client
    with visit(place("interfaces", topology="multihomed")) as (lab, session):
        searches = searched(lab, session)
        names = {p["ifname"] for p in lab.info["nodes"]["client"]["ports"]}
        used = {search.interface for search in searches}
        if used and table(lab) and used != names:
            nonstrict(f"searches on {', '.join(sorted(used))} alone, of {', '.join(sorted(names))}; that was enough here")
        assert used == names or table(lab), f"searches on {sorted(used)} of {sorted(names)}"


@scenario("CP-15")
def test_own_address_towards_each_router(client, visit):
    """With two interfaces a router is given the address that the client has towards it."""
    del client
    with visit(place("interfaces", topology="multihomed")) as (lab, session):
        session.perform("add", Wanted())
        right = {"r1": lab.address_of("client", "home"), "r2": lab.address_of("client", "office")}
        entries = table(lab)
        assert entries, "not mapped"
        assert all(m["internal_client"] == right[m["router"]] for m in entries), entries


@scenario("CP-15")
def test_own_address_where_the_router_is_on_the_other_interface(client, visit):
    """The router is on the second interface alone: it is given the address of that interface."""
    del client
    with visit(place("second", topology="multihomed", quirks="r1=desc-no-wan-services")) as (lab, session):
        session.perform("add", Wanted())
        wrong = [m for m in table(lab) if m["internal_client"] != lab.address_of("client", "office")]
        assert not wrong, wrong
        if not table(lab):
            nonstrict("it does not map on a router that is not its gateway")


@scenario("CP-04")
def test_no_router_at_all(client, visit):
    """Nobody answers: the client comes to an end and says that the port is not open."""
    with visit(place("nobody", topology="no-igd")) as (lab, session):
        said = session.perform("add", Wanted())
        assert said.claim != "mapped" and not said.crashed, said.stdout[-300:]
        if not client.resident:
            assert not said.hung, f"it runs after {said.seconds:.0f} s"
            assert said.claim == "refused" or said.code, "it does not say that it failed"
        del lab


@scenario("SSDP-57")
def test_search_is_repeated(client, visit):
    """Nobody answers: the search is sent more than once."""
    del client
    with visit(place("silence", topology="no-igd")) as (lab, session):
        sent = {}
        for search in searched(lab, session):
            sent.setdefault((search.interface, search.head.get("ST")), []).append(search.time)
        assert sent, "it sends no search"
        copies = max(len(times) for times in sent.values())
        if copies == 1 and len(sent) > 1:
            nonstrict(f"{len(sent)} searches, each for something else and sent once")
        assert copies > 1 or len(sent) > 1, f"one search: {sent}"
