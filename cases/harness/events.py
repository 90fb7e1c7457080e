# SPDX-License-Identifier: MIT
"""events.py - a subscription whose notifications are read in order (UDA 2.0 clause 4)."""
import xml.etree.ElementTree as ElementTree

from . import http
from .subscriber import read_event

PROPERTY = "{urn:schemas-upnp-org:event-1-0}property"


class Subscription:
    """A subscription to a service from a node; use it in a ``with`` statement, which ends it.

    refused: the status when SUBSCRIBE was not answered with 200, else None.
    """

    def __init__(self, lab, service, node="client", callback=None):
        self._lab, self._node, self._where = lab, node, service.event
        self._listener = lab.listen(node, 0)
        port = self._listener.getsockname()[1]
        callback = callback or f"<http://{lab.address_of(node)}:{port}/event>"
        reply = self._exchange("SUBSCRIBE", ("CALLBACK", callback), ("NT", "upnp:event"), ("TIMEOUT", "Second-1800"))
        self.refused = None if reply.status == 200 else reply.status
        self.sid = reply.get("SID")

    def _exchange(self, method, *headers):
        where = self._where
        with http.Client(self._lab.connect(self._node, where.host, where.port)) as client:
            return client.exchange(http.request(method, where.path, where.authority, headers))

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        if self.sid:
            self._exchange("UNSUBSCRIBE", ("SID", self.sid))
        self._listener.close()

    def next(self, timeout=5.0):
        """The variables of the next notification, which is answered with 200; TimeoutError when none comes."""
        self._listener.settimeout(timeout)
        accepted, _ = self._listener.accept()
        with accepted:
            accepted.settimeout(timeout)
            event = read_event(accepted)
        root = ElementTree.fromstring(event.body)
        return {item.tag: item.text or "" for each in root.iter(PROPERTY) for item in each}

    def until(self, name, *values, timeout=5.0):
        """What the variable was told to be, in order, up to the last of *values*; TimeoutError otherwise."""
        told = []
        while not told or told[-1] != values[-1]:
            told += [value for key, value in self.next(timeout).items() if key == name]
        return told
