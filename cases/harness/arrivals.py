# SPDX-License-Identifier: MIT
"""arrivals.py - what comes in answer, on a machine that is busy: the routers are asked whether they are done, and the kernel says
when something came."""
import contextlib
import select
import socket
import struct
import time

from .lab import LabError

HOPS = 3      # routers through which an answer comes at most, one of them twice
NEVER = 5.0   # seconds behind the end of a wait, for those who never end
STAMPS = 35   # SO_TIMESTAMPNS, asm-generic/socket.h; Python has no name for it


def settled(lab):
    """What was sent until now is with its routers, and what they answer at once, or should have by now, has arrived."""
    for _ in range(HOPS):
        with contextlib.suppress(LabError):  # one may be down, by what was asked of it
            lab.request(op="sync")


def arrivals(lab, sock, wait):
    """Yields whenever the socket is readable, for *wait* seconds and until the routers have nothing more to send: a machine that
    had no time for them or for us in the meantime changes nothing."""
    settled(lab)
    end, done = time.monotonic() + wait, False
    while time.monotonic() < end + NEVER:
        if select.select([sock], [], [], max(0.0, end - time.monotonic()))[0]:
            yield
            done = False
        elif done:
            return
        else:
            settled(lab)
            done = True


def stamped(sock):
    """Have the kernel say when something came. Returns what time it is, by the same clock."""
    sock.setsockopt(socket.SOL_SOCKET, STAMPS, 1)
    return time.time()


def datagrams(lab, sock, wait, until=None, count=None, wanted=lambda data: True):
    """[(bytes, (address, port), when)] of what comes to a stamped socket within *wait* seconds and is wanted, *count* at most;
    *until*: what came after that time is left out, whenever we look."""
    got = []
    for _ in arrivals(lab, sock, wait):
        data, more, _, source = sock.recvmsg(65536, 64)
        when = next((seconds + nano / 1e9 for _, kind, value in more if kind == STAMPS
                     for seconds, nano in [struct.unpack("qq", value)]), time.time())
        if (until is None or when <= until) and wanted(data):
            got.append((data, source[:2], when))
        if len(got) == count:
            break
    return got


class Segments:
    """How many TCP segments with data came to a node from a port: as they were on the wire, however they are read."""

    def __init__(self, lab, node, address, port):
        self._lab, self._source = lab, (socket.inet_aton(address), port.to_bytes(2, "big"))
        self._raw = lab.socket(node, "raw", protocol=socket.IPPROTO_TCP)
        self._raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self._raw.close()

    def count(self):
        """Of all until now."""
        settled(self._lab)
        seen = set()
        while select.select([self._raw], [], [], 0)[0]:
            packet = self._raw.recv(65536)
            segment = packet[(packet[0] & 15) * 4:int.from_bytes(packet[2:4], "big")]
            if (packet[12:16], segment[:2]) == self._source and len(segment) > (segment[12] >> 4) * 4:
                seen.add(segment[2:8])  # to which port, with which number
        return len(seen)
