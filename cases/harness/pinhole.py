# SPDX-License-Identifier: MIT
"""pinhole.py - WANIPv6FirewallControl:1 as the suite's control point uses it."""
import contextlib

from . import soap, trace
from .controlpoint import fault_of
from .packet6 import TCP, UDP

SERVICE = "WANIPv6FirewallControl"
ANY = 65535          # the protocol that is every one, clause 2.4.7
LEASE = (1, 86400)   # seconds, clause 2.4.8
NUMBERS = {"TCP": TCP, "UDP": UDP}
TUPLE = ("RemoteHost", "RemotePort", "InternalClient", "InternalPort", "Protocol")
SPACE, DISABLED, NOT_ALLOWED, NO_ENTRY, PROTOCOL, PORT_WILD, PROTOCOL_WILD, CLIENT_WILD, NO_TRAFFIC = range(701, 710)
REFUSED, WRONG = 606, (402, 600, 601)  # WRONG: an argument that is none


class Pinholes:
    """The service of a control point's router. What add() opens is closed by close() or at the end of ``with``."""

    def __init__(self, cp):
        self.cp, self._open = cp, []

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()

    @property
    def service(self):
        """The service as described; KeyError when there is none."""
        return self.cp.description.service(SERVICE)

    @property
    def address(self):
        """The global address of the node that the control point sits on."""
        return self.cp.lab.address6_of(self.cp.node)

    def call(self, action, *arguments):
        """An action with (name, value) pairs."""
        return self.cp.call(action, *arguments, service=self.service)

    def status(self):
        """(FirewallEnabled, InboundPinholeAllowed) as they stand."""
        got = self.call("GetFirewallStatus")
        return got["FirewallEnabled"], got["InboundPinholeAllowed"]

    def _tuple(self, port, protocol, client, remote, remote_port):
        values = (remote, remote_port, self.address if client is None else client, port, NUMBERS.get(protocol, protocol))
        return list(zip(TUPLE, values))

    def wish(self, port, protocol="UDP", client=None, remote="", remote_port=0, lease=3600):
        """The arguments of AddPinhole: [(name, value)]."""
        return [*self._tuple(port, protocol, client, remote, remote_port), ("LeaseTime", lease)]

    def add(self, port, protocol="UDP", client=None, remote="", remote_port=0, lease=3600):
        """The UniqueID of a pinhole to the control point's own node; protocol: a name of NUMBERS, or anything as it is."""
        trace.note(*["pinhole TCP"][protocol != "TCP":], *["pinhole remote"][not remote and not remote_port:])
        got = self.call("AddPinhole", *self.wish(port, protocol, client, remote, remote_port, lease))
        number = got["UniqueID"]
        assert number.isdigit() and int(number) <= 0xffff, f"UniqueID: {number!r}"
        self._open.append(int(number))
        return int(number)

    def update(self, number, lease):
        """UpdatePinhole."""
        return self.call("UpdatePinhole", ("UniqueID", number), ("NewLeaseTime", lease))

    def delete(self, number):
        """DeletePinhole."""
        return self.call("DeletePinhole", ("UniqueID", number))

    def packets(self, number):
        """GetPinholePackets, as a number."""
        return int(self.call("GetPinholePackets", ("UniqueID", number))["PinholePackets"])

    def working(self, number):
        """CheckPinholeWorking, as it stands."""
        return self.call("CheckPinholeWorking", ("UniqueID", number))["IsWorking"]

    def timeout(self, port=5000, protocol="UDP", client=None, remote="", remote_port=0):
        """GetOutboundPinholeTimeout, in seconds."""
        return int(self.call("GetOutboundPinholeTimeout", *self._tuple(port, protocol, client, remote, remote_port))
                   ["OutboundPinholeTimeout"])

    def close(self):
        """Delete what was added; what is gone is gone."""
        for number in set(self._open):
            with contextlib.suppress(soap.Fault):
                self.delete(number)
        self._open.clear()

    def of_all(self, number):
        """{action: fault code} of the four actions that take an UniqueID and change nothing that stays open."""
        return {"UpdatePinhole": fault_of(self.update, number, 3600), "GetPinholePackets": fault_of(self.packets, number),
                "DeletePinhole": fault_of(self.delete, number)}
