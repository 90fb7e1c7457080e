# SPDX-License-Identifier: MIT
"""Control of fakeigd: envelopes good and bad, every action of every service (services.md)."""
import xml.etree.ElementTree as ElementTree

import pytest

from cases.harness import description, http, soap
from cases.harness.controlpoint import ControlPoint
from cases.harness.lab import Lab

S = description.SERVICE


def fault(cp, data, service=None):
    """UPnP error code that raw bytes are answered with, or the HTTP status when there is no fault."""
    service = service or cp.connection
    reply = cp.post(service, data)
    try:
        soap.parse(reply, service.type, "GetExternalIPAddress")
    except soap.Fault as error:
        assert reply.status == 500
        return error.code
    except http.BadMessage:
        return reply.status
    return 0


def post(cp, body, action="GetExternalIPAddress", headers=None):
    service = cp.connection
    if headers is None:
        headers = [("Content-Type", 'text/xml; charset="utf-8"'),
                   ("SOAPACTION", f'"{service.type}#{action}"')]
    return http.request("POST", service.control.path, service.control.authority, headers, body)


def envelope(inner, prolog=b'<?xml version="1.0"?>'):
    return (prolog + b'<s:Envelope xmlns:s="' + soap.ENVELOPE.encode() + b'" s:encodingStyle="'
            + soap.ENCODING.encode() + b'"><s:Body>' + inner + b"</s:Body></s:Envelope>")


CALL = (b'<u:GetExternalIPAddress xmlns:u="urn:schemas-upnp-org:service:WANIPConnection:1"/>')
BOMB = (b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "' + b"a" * 1000 + b'"><!ENTITY b "'
        + b"&a;" * 100 + b'"><!ENTITY c "' + b"&b;" * 100 + b'">]>')
BAD_BODIES = [
    ("empty", b""),
    ("text", b"hello"),
    ("cut off", envelope(CALL)[:-20]),
    ("no envelope", b"<x/>"),
    ("other namespace", envelope(CALL).replace(b"schemas.xmlsoap.org/soap/envelope", b"example.org/x")),
    ("no body", b'<s:Envelope xmlns:s="' + soap.ENVELOPE.encode() + b'"/>'),
    ("empty body", envelope(b"")),
    ("undeclared prefix", envelope(b"<u:GetExternalIPAddress/>")),
    ("mismatched tags", envelope(b"<a></b>")),
    ("entity bomb", envelope(b"<u:x xmlns:u='y'>&c;</u:x>", BOMB)),
    ("external entity", envelope(CALL, b'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>')),
    ("doctype", envelope(CALL, b"<!DOCTYPE x>")),
    ("too deep", envelope(b"<a>" * 500 + b"</a>" * 500)),
    ("too many elements", envelope(b"<u:x xmlns:u='y'>" + b"<a/>" * 15000 + b"</u:x>")),
    ("latin-1 bytes in utf-8", envelope(b"<u:x xmlns:u='y'>\xe9</u:x>")),
    ("unknown encoding", envelope(CALL, b'<?xml version="1.0" encoding="EBCDIC-7"?>')),
    ("nul byte", envelope(b"\0")),
    ("two roots", envelope(CALL) + b"<x/>"),
    ("only a byte order mark", b"\xef\xbb\xbf"),
]


@pytest.mark.sanitize
@pytest.mark.parametrize("body", [b[1] for b in BAD_BODIES], ids=[b[0] for b in BAD_BODIES])
def test_bad_bodies_are_refused_and_the_router_lives(cp, body):
    # 500 without a UPnPError is SOAP 1.1's VersionMismatch: no Envelope, or of another name space
    assert fault(cp, post(cp, body)) in (400, 401, 402, 413, 500, 501)
    assert cp.external_address() == cp.lab.wan_address()


@pytest.mark.sanitize
@pytest.mark.parametrize("headers, codes", [
    ([("Content-Type", "text/xml")], (400, 401)),
    ([("Content-Type", "text/xml"), ("SOAPACTION", "nonsense")], (400, 401)),
    ([("Content-Type", "text/xml"), ("SOAPACTION", '"urn:x#GetExternalIPAddress"')], (400, 401)),
    ([("Content-Type", "text/xml"),
      ("SOAPACTION", '"urn:schemas-upnp-org:service:WANIPConnection:1#Other"')], (400, 401)),
    ([("Content-Type", "image/png"),
      ("SOAPACTION", '"urn:schemas-upnp-org:service:WANIPConnection:1#GetExternalIPAddress"')],
     (415,)),
], ids=["none", "malformed", "other service", "other action", "wrong type"])
def test_action_header(cp, headers, codes):
    assert fault(cp, post(cp, envelope(CALL), headers=headers)) in codes


def test_arguments_must_be_there_and_in_order(cp):
    service = cp.connection.type
    for names in (["NewExternalPort", "NewProtocol"], ["NewProtocol", "NewExternalPort", "NewRemoteHost"]):
        values = {"NewRemoteHost": "", "NewExternalPort": 1, "NewProtocol": "TCP"}
        with pytest.raises(soap.Fault) as caught:
            cp.call("GetSpecificPortMappingEntry", *[(n, values[n]) for n in names])
        assert caught.value.code == 402, service


