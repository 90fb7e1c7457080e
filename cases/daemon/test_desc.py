# SPDX-License-Identifier: MIT
"""Descriptions (area DESC): the documents."""
import re
import xml.etree.ElementTree as ElementTree

import pytest

from cases.harness import dcp, description, http, soap
from cases.harness.discovery import location, root, version
from cases.harness.requirement import inconclusive, nonstrict, requirement, unsupported

DEVICE, SERVICE = description.DEVICE, description.SERVICE
LIMITS = {"friendlyName": 64, "manufacturer": 64, "serialNumber": 64, "modelDescription": 128, "modelName": 32,
          "modelNumber": 32}


@pytest.fixture
def tree(subject):
    """The root description; inconclusive when it cannot be read."""
    return root(subject)


def devices(tree):
    return list(tree.root.iter(f"{DEVICE}device"))


def raw_services(tree):
    return list(tree.root.iter(f"{DEVICE}service"))


def documents(subject, tree):
    """[(service, root element of its SCPD)] for those that can be read (DESC-27 is about the others)."""
    found = []
    for service in tree.services:
        try:
            element = ElementTree.fromstring(description.get(subject.lab, "client", service.scpd).body)
        except (OSError, EOFError, http.BadMessage, ElementTree.ParseError):
            continue
        if element.tag == f"{SERVICE}scpd":
            found.append((service, element))
    return found or inconclusive("no service description can be read: see DESC-27")


def actions(scpd):
    return {a.findtext(f"{SERVICE}name", "").strip(): a for a in scpd.iter(f"{SERVICE}action")}


def arguments_of(action):
    return [tuple(a.findtext(SERVICE + key, "").strip() for key in ("name", "direction", "relatedStateVariable"))
            for a in action.iter(f"{SERVICE}argument")]


@requirement("DESC-17")
def test_is_a_device_description(subject, lab):
    try:
        reply = description.get(lab, "client", location(subject))
    except (OSError, EOFError, http.BadMessage):
        inconclusive("no description: see DESC-01, DESC-03")
    if reply.status != 200:
        inconclusive("no description: see DESC-01")
    text = reply.body.decode("utf-8").removeprefix("\ufeff")  # XML 1.0 clause 4.3.3 allows the mark
    declared = re.match(r"^<\?xml version=(['\"])1\.0\1(?:\s+encoding=(['\"])([\w-]+)\2)?[^>]*\?>", text)
    assert declared, f"no XML declaration at the beginning: {text[:40]!r}"
    assert (declared[3] or "utf-8").lower() == "utf-8" and "<!DOCTYPE" not in text
    top = ElementTree.fromstring(reply.body)
    assert top.tag == f"{DEVICE}root"
    order = [child.tag.replace(DEVICE, "") for child in top if child.tag.startswith(DEVICE)]
    assert order in (["specVersion", "device"], ["specVersion", "URLBase", "device"]), order
    if 'charset' in (reply.get("Content-Type") or ""):
        assert "utf-8" in reply.get("Content-Type").lower()


@requirement("DESC-18")
def test_version_is_that_of_server(tree):
    match = re.search(r"UPnP/(\d+\.\d+)", tree.reply.get("SERVER") or "")
    if not match:
        inconclusive("SERVER says no UPnP version: see SSDP-15")
    assert match[1] == "%d.%d" % version(tree) and match[1] in ("1.0", "1.1", "2.0")


@requirement("DESC-19")
def test_required_elements_of_devices(tree):
    for device in devices(tree):
        for name in ("deviceType", "friendlyName", "manufacturer", "modelName", "UDN"):
            assert [bool((e.text or "").strip()) for e in device.findall(DEVICE + name)] == [True], name


@requirement("DESC-20")
def test_lengths_of_texts(tree):
    for device in devices(tree):
        for name, limit in LIMITS.items():
            if len(device.findtext(DEVICE + name, "")) >= limit:
                nonstrict(f"{name} has {len(device.findtext(DEVICE + name))} characters, {limit} or more")


@requirement("DESC-21")
def test_udns_differ(tree):
    udns = [udn for _, udn in tree.devices]
    assert all(udn.startswith("uuid:") and len(udn) > 5 for udn in udns)
    assert len(set(udns)) == len(udns)


@requirement("DESC-22")
def test_url_base(tree):
    base = tree.root.findall(f".//{DEVICE}URLBase")
    if version(tree) > (1, 0):
        assert not base, "URLBase, which UPnP 1.1 forbids"
    for element in base:
        description.url((element.text or "").strip())


@requirement("DESC-24")
def test_elements_of_services(tree):
    for service in raw_services(tree):
        for name in ("serviceType", "serviceId", "SCPDURL", "controlURL", "eventSubURL"):
            assert len(service.findall(DEVICE + name)) == 1, name
        assert service.findtext(f"{DEVICE}serviceType", "").strip(), "serviceType is empty"
        for name in ("controlURL", "eventSubURL"):
            description.url(service.findtext(DEVICE + name).strip(), tree.location)


@requirement("DESC-25")
def test_service_ids(tree):
    ids = [s.id for s in tree.services]
    assert all(re.match(r"^urn:upnp-org:serviceId:\S+$", i) for s, i in zip(tree.services, ids)
               if ":schemas-upnp-org:" in s.type), ids
    assert len(set(ids)) == len(ids)


@requirement("DESC-26")
def test_event_urls_differ(tree):
    urls = [s.findtext(f"{DEVICE}eventSubURL", "").strip() for s in raw_services(tree)]
    urls = [u for u in urls if u]
    assert len(set(urls)) == len(urls), urls


