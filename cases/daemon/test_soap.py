# SPDX-License-Identifier: MIT
"""Control (area SOAP): requests in every legal and illegal form, and the form of answers and faults."""
import contextlib
import re
import select
import xml.etree.ElementTree as ElementTree

import pytest

from cases.harness import description, http, soap
from cases.harness.controlpoint import IN_ADD, fault_of
from cases.harness.requirement import inconclusive, nonstrict, requirement, strict, unsupported

GET = "GetExternalIPAddress"
XML = ("Content-Type", 'text/xml; charset="utf-8"')
FAULT = f"{{{soap.ENVELOPE}}}Fault"


def adding(lab, port=40000, **changes):
    """(name, value) pairs of AddPortMapping; values of None are left out."""
    values = ("", port, "TCP", port, lab.address_of("client"), 1, "igdlab", 0)
    return [(n, v) for n, v in {**dict(zip(IN_ADD, values)), **changes}.items() if v is not None]


def send(cp, body, action=GET, method="POST", headers=(), kind=XML, service=None):
    """A control request with this body; action None sends no SOAPACTION, kind None no CONTENT-TYPE."""
    service = service or cp.connection
    head = [kind] if kind else []
    if action is not None:
        head.append(("SOAPACTION", action if '"' in action else f'"{service.type}#{action}"'))
    return cp.post(service, http.request(method, service.control.path, service.control.authority,
                                         [*head, *headers], body))


def enveloped(cp, action=GET, arguments=(), **replace):
    """A request body as text; replace: what stands for what, by position old=..., new=...."""
    text = soap.body(cp.connection.type, action, arguments).decode()
    return (text.replace(replace["old"], replace["new"]) if replace else text).encode()


def answered(cp, reply, action=GET):
    return soap.parse(reply, cp.connection.type, action)


def mapped(cp):
    return [e["NewExternalPort"] for e in cp.enumerate()[0]]


def not_executed(subject, cp, reply):
    assert 400 <= reply.status < 600, f"answered {reply.status}"
    assert not mapped(cp) and not subject.reaches(40000, timeout=0.3)


@requirement("SOAP-01")
@pytest.mark.parametrize("empty", [False, True], ids=["open", "self-closing"])
def test_action_is_answered(cp, empty):
    where, body = cp.connection.control, enveloped(cp)
    if empty:
        body = body.replace(f"></u:{GET}>".encode(), b"/>")
    head = [XML, ("SOAPACTION", f'"{cp.connection.type}#{GET}"'), ("Connection", "close")]
    with http.Client(cp.lab.connect(cp.node, where.host, where.port)) as client:
        reply = client.exchange(http.request("POST", where.path, where.authority, head, body))
        left = client._pending
        while not reply.closed and select.select([client.socket], [], [], 0.3)[0]:
            piece = client.socket.recv(65536)
            left += piece
            if not piece:
                break
    assert reply.status == 200
    assert re.fullmatch(r"\d+\.\d+\.\d+\.\d+|", answered(cp, reply)["NewExternalIPAddress"])
    strict(reply.notes + (["bytes behind the answer"] if left else []))


@requirement("SOAP-02")
def test_post_is_allowed_everywhere(cp):
    for service in cp.description.services:
        with contextlib.suppress(OSError, EOFError, http.BadMessage):
            assert send(cp, b"", service=service).status != 405, service.id


@requirement("SOAP-04")
def test_m_post(cp):
    head = [("MAN", f'"{soap.ENVELOPE}"; ns=01'), ("01-SOAPACTION", f'"{cp.connection.type}#{GET}"')]
    reply = send(cp, enveloped(cp), None, "M-POST", head)
    if reply.status == 200:
        assert answered(cp, reply)
    else:
        assert reply.status in (405, 501)


@requirement("SOAP-05")
def test_no_soapaction(subject, lab, cp):
    not_executed(subject, cp, send(cp, enveloped(cp, "AddPortMapping", adding(lab)), None))


@requirement("SOAP-05")
def test_soapaction_of_no_action(subject, lab, cp):
    not_executed(subject, cp, send(cp, enveloped(cp, "AddPortMapping", adding(lab)), "NoSuchAction"))


@requirement("SOAP-06")
def test_soapaction_reads_and_body_adds(subject, lab, cp):
    disagree(subject, lab, cp, GET, "AddPortMapping")


@requirement("SOAP-06")
def test_soapaction_adds_and_body_reads(subject, lab, cp):
    disagree(subject, lab, cp, "AddPortMapping", GET)


