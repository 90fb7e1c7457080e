# SPDX-License-Identifier: MIT
"""soap.py - control as the suite sees it (UDA 2.0 clause 3), from the specification alone."""
import re
import xml.etree.ElementTree as ElementTree
from xml.sax.saxutils import escape

from . import http, trace

ENVELOPE = "http://schemas.xmlsoap.org/soap/envelope/"
ENCODING = "http://schemas.xmlsoap.org/soap/encoding/"
CONTROL = "urn:schemas-upnp-org:control-1-0"


class Fault(Exception):
    """A UPnP error: code, text, and the HTTP reply that carried it."""

    def __init__(self, code, text, reply):
        super().__init__(f"{code} {text}")
        self.code, self.text, self.reply = code, text, reply


def body(service, action, arguments):
    """The envelope of a request; arguments is a sequence of (name, value)."""
    arguments = list(arguments)
    trace.action(action, arguments)
    inner = "".join(f"<{name}>{escape(str(value))}</{name}>" for name, value in arguments)
    return (f'<?xml version="1.0"?>\n<s:Envelope xmlns:s="{ENVELOPE}" s:encodingStyle="{ENCODING}">'
            f'<s:Body><u:{action} xmlns:u="{service}">{inner}</u:{action}></s:Body></s:Envelope>'
            ).encode()


def request(url, service, action, arguments=(), headers=(), **more):
    """Bytes of a control request to a Url."""
    head = [("Content-Type", 'text/xml; charset="utf-8"'), ("SOAPACTION", f'"{service}#{action}"')]
    return http.request("POST", url.path, url.authority, head + list(headers),
                        body(service, action, arguments), **more)


def parse(reply, service, action):
    """Out-arguments of a reply as an ordered dict; Fault for an error; BadMessage otherwise."""
    if reply.status != 200 or b"errorCode" in reply.body:
        trace.note("fault")
    try:
        root = ElementTree.fromstring(reply.body)
    except ElementTree.ParseError as error:
        raise http.BadMessage(f"status {reply.status}, body is not XML: {error}") from None
    if root.tag != f"{{{ENVELOPE}}}Envelope":
        raise http.BadMessage(f"root element is {root.tag}")
    if root.get(f"{{{ENVELOPE}}}encodingStyle") != ENCODING:
        reply.notes.append("Envelope without the encodingStyle attribute")
    content = root.find(f"{{{ENVELOPE}}}Body")
    if content is None or not len(content):
        raise http.BadMessage("no Body, or an empty one")
    fault = content.find(f"{{{ENVELOPE}}}Fault")
    if fault is not None:
        code = fault.findtext(f"detail/{{{CONTROL}}}UPnPError/{{{CONTROL}}}errorCode")
        text = fault.findtext(f"detail/{{{CONTROL}}}UPnPError/{{{CONTROL}}}errorDescription")
        if code is None:
            raise http.BadMessage(f"a fault without UPnPError, status {reply.status}")
        if not re.fullmatch(r"\s*[+-]?\d+\s*", code):
            raise http.BadMessage(f"errorCode is no number: {code!r}")
        raise Fault(int(code), text or "", reply)
    if content[0].tag != f"{{{service}}}{action}Response":
        raise http.BadMessage(f"expected {action}Response of {service}, found {content[0].tag}")
    return {child.tag: child.text or "" for child in content[0]}
