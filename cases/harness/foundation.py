# SPDX-License-Identifier: MIT
"""foundation.py - what a check rests on: when that does not hold, a failure of the check tells nothing.

A check of the order of events adds mappings; of a router that refuses every mapping it cannot tell
anything, and to say that the order is wrong would be a lie. So a check that fails is asked what it made
use of (trace.py), and each of those is tried by itself in its plainest form, on a subject that is as good
as new. The first that does not hold makes the check ``inconclusive``, with the requirement that a reader
should look at. Only checks of that requirement itself (``ids`` of a Stone, patterns) keep their failure.

Stones lie upon each other: the first of the list is the lowest, and each may use those before it.
"""
import contextlib
import dataclasses
import fnmatch
import xml.etree.ElementTree as ElementTree

from . import description, effect, effect6, http, minissdpd, natpmp, pcp, soap, ssdp
from .controlpoint import CONNECTIONS, IN_ADD, NoConnection, fault_of
from .lab import LabError
from .pinhole import Pinholes
from .portmap import add_any, delete_range, ports
from .requirement import Verdict
from .subscriber import Subscriber

PORT = 27000  # of the mappings made here
V2 = "WANIPConnection:2"


@dataclasses.dataclass(frozen=True)
class Stone:
    """words: a check rests on it when it made use of all of them. ids: whose own matter it is; the first
    is the one to look at. holds(subject, cp) raises when it does not."""

    what: str
    words: frozenset
    ids: tuple
    holds: object
    service: str = ""


STONES = []


def stone(what, words, ids, service=""):
    """Decorator: the function tries it. Words and ids are separated by blanks or, with blanks in them, by commas."""
    def register(holds):
        STONES.append(Stone(what, frozenset(words.split(", ")) - {""}, tuple(ids.split()), holds, service))
        return holds
    return register


@stone("the description can be read", "", "DESC-17 DESC-*")
def _description(subject, _):
    tree = description.fetch(subject.lab, subject.control_point().description.location)
    assert tree.root.tag == f"{description.DEVICE}root"


@stone("the connection service that is claimed is offered", "connection", "IGD-03 IGD-07")
def _offered(subject, cp):
    claimed = [name for name in subject.claims.get("services", []) if name.startswith(CONNECTIONS)]
    assert set(CONNECTIONS) & {service.type.split(":")[-2] for service in cp.description.services}, "there is none"
    assert not claimed or any(cp.connection.type.endswith(f":{name}") for name in claimed), cp.connection.type


@stone("the service descriptions can be read", "SCPD", "DESC-27")
def _service_descriptions(subject, cp):
    for service in cp.description.services:
        assert description.scpd(subject.lab, service).tag == f"{description.SERVICE}scpd"


@stone("the socket is served", "minissdpd", "MSSD-01")
def _socket(subject, _):
    with minissdpd.Client(subject.lab) as client:
        client.version()


@stone("each device has an UDN of its own", "announcements", "DESC-*")
def _udns(_, cp):
    udns = [udn for _, udn in cp.description.devices]
    assert len(set(udns)) == len(udns), udns


@stone("a search is answered", "search", "SSDP-36 SSDP-*")
def _search(subject, _):
    assert ssdp.search(subject.lab, "upnp:rootdevice", timeout=2)


@stone("control is where the description says", "POST", "SOAP-01 DESC-27")
def _reached(subject, cp):
    subject.lab.connect(cp.node, cp.connection.control.host, cp.connection.control.port).close()


@stone("control answers a plain request", "POST", "SOAP-01 SOAP-02 SOAP-14")
def _control(_, cp):
    cp.call("GetExternalIPAddress")


@stone("control answers requests that follow each other", "POST", "SOAP-14")
def _in_a_row(_, cp):
    for _ in range(3):
        cp.call("GetExternalIPAddress")


@stone("GetExternalIPAddress has its argument", "GetExternalIPAddress", "SOAP-15")
def _address(_, cp):
    cp.external_address()


@stone("a refusal can be read", "fault", "SOAP-16")
def _fault(_, cp):
    assert fault_of(cp.specific, PORT) or fault_of(cp.call, "NoSuch")


