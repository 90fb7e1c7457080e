# SPDX-License-Identifier: MIT
"""MSSD: MiniSSDPd, which keeps what is announced for the programs of its host, and answers for what they submit."""
import contextlib
import socket
import struct

import pytest

from cases.harness import minissdpd, ssdp
from cases.harness.lab import until
from cases.harness.minissdpd import ALL, BY_TYPE, BY_USN, Client, Entry
from cases.harness.requirement import requirement, strict

UUID = "uuid:8a7cd2a4-5d4e-4c1e-9d3a-6f0b6f1d0001"
IGD = "urn:schemas-upnp-org:device:InternetGatewayDevice:"
ROOT = Entry("http://192.168.1.4:5000/rootDesc.xml", "upnp:rootdevice", f"{UUID}::upnp:rootdevice")
ITSELF = Entry(ROOT.location, UUID, UUID)
GATEWAY = Entry(ROOT.location, f"{IGD}2", f"{UUID}::{IGD}2")
MEDIA = Entry("http://192.168.1.5:8200/desc.xml", "urn:schemas-upnp-org:device:MediaServer:1",
              "uuid:8a7cd2a4-5d4e-4c1e-9d3a-6f0b6f1d0002::urn:schemas-upnp-org:device:MediaServer:1")
LAST = Entry("http://192.168.1.4:1/", "urn:igdlab:device:Last:1", "uuid:last::urn:igdlab:device:Last:1")


@pytest.fixture
def msd(subject):
    """A connection to the daemon's socket."""
    with Client(subject.lab) as made:
        yield made


@pytest.fixture
def device(lab):
    """device(bytes): multicast from the first host."""
    with ssdp.search_socket(lab) as sock:
        yield lambda data: sock.sendto(data, (ssdp.GROUP, ssdp.PORT))


def listed(msd, entry):
    """Wait until an entry is listed: the network and the socket are two ways into the daemon."""
    until(lambda: entry in msd.list(), what=f"{entry.usn} on the list")


def announce(device, msd, *entries, **more):
    """Announce and wait until the daemon knows it."""
    for entry in entries:
        device(minissdpd.notify_bytes(entry, **more))
        listed(msd, entry)


def settle(device, msd):
    """Everything that was sent before has been read when this one is listed, and gone when it is not."""
    announce(device, msd, LAST)
    device(minissdpd.notify_bytes(LAST, "ssdp:byebye"))
    until(lambda: LAST not in msd.list(), what="the last one off the list")


def answers(lab, msd, target, count=1, **bend):
    """The answers to a search; one for LAST, which is submitted now, comes behind them, so that none is missed."""
    with ssdp.search_socket(lab) as sock:
        sock.sendto(ssdp.search_bytes(target, **bend), (ssdp.GROUP, ssdp.PORT))
        msd.submit(LAST)
        sock.sendto(ssdp.search_bytes(LAST.type), (ssdp.GROUP, ssdp.PORT))
        found = []
        while not found or found[-1].target != LAST.type:
            reply = ssdp.receive(sock, 1)
            assert reply, "the daemon does not answer"
            found += reply
    found = [r for r in found if r.get("USN") != LAST.usn]
    assert len(found) == count, [r.data for r in found]
    return found


@requirement("MSSD-01", igd=0, service="MiniSSDPd:1")
def test_version(msd):
    assert msd.version().replace(".", "").strip("0123456789-") == ""


@requirement("MSSD-02", igd=0, service="MiniSSDPd:1")
def test_everything_announced(msd, device):
    assert msd.list() == []
    announce(device, msd, ROOT, GATEWAY, MEDIA)
    assert sorted(msd.list()) == sorted([ROOT, GATEWAY, MEDIA])


@requirement("MSSD-03", igd=0, service="MiniSSDPd:1")
@pytest.mark.parametrize("key, found", [(GATEWAY.type, [GATEWAY]), (MEDIA.type, [MEDIA]), (ROOT.type, [ROOT]),
                                        (f"{MEDIA.type}:1", []), ("urn:other:device:x:1", [])])
def test_by_type(msd, device, key, found):
    announce(device, msd, ROOT, GATEWAY, MEDIA)
    assert msd.list(BY_TYPE, key) == found


@requirement("MSSD-27", igd=0, service="MiniSSDPd:1")
@pytest.mark.parametrize("kind, key", [(BY_TYPE, "urn:schemas-upnp-org:device:Media"), (BY_TYPE, "urn:schemas-upnp-org:device:"),
                                       (BY_TYPE, "upnp:root"), (BY_USN, UUID), (BY_USN, "uuid:8")])
@pytest.mark.parametrize("how", ["announced", "submitted"])
def test_part_of_a_name(msd, device, how, kind, key):
    for entry in (ROOT, GATEWAY, MEDIA):
        if how == "submitted":
            msd.submit(entry)
        else:
            announce(device, msd, entry)
    assert msd.list(kind, key) == []


