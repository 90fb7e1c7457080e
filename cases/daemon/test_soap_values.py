# SPDX-License-Identifier: MIT
"""Arguments of control (area SOAP): missing, in another order, of every type and of none."""
import xml.etree.ElementTree as ElementTree

import pytest

from cases.harness.controlpoint import IN_ADD, fault_of
from cases.harness.requirement import nonstrict, requirement

from .test_soap import control_works  # noqa: F401  a fixture of every check
from .test_soap import adding, answers, booleans, enveloped, mapped, send

INVALID = (402, 600, 601)


def add(cp, lab, **changes):
    """Code of AddPortMapping with changed arguments (None = left out)."""
    return fault_of(cp.call, "AddPortMapping", *adding(lab, **changes))


def refused(subject, cp, code, codes=INVALID):
    assert code in codes, f"error {code}"
    assert not mapped(cp) and not subject.reaches(40000, timeout=0.3)


@requirement("SOAP-19")
def test_missing_argument(subject, lab, cp):
    for name in IN_ADD:
        refused(subject, cp, add(cp, lab, **{name: None}), (402,))


@requirement("SOAP-20")
def test_arguments_in_another_order(subject, lab, cp):
    code = fault_of(cp.call, "AddPortMapping", *reversed(adding(lab, NewInternalPort=50000)))
    assert code in (0, 402)
    if code:
        refused(subject, cp, code)
    else:
        entry = cp.specific(40000)
        assert [entry[n] for n in IN_ADD[3:7]] == ["50000", lab.address_of("client"), "1", "igdlab"]
        assert subject.reaches(40000, internal=50000)


@requirement("SOAP-21")
@pytest.mark.parametrize("name, value", [
    *(("NewExternalPort", v) for v in ("abc", "4e4", "40000abc", "0x9C40", "40000.5", "40 000")),
    ("NewInternalPort", "abc"), ("NewEnabled", "maybe"), ("NewLeaseDuration", "abc")])
def test_wrong_type(subject, lab, cp, name, value):
    refused(subject, cp, add(cp, lab, **{name: value}))


@requirement("SOAP-21")
@pytest.mark.parametrize("name", ["NewExternalPort", "NewInternalPort", "NewEnabled", "NewLeaseDuration"])
def test_empty_number(subject, lab, cp, name):
    refused(subject, cp, add(cp, lab, **{name: ""}))


@requirement("SOAP-22")
@pytest.mark.parametrize("name", ["NewExternalPort", "NewInternalPort"])
@pytest.mark.parametrize("value", ["65536", "105536", "-1", "-25536", "4295007296", "18446744073709591616"])
def test_number_out_of_range(subject, lab, cp, name, value):
    refused(subject, cp, add(cp, lab, **{name: value}), (601, 402))


@requirement("SOAP-22")
@pytest.mark.parametrize("value", ["4294967296", "-1"])
def test_lease_out_of_range(subject, lab, cp, value):
    refused(subject, cp, add(cp, lab, NewLeaseDuration=value), (601, 402))


@requirement("SOAP-23")
@pytest.mark.parametrize("protocol", ["SCTP", "tcp", " TCP ", "ICMP", "", "6"])
def test_protocol_that_is_not_allowed(subject, lab, cp, protocol):
    code = add(cp, lab, NewProtocol=protocol)
    refused(subject, cp, code)
    if subject.igd >= 2 and code != 601:
        nonstrict(f"refused with {code} instead of 601")


@requirement("SOAP-24")
@pytest.mark.parametrize("value", ["+40000", "0040000"])
def test_legal_forms_of_a_number(subject, lab, cp, value):
    code = add(cp, lab, NewExternalPort=value)
    if code:
        nonstrict(f"{value} is refused with {code}")
        refused(subject, cp, code)
    else:
        assert mapped(cp) == ["40000"] and subject.reaches(40000)


@requirement("SOAP-25")
@pytest.mark.parametrize("value", ["1", "true", "yes"])
def test_forms_of_true(subject, lab, cp, value):
    assert add(cp, lab, NewEnabled=value) == 0
    assert cp.specific(40000)["NewEnabled"] == "1"
    assert subject.reaches(40000)


@requirement("SOAP-25", interworking=False)
@pytest.mark.parametrize("value", ["0", "false", "no"])
def test_forms_of_false(subject, lab, cp, value):
    assert add(cp, lab, NewEnabled=value) == 0
    assert cp.specific(40000)["NewEnabled"] == "0"
    assert not subject.reaches(40000, timeout=0.3)


@requirement("SOAP-26")
def test_booleans_of_readers(subject, cp):
    cp.add(40000)
    assert cp.specific(40000)["NewEnabled"] == cp.generic(0)["NewEnabled"] == "1"
    for _, action, out, root, values in answers(subject, cp):
        assert {values[n] for n, variable in out if variable in booleans(root)} <= {"0", "1"}, action


@requirement("SOAP-28")
@pytest.mark.parametrize("text", ["a&b<c>\"'", "é漢", "]]>", "&amp;", "a  b", ""])
def test_strings_come_back(cp, text):
    cp.add(40000, text=text)
    assert cp.specific(40000)["NewPortMappingDescription"] == text
    assert cp.generic(0)["NewPortMappingDescription"] == text


@requirement("SOAP-28", igd=2)
def test_strings_come_back_in_a_listing(cp):
    cp.add(40000, text="a&b<c>\"'é")
    text = cp.call("GetListOfPortMappings", ("NewStartPort", 40000), ("NewEndPort", 40009), ("NewProtocol", "TCP"),
                   ("NewManage", 0), ("NewNumberOfPorts", 0))["NewPortListing"]
    found = [e.text for e in ElementTree.fromstring(text).iter() if e.tag.endswith("NewDescription")]
    assert found == ["a&b<c>\"'é"]


@requirement("SOAP-29")
@pytest.mark.parametrize("text", ["x" * 300, "é" * 5000, "&" * 12000, "x" * 65536], ids=["300", "utf-8", "markup", "64k"])
def test_long_description(subject, lab, cp, text):
    subject.spoil()
    code = add(cp, lab, NewPortMappingDescription=text)
    assert code in (0, 605, 402, 501)
    if code == 0:
        assert text.startswith(cp.specific(40000)["NewPortMappingDescription"])
        assert subject.reaches(40000)
    assert bool(code) != bool(mapped(cp))


@requirement("SOAP-29")
def test_long_remote_host(subject, lab, cp):
    code = add(cp, lab, NewRemoteHost="4" * 10240)
    refused(subject, cp, code, (605, 402, 501, 600, 601, 715, 726))


@requirement("SOAP-30")
@pytest.mark.parametrize("raw", [b"a\x01b", b"a\xffb", b"a\xc3", b"\xed\xa0\x80", b"a&#1;b"], ids=repr)
def test_characters_that_are_none(subject, lab, cp, raw):
    subject.spoil()
    body = enveloped(cp, "AddPortMapping", adding(lab)).replace(b"igdlab", raw)
    try:
        send(cp, body, "AddPortMapping")
    except (EOFError, ConnectionResetError):
        nonstrict("the connection is closed")
    entries, _ = cp.enumerate()
    for entry in entries:
        assert not set(entry["NewPortMappingDescription"]) & set(map(chr, range(9)))