def disagree(subject, lab, cp, head, body):
    """SOAPACTION names head, the body is of another action."""
    reply = send(cp, enveloped(cp, body, adding(lab)), head)
    if reply.status == 200:
        assert not mapped(cp)
        nonstrict("what SOAPACTION says is executed in spite of the body")
    else:
        not_executed(subject, cp, reply)


@pytest.fixture(autouse=True)
def control_works(request):
    """Checks other than those of control's first steps need it to work at all: inconclusive if not."""
    ids = {i for mark in request.node.iter_markers("requirement") for i in mark.args}
    if "subject" in request.fixturenames and not ids & {"SOAP-01", "SOAP-02", "SOAP-14"}:
        cp = request.getfixturevalue("cp")
        where = cp.connection.control
        try:
            with http.Client(cp.lab.connect(cp.node, where.host, where.port, timeout=3)) as client:
                answered(cp, client.exchange(soap.request(where, cp.connection.type, GET)))
        except (soap.Fault, OSError, EOFError, http.BadMessage) as error:
            inconclusive(f"control does not work: {error!r}")


FORMS = {
    "SOAP-ENV": '<SOAP-ENV:Envelope xmlns:SOAP-ENV="{e}" SOAP-ENV:encodingStyle="{c}"><SOAP-ENV:Body>'
                '<m:{a} xmlns:m="{s}"></m:{a}></SOAP-ENV:Body></SOAP-ENV:Envelope>',
    "default": '<Envelope xmlns="{e}"><Body><{a} xmlns="{s}"/></Body></Envelope>',
    "declared-above": '<s:Envelope xmlns:s="{e}" xmlns:v="{s}"><s:Body><v:{a}></v:{a}></s:Body></s:Envelope>',
    "quotes": "<?xml version='1.0' encoding='utf-8'?><s:Envelope xmlns:s='{e}'><s:Body><u:{a} xmlns:u='{s}'/>"
              "</s:Body></s:Envelope>",
    "white": '<s:Envelope\n\txmlns:s = "{e}" >\n <s:Body >\n  <u:{a} xmlns:u="{s}" >\n  </u:{a} >\n </s:Body>\n'
             '</s:Envelope>\n',
}


@requirement("SOAP-07")
@pytest.mark.parametrize("form", FORMS)
def test_any_prefix(cp, form):
    body = FORMS[form].format(e=soap.ENVELOPE, c=soap.ENCODING, a=GET, s=cp.connection.type)
    assert answered(cp, send(cp, body.encode()))


@requirement("SOAP-08")
def test_no_encoding_style(cp):
    assert answered(cp, send(cp, enveloped(cp, old=f' s:encodingStyle="{soap.ENCODING}"', new="")))


@requirement("SOAP-09")
def test_envelope_of_soap_1_2(subject, lab, cp):
    body = enveloped(cp, "AddPortMapping", adding(lab), old=soap.ENVELOPE,
                     new="http://www.w3.org/2003/05/soap-envelope")
    not_executed(subject, cp, send(cp, body, "AddPortMapping"))


@requirement("SOAP-10")
def test_unknown_header_entry(cp):
    entry = '<s:Header><x:y xmlns:x="urn:example-com:x">1</x:y></s:Header><s:Body>'
    assert answered(cp, send(cp, enveloped(cp, old="<s:Body>", new=entry)))


@requirement("SOAP-10")
def test_header_entry_that_must_be_understood(subject, lab, cp):
    entry = '<s:Header><x:y xmlns:x="urn:example-com:x" s:mustUnderstand="1">1</x:y></s:Header><s:Body>'
    reply = send(cp, enveloped(cp, "AddPortMapping", adding(lab), old="<s:Body>", new=entry), "AddPortMapping")
    not_executed(subject, cp, reply)
    if not re.search(rb"<faultcode>\s*\w+:MustUnderstand\s*</faultcode>", reply.body):
        nonstrict("the fault is not MustUnderstand")


@requirement("SOAP-11")
def test_content_type_json(subject, lab, cp):
    reply = send(cp, enveloped(cp, "AddPortMapping", adding(lab)), "AddPortMapping",
                 kind=("Content-Type", "application/json"))
    not_executed(subject, cp, reply)
    if reply.status != 415:
        nonstrict(f"refused with {reply.status}")


@requirement("SOAP-11")
def test_content_type_missing(cp):
    assert send(cp, enveloped(cp), kind=None).status in (200, 415)