@stone("a refusal carries a code of the clause", "fault", "SOAP-16 SOAP-17 SOAP-44 SOAP-45 WIPC-34 WIPC-41 WIPC-37")
def _codes(_, cp):
    codes = [fault_of(cp.specific, PORT), fault_of(cp.generic, 999), fault_of(cp.delete, PORT), fault_of(cp.call, "NoSuch")]
    assert {713, 714, 401} & set(codes), codes


@stone("AddPortMapping adds", "AddPortMapping", "WIPC-01 WIPC-72")
@stone("AddPortMapping adds", "AddAnyPortMapping", "WIPC-01 WIPC-72")
def _add(_, cp):
    cp.add(PORT)


@stone("a mapping is there when it was added", "AddPortMapping", "WIPC-01")
def _is_there(subject, cp):
    cp.add(PORT)
    assert fault_of(cp.specific, PORT) == 0 or subject.reaches(PORT)


@stone("AddPortMapping adds for UDP", "AddPortMapping, UDP", "WIPC-01")
def _add_udp(_, cp):
    cp.add(PORT, "UDP")


@stone("a mapping forwards TCP", "AddPortMapping, reaches TCP", "WIPC-01")
def _tcp(subject, cp):
    cp.add(PORT)
    assert subject.reaches(PORT)


@stone("a mapping forwards UDP", "AddPortMapping, UDP, reaches UDP", "WIPC-01")
def _udp(subject, cp):
    cp.add(PORT, "UDP")
    assert subject.reaches(PORT, "UDP")


@stone("the internal port may differ", "AddPortMapping, other port", "WIPC-14 IGD-18")
def _other_port(_, cp):
    cp.add(PORT, internal=PORT + 1)


@stone("a mapping forwards to another port", "AddPortMapping, other port, reaches TCP", "WIPC-14 WIPC-01 IGD-18")
@stone("a mapping forwards to another port", "AddPortMapping, other port, reaches UDP", "WIPC-14 WIPC-01 IGD-18")
def _forwards_to_other(subject, cp):
    cp.add(PORT, internal=PORT + 1)
    assert subject.reaches(PORT, internal=PORT + 1)


@stone("a client may have a second mapping", "AddPortMapping", "WIPC-01 WIPC-02")
def _second(subject, cp):
    cp.add(PORT)
    cp.add(PORT + 1)
    assert subject.reaches(PORT) and subject.reaches(PORT + 1)


@stone("a mapping may be added again", "AddPortMapping, again", "WIPC-02")
def _again(_, cp):
    cp.add(PORT)
    cp.add(PORT)


@stone("a mapping may have a lease", "AddPortMapping, lease", "WIPC-18 WIPC-17 IGD-18")
def _lease(_, cp):
    cp.add(PORT, lease=600)


@stone("a mapping may have a remote host", "AddPortMapping, remote host", "WIPC-10 WIPC-11 IGD-18")
def _remote(subject, cp):
    cp.add(PORT, remote=subject.lab.address_of("peer"))


@stone("a mapping may be disabled", "AddPortMapping, disabled", "WIPC-24 WIPC-33")
def _disabled(_, cp):
    cp.add(PORT, enabled=0)
    with contextlib.suppress(soap.Fault, KeyError):  # the matter of others
        assert cp.specific(PORT)["NewEnabled"] == "0"


@stone("there is room for many mappings", "AddPortMapping, many", "WIPC-72 WIPC-31 SOAP-14")
def _room(_, cp):
    for port in range(PORT, PORT + 64):
        cp.add(port)


@stone("a mapping may have any description", "AddPortMapping, description", "SOAP-28")
def _text(_, cp):
    cp.add(PORT, text="one of two")
    cp.add(PORT, text="")


@stone("another host may add mappings", "AddPortMapping, node other", "WIPC-01")
def _other(subject, _):
    subject.control_point("other").add(PORT)


@stone("GetSpecificPortMappingEntry has its arguments", "GetSpecificPortMappingEntry", "SOAP-15 WIPC-33")
def _specific_arguments(_, cp):
    cp.add(PORT)
    with contextlib.suppress(soap.Fault):  # the next but one sees that
        assert set(cp.specific(PORT)) == set(IN_ADD[3:])


