# SPDX-License-Identifier: MIT
"""Every profile in a flat lab: a control point achieves what client.must says, and the wire shows
what the profile states: SERVER, port and path of LOCATION, and the type of the connection service.

What is stated is read from the resolved profile (``fakeigd --show``). What a quirk of the profile
bends on purpose is not compared: the quirk has its own proof (test_wire.py).
"""
import json
import re
import subprocess

import pytest
import yaml

from cases.harness import arrivals, description, effect, matrix, ssdp
from cases.harness.http import BadMessage
from cases.harness.lab import Lab, program
from cases.harness.observe import Observer

PROFILES = [path for path in sorted(matrix.PROFILES.glob("*.yaml")) if "igd" in matrix.spoken(path.stem)]
PORT = 1872
GATEWAY = "urn:schemas-upnp-org:device:InternetGatewayDevice:1"
OUTCOMES = {"mapped", "reports-failure", "survives"}
CONNECTION = re.compile(r":WAN(IP|PPP)Connection:\d+$", re.IGNORECASE)


def resolved(path):
    """The profile as the router has it: ancestors and quirks merged."""
    done = subprocess.run([program("fakeigd"), "--profile", str(path), "--show"],
                          capture_output=True, text=True, check=True)
    return yaml.safe_load(done.stdout)


def cases(test):
    return pytest.mark.parametrize("path", PROFILES, ids=lambda p: p.stem)(test)


def reached(lab):
    return effect.tcp_reaches(lab, PORT, timeout=0.5)


@cases
def test_client(path):
    """`igdlab map` on the client does what every client must still do with this router."""
    must = resolved(path)["client"]["must"]
    assert must in OUTCOMES, f"client.must: one of {sorted(OUTCOMES)}"
    with Lab("flat", profile=str(path)) as lab:
        done = lab.run("client", program("igdlab"), "map", "--external", str(PORT), "--internal", str(PORT),
                       "--json")
        assert done.code in (0, 1), done.stderr
        answer = json.loads(done.stdout)
        if must == "mapped":
            assert done.code == 0, answer
            assert reached(lab), "it says that the port is open, but no packet arrives"
        elif must == "reports-failure":
            assert done.code == 1, answer
            assert not reached(lab)


@pytest.mark.parametrize("name, via", [(path.stem, via) for path in sorted(matrix.PROFILES.glob("*.yaml")) for via in ("natpmp", "pcp")
                                       if via in matrix.spoken(path.stem)])
def test_client_by_port_5351(name, via):
    """The same by NAT-PMP and by PCP, and the mapping is taken away again; a router that asks another one has that behind it."""
    behind = "upstream" in resolved(matrix.PROFILES / f"{name}.yaml")
    with Lab("cgnat-pcp" if behind else "flat", profile=f"r1={name}") as lab:
        options = ["--external", str(PORT), "--internal", str(PORT), "--via", via, "--json"]
        done = lab.run("client", program("igdlab"), "map", *options)
        assert done.code == 0, done.stdout + done.stderr
        port = json.loads(done.stdout)["result"]["external_port"]
        assert effect.tcp_reaches(lab, port, internal=PORT, timeout=0.5)
        assert lab.run("client", program("igdlab"), "unmap", *options).code == 0
        assert not effect.tcp_reaches(lab, port, internal=PORT, timeout=0.3)


def stated(profile, message):
    """SERVER of a message as the profile states it, None when it leaves it out or bends it by a rule."""
    form = profile.get("messages", {}).get(message, {})
    form = {"text": form} if isinstance(form, str) else form
    value = profile.get("identity", {}).get("server")
    if "text" in form:
        line = re.search(r"^SERVER:(.*)$", form["text"], re.IGNORECASE | re.MULTILINE)
        value = line and (line.group(1) if value is None else line.group(1).replace("{server}", value))
    value = {name.upper(): text for name, text in form.get("set", {}).items()}.get("SERVER", value)
    rules = [json.dumps(rule) for rule in profile.get("rules", [])]
    if value is None or "{server}" in value or any('"SERVER"' in rule or '"raw"' in rule for rule in rules):
        return None
    return value.strip()


def first_answer(lab, target):
    """The first answer to one search, if there is one."""
    with ssdp.search_socket(lab) as sock:
        sock.sendto(ssdp.search_bytes(target), (ssdp.GROUP, ssdp.PORT))
        return [ssdp.Datagram(*got) for got in arrivals.datagrams(lab, sock, 0.5, count=1)]


def hear(lab):
    """The first answer to searches for a gateway, of any version and form, be it a NOTIFY."""
    for target in (GATEWAY, "upnp:rootdevice", "ssdp:all", "urn:schemas-upnp-org:service:WANPPPConnection:1",
                   "urn:dslforum-org:service:WANPPPConnection:1"):
        try:
            replies = first_answer(lab, target)
        except BadMessage:
            continue
        if replies:
            return replies[0]
    with ssdp.listen_socket(lab) as group, ssdp.search_socket(lab) as sock:
        sock.sendto(ssdp.search_bytes(GATEWAY), (ssdp.GROUP, ssdp.PORT))
        lab.advance(10)
        heard = [message for message in ssdp.receive(group, 2, timeout=1) if message.kind == "alive"]
    assert heard, "no search finds it"
    return heard[0]