@requirement("SOAP-12")
@pytest.mark.parametrize("action", [GET, "NoSuchAction"])
def test_content_type_of_answers(cp, action):
    kind = send(cp, enveloped(cp, action), action).get("CONTENT-TYPE") or ""
    assert kind.partition(";")[0].strip().lower() == "text/xml"
    if not re.fullmatch(r'text/xml; ?charset="utf-8"', kind, re.IGNORECASE):
        nonstrict(f"CONTENT-TYPE: {kind}")


@requirement("SOAP-13")
@pytest.mark.parametrize("action", [GET, "NoSuchAction"])
def test_ext_and_server(cp, action):
    reply = send(cp, enveloped(cp, action), action)
    assert reply.get("SERVER") and reply.get("EXT") == ""


def readers(subject, cp):
    """(service, action, names of out-arguments in order) of Get actions without in-arguments."""
    for service in cp.description.services:
        root = description.scpd(cp.lab, service)
        for action in root.iter(f"{description.SERVICE}action"):
            arguments = {"in": [], "out": []}
            for item in action.iter(f"{description.SERVICE}argument"):
                way = item.findtext(f"{description.SERVICE}direction").strip()
                arguments[way].append((item.findtext(f"{description.SERVICE}name").strip(),
                                       item.findtext(f"{description.SERVICE}relatedStateVariable").strip()))
            name = action.findtext(f"{description.SERVICE}name").strip()
            if name.startswith("Get") and not arguments["in"]:
                yield service, name, arguments["out"], root


def answers(subject, cp):
    """readers() and the out-arguments that came; a refusal, in whatever form, is the matter of other rows."""
    for service, action, out, root in readers(subject, cp):
        reply = cp.post(service, soap.request(service.control, service.type, action, ()))
        if reply.status == 200:
            with contextlib.suppress(soap.Fault):
                yield service, action, out, root, soap.parse(reply, service.type, action)


def booleans(root):
    return {v.findtext(f"{description.SERVICE}name") for v in root.iter(f"{description.SERVICE}stateVariable")
            if v.findtext(f"{description.SERVICE}dataType") == "boolean"}


def in_time(subject, cp, service, action, arguments=()):
    """Whether an action is answered within 30 s (of the subject's clock, when we have it)."""
    where = service.control
    with http.Client(cp.lab.connect(cp.node, where.host, where.port)) as client:
        client.send(soap.request(where, service.type, action, arguments))
        if subject.fake and not select.select([client.socket], [], [], 2)[0]:
            subject.advance(30)
            client.socket.settimeout(2)
        client.receive()


@requirement("SOAP-14")
def test_reading_answers_in_time(subject, cp):
    for service, action, _, _ in readers(subject, cp):
        in_time(subject, cp, service, action)


@requirement("SOAP-14")
@pytest.mark.parametrize("action", ["AddPortMapping", "AddAnyPortMapping", "NoSuchAction"])
def test_mapping_answers_in_time(subject, lab, cp, action):
    for port in range(40000, 40010):
        in_time(subject, cp, cp.connection, action, adding(lab, port))


@requirement("SOAP-15")
def test_out_arguments(subject, cp):
    for service, action, expected, _, values in answers(subject, cp):
        assert list(values) == [n for n, _ in expected], f"{service.id} {action}"


@requirement("SOAP-15")
def test_out_arguments_of_an_entry(cp):
    cp.add(40000, text="")
    assert tuple(cp.generic(0)) == (*IN_ADD[:3], *IN_ADD[3:])
    assert tuple(cp.specific(40000)) == IN_ADD[3:]


@requirement("SOAP-15", igd=2)
def test_out_arguments_of_any_port(lab, cp):
    assert list(cp.call("AddAnyPortMapping", *adding(lab))) == ["NewReservedPort"]


@requirement("SOAP-16")
def test_form_of_a_fault(lab, cp):
    reply = send(cp, enveloped(cp, "GetSpecificPortMappingEntry",
                               [("NewRemoteHost", ""), ("NewExternalPort", 40009), ("NewProtocol", "TCP")]),
                 "GetSpecificPortMappingEntry")
    assert reply.status == 500
    with pytest.raises(soap.Fault) as raised:
        answered(cp, reply, "GetSpecificPortMappingEntry")
    assert raised.value.code == 714
    fault = ElementTree.fromstring(reply.body).find(f"{{{soap.ENVELOPE}}}Body/{FAULT}")
    assert [c.tag for c in fault] == ["faultcode", "faultstring", "detail"]
    assert fault.findtext("faultstring") == "UPnPError"
    prefix, _, code = fault.findtext("faultcode").partition(":")
    assert code == "Client" and f'xmlns:{prefix}="{soap.ENVELOPE}"'.encode() in reply.body.replace(b"'", b'"')
    error = fault.find(f"detail/{{{soap.CONTROL}}}UPnPError")
    assert [c.tag for c in error][:2] == [f"{{{soap.CONTROL}}}{n}" for n in ("errorCode", "errorDescription")]


