# SPDX-License-Identifier: MIT
"""discovery.py - what the checks of discovery observe: one announcement, the answers to searches, silence.

Time is the subject's: with a clock of ours it is moved, so that whatever an answer waits for is over; a
real daemon gets MX seconds and a little.
"""
import re
import select
import socket
import struct
import time
import weakref
import xml.etree.ElementTree as ElementTree

from . import description, http, ssdp, trace
from .requirement import inconclusive

IP_RECVTTL = 12  # linux/in.h; Python has no name for it
SO_TIMESTAMPNS = 35  # asm-generic/socket.h
LATE = 12.0  # of our clock: longer than any answer may wait
MARGIN = 0.3  # seconds for which a real daemon may be late
UNKNOWN = "urn:igdlab-example:device:Nothing:1"
_announced = weakref.WeakKeyDictionary()


class Heard(list):
    """Datagrams; rubbish are those that no reader can take for SSDP. Each knows its TTL."""

    def __init__(self):
        super().__init__()
        self.rubbish = []

    def kind(self, *kinds):
        """Those of some kinds."""
        return [d for d in self if d.kind in kinds]

    def targets(self):
        """ST or NT of each, in the order of the alphabet."""
        return sorted(d.target or "" for d in self)


def gather(subject, sock, wait=1.0, idle=None):
    """All that arrives within *wait* seconds (or until *idle* seconds of silence)."""
    if "clock" in subject.abilities:
        for seconds in (wait, LATE):
            subject.lab.request(op="sync")
            subject.lab.advance(seconds)
        subject.lab.request(op="sync")
        wait, idle = MARGIN, 0.04
    else:
        wait += MARGIN
    if sock.family == socket.AF_INET:
        sock.setsockopt(socket.IPPROTO_IP, IP_RECVTTL, 1)
    heard, end = Heard(), time.monotonic() + wait
    while True:
        left = end - time.monotonic()
        left = min(left, idle) if idle and (heard or "clock" in subject.abilities) else left
        if left <= 0 or not select.select([sock], [], [], left)[0]:
            return heard
        data, more, _, source = sock.recvmsg(65536, 64)
        try:
            got = ssdp.Datagram(data, source, time.monotonic())
        except http.BadMessage:
            heard.rubbish.append(data)
            continue
        got.ttl = next((struct.unpack("i", value)[0] for _, kind, value in more if kind == socket.IP_TTL), None)
        heard.append(got)


def search(subject, *searches, to=(ssdp.GROUP, ssdp.PORT), port=0, wait=1.0, node="client", idle=None):
    """Send searches (targets, or bytes) from one socket and gather the answers."""
    with ssdp.search_socket(subject.lab, node, port=port) as sock:
        for item in searches:
            sock.sendto(item if isinstance(item, bytes) else ssdp.search_bytes(item), to)
        return gather(subject, sock, wait, idle)


def one(subject, *searches):
    """The first answer to searches that every router answers; inconclusive without one."""
    with ssdp.search_socket(subject.lab) as sock:
        for item in searches:
            sock.sendto(ssdp.search_bytes(item), (ssdp.GROUP, ssdp.PORT))
        if "clock" in subject.abilities:
            heard = gather(subject, sock)
        else:
            heard = ssdp.receive(sock, 1, timeout=1 + MARGIN)
    return heard[0] if heard else inconclusive("no answer to a search: see SSDP-36")


def silent(subject, *bent, good="upnp:rootdevice", **more):
    """The answers to bent searches, when one that is right, sent after them, is answered."""
    one(subject, good)
    return search(subject, *bent, **more)


class Announcement:
    """What a router says after a restart: messages, and the description that belongs to them."""

    def __init__(self, subject):
        with ssdp.listen_socket(subject.lab) as sock:
            subject.reboot()
            self.heard = gather(subject, sock, 3.0, idle=1.0)
        self.alive = self.heard.kind("alive")
        self.tree = root(subject)

    def distinct(self):
        """{(NT, USN, LOCATION)} of the alive messages."""
        return {(d.target, d.get("USN"), d.get("LOCATION")) for d in self.alive}


def announced(subject):
    """The announcement of a subject, heard once; inconclusive when nothing is heard."""
    subject.require(needs="reboot")
    trace.note("announcements")
    if subject not in _announced:
        _announced[subject] = Announcement(subject)
    if not _announced[subject].alive:
        inconclusive("nothing is announced: see SSDP-07")
    return _announced[subject]


def location(subject):
    """URL of the root description, by whatever way works for this subject."""
    if subject.fake:
        return description.url(subject.lab.router(op="state")["location"])
    given = (subject.adapter.values.get("remote") or {}).get("location")
    return description.url(given or one(subject, "upnp:rootdevice").get("LOCATION"))


def root(subject):
    """The root description read; inconclusive when it cannot be (DESC-01, DESC-17)."""
    try:
        return description.fetch(subject.lab, location(subject))
    except (OSError, EOFError, http.BadMessage, ElementTree.ParseError, ValueError, AttributeError) as error:
        inconclusive(f"the description cannot be read ({error}): see DESC-01, DESC-17")


def version(tree):
    """(major, minor) of UDA, as the description says."""
    said = tree.root.find(f"{description.DEVICE}specVersion")
    try:
        return tuple(int(said.findtext(description.DEVICE + name)) for name in ("major", "minor"))
    except (AttributeError, TypeError, ValueError):
        inconclusive("no specVersion in the description: see DESC-18")


def expected(tree):
    """(NT, USN) that a description calls for (UDA 2.0 tables 1-1 to 1-3)."""
    wanted = [("upnp:rootdevice", f"{tree.devices[0][1]}::upnp:rootdevice")]
    for kind, udn in tree.devices:
        wanted += [(udn, udn), (kind, f"{udn}::{kind}")]
    return wanted + sorted({(s.type, f"{s.udn}::{s.type}") for s in tree.services})


def lowered(kind):
    """(name, version) of "urn:...:NAME:2"; version 0 when there is none."""
    match = re.match(r"^(urn:.*):(\d+)$", kind)
    return (match[1], int(match[2])) if match else (kind, 0)
