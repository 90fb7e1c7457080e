# SPDX-License-Identifier: MIT
"""Legal or harmless oddities of routers that no quirk is made of: the port is open all the same."""
import pytest

from cases.harness import http
from cases.harness.drive import Wanted
from cases.harness.requirement import unsupported
from cases.harness.scenario import bend, place, scenario
from cases.harness.wire import GROUP

REPLY, ALIVE, ROOT = ({"layer": "ssdp", "message": "reply"}, {"layer": "ssdp", "message": "alive"},
                      {"layer": "description", "message": "root"})
UNHEARD = {"policy": {"ssdp": {"notify": False}}}


def heads(**headers):
    """Rules that set headers of answers and announcements."""
    return {"rules": [{"when": when, "header": {name.replace("_", "-"): value for name, value in headers.items()}}
                      for when in (REPLY, ALIVE)]}


def also(*pairs):
    """Rules that replace texts of descriptions."""
    return {"rules": [{"when": ROOT, "replace": dict(pairs)}]}


ODD = {  # name: requirements, overlay
    "notify-host-without-port": (("SSDP-03",), {"policy": {"ssdp": {"answer-by": "notify"}},
                                                "rules": [{"when": ALIVE, "header": {"HOST": GROUP}}]}),
    "cache-control-with-unknown-words": (("SSDP-06",), heads(CACHE_CONTROL='no-store, max-age=1800, x-y="1,2"')),
    "server-with-commas": (("SSDP-16",), heads(SERVER="Linux/2.6, UPnP/1.0, Router/1.0")),
    "leading-zeros": (("SSDP-55",), {"rules": [{"when": when, "header": {
        "BOOTID.UPNP.ORG": "0000000012", "CONFIGID.UPNP.ORG": "007"}} for when in (REPLY, ALIVE)]}),
    "head-in-lower-case": (("CP-10",), {**UNHEARD, "messages": {"ssdp-reply": {
        "remove": ["LOCATION", "ST", "USN"], "add": ["location:{location}", "st:{st}", "usn:{usn}"]}}}),
    "unknown-elements": (("DESC-34",), also(("<device>", "<!-- a comment --><?odd pi?><x-odd a='1'><y/></x-odd><device>"),
                                            ("<serviceList>", "<serviceList x='1'><!-- none -->"))),
    "cdata-and-entities": (("DESC-35",), also(("<serviceType>urn:", "<serviceType>u&#114;n:"), ("<friendlyName>", "<friendlyName>&lt;&amp;"))),
    "vendor-defined-default": (("DESC-32",), {"rules": [{"when": {"layer": "description", "message": "scpd"}, "replace": {
        "<dataType>ui4</dataType>": "<dataType>ui4</dataType><defaultValue>Vendor-defined</defaultValue>"}}]}),
    "url-with-fragment": (("SEC-34",), {"messages": {name: {"set": {
        "LOCATION": "http://{lan_address}:{http_port}/description.xml#root"}} for name in ("ssdp-reply", "ssdp-alive")}}),
    "byte-by-byte": (("DESC-16",), {"rules": [{"when": {"layer": layer}, "trickle": {"bytes": 97, "gap": "1ms"}}
                                              for layer in ("description", "soap")]}),
}


@pytest.mark.parametrize("name", [pytest.param(name, marks=scenario(*ids)) for name, (ids, _) in ODD.items()])
def test_odd_router(client, meet, tmp_path, name):
    """The router is odd in a way that has to be lived with."""
    del client
    case = place(name, quirks=bend(tmp_path, ODD[name][1], name), must="mapped")
    meet(case).judge(case)


@scenario("SSDP-58")
def test_answers_come_just_before_mx(client, sent, meet, tmp_path):
    """Nothing but late answers to the search: they come when MX is nearly over."""
    del client
    searches = [s for s in sent().searched() if s.to[0] == GROUP]
    if not searches:
        unsupported("it searches by unicast alone")
    least = min(int(s.head.get("MX") or 1) for s in searches)
    rules = [{"when": REPLY, "delay": f"{max(200, 1000 * least - 300)}ms"}]
    case = place("late", quirks=bend(tmp_path, {**UNHEARD, "rules": rules}), must="mapped")
    meet(case).judge(case)


@scenario("DESC-15")
def test_continue_that_nobody_asked_for(client, visit):
    """The description comes behind a 100 Continue that nobody asked for."""
    del client
    with visit(place("continue")) as (lab, session):
        location = lab.router(op="state")["location"]
        address, _, path = location.removeprefix("http://").partition("/")
        host, _, port = address.partition(":")
        with http.Client(lab.connect("client", host, int(port or 80))) as connection:
            plain = connection.exchange(http.request("GET", f"/{path}", address, [("Connection", "close")]))
        lab.router(op="add-rule", rule={"when": {"layer": "description", "message": "root"},
                                        "message": {"raw": "HTTP/1.1 100 Continue\r\n\r\n" + plain.raw.decode()}})
        said = session.perform("add", Wanted())
        assert said.claim == "mapped", (said.stdout + said.stderr)[-300:]