@requirement("MSSD-04", igd=0, service="MiniSSDPd:1")
@pytest.mark.parametrize("how", ["announced", "submitted"])
def test_by_earlier_version(msd, device, how):
    if how == "submitted":
        msd.submit(GATEWAY)
    else:
        announce(device, msd, GATEWAY)
    assert msd.list(BY_TYPE, f"{IGD}1") == [GATEWAY]


@requirement("MSSD-05", igd=0, service="MiniSSDPd:1")
@pytest.mark.parametrize("key, found", [(GATEWAY.usn, [GATEWAY]), (f"{MEDIA.usn}:1", []), ("uuid:x", [])])
def test_by_usn(msd, device, key, found):
    announce(device, msd, ROOT, GATEWAY, MEDIA)
    assert msd.list(BY_USN, key) == found


@requirement("MSSD-06", igd=0, service="MiniSSDPd:1")
def test_byebye(msd, device):
    announce(device, msd, GATEWAY, MEDIA)
    device(minissdpd.notify_bytes(GATEWAY, "ssdp:byebye"))
    settle(device, msd)
    assert msd.list() == [MEDIA]


@requirement("MSSD-07", igd=0, service="MiniSSDPd:1")
def test_max_age(subject, msd, device):
    announce(device, msd, MEDIA)
    announce(device, msd, GATEWAY, max_age=1)
    subject.advance(2.1)
    assert msd.list() == [MEDIA]


@requirement("MSSD-08", igd=0, service="MiniSSDPd:1")
@pytest.mark.parametrize("path", ["d", "another.xml", "a/much/longer/path/than/it/was/before.xml"],
                         ids=["shorter", "as-long", "longer"])
def test_other_location(msd, device, path):
    moved = GATEWAY._replace(location=f"http://192.168.1.5:49152/{path}")
    announce(device, msd, GATEWAY)
    device(minissdpd.notify_bytes(moved))
    settle(device, msd)
    assert msd.list() == [moved]


@requirement("MSSD-09", igd=0, service="MiniSSDPd:1")
def test_answer_to_its_search(lab, msd):
    lines = ["HTTP/1.1 200 OK", "CACHE-CONTROL: max-age=1800", "EXT:", f"LOCATION: {GATEWAY.location}",
             "SERVER: test/1.0 UPnP/1.0 igdlab/1.0", f"ST: {GATEWAY.type}", f"USN: {GATEWAY.usn}", "", ""]
    with ssdp.search_socket(lab) as sock:
        sock.sendto("\r\n".join(lines).encode(), (lab.lan_address(), ssdp.PORT))
    listed(msd, GATEWAY)


@requirement("MSSD-10", igd=0, service="MiniSSDPd:1")
def test_search_at_its_start(subject, lab):
    with ssdp.listen_socket(lab) as sock:
        subject.restart()
        search, = ssdp.receive(sock, 1)
    strict(search.notes)
    assert search.kind == "search" and search.target == "ssdp:all"
    assert search.get("MAN") == '"ssdp:discover"' and 1 <= int(search.get("MX")) <= 5
    assert search.get("HOST") == "239.255.255.250:1900" and search.source[0] == lab.lan_address()


@requirement("MSSD-11", igd=0, service="MiniSSDPd:1")
def test_submitted_is_listed(msd):
    msd.send(minissdpd.submission(GATEWAY))
    assert msd.silent()
    assert msd.list() == msd.list(BY_TYPE, GATEWAY.type) == msd.list(BY_USN, GATEWAY.usn) == [GATEWAY]


@requirement("MSSD-12", igd=0, service="MiniSSDPd:1")
@pytest.mark.parametrize("entry", [ROOT, GATEWAY], ids=["root", "type"])
def test_search_for_submitted(lab, msd, entry):
    msd.submit(entry, server="Debian/12 UPnP/1.1 igdlab/1.0")
    reply, = answers(lab, msd, entry.type)
    strict(reply.notes)
    assert (reply.get("LOCATION"), reply.target, reply.get("USN")) == entry
    assert reply.get("SERVER") == "Debian/12 UPnP/1.1 igdlab/1.0" and reply.get("EXT") == ""
    assert int(reply.get("CACHE-CONTROL").removeprefix("max-age=")) > 0
    assert reply.source == (lab.lan_address(), ssdp.PORT)


@requirement("MSSD-13", igd=0, service="MiniSSDPd:1")
def test_search_for_everything(lab, msd, device):
    for entry in (ROOT, ITSELF, GATEWAY):
        msd.submit(entry)
    announce(device, msd, MEDIA)  # of another host, which answers for itself
    replies = answers(lab, msd, "ssdp:all", 3)
    assert sorted((r.get("LOCATION"), r.target, r.get("USN")) for r in replies) == sorted([ROOT, ITSELF, GATEWAY])