@pytest.mark.sanitize
@pytest.mark.parametrize("name, length, codes", [
    ("NewPortMappingDescription", 1025, (605,)),
    ("NewPortMappingDescription", 65536, (605,)),
    ("NewRemoteHost", 10000, (402, 605)),
    ("NewRemoteHost", 65536, (605,)),
    ("NewInternalClient", 65536, (605,)),
])
def test_too_long_strings_are_605(cp, name, length, codes):
    """SOAP-29: refused with a code that says so, nothing is stored, and the router lives."""
    values = {"NewRemoteHost": "", "NewExternalPort": 4711, "NewProtocol": "TCP", "NewInternalPort": 4711,
              "NewInternalClient": cp.lab.address_of("client"), "NewEnabled": 1,
              "NewPortMappingDescription": "igdlab", "NewLeaseDuration": 0, name: "x" * length}
    with pytest.raises(soap.Fault) as caught:
        cp.call("AddPortMapping", *values.items())
    assert caught.value.code in codes
    assert cp.enumerate() == ([], 713)


def test_longest_description_is_kept(cp):
    """SOAP-29: what description.max allows comes back whole, markup and all (SOAP-28)."""
    text = "<&\">" + "x" * 1020
    cp.add(4711, text=text)
    assert cp.specific(4711)["NewPortMappingDescription"] == text


def test_unknown_action_is_401(cp):
    with pytest.raises(soap.Fault) as caught:
        cp.call("MakeCoffee")
    assert caught.value.code == 401 and caught.value.text == "Invalid Action"


SAFE = {"GetGenericPortMappingEntry": 713, "GetSpecificPortMappingEntry": 714,
        "DeletePortMapping": 714}
VALUES = {"ui2": "1", "ui4": "1", "i4": "1", "boolean": "0", "string": "x", "ui1": "1"}


@pytest.mark.sanitize
@pytest.mark.parametrize("profile", ["conformant-igd1", "conformant-igd2"])
def test_every_described_action_answers(profile):
    """Each action of each SCPD, called with values that its own state variables allow, succeeds with the
    described out-arguments or fails with a UPnP error that the service may use."""
    with Lab("flat", profile=profile) as lab:
        cp = ControlPoint(lab).discover()
        asked = 0
        for service in cp.description.services:
            tree = ElementTree.fromstring(description.get(lab, "client", service.scpd).body)
            variables = {v.findtext(S + "name"): v for v in tree.iter(S + "stateVariable")}
            for action in tree.iter(S + "action"):
                asked += 1
                call_described(cp, service, action, variables)
        assert asked >= 31


def value_for(variable):
    allowed = variable.find(f"{S}allowedValueList/{S}allowedValue")
    if allowed is not None:
        return allowed.text
    minimum = variable.findtext(f"{S}allowedValueRange/{S}minimum")
    return minimum or VALUES[variable.findtext(S + "dataType")]


def call_described(cp, service, action, variables):
    """Call one described action and hold its answer against the description."""
    name = action.findtext(S + "name")
    arguments, outs = [], []
    for argument in action.iter(S + "argument"):
        related = argument.findtext(S + "relatedStateVariable")
        assert related in variables, f"{name}: relatedStateVariable {related} is not described"
        if argument.findtext(S + "direction") == "out":
            outs.append(argument.findtext(S + "name"))
        else:
            arguments.append((argument.findtext(S + "name"), value_for(variables[related])))
    try:
        got = cp.call(name, *arguments, service=service)
    except soap.Fault as error:
        assert 500 <= error.code < 800 or error.code in (402,), f"{name}: {error}"
        assert error.text, f"{name}: {error.code} without a description"
        return
    assert list(got) == outs, name


def test_counters_and_uptime_are_real(cp):
    lab = cp.lab
    common = cp.description.service("WANCommonInterfaceConfig")
    first = int(cp.call("GetTotalBytesSent", service=common)["NewTotalBytesSent"])
    with lab.listen("peer", 80) as listener, lab.connect("client", lab.address_of("peer"), 80) as out:
        inside, _ = listener.accept()
        out.sendall(b"x" * 5000)
        received = b""
        while len(received) < 5000:
            received += inside.recv(8192)
        inside.close()
    assert int(cp.call("GetTotalBytesSent", service=common)["NewTotalBytesSent"]) >= first + 5000
    before = int(cp.call("GetStatusInfo")["NewUptime"])
    lab.advance(100)
    assert int(cp.call("GetStatusInfo")["NewUptime"]) in (before + 100, before + 101)


def test_journal_tells_the_state_that_a_profile_gives(tmp_path):
    profile = tmp_path / "fixed.yaml"
    profile.write_text("""\
summary: a connection whose address the profile gives
extends: conformant-igd1
services:
  - {type: "WANIPConnection:1", state: {ExternalIPAddress: 100.64.7.7}}
""")
    with Lab("flat", profile=str(profile)) as lab:
        cp = ControlPoint(lab).discover()
        assert cp.external_address() == "100.64.7.7"
        sent = [line for line in lab.journal() if line["event"] == "sent" and line.get("action") == "GetExternalIPAddress"]
    assert sent[0]["values"] == {"NewExternalIPAddress": "100.64.7.7"}
    assert sent[0]["what"] == "GetExternalIPAddress: 100.64.7.7"