@requirement("SOAP-17")
def test_unknown_action(cp):
    reply = send(cp, enveloped(cp, "FooBar"), "FooBar")
    assert reply.status == 500
    assert fault_of(answered, cp, reply, "FooBar") == 401


OPTIONAL = ("RequestTermination", "SetAutoDisconnectTime", "SetIdleDisconnectTime", "GetWarnDisconnectDelay",
            "GetIdleDisconnectTime", "GetAutoDisconnectTime", "SetWarnDisconnectDelay")


@requirement("SOAP-18")
def test_optional_action_left_out(subject, cp):
    missing = [a for a in OPTIONAL if not subject.offers(a)]
    if not missing:
        unsupported("offers every optional action")
    for action in missing:
        argument = [(f"New{action[3:]}", 60)] if action.startswith("Set") else []
        assert fault_of(cp.call, action, *argument) in (401, 602), action


@requirement("SOAP-31", igd=2)
def test_lower_version_is_answered_as_asked(cp):
    kind = cp.connection.type[:-1] + "1"
    reply = cp.post(cp.connection, soap.request(cp.connection.control, kind, GET))
    assert soap.parse(reply, kind, GET)["NewExternalIPAddress"]


@requirement("SOAP-33")
def test_action_of_version_2_in_version_1(lab, cp):
    kind = cp.connection.type[:-1] + "1"
    if cp.post(cp.connection, soap.request(cp.connection.control, kind, GET)).status != 200:
        inconclusive("no action of version 1 is answered: see SOAP-31")
    reply = cp.post(cp.connection, soap.request(cp.connection.control, kind, "AddAnyPortMapping", adding(lab)))
    code = fault_of(soap.parse, reply, kind, "AddAnyPortMapping")
    if code == 0:
        nonstrict("AddAnyPortMapping is executed under version 1")
    assert code in (0, 401)


@requirement("SOAP-38")
@pytest.mark.parametrize("variable, codes", [("ConnectionStatus", (0, 401, 404)), ("NoSuchVariable", (404, 401))])
def test_query_of_a_state_variable(cp, variable, codes):
    body = soap.body(soap.CONTROL, "QueryStateVariable", [("u:varName", variable)])
    reply = send(cp, body, f'"{soap.CONTROL}#QueryStateVariable"')
    code = 0 if reply.status == 200 else fault_of(answered, cp, reply, "QueryStateVariable")
    assert code in codes
    if code == 0:
        found = ElementTree.fromstring(reply.body).find(f".//{{{soap.CONTROL}}}QueryStateVariableResponse/return")
        assert found is not None and found.text


NEGATIVE = [("GetSpecificPortMappingEntry", ("NewRemoteHost", ""), ("NewExternalPort", 40009), ("NewProtocol", "TCP")),
            ("GetGenericPortMappingEntry", ("NewPortMappingIndex", 9)),
            ("DeletePortMapping", ("NewRemoteHost", ""), ("NewExternalPort", 40009), ("NewProtocol", "TCP")),
            ("NoSuchAction",), ("AddPortMapping",)]
STRINGS = {401: "Invalid Action", 402: "Invalid Args", 713: "SpecifiedArrayIndexInvalid", 714: "NoSuchEntryInArray"}


@requirement("SOAP-44")
def test_no_vendor_codes(subject, cp):
    for action, *arguments in NEGATIVE:
        assert not 800 <= fault_of(cp.call, action, *arguments) < 900, action
    for service, action, _, _ in readers(subject, cp):
        with contextlib.suppress(http.BadMessage):  # what is no fault has no code
            assert not 800 <= fault_of(cp.call, action, service=service) < 900, action


@requirement("SOAP-45")
def test_texts_of_errors(cp):
    for action, *arguments in NEGATIVE:
        try:
            cp.call(action, *arguments)
        except soap.Fault as fault:
            if STRINGS.get(fault.code, fault.text) != fault.text:
                nonstrict(f"{fault.code} is called {fault.text!r}, not {STRINGS[fault.code]!r}")
