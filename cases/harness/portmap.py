# SPDX-License-Identifier: MIT
"""portmap.py - what the checks of port mappings (area WIPC) share."""
import re
import socket
import xml.etree.ElementTree as ElementTree

from . import http, soap, trace
from .controlpoint import IN_ADD, fault_of

WEEK = 604800  # the longest lease of WANIPConnection:2
REFUSALS = (402, 501, 600, 601, 606, 715, 718, 729)  # a mapping that the router does not want


def version(subject):
    """The version of the connection service that the subject claims: 2, or 1."""
    return 2 if subject.has_service("WANIPConnection:2") else 1


def wanted(cp, port=20000, **changes):
    """In-arguments of AddPortMapping as pairs; *changes* by name, "" and 0 as they are."""
    values = {"NewRemoteHost": "", "NewExternalPort": port, "NewProtocol": "TCP", "NewInternalPort": port,
              "NewInternalClient": cp.lab.address_of(cp.node), "NewEnabled": 1,
              "NewPortMappingDescription": "igdlab", "NewLeaseDuration": 0, **changes}
    return [(name, values[name]) for name in IN_ADD]


def code_of_add(cp, port=20000, action="AddPortMapping", **changes):
    """Error code of AddPortMapping with these arguments changed, 0 when it succeeds."""
    return fault_of(cp.call, action, *wanted(cp, port, **changes))


def add_any(cp, port, **more):
    """AddAnyPortMapping; returns the port that was reserved."""
    return int(cp.add(port, action="AddAnyPortMapping", **more)["NewReservedPort"])


def external(cp, limit=200):
    """The external ports of all entries, in the order in which the router enumerates them."""
    return [int(entry["NewExternalPort"]) for entry in cp.enumerate(limit)[0]]


def lease(cp, port, **more):
    """What is left of a mapping's lease, in seconds."""
    return int(cp.specific(port, **more)["NewLeaseDuration"])


def delete_range(cp, start, end, protocol="TCP", manage=0):
    """DeletePortMappingRange."""
    return cp.call("DeletePortMappingRange", ("NewStartPort", start), ("NewEndPort", end),
                   ("NewProtocol", protocol), ("NewManage", manage))


def listing(cp, start=1024, end=65535, protocol="TCP", manage=0, count=0):
    """GetListOfPortMappings; returns the text of NewPortListing."""
    return cp.call("GetListOfPortMappings", ("NewStartPort", start), ("NewEndPort", end),
                   ("NewProtocol", protocol), ("NewManage", manage),
                   ("NewNumberOfPorts", count))["NewPortListing"]


def entries_of(text):
    """The entries of a port listing as dicts by local name, whatever the prefix."""
    return [{child.tag.rpartition("}")[2]: child.text or "" for child in entry}
            for entry in ElementTree.fromstring(text)]


def ports(cp, **more):
    """The external ports of a listing, in order; empty when the router says that there are none."""
    try:
        return [int(entry["NewExternalPort"]) for entry in entries_of(listing(cp, **more))]
    except soap.Fault as fault:
        if fault.code != 730:
            raise
        return []


def begin(cp, action, *arguments, timeout=30.0):
    """Send a control request and do not wait; returns a function that reads its out-arguments."""
    service = cp.connection
    trace.note(f"node {cp.node}")
    client = http.Client(cp.lab.connect(cp.node, service.control.host, service.control.port, timeout))
    client.send(soap.request(service.control, service.type, action, arguments))

    def finish():
        with client:
            return soap.parse(client.receive(), service.type, action)
    return finish


def evented(cp, variable, port=7777):
    """The value of a variable in the first event of a subscription, which is ended then."""
    where, lab = cp.connection.event, cp.lab

    def ask(method, *headers):
        with http.Client(lab.connect(cp.node, where.host, where.port)) as client:
            return client.exchange(http.request(method, where.path, where.authority, list(headers)))

    with lab.listen(cp.node, port) as listener:
        listener.settimeout(5)
        granted = ask("SUBSCRIBE", ("CALLBACK", f"<http://{lab.address_of(cp.node)}:{port}/>"),
                      ("NT", "upnp:event"), ("TIMEOUT", "Second-1800"))
        assert granted.status == 200, f"SUBSCRIBE: {granted.status} {granted.reason}"
        sock, _ = listener.accept()
        with sock:
            event = _message(sock)
            sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        ask("UNSUBSCRIBE", ("SID", granted.get("SID")))
    found = re.search(rb"<%s>([^<]*)<" % variable.encode(), event)
    assert found, f"the event has no {variable}"
    return found[1].decode()


def _message(sock):
    """Bytes of one HTTP request with Content-Length."""
    sock.settimeout(5)
    data = b""
    while True:
        parsed = http.parse_head(data)
        if parsed and len(data) - parsed[1] >= int(parsed[0].get("Content-Length") or 0):
            return data
        piece = sock.recv(65536)
        if not piece:
            raise socket.timeout("the event was cut")
        data += piece
