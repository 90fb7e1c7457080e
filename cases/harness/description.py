# SPDX-License-Identifier: MIT
"""description.py - device and service descriptions as the suite reads them (UDA 2.0 clause 2)."""
import dataclasses
import urllib.parse
import xml.etree.ElementTree as ElementTree

from . import http, trace

DEVICE = "{urn:schemas-upnp-org:device-1-0}"
SERVICE = "{urn:schemas-upnp-org:service-1-0}"


@dataclasses.dataclass(frozen=True)
class Url:
    """An absolute http URL: host, port, path with query."""

    host: str
    port: int
    path: str

    @property
    def authority(self):
        """host:port for the Host header."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def url(text, base=None):
    """Parse, relative to a base Url when one is given; ValueError when it is no http URL."""
    if base is not None:
        text = urllib.parse.urljoin(f"http://{base.authority}{base.path}", text)
    parts = urllib.parse.urlsplit(text)
    if parts.scheme != "http" or not parts.hostname:
        raise ValueError(f"no http URL: {text!r}")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Url(parts.hostname, parts.port or 80, path)


@dataclasses.dataclass
class Service:
    """A service of the tree, URLs resolved; device is the type of the device that holds it."""

    type: str
    id: str
    control: Url
    event: Url
    scpd: Url
    device: str
    udn: str


@dataclasses.dataclass(eq=False)
class Description:
    """A root description: its location, the reply it came in, the element tree, services, UDNs."""

    location: Url
    reply: http.Reply
    root: ElementTree.Element
    services: list
    devices: list

    def service(self, name):
        """The first service whose type contains ":NAME:" ("WANIPConnection"); KeyError when none."""
        for service in self.services:
            if f":{name}:" in service.type or service.type.endswith(f":{name}"):
                return service
        raise KeyError(f"no {name} among {[s.type for s in self.services]}")


def get(lab, node, where, method="GET"):
    """GET a Url from a node; returns the Reply."""
    with http.Client(lab.connect(node, where.host, where.port)) as client:
        return client.exchange(http.request(method, where.path, where.authority),
                               to_head=method == "HEAD")


def scpd(lab, service, node="client"):
    """The root element of a service's description; BadMessage or ParseError when it cannot be read."""
    trace.note("SCPD")
    reply = get(lab, node, service.scpd)
    if reply.status != 200:
        raise http.BadMessage(f"the description of {service.type} answered {reply.status}")
    return ElementTree.fromstring(reply.body)


def _devices(device):
    yield device
    for child in device.findall(f"{DEVICE}deviceList/{DEVICE}device"):
        yield from _devices(child)


def _service_url(text, base):
    """A URL of a service; one that is none is a path as it stands."""
    try:
        return url(text, base)
    except ValueError:
        return Url(base.host, base.port, text)


def fetch(lab, location, node="client"):
    """Fetch and read the root description behind a LOCATION (text or Url)."""
    where = url(location) if isinstance(location, str) else location
    reply = get(lab, node, where)
    if reply.status != 200:
        raise http.BadMessage(f"description answered {reply.status}")
    root = ElementTree.fromstring(reply.body)
    base_text = root.findtext(f"{DEVICE}URLBase")
    base = url(base_text.strip()) if base_text and base_text.strip() else where
    services, devices = [], []
    for device in _devices(root.find(f"{DEVICE}device")):
        kind = device.findtext(f"{DEVICE}deviceType", "").strip()
        udn = device.findtext(f"{DEVICE}UDN", "").strip()
        devices.append((kind, udn))
        for element in device.findall(f"{DEVICE}serviceList/{DEVICE}service"):
            value = {key: element.findtext(DEVICE + key, "").strip()
                     for key in ("serviceType", "serviceId", "controlURL", "eventSubURL", "SCPDURL")}
            services.append(Service(value["serviceType"], value["serviceId"],
                                    *(_service_url(value[key], base) for key in ("controlURL", "eventSubURL", "SCPDURL")),
                                    kind, udn))
    return Description(where, reply, root, services, devices)
