# SPDX-License-Identifier: MIT
"""What a client sends to a router by the letter: searches, requests, arguments. The oracle is the wire."""
import contextlib
import re

import pytest

from cases.harness import dcp
from cases.harness.drive import Wanted, table
from cases.harness.requirement import inconclusive, nonstrict
from cases.harness.scenario import place, scenario, unhurried
from cases.harness.wire import GROUP, Watch

PROFILES = pytest.mark.parametrize("profile", ["conformant-igd1", "conformant-igd2", "conformant-ppp"])
BOTH = pytest.mark.parametrize("profile", ["conformant-igd1", "conformant-igd2"])
UNHURRIED = 10  # GetStatusInfo in one run
QUIET = 60      # messages in a minute


@scenario("SSDP-56")
def test_search_has_what_it_must(sent):
    """A search has HOST, MAN in quotes, MX of at least 1, and a target."""
    for search in sent().searched():
        head = search.head
        assert head.start == b"M-SEARCH * HTTP/1.1"
        assert head.get("HOST") in (f"{GROUP}:1900", f"{search.to[0]}:1900"), head.headers
        assert head.get("MAN") == '"ssdp:discover"', head.headers
        assert head.get("ST"), head.headers
        if search.to[0] == GROUP:
            assert re.fullmatch(r"[1-9]\d*", head.get("MX") or ""), head.headers
        assert search.data.endswith(b"\r\n\r\n")


@scenario("CP-17")
@BOTH
def test_names_itself_by_the_version_of_upnp(sent, profile):
    """USER-AGENT is of the form of UDA; who says UPnP/2.0 has CPFN.UPNP.ORG."""
    seen = sent(profile)
    for message in [*seen.searches, *seen.requests]:
        agent = message.head.get("USER-AGENT")
        if agent is None:
            continue
        if not re.search(r"\S+/\S+,? UPnP/\d\.\d,? \S+/\S+", agent):
            nonstrict(f"USER-AGENT is not OS/version UPnP/version product/version: {agent}")
        if "UPnP/2.0" in agent:
            assert message.head.get("CPFN.UPNP.ORG"), message.head.headers


@scenario("DESC-13")
@PROFILES
def test_every_request_has_host(sent, profile):
    """HOST is there once, with the address and the port that was connected to."""
    for request in sent(profile).requests or sent(profile).nothing("it sent no request"):
        address, port = request.to
        assert request.head.all("Host") in ([f"{address}:{port}"], *([[address]] if port == 80 else ())), request.head.headers


@scenario("SOAP-03")
@BOTH
def test_control_is_by_post(sent, profile):
    """Actions are called by POST."""
    assert {r.method for r in sent(profile).actions()} == {"POST"}


@scenario("SOAP-37")
def test_no_language_on_control(sent):
    """ACCEPT-LANGUAGE is not sent on control."""
    assert not [r.head.headers for r in sent().actions() if r.head.get("ACCEPT-LANGUAGE") is not None]


@scenario("SOAP-39")
@PROFILES
def test_no_query_of_variables(sent, profile):
    """QueryStateVariable is not used."""
    assert not [r for r in sent(profile).actions() if r.soapaction[1] == "QueryStateVariable"]


@scenario("SOAP-32")
@PROFILES
def test_version_is_one_that_the_router_has(sent, profile):
    """A service is called by a type and version that the router offers, and an action by a version that has it."""
    seen = sent(profile)
    for request in seen.actions():
        service, action = request.soapaction
        kind, _, version = service.rpartition(":")
        most = max((int(offered.rpartition(":")[2]) for offered in seen.offered if offered.startswith(f"{kind}:")), default=0)
        assert 1 <= int(version) <= most, f"{service}, but the router has {sorted(seen.offered)}"
        assert action in dcp.ACTIONS.get(dcp.short(service), [action]), f"{service} has no {action}"


@scenario("SOAP-34")
@PROFILES
def test_arguments_are_all_there_in_order(sent, profile):
    """Every in-argument is sent, empty ones too, in the order of the service description."""
    for request in sent(profile).actions():
        service, action = request.soapaction
        line = dcp.ACTIONS.get(dcp.short(service), {}).get(action)
        if line:
            assert request.arguments is not None, f"{action} is no XML: {request.body!r}"
            assert [name for name, _ in request.arguments] == dcp.arguments(line)[1]


@scenario("CP-14")
@PROFILES
def test_any_remote_host_is_the_empty_string(sent, profile):
    """The wildcard of RemoteHost is the empty string, not 0.0.0.0 or *."""
    assert {add.get("NewRemoteHost") for add in sent(profile).adds()} == {""}


@scenario("CP-15")
@PROFILES
def test_internal_client_is_its_own_address(sent, profile):
    """InternalClient is the address of the client."""
    assert {add.get("NewInternalClient") for add in sent(profile).adds()} <= sent(profile).own


@scenario("CP-16")
def test_description_is_short_and_printable(sent):
    """The description of the mapping is short and printable."""
    for add in sent().adds():
        text = add.get("NewPortMappingDescription", "")
        assert len(text) < 64 and text.isprintable(), text
        if not text:
            nonstrict("the description is empty")


@scenario("WIPC-22")
def test_lease_toward_version_2(sent):
    """Toward version 2 a lease of 1 to 604800 seconds is asked for."""
    leases = [int(add.get("NewLeaseDuration") or 0) for add in sent("conformant-igd2").adds()]
    assert all(1 <= lease <= 604800 for lease in leases), leases
    if max(leases) > 3600:
        nonstrict(f"a lease of {max(leases)} s; 3600 and less are recommended")


@scenario(layer="wipc")
@BOTH
def test_sends_what_it_was_told(client, sent, profile):
    """The lease, the port and the description that the client was told are those that it asks for."""
    add = sent(profile).adds()[0]
    command = client.values["run"].get("add", "")
    assert client.asks["lease"] != "as-told" or "{lease}" not in command or add["NewLeaseDuration"] == "3600", add
    assert "{description}" not in command or add["NewPortMappingDescription"] == "igdlab", add
    assert client.asks["port"] != "as-told" or (add["NewExternalPort"], add["NewInternalPort"]) == ("1872", "1872"), add


@scenario("WCONN-20")
@BOTH
def test_status_is_not_polled(sent, profile):
    """ConnectionStatus is not asked for in a tight loop."""
    asked = [r for r in sent(profile).actions() if r.soapaction[1] == "GetStatusInfo"]
    assert len(asked) <= UNHURRIED, f"{len(asked)} times in {sent(profile).said.seconds:.1f} s"


@scenario("CP-20", resident=True)
def test_is_quiet_when_nothing_changes(client, visit):
    """A program that has its mapping sends little while nothing changes."""
    unhurried()
    del client
    with visit(place("quiet")) as (lab, session):
        session.perform("add", Wanted())
        if not table(lab):
            inconclusive("it has no mapping")
        with Watch(lab) as watch:
            with contextlib.suppress(TimeoutError):
                session.process.wait(60)
        sent = len(watch.searches()) + len(watch.requests())
        assert sent <= QUIET, f"{sent} searches and requests in a minute"
