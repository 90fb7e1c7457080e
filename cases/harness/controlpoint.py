# SPDX-License-Identifier: MIT
"""controlpoint.py - the suite's own control point: discovery to action, from the specifications alone."""
import contextlib
import weakref

from . import description, http, soap, ssdp, trace

ROOT_TARGET = "upnp:rootdevice"
CONNECTIONS = ("WANIPConnection", "WANPPPConnection")
_chosen = weakref.WeakKeyDictionary()  # description -> the connection service that is used
IN_ADD = ("NewRemoteHost", "NewExternalPort", "NewProtocol", "NewInternalPort", "NewInternalClient",
          "NewEnabled", "NewPortMappingDescription", "NewLeaseDuration")


class NoConnection(KeyError):
    """The description offers no WANIPConnection and no WANPPPConnection."""


class ControlPoint:
    """A control point on a node of a lab, talking to one router.

    lab: a running Lab. node: where it sits. router: which router it looks for (by LAN address).
    """

    def __init__(self, lab, node="client", router="r1"):
        self.lab, self.node, self.router = lab, node, router
        self.description = None

    def discover(self, target=ROOT_TARGET):
        """Search by multicast, fetch the description of the router asked for; returns self."""
        wanted = self.lab.lan_address(self.router)
        with ssdp.search_socket(self.lab, self.node) as sock:
            sock.sendto(ssdp.search_bytes(target), (ssdp.GROUP, ssdp.PORT))
            while True:
                got = ssdp.receive(sock, 1)
                if not got:
                    raise TimeoutError(f"{self.router} did not answer a search for {target}")
                if got[0].source[0] == wanted:
                    break
        self.description = description.fetch(self.lab, got[0].get("LOCATION"), self.node)
        return self

    def fetch(self, location):
        """Take the description behind a LOCATION that is known already; returns self."""
        self.description = description.fetch(self.lab, location, self.node)
        return self

    @property
    def connection(self):
        """The router's WANIPConnection or WANPPPConnection service; of several the first that is connected."""
        trace.note("connection")
        if self.description not in _chosen:
            _chosen[self.description] = self._choose()
        return _chosen[self.description]

    def _choose(self):
        offered = [s for name in CONNECTIONS for s in self.description.services if f":{name}:" in s.type]
        if not offered:
            raise NoConnection("the router offers no WAN connection service")
        for service in offered if len(offered) > 1 else ():
            with contextlib.suppress(soap.Fault, http.BadMessage, OSError, EOFError):
                if self.call("GetStatusInfo", service=service).get("NewConnectionStatus") == "Connected":
                    return service
        return offered[0]

    def post(self, service, *pieces):
        """Send raw bytes to a service's control URL over a fresh connection; returns the Reply."""
        where = service.control
        trace.note(f"node {self.node}")
        with http.Client(self.lab.connect(self.node, where.host, where.port)) as client:
            return client.exchange(*pieces)

    def call(self, action, *arguments, service=None):
        """Invoke an action; arguments are (name, value) pairs. Returns out-arguments; raises Fault."""
        service = service or self.connection
        reply = self.post(service, soap.request(service.control, service.type, action, arguments))
        return soap.parse(reply, service.type, action)

    def add(self, port, protocol="TCP", internal=None, client=None, lease=0, remote="", enabled=1,
            text="igdlab", action="AddPortMapping"):
        """AddPortMapping (or AddAnyPortMapping); the client defaults to this node."""
        values = (remote, port, protocol, internal or port,
                  client or self.lab.address_of(self.node), enabled, text, lease)
        return self.call(action, *zip(IN_ADD, values))

    def delete(self, port, protocol="TCP", remote=""):
        """DeletePortMapping."""
        return self.call("DeletePortMapping", ("NewRemoteHost", remote), ("NewExternalPort", port),
                         ("NewProtocol", protocol))

    def specific(self, port, protocol="TCP", remote=""):
        """GetSpecificPortMappingEntry."""
        return self.call("GetSpecificPortMappingEntry", ("NewRemoteHost", remote),
                         ("NewExternalPort", port), ("NewProtocol", protocol))

    def generic(self, index):
        """GetGenericPortMappingEntry."""
        return self.call("GetGenericPortMappingEntry", ("NewPortMappingIndex", index))

    def external_address(self):
        """GetExternalIPAddress."""
        return self.call("GetExternalIPAddress")["NewExternalIPAddress"]

    def enumerate(self, limit=200):
        """All entries from index 0 to the fault that ends them; returns (entries, fault code)."""
        entries = []
        for index in range(limit):
            try:
                entries.append(self.generic(index))
            except soap.Fault as fault:
                return entries, fault.code
        raise AssertionError(f"no end after {limit} entries")


def fault_of(call, *args, **kwargs):
    """UPnP error code of a call, 0 when it succeeds."""
    try:
        call(*args, **kwargs)
    except soap.Fault as fault:
        return fault.code
    return 0