@requirement("MSSD-14", igd=0, service="MiniSSDPd:1")
def test_search_for_uuid(lab, msd):
    for entry in (ROOT, ITSELF, GATEWAY):
        msd.submit(entry)
    reply, = answers(lab, msd, UUID)
    assert (reply.target, reply.get("USN")) == (UUID, UUID)


@requirement("MSSD-15", igd=0, service="MiniSSDPd:1")
def test_search_for_earlier_version(lab, msd):
    msd.submit(GATEWAY)
    reply, = answers(lab, msd, f"{IGD}1")
    assert reply.target == f"{IGD}1"


@requirement("MSSD-16", igd=0, service="MiniSSDPd:1")
@pytest.mark.parametrize("target", ["urn:schemas-upnp-org:device:Internet", "urn:schemas-upnp-org:device:", f"{IGD}3",
                                    f"{GATEWAY.type}0", "uuid:8a7cd2a4", "uuid:none", "upnp:rootdevice"],
                         ids=["part", "stem", "later", "much-later", "part-of-uuid", "other-uuid", "other-type"])
def test_search_for_what_is_not_there(lab, msd, target):
    msd.submit(GATEWAY)
    answers(lab, msd, target, 0)


@requirement("MSSD-17", igd=0, service="MiniSSDPd:1")
def test_submitted_again(lab, msd):
    moved = GATEWAY._replace(location="http://192.168.1.1:1/a/longer/path/than/before.xml")
    msd.submit(GATEWAY)
    msd.submit(moved, server="Other/2 UPnP/1.0 x/1")
    assert msd.list() == [moved]
    reply, = answers(lab, msd, GATEWAY.type)
    assert (reply.get("LOCATION"), reply.get("SERVER")) == (moved.location, "Other/2 UPnP/1.0 x/1")


@requirement("MSSD-18", igd=0, service="MiniSSDPd:1")
def test_notifications(lab, msd, device):
    with Client(lab) as watcher:
        watcher.subscribe()
        device(minissdpd.notify_bytes(MEDIA))
        assert watcher.notification() == (minissdpd.NEW, [MEDIA])
        device(minissdpd.notify_bytes(MEDIA, "ssdp:byebye"))
        assert watcher.notification() == (minissdpd.REMOVE, [MEDIA])
        msd.submit(GATEWAY)
        assert watcher.notification() == (minissdpd.NEW, [GATEWAY])
    assert msd.list() == [GATEWAY]


MALFORMED = {
    "length-beyond-the-end": b"\x01\x7fupnp", "length-without-end": b"\x03" + b"\xff" * 64, "huge-length": b"\x03\x8f\xff\xff\xff\x7f",
    "length-missing": b"\x03", "empty-type": b"\x01\0", "empty-usn": b"\x02\0", "type-alone": b"\x04\x05upnp:",
    "usn-missing": b"\x04\x01t\x01", "location-missing": b"\x04\x01t\x01u\x01s", "location-too-long": b"\x04\x01t\x01u\x01s\x7fh",
    "empty-submission": b"\x04\0\0\0\0", "zeros": bytes(2048), "ones": b"\xff" * 4096}


@requirement("MSSD-19", igd=0, service="MiniSSDPd:1")
@pytest.mark.parametrize("name", MALFORMED)
def test_malformed_request(lab, msd, name):
    msd.submit(GATEWAY)
    with Client(lab) as other:
        other.send(MALFORMED[name])
        assert msd.version() and msd.list() == [GATEWAY]


@requirement("MSSD-20", igd=0, service="MiniSSDPd:1")
@pytest.mark.parametrize("field", ["location", "type", "usn", "server"])
def test_control_characters(lab, msd, field):
    bad, server = GATEWAY, "s/1 UPnP/1.0 x/1"
    if field == "server":
        server += "\r\nX-SMUGGLED: yes"
    else:
        bad = GATEWAY._replace(**{field: getattr(GATEWAY, field) + "\r\nX-SMUGGLED: yes"})
    with Client(lab) as other, contextlib.suppress(OSError):
        other.send(minissdpd.submission(bad, server))
        assert other.rest() == b""
    assert msd.list() == []
    answers(lab, msd, "ssdp:all", 0)


@requirement("MSSD-21", igd=0, service="MiniSSDPd:1")
@pytest.mark.parametrize("kind", [6, 9, 255])
def test_unknown_request(lab, msd, kind):
    """Its string is a request too, which nobody made."""
    with Client(lab) as other:
        other.send(bytes([kind]) + minissdpd.string(minissdpd.submission(GATEWAY)))
        assert msd.version() and msd.list() == []