@stone("GetGenericPortMappingEntry has its arguments", "GetGenericPortMappingEntry", "SOAP-15 WIPC-37")
def _generic_arguments(_, cp):
    cp.add(PORT)
    with contextlib.suppress(soap.Fault):
        assert set(cp.generic(0)) == set(IN_ADD)


@stone("GetSpecificPortMappingEntry tells what was added", "GetSpecificPortMappingEntry", "WIPC-33")
def _specific(subject, cp):
    cp.add(PORT)
    entry = cp.specific(PORT)
    assert (entry["NewInternalPort"], entry["NewInternalClient"]) == (str(PORT), subject.lab.address_of("client"))


@stone("what is not there is 714", "GetSpecificPortMappingEntry", "WIPC-34")
def _no_specific(_, cp):
    fault_of(cp.add, PORT + 1)
    assert fault_of(cp.specific, PORT) == 714


@stone("the enumeration is what was added", "GetGenericPortMappingEntry", "WIPC-37")
def _generic(_, cp):
    assert cp.enumerate(limit=10)[0] == []
    cp.add(PORT)
    cp.add(PORT + 1)
    assert sorted(e["NewExternalPort"] for e in cp.enumerate(limit=10)[0]) == [str(PORT), str(PORT + 1)]


@stone("DeletePortMapping deletes", "DeletePortMapping", "WIPC-40")
def _delete(subject, cp):
    cp.add(PORT)
    assert subject.reaches(PORT)
    cp.delete(PORT)
    assert not subject.reaches(PORT)


@stone("AddAnyPortMapping is answered in time", "AddAnyPortMapping", "SOAP-14", V2)
def _any_answers(_, cp):
    fault_of(cp.add, PORT, action="AddAnyPortMapping")


@stone("AddAnyPortMapping has its argument", "AddAnyPortMapping", "SOAP-15", V2)
def _any_argument(_, cp):
    with contextlib.suppress(soap.Fault):  # the next one sees that
        assert "NewReservedPort" in cp.add(PORT, action="AddAnyPortMapping")


@stone("AddAnyPortMapping adds", "AddAnyPortMapping", "WIPC-44", V2)
def _any(subject, cp):
    assert subject.reaches(add_any(cp, PORT))


@stone("DeletePortMappingRange deletes", "DeletePortMappingRange", "WIPC-53", V2)
def _range(subject, cp):
    cp.add(PORT)
    delete_range(cp, PORT - 1, PORT + 1)
    assert not subject.reaches(PORT)


@stone("a port listing is XML", "GetListOfPortMappings", "WIPC-61 SOAP-28", V2)
def _listing(_, cp):
    cp.add(PORT)
    with contextlib.suppress(soap.Fault, http.BadMessage, OSError, EOFError):  # the next one sees that
        ports(cp)


@stone("GetListOfPortMappings lists", "GetListOfPortMappings", "WIPC-57", V2)
def _list(_, cp):
    cp.add(PORT)
    assert ports(cp, start=PORT, end=PORT) == [PORT]


@stone("a lease counts down from what was asked for", "lease, GetSpecificPortMappingEntry", "WIPC-19")
def _left(_, cp):
    cp.add(PORT, lease=600)
    assert 590 <= int(cp.specific(PORT)["NewLeaseDuration"]) <= 600


@stone("the external address is told", "GetExternalIPAddress", "WIPC-63 WIPC-64")
@stone("the external address is told", "SUBSCRIBE, outer address", "WIPC-63")
def _outer(subject, cp):
    assert cp.external_address() == subject.lab.wan_address()


@stone("the URLs stay the same when the line goes and comes", "wan, POST", "IGD-05 SSDP-29 DESC-*")
@stone("the URLs stay the same when the line goes and comes", "ForceTermination", "IGD-05 SSDP-29 DESC-*")
def _urls(subject, cp):
    subject.require(needs="wan-control")
    before = cp.description.services
    subject.wan("down")
    subject.wan("up")
    assert description.fetch(subject.lab, cp.description.location).services == before


@stone("GetStatusInfo says Connected", "GetStatusInfo", "WCONN-01")
def _status(_, cp):
    assert cp.call("GetStatusInfo")["NewConnectionStatus"] == "Connected"