@requirement("DESC-27")
def test_service_descriptions(subject, lab, tree):
    for service in tree.services:
        reply = description.get(lab, "client", service.scpd)
        assert reply.status == 200, f"{service.type}: {reply.status}"
        scpd = ElementTree.fromstring(reply.body)
        assert scpd.tag == f"{SERVICE}scpd"
        names = [e.findtext(f"{SERVICE}name", "").strip() for e in scpd.iter(f"{SERVICE}stateVariable")]
        assert names and all(names), f"{service.type}: no state variables"
        assert len(set(names)) == len(names)
        listed = [e.findtext(f"{SERVICE}name", "").strip() for e in scpd.iter(f"{SERVICE}action")]
        assert all(listed) and len(set(listed)) == len(listed)


@requirement("DESC-28")
def test_listed_actions_are_there(subject, lab, tree):
    for service, scpd in documents(subject, tree):
        listed = actions(scpd)
        needed = {n for n, a in dcp.ACTIONS.get(dcp.short(service.type), {}).items() if dcp.arguments(a)[0]}
        assert needed <= set(listed), f"{service.type}: not listed: {sorted(needed - set(listed))}"
        for name in listed:
            if name.endswith(("Termination", "Connection")) or name.startswith("SendSetup"):
                continue  # those work without arguments and end the WAN connection
            data = soap.request(service.control, service.type, name)
            with http.Client(lab.connect("client", service.control.host, service.control.port)) as client:
                try:
                    soap.parse(client.exchange(data), service.type, name)
                except soap.Fault as fault:
                    assert fault.code not in (401, 602), f"{service.type}: {name} answers {fault}"
                except (http.BadMessage, EOFError):
                    pass  # SOAP's matter


@requirement("DESC-29")
def test_arguments_and_their_order(subject, tree):
    for service, scpd in documents(subject, tree):
        table = dcp.ACTIONS.get(dcp.short(service.type), {})
        for name, action in actions(scpd).items():
            found = arguments_of(action)
            ways = [way for _, way, _ in found]
            assert set(ways) <= {"in", "out"} and ways == sorted(ways), f"{name}: out before in"
            if name in table:
                _, wanted_in, wanted_out = dcp.arguments(table[name])
                assert [n for n, _, _ in found] == wanted_in + wanted_out, f"{service.type}: {name}"


@requirement("DESC-30")
def test_variables_of_arguments(subject, tree):
    for service, scpd in documents(subject, tree):
        types = {v.findtext(f"{SERVICE}name", "").strip():
                 (v.findtext(f"{SERVICE}dataType", "").strip(), v.get("sendEvents", "yes").strip() == "yes")
                 for v in scpd.iter(f"{SERVICE}stateVariable")}
        for name, action in actions(scpd).items():
            for argument, _, variable in arguments_of(action):
                assert variable in types, f"{service.type}: {name}: {argument} is of no variable {variable}"
        table = dcp.VARIABLES.get(dcp.short(service.type), {})
        assert {n: types[n] for n in table if n in types} == {n: t for n, t in table.items() if n in types}


@requirement("DESC-31")
def test_allowed_values(subject, tree):
    for service, scpd in documents(subject, tree):
        for variable in scpd.iter(f"{SERVICE}stateVariable"):
            name = variable.findtext(f"{SERVICE}name", "")
            listed = variable.findall(f"{SERVICE}allowedValueList")
            ranges = variable.findall(f"{SERVICE}allowedValueRange")
            assert len(listed) + len(ranges) <= 1, name
            default = variable.findtext(f"{SERVICE}defaultValue")
            if listed and default is not None:
                assert default in [v.text or "" for v in listed[0]], f"{name}: default {default!r}"
            if ranges:
                low, high = (int(ranges[0].findtext(SERVICE + key)) for key in ("minimum", "maximum"))
                assert low < high, name
                assert default in (None, "Vendor-defined") or low <= int(default) <= high, name


@requirement("DESC-33")
def test_vendor_names(subject, tree):
    for service, scpd in documents(subject, tree):
        table = dcp.ACTIONS.get(dcp.short(service.type))
        for name, action in actions(scpd).items() if table else ():
            assert name in table or name.startswith("X_"), f"{service.type}: {name}"
            if name in table:
                wanted = sum(dcp.arguments(table[name])[1:], [])
                assert not [a for a, _, _ in arguments_of(action) if a not in wanted and a.startswith("X_")], name


@requirement("DESC-39")
def test_icons(subject, lab, tree):
    icons = list(tree.root.iter(f"{DEVICE}icon")) or unsupported("there are no icons")
    for icon in icons:
        reply = description.get(lab, "client", description.url(icon.findtext(f"{DEVICE}url", "").strip(), tree.location))
        kind = icon.findtext(f"{DEVICE}mimetype", "").strip()
        assert reply.status == 200 and (reply.get("Content-Type") or "").split(";")[0] == kind
    if not [i for i in icons if i.findtext(f"{DEVICE}mimetype", "").strip() == "image/png"]:
        nonstrict("no icon is a PNG")


@requirement("DESC-40")
def test_presentation(subject, lab, tree):
    pages = [e.text.strip() for e in tree.root.iter(f"{DEVICE}presentationURL") if (e.text or "").strip()]
    for page in pages or unsupported("there is no presentationURL"):
        where = description.url(page, tree.location)
        assert where.host == lab.lan_address()
        try:
            assert description.get(lab, "client", where).status != 404
        except ConnectionRefusedError:
            if where.port == tree.location.port:
                raise
            inconclusive(f"{page} is the page of another program, which the lab does not run")