@requirement("MSSD-22", igd=0, service="MiniSSDPd:1")
def test_two_requests_in_one(msd):
    everything = bytes([ALL]) + minissdpd.string("all")
    msd.send(minissdpd.submission(GATEWAY) + everything + everything)
    assert msd.listing() == [GATEWAY] and msd.listing() == [GATEWAY]


@requirement("MSSD-22", igd=0, service="MiniSSDPd:1")
def test_one_request_in_two(lab, msd):
    """The first half has been read when another connection was served behind it."""
    data = minissdpd.submission(GATEWAY)
    with Client(lab) as other:
        other.send(data[:20])
        assert msd.version() and msd.list() == []
        with contextlib.suppress(OSError):
            other.send(data[20:])
        assert msd.list() == [GATEWAY]


@requirement("MSSD-28", igd=0, service="MiniSSDPd:1")
@pytest.mark.parametrize("left", ["list", "notifications"])
def test_client_that_left(subject, lab, msd, device, left):
    """The daemon sleeps while the client asks and goes, and finds nobody to answer."""
    with Client(lab) as other:
        if left == "notifications":
            other.subscribe()
        assert lab.run("r1", "sh", "-c", "kill -STOP $(cat /tmp/pid)").code == 0
        other.send(bytes([ALL]) + minissdpd.string("all"))
        device(minissdpd.notify_bytes(GATEWAY))
    subject.spoil()
    assert lab.run("r1", "sh", "-c", "kill -CONT $(cat /tmp/pid)").code == 0
    listed(msd, GATEWAY)


BENT = {"no-nt": ("NT",), "no-usn": ("USN",), "no-location": ("LOCATION",), "no-nts": ("NTS",)}


@requirement("MSSD-23", igd=0, service="MiniSSDPd:1")
@pytest.mark.parametrize("data", [
    *(minissdpd.notify_bytes(GATEWAY, without=names) for names in BENT.values()),
    minissdpd.notify_bytes(GATEWAY, "ssdp:propchange"), minissdpd.notify_bytes(GATEWAY).replace(b"NOTIFY", b"SUBSCRIBE"),
    minissdpd.notify_bytes(GATEWAY).replace(b": ", b" "), b"NOTIFY * HTTP/1.1", b"\r\n", b"", b"\0" * 1400, b":" * 1400],
    ids=[*BENT, "other-nts", "other-method", "no-colons", "start-alone", "empty-line", "empty", "zeros", "colons"])
def test_malformed_announcement(msd, device, data):
    device(data)
    announce(device, msd, MEDIA)
    assert msd.list() == [MEDIA]


@requirement("MSSD-24", igd=0, service="MiniSSDPd:1")
@pytest.mark.parametrize("man", [None, '"ssdp:other"'], ids=["none", "other"])
def test_search_without_man(lab, msd, man):
    msd.submit(GATEWAY)
    answers(lab, msd, GATEWAY.type, 0, man=man)


@requirement("MSSD-25", igd=0, service="MiniSSDPd:1", needs="wan-side")
@pytest.mark.parametrize("what", ["announcement", "search"])
def test_source_outside(lab, msd, device, what):
    """From the client's interface with the peer's address."""
    msd.submit(ROOT)
    with ssdp.search_socket(lab, "peer") as victim, lab.socket("client", "raw", protocol=255) as raw:
        data = ssdp.search_bytes("ssdp:all") if what == "search" else minissdpd.notify_bytes(GATEWAY)
        udp = struct.pack("!HHHH", victim.getsockname()[1], ssdp.PORT, 8 + len(data), 0) + data
        head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 1, 0, 2, 17, 0,
                           socket.inet_aton(lab.address_of("peer")), socket.inet_aton(ssdp.GROUP))
        raw.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(lab.address_of("client")))
        raw.sendto(head + udp, (ssdp.GROUP, 0))
        settle(device, msd)
        assert msd.list() == [ROOT]
        assert ssdp.receive(victim, 1, timeout=0.3) == []


@requirement("MSSD-26", igd=0, service="MiniSSDPd:1")
def test_more_than_can_be_counted(msd, device):
    every = [Entry(f"http://192.168.1.4:5000/{n:03}.xml", GATEWAY.type, f"uuid:{n:03}::{GATEWAY.type}") for n in range(300)]
    for entry in every:
        device(minissdpd.notify_bytes(entry))
        assert msd.list(BY_USN, entry.usn) in ([entry], []) and msd.version()
    until(lambda: msd.list(BY_USN, every[-1].usn), what="the last one")
    found = msd.list()
    assert 1 <= len(found) <= 255 and set(found) <= set(every) and len(set(found)) == len(found)
    assert msd.list(BY_TYPE, GATEWAY.type) == found