@stone("a subscription is granted", "SUBSCRIBE", "GENA-01")
def _subscribe(subject, cp):
    with Subscriber(subject.lab, cp) as sub:
        sub.subscribe()


@stone("the initial event comes", "SUBSCRIBE", "GENA-17 GENA-18 GENA-21 GENA-27 GENA-36")
def _initial(subject, cp):
    with Subscriber(subject.lab, cp) as sub:
        sub.subscribe()
        assert sub.initial().values


@stone("an event names its variables plainly", "SUBSCRIBE", "GENA-21 GENA-36")
def _names(subject, cp):
    with Subscriber(subject.lab, cp) as sub:
        sub.subscribe()
        root = ElementTree.fromstring(sub.initial().body)
    assert not [v.tag for p in root for v in p if v.tag.startswith("{")]


@stone("a subscription leaves the line as it is", "SUBSCRIBE", "GENA-35 WIPC-63")
def _line(subject, cp):
    with Subscriber(subject.lab, cp) as sub:
        sub.subscribe()
        sub.initial()
        assert cp.call("GetStatusInfo")["NewConnectionStatus"] == "Connected"


@stone("SystemUpdateID is evented", "SUBSCRIBE, SystemUpdateID", "GENA-36", V2)
def _update(subject, cp):
    with Subscriber(subject.lab, cp) as sub:
        sub.subscribe()
        assert "SystemUpdateID" in sub.initial().values


@stone("an event tells of a new mapping", "SUBSCRIBE, AddPortMapping", "GENA-30")
def _event(subject, cp):
    with Subscriber(subject.lab, cp) as sub:
        sub.subscribe()
        sub.initial()
        cp.add(PORT)
        assert sub.until(lambda event: "PortMappingNumberOfEntries" in event.values)


def _port_control(name, client, word, answers, maps, forwards):
    """What checks of NAT-PMP and of PCP rest on alike."""
    @stone(f"{name} answers", word, answers)
    def _answers(subject, _):
        with client(subject.lab) as made:
            made.plain()

    ways = {"TCP": f"{word}, {word} map", "UDP": f"{word}, {word} map, {word} UDP"}
    for protocol, words in ways.items():
        @stone(f"{name} maps a {'UDP port' if protocol == 'UDP' else 'port'}", words, maps)
        def _maps(subject, _, protocol=protocol):
            with client(subject.lab) as made:
                made.mapped(PORT, protocol=protocol)

    for protocol, words in ways.items():
        @stone(f"a mapping of {name} forwards {protocol}", f"{words}, reaches {protocol}", forwards)
        def _forwards(subject, _, protocol=protocol):
            with client(subject.lab) as made:
                assert subject.reaches(made.mapped(PORT, protocol=protocol), protocol, internal=PORT)


_port_control("NAT-PMP", natpmp.Client, "natpmp", "NATPMP-01", "NATPMP-03", "NATPMP-03 NATPMP-04")


@contextlib.contextmanager
def _pinhole(subject, protocol="UDP", **more):
    """(the service, the number of a pinhole)"""
    with Pinholes(subject.control_point6()) as pinholes:
        yield pinholes, pinholes.add(PORT, protocol, **more)


@stone("the service of the IPv6 firewall is there over IPv6", "GetFirewallStatus", "6FC-01")
@stone("the service of the IPv6 firewall is there over IPv6", "AddPinhole", "6FC-01")
def _pinholes(subject, _):
    assert Pinholes(subject.control_point6()).status() == ("1", "1")


@stone("AddPinhole adds", "AddPinhole", "6FC-04 V6FW-13")
def _pinhole_added(subject, _):
    with _pinhole(subject):
        pass


@stone("a pinhole may be for TCP", "AddPinhole, pinhole TCP", "6FC-04")
def _pinhole_tcp(subject, _):
    with _pinhole(subject, "TCP"):
        pass


@stone("a pinhole may be for a remote host", "AddPinhole, pinhole remote", "6FC-05")
def _pinhole_remote(subject, _):
    with _pinhole(subject, remote=subject.lab.address6_of("peer")):
        pass


@stone("without a pinhole the IPv6 firewall is closed", "AddPinhole, packets6", "6FC-04 V6FW-16")
def _closed(subject, _):
    assert not effect6.reaches(subject.lab, PORT) and not effect6.reaches(subject.lab, PORT, "TCP")


