# SPDX-License-Identifier: MIT
"""remote.py - a router that is in no lab: what harness/lab.py offers, on this machine's own interfaces.

Of an adapter with ``kind: remote`` this reads

    remote: {address: 192.168.1.1, interface: eth1, wan-interface: eth2, location: http://...}

The client is this machine on *interface*; the peer is this machine on *wan-interface*, which has to
lead to the router's outer side. Without it there is no peer, and what needs one is not-run. Packets of
the peer are bound to its interface, for which Linux wants CAP_NET_RAW.
"""
import fcntl
import socket
import struct

from .lab import DEADLINE, LabError

_SIOCGIFADDR = 0x8915
_TYPES = {"stream": socket.SOCK_STREAM, "dgram": socket.SOCK_DGRAM, "raw": socket.SOCK_RAW}
_FAMILIES = {"inet": socket.AF_INET, "inet6": socket.AF_INET6, "packet": socket.AF_PACKET}


def interface_address(name):
    """IPv4 address of an interface of this machine; LabError when it has none."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        try:
            data = fcntl.ioctl(sock, _SIOCGIFADDR, struct.pack("256s", name.encode()[:15]))
        except OSError as error:
            raise LabError(f"interface {name}: {error.strerror}") from None
    return socket.inet_ntoa(data[20:24])


class Remote:
    """This machine as the client (and the peer) of a router on its networks."""

    def __init__(self, values):
        if not {"address", "interface"} <= set(values):
            raise LabError("remote: needs address and interface")
        self._address, self._lan, self._wan = values["address"], values["interface"], values.get("wan-interface")
        self._outer = values.get("wan-address")
        self.abilities = {"wan-side"} if self._wan else set()
        self.info, self.name, self.kept = {"outermost": "r1"}, "", False

    def __enter__(self):
        interface_address(self._lan)
        return self

    def __exit__(self, *exception):
        pass

    def _interface(self, node):
        name = {"client": self._lan, "peer": self._wan}.get(node)
        if not name:
            raise LabError(f"a remote router has no node {node} beside it")
        return name

    def port(self, node, network=None, role=None):
        """Interface of the client or the peer."""
        name = self._interface(node)
        return {"ifname": name, "address": interface_address(name), "index": socket.if_nametoindex(name),
                "network": network, "role": role}

    def address_of(self, node, network=None, role=None):
        """IPv4 address of a node."""
        return self.lan_address() if node == "r1" else self.port(node, network, role)["address"]

    def lan_address(self, router="r1"):
        """The router's address towards its clients."""
        return self._address

    def wan_address(self, router="r1"):
        """The router's outer address: given in the adapter, or what it says itself."""
        if not self._outer:
            from .controlpoint import ControlPoint
            self._outer = ControlPoint(self).discover().external_address()
        return self._outer

    def socket(self, node, kind="dgram", domain="inet", protocol=0):
        """A socket of this machine, tied to the interface of the client or the peer."""
        made = socket.socket(_FAMILIES[domain], _TYPES[kind], protocol)
        made.settimeout(DEADLINE)
        name = self._interface(node)
        if self._wan and domain != "packet":
            try:
                made.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, name.encode() + b"\0")
            except PermissionError:
                made.close()
                raise LabError("sockets of two interfaces need CAP_NET_RAW; run as root") from None
        return made

    def connect(self, node, address, port, timeout=DEADLINE):
        """A TCP connection from a node; OSError as connect() gives it."""
        made = self.socket(node, "stream")
        made.settimeout(timeout)
        try:
            made.connect((address, port))
        except OSError:
            made.close()
            raise
        return made

    def listen(self, node, port, address="0.0.0.0"):
        """A listening TCP socket of a node."""
        made = self.socket(node, "stream")
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind((address, port))
        made.listen(16)
        return made