def places(profile, location):
    """Ports and paths at which the profile has a root description."""
    listen = profile.get("listen", {})
    return ({location.port, *listen.get("also", [])},
            {location.path, *(page["path"] for page in profile.get("pages", []))})


@cases
def test_stated_facts(path):
    """SERVER, LOCATION and the connection services are on the wire as the profile states them."""
    profile = resolved(path)
    with Lab("flat", profile=str(path)) as lab:
        location = description.url(lab.router(op="state")["location"])
        own = profile.get("urls", {}).get("description", "{}")
        if "{" not in own:
            assert location.path == "/" + own.lstrip("/")
        assert location.port == (profile.get("listen", {}).get("http") or location.port)
        reply = hear(lab)
        said = description.url(reply.get("LOCATION"))
        ports, paths = places(profile, location)
        assert said.port in ports and said.path in paths
        head, types = offered(lab, location)
        for message, got in ((f"ssdp-{reply.kind}", reply), ("description-head", head)):
            server = stated(profile, message)
            assert server is None or (got.get("SERVER") or "").strip() == server
        assert types == [service["type"] for service in connections(profile)]
        assert head.body.startswith(b"<"), "the head ends too early"


def offered(lab, location):
    """Head of the root description, and WANIPConnection:1 and the like in it, without name space."""
    reply = description.get(lab, "client", location)
    found = re.findall(rb"serviceType>\s*urn:[^:<]*:service:([^<\s]+)", reply.body)
    return reply, [t.decode() for t in found if CONNECTION.search(":" + t.decode())]


def connections(profile):
    """The services of the profile that carry port mappings."""
    services = [s if isinstance(s, dict) else {"type": s} for s in profile["services"]]
    return [s for s in services if CONNECTION.search(":" + s["type"])]


ADD = {"NewRemoteHost": "", "NewExternalPort": 5000, "NewProtocol": "TCP", "NewInternalPort": 5000,
       "NewInternalClient": "192.168.1.4", "NewEnabled": 1, "NewPortMappingDescription": "x y", "NewLeaseDuration": 0}
ADDRESS = {"call": "GetExternalIPAddress"}
PAST_END = {"call": "GetGenericPortMappingEntry", "args": {"NewPortMappingIndex": 9}}
MISSING = {"call": "GetSpecificPortMappingEntry",
           "args": {"NewRemoteHost": "", "NewExternalPort": 999, "NewProtocol": "TCP"}}
# Content-Lengths of captures that the profiles name, white space included; for addresses: of the capture's.
CAPTURED = [
    ("mikrotik", {"call": "AddPortMapping", "args": ADD | {"NewLeaseDuration": 60}}, 512, None),
    ("tp-link-tl-wr941nd", ADDRESS, 404, "100.100.100.100"),
    ("tp-link-er605", ADDRESS, 401, "203.0.113.27"),
    ("actiontec-gt784wn", ADDRESS, 360, "11.222.33.111"),
    ("actiontec-gt784wn", PAST_END, 474, None),
    ("dd-wrt-x86", ADDRESS, 359, "11.222.33.111"),
    ("comcast-cga4131com", ADDRESS, 340, "11.22.33.44"),
    ("d-link-dir-890l", PAST_END, 482, None),
    ("netgear-r7500v2", {"get": "description"}, 3720, None),
    ("miniupnpd-igd1", ADDRESS, 354, "44.0.1.2"),
    ("miniupnpd-igd1", PAST_END, 410, None),
    ("miniupnpd-igd1", MISSING, 402, None),
    ("miniupnpd-igd1", {"call": "AddPortMapping", "args": ADD | {"NewInternalClient": "192.168.1.77"}}, 406, None),
    ("miniupnpd-igd1", {"call": "AddPortMapping", "args": ADD | {"NewExternalPort": 0}}, 416, None),
    ("miniupnpd-igd1", {"call": "RequestConnection"}, 405, None),
    ("miniupnpd-igd1", {"call": "SetConnectionType", "args": {"NewConnectionType": "IP_Routed"}}, 392, None),
    ("miniupnpd-igd1", {"call": "NoSuchAction"}, 398, None),
    ("miniupnpd-igd1", {"get": "/nothing"}, 134, None),
]


@pytest.mark.parametrize("name, step, length, address", CAPTURED,
                         ids=lambda value: value if isinstance(value, str) else "")
def test_captured_length(name, step, length, address):
    """Answers are as long as the ones that were captured: no blank, line end or tag differs in number."""
    with Lab("flat", profile=name) as lab:
        seen, _ = Observer(lab).step(step)
        if address:
            length += len(lab.wan_address()) - len(address)
        assert seen.size == length, seen.body