@stone("a pinhole lets UDP in", "AddPinhole, packets6", "6FC-04 V6FW-13")
def _pinhole_udp_in(subject, _):
    with _pinhole(subject):
        assert effect6.reaches(subject.lab, PORT)


@stone("a pinhole lets TCP in", "AddPinhole, reaches6 TCP", "6FC-04")
def _pinhole_tcp_in(subject, _):
    with _pinhole(subject, "TCP"):
        assert effect6.reaches(subject.lab, PORT, "TCP")


@stone("DeletePinhole deletes", "DeletePinhole", "6FC-17")
def _pinhole_deleted(subject, _):
    with _pinhole(subject) as (pinholes, number):
        pinholes.delete(number)


@stone("GetPinholePackets answers", "GetPinholePackets", "6FC-20")
def _pinhole_packets(subject, _):
    with _pinhole(subject) as (pinholes, number):
        pinholes.packets(number)


@stone("what is not there is 704", "GetPinholePackets, fault", "6FC-16 6FC-17 6FC-20 6FC-21")
def _no_pinhole(subject, _):
    with Pinholes(subject.control_point6()) as pinholes:
        assert fault_of(pinholes.packets, 65535) == 704


_port_control("PCP", pcp.Client, "pcp", "PCP-49 PCP-01 PCP-02", "PCP-17", "PCP-17 PCP-18")


@stone("PCP answers PEER", "pcp, pcp PEER", "PCP-43 PCP-44")
def _pcp_peer(subject, _):
    to = subject.lab.address_of("peer"), effect.ABROAD
    with pcp.Client(subject.lab) as client:
        effect.leaves_from(subject.lab, PORT, ports=[to[1]])
        assert client.peer(PORT, to).result == pcp.SUCCESS


HURRY, LEAST = 0.4, 1.0  # of the patience is left for a lab each time that a stone lets its time run out, but this at least
_SPOKEN = {"POST", "search", "SUBSCRIBE"}  # what a check says to an InternetGatewayDevice
TROUBLE = (AssertionError, soap.Fault, http.BadMessage, OSError, EOFError, LabError, KeyError, ValueError, AttributeError,
           ElementTree.ParseError, Verdict)
PORT_CONTROL = {"natpmp", "pcp", "minissdpd"}  # spoken without a description


def _try(one, subject):
    """Why a stone does not hold for a subject, or None."""
    if (one.service and not subject.has_service(one.service)) or not (subject.igd or PORT_CONTROL & one.words):
        return None
    if ("node other" in one.words and "other" not in subject.abilities) or \
            ("wan-side" not in subject.abilities and {"reaches TCP", "reaches UDP", "remote host"} & one.words):
        return None
    try:
        subject.reset()
        one.holds(subject, None if PORT_CONTROL & one.words else subject.control_point())
    except NoConnection:
        return None  # of the stones that need it, its own has told
    except TROUBLE as error:
        if isinstance(error, Verdict) and error.grade != "inconclusive":
            return None  # it cannot be tried here
        if isinstance(error, TimeoutError):  # whatever rests on it will wait in vain as well
            subject.mute.add(one)
        return str(error) or repr(error)
    finally:
        with contextlib.suppress(*TROUBLE):
            subject.reset()
    return None


def missing(subject, used, ids):
    """(what, requirement) of the first thing that a check rests on and that does not hold, or None.

    used: the words of the check's trace. ids: its requirements. What was found is kept with the subject.
    """
    for one in STONES:
        if not one.words <= used or (PORT_CONTROL & used and not _SPOKEN & used and not PORT_CONTROL & one.words):
            continue
        if one not in subject.foundations:
            subject.foundations[one] = _try(one, subject)
        if subject.foundations[one] is None:
            continue
        if one in subject.mute:
            subject.lab.patience = max(subject.lab.patience * HURRY, LEAST)
        if any(fnmatch.fnmatch(name, pattern) for name in ids for pattern in one.ids):
            return None
        owner = next((name for name in one.ids if "*" not in name), one.ids[0])
        return f"{one.what}: {subject.foundations[one]}", owner
    return None
