# SPDX-License-Identifier: MIT
"""remote.py - a router that is in no lab: what harness/lab.py offers, on one interface of this machine.

Of an adapter with ``kind: remote`` this reads ``remote: {address: 192.168.1.1, interface: eth1}``. The
client is this machine; there is no second host and nobody outside. With ``wan-interface`` the two
cards go into a lab instead (harness/subject.py), which has all of them, and wants root.
"""
import fcntl
import socket
import struct

from .lab import DEADLINE, FAMILIES, TYPES, LabError, Sockets

_SIOCGIFADDR = 0x8915


def interface_address(name):
    """IPv4 address of an interface of this machine; LabError when it has none."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        try:
            data = fcntl.ioctl(sock, _SIOCGIFADDR, struct.pack("256s", name.encode()[:15]))
        except OSError as error:
            raise LabError(f"interface {name}: {error.strerror}") from None
    return socket.inet_ntoa(data[20:24])


class Remote(Sockets):
    """This machine as the client of a router on its network."""

    def __init__(self, values):
        self._address, self._interface = values["address"], values["interface"]
        self.info, self.name, self.kept, self.patience = {"outermost": "r1"}, "", False, DEADLINE

    def __enter__(self):
        interface_address(self._interface)
        return self

    def __exit__(self, *exception):
        pass

    def port(self, node, network=None, role=None):
        """Interface of the client."""
        if node != "client":
            raise LabError(f"a remote router has no node {node} beside it")
        return {"ifname": self._interface, "address": interface_address(self._interface), "network": network,
                "index": socket.if_nametoindex(self._interface), "role": role}

    def address_of(self, node, network=None, role=None):
        """IPv4 address of a node."""
        return self._address if node == "r1" else self.port(node, network, role)["address"]

    def lan_address(self, router="r1"):
        """The router's address towards its clients."""
        return self._address

    def socket(self, node, kind="dgram", domain="inet", protocol=0):
        """A socket of this machine."""
        self.port(node)
        made = socket.socket(FAMILIES[domain], TYPES[kind], protocol)
        made.settimeout(self.patience)
        return made
