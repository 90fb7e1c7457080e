# SPDX-License-Identifier: MIT
"""Searches (area SSDP): who is answered, with what, when, and who is not."""
import collections
import contextlib
import ipaddress
import random
import select
import socket
import struct
import time
import urllib.parse

import pytest

from cases.harness import description, ssdp
from cases.harness.discovery import expected, gather, location, lowered, one, root, search, silent, version
from cases.harness.lab import growth_allowed
from cases.harness.requirement import inconclusive, nonstrict, notrun, requirement, strict, unsupported

ROOT = "upnp:rootdevice"
MAN = b'MAN: "ssdp:discover"\r\n'
HOST = b"HOST: 239.255.255.250:1900\r\n"
START = b"M-SEARCH * HTTP/1.1\r\n"
ST = b"ST: upnp:rootdevice\r\n"


def answered(subject, data, **more):
    """Whether a search of odd form is answered as the plain one is."""
    one(subject, ROOT)
    assert ROOT in search(subject, data, **more).targets()


@requirement("SSDP-03")
def test_host_without_port(subject):
    answered(subject, ssdp.search_bytes(ROOT, host="239.255.255.250"))


@requirement("SSDP-30")
def test_search_port_answers_unicast(subject, lab):
    if version(root(subject)) < (1, 1):
        unsupported("the description says UPnP 1.0")
    port = one(subject, ROOT).get("SEARCHPORT.UPNP.ORG")
    assert port is None or 49152 <= int(port) <= 65535
    to = (lab.lan_address(), int(port or 1900))
    host = f"{to[0]}:{to[1]}"
    assert ROOT in search(subject, ssdp.search_bytes(ROOT, host=host, mx=None), to=to).targets()


@requirement("SSDP-33")
@pytest.mark.parametrize("port", [0, 1900, 50321])
def test_answer_goes_where_the_search_came_from(subject, port):
    one(subject, ROOT)
    assert ROOT in search(subject, ROOT, port=port).targets()


@requirement("SSDP-34")
def test_answer_has_its_headers(subject):
    reply = one(subject, ROOT)
    assert reply.data.startswith(b"HTTP/1.1 200 OK\r\n")
    for name in ("CACHE-CONTROL", "EXT", "LOCATION", "SERVER", "ST", "USN"):
        assert len(reply.head.all(name)) == 1, f"{name}: {reply.head.all(name)}"
    assert reply.get("EXT") == ""
    strict(reply.notes)


def counted(subject, targets):
    """Answers per target to searches for each; what cannot be read counts against the router."""
    heard = search(subject, *targets)
    assert not heard.rubbish, heard.rubbish
    return collections.Counter(heard.targets())


@requirement("SSDP-35")
def test_search_for_all(subject):
    assert counted(subject, ["ssdp:all"]) == collections.Counter(nt for nt, _ in expected(root(subject)))


@requirement("SSDP-36")
def test_search_for_root_device(subject):
    assert counted(subject, [ROOT]) == {ROOT: 1}


@requirement("SSDP-37")
def test_search_for_each_uuid(subject):
    udns = [udn for _, udn in root(subject).devices]
    if len(set(udns)) < len(udns):
        inconclusive("UDNs are not unique: see DESC-21")
    assert counted(subject, udns) == dict.fromkeys(udns, 1)


@requirement("SSDP-38")
def test_search_for_each_type(subject):
    there = [nt for nt, _ in expected(root(subject)) if nt.startswith("urn:")]
    wanted = {nt: sum(lowered(one)[0] == lowered(nt)[0] and lowered(one)[1] >= lowered(nt)[1] for one in there) for nt in there}
    assert counted(subject, wanted) == wanted


@requirement("SSDP-39")
def test_search_for_lower_versions(subject):
    kinds = {lowered(nt) for nt, _ in expected(root(subject))}
    older = [f"{name}:{v}" for name, most in kinds for v in range(1, most)]
    if not older:
        unsupported("every type has version 1")
    assert set(search(subject, *older).targets()) == set(older)


@requirement("SSDP-40")
def test_search_for_higher_version(subject):
    newer = [f"{lowered(nt)[0]}:9" for nt, _ in expected(root(subject)) if nt.startswith("urn:")]
    assert silent(subject, *newer) == []


@requirement("SSDP-41")
@pytest.mark.parametrize("target", [
    "uuid:00000000-1111-2222-3333-444444444444", "urn:schemas-upnp-org:device:MediaServer:1",
    "urn:schemas-upnp-org:service:ContentDirectory:1",
    "urn:schemas-upnp-org:device:InternetGatewayDeviceOther:1", "urn:schemas-upnp-org:device:InternetGatewayDevice", "ssdp:any"])
def test_search_for_what_is_not_there(subject, target):
    assert silent(subject, target) == []


@requirement("SSDP-41")
def test_search_for_more_than_a_target(subject):
    assert silent(subject, f"{ROOT}s") == []


@requirement("SSDP-41")
def test_search_for_the_other_connection_service(subject):
    kinds = [f"urn:schemas-upnp-org:service:WAN{name}Connection:1" for name in ("IP", "PPP")]
    there = {lowered(nt)[0] for nt, _ in expected(root(subject))}
    absent = [kind for kind in kinds if lowered(kind)[0] not in there] or unsupported("the description has both")
    assert silent(subject, *absent) == []


@requirement("SSDP-42")
def test_multicast_without_mx(subject):
    assert silent(subject, ssdp.search_bytes(ROOT, mx=None)) == []


@requirement("SSDP-43")
@pytest.mark.parametrize("man", [None, '"ssdp:other"', '""'], ids=["missing", "other", "empty"])
def test_man_is_wrong(subject, man):
    assert silent(subject, ssdp.search_bytes(ROOT, man=man)) == []


@requirement("SSDP-43")
def test_man_without_quotes(subject):
    if silent(subject, ssdp.search_bytes(ROOT, man="ssdp:discover")):
        nonstrict("MAN without its quotes is accepted")


@pytest.mark.bulk
@requirement("SSDP-44")
@pytest.mark.parametrize("data", [
    START + HOST + MAN + b"MX: 1\r\n\r\n", START + HOST + MAN + b"MX: 1\r\nST:\r\n\r\n",
    b"M-SEARCH /foo HTTP/1.1\r\n" + HOST + MAN + b"MX: 1\r\n" + ST + b"\r\n",
    b"GET * HTTP/1.1\r\n" + HOST + MAN + b"MX: 1\r\n" + ST + b"\r\n",
    START + HOST + MAN + b"MX:\r\n" + ST + b"\r\n", START + HOST + MAN + b"MX: -1\r\n" + ST + b"\r\n",
    START + HOST + MAN + b"MX: abc\r\n" + ST + b"\r\n",
], ids=["no ST", "empty ST", "path", "method", "empty MX", "negative MX", "MX no number"])
def test_no_error_for_a_bad_search(subject, data):
    heard = silent(subject, data)
    assert not heard.rubbish and not [d for d in heard if b" 200 " not in d.data[:16]], "an error over UDP"
    if heard:
        nonstrict("a bad search is answered as if it were good")


def delays(subject, mx, count=1):
    """Seconds after which each of some searches is answered, the slowest first."""
    with ssdp.search_socket(subject.lab) as sock:
        start = time.monotonic()
        for _ in range(count):
            sock.sendto(ssdp.search_bytes(ROOT, mx=mx), (ssdp.GROUP, ssdp.PORT))
        return sorted((d.when - start for d in ssdp.receive(sock, count, timeout=min(mx, 5) + 0.3)), reverse=True)


@requirement("SSDP-45")
def test_answers_come_within_mx(subject):
    one(subject, ROOT)
    assert len(delays(subject, 2, 20)) == 20, "not all were answered within MX"


@requirement("SSDP-45")
def test_answers_are_spread(subject):
    times = delays(subject, 1, 20) or inconclusive("no answer")
    if times[0] - times[-1] >= 0.2:
        return
    if times[-1] < 0.2:
        inconclusive("answers at once; spreading is for networks with many devices")
    else:
        nonstrict(f"all answers come after {times[-1]:.2f} to {times[0]:.2f} s of 1 s")


@requirement("SSDP-46")
def test_long_mx_is_cut(subject):
    one(subject, ROOT)
    assert delays(subject, 120), "MX 120 is not answered within 5 s"


@requirement("SSDP-47")
def test_mx_of_upnp_1_0_is_answered(subject):
    one(subject, ROOT)
    assert ROOT in search(subject, ssdp.search_bytes(ROOT, mx=10), wait=5, idle=0.1).targets()


@requirement("SSDP-48")
def test_others_are_served_meanwhile(subject, lab):
    one(subject, ROOT)
    with ssdp.search_socket(lab) as slow, ssdp.search_socket(lab) as quick:
        slow.sendto(ssdp.search_bytes(ROOT, mx=4), (ssdp.GROUP, ssdp.PORT))
        quick.sendto(ssdp.search_bytes(ROOT, mx=3), (ssdp.GROUP, ssdp.PORT))
        assert description.get(lab, "client", location(subject)).status == 200
        assert len(ssdp.receive(quick, 1, timeout=3.3)) == 1
        assert len(ssdp.receive(slow, 1, timeout=4.3)) == 1


@requirement("SSDP-49")
def test_unicast_without_mx(subject, lab):
    one(subject, ROOT)
    data = ssdp.search_bytes(ROOT, mx=None, host=f"{lab.lan_address()}:1900")
    assert ROOT in search(subject, data, to=(lab.lan_address(), 1900), wait=0.7).targets()


@requirement("SSDP-50")
def test_answer_comes_from_the_lan_address(subject, lab):
    for reply in search(subject, "ssdp:all", ROOT).kind("reply") or inconclusive("no answer"):
        assert reply.source[0] == lab.lan_address()
        where = urllib.parse.urlsplit(reply.get("LOCATION") or "")
        assert where.scheme in ("", "http"), where.scheme
        with contextlib.suppress(ValueError):
            host = where.hostname or ""
            if host == "localhost" or ipaddress.ip_address(host.partition("%")[0]):
                assert host == reply.source[0]


@requirement("SSDP-52")
@pytest.mark.parametrize("data", [
    START + b"host:239.255.255.250:1900\r\nman:\"ssdp:discover\"\r\nmx:1\r\nst:upnp:rootdevice\r\n\r\n",
    START + b"Host: 239.255.255.250:1900\r\nMan: \"ssdp:discover\"\r\nMx: 1\r\nSt: upnp:rootdevice\r\n\r\n",
    START + b"HOST:\t239.255.255.250:1900\r\nMAN:\t\"ssdp:discover\"\r\nMX:\t1\r\nST:\tupnp:rootdevice\r\n\r\n",
    START + b"ST: upnp:rootdevice  \r\nMX: 1  \r\nMAN: \"ssdp:discover\"  \r\nHOST: 239.255.255.250:1900\r\n\r\n",
], ids=["lower case", "mixed case", "tabs", "blanks at the end"])
def test_names_in_any_case_and_white_space(subject, data):
    answered(subject, data)


@requirement("SSDP-53")
@pytest.mark.parametrize("extra", [("X-Foo", "bar"), ("CPFN.UPNP.ORG", "igdlab"), ("USER-AGENT", "a/1 UPnP/2.0 b/1"),
                                   ("CPUUID.UPNP.ORG", "00000000-1111-2222-3333-444444444444")], ids=lambda v: v[0])
def test_unknown_headers_are_skipped(subject, extra):
    answered(subject, ssdp.search_bytes(ROOT, extra=[extra]))


@requirement("SSDP-54")
def test_body_of_a_search_is_ignored(subject):
    answered(subject, ssdp.search_bytes(ROOT, extra=[("CONTENT-LENGTH", 200)]) + b"x" * 200)


@requirement("SSDP-69")
def test_malformed_datagrams(subject, lab):
    one(subject, ROOT)
    chance, good = random.Random(69), ssdp.search_bytes(ROOT)
    bent = [b"", b"\0" * 64, b"\r\n\r\n", b"M-SEARCH", START, START + b"A" * 8000 + b"\r\n\r\n",
            START + b"A: b\r\n" * 5000, b"\xff\xfe" + good.decode().encode("utf-16-le"), b"HTTP/1.1 200 OK\r\n\r\n",
            b"NOTIFY * HTTP/1.1\r\nNT:\r\n\r\n", good.replace(b"\r\n", b"\0\n"), chance.randbytes(60000)]
    bent += [good[:cut] for cut in range(0, len(good) - 4, 7)] + [chance.randbytes(200) for _ in range(50)]
    before = subject.memory_kib() if subject.abilities & {"clock", "reboot"} else 0
    heard = search(subject, *bent * 4, wait=0.5)
    assert not heard.rubbish and not [d for d in heard if b" 200 " not in d.data[:16]], "an error over UDP"
    assert not heard, f"a malformed datagram is answered: {heard[0].data!r}"
    assert ROOT in search(subject, ROOT).targets()
    assert not before or subject.memory_kib() - before < growth_allowed()


def _sum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    total = (total >> 16) + (total & 0xffff)
    return ~(total + (total >> 16)) & 0xffff


@requirement("SSDP-75")
def test_is_a_member_of_the_group(subject, lab):
    """Asked by IGMPv2 who is in which group, its kernel reports 239.255.255.250."""
    if "other" not in subject.abilities:
        notrun("needs raw sockets on the LAN")
    query = struct.pack("!BBH4s", 0x11, 5, 0, b"\0\0\0\0")
    query = struct.pack("!BBH4s", 0x11, 5, _sum(query), b"\0\0\0\0")
    with lab.socket("client", "raw", "packet", 0x0800) as tap, lab.socket("client", "raw", protocol=2) as sock:
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(lab.address_of("client")))
        sock.sendto(query, ("224.0.0.1", 0))
        end, seen = time.monotonic() + 2, set()
        while time.monotonic() < end and select.select([tap], [], [], end - time.monotonic())[0]:
            packet = tap.recv(2048)[14:]
            head = (packet[0] & 15) * 4
            if packet[9] == 2 and packet[12:16] == socket.inet_aton(lab.lan_address()) and packet[head] in (0x12, 0x16):
                seen.add(socket.inet_ntoa(packet[head + 4:head + 8]))
                if ssdp.GROUP in seen:
                    return
    assert ssdp.GROUP in seen, f"reports {sorted(seen)}"


@requirement("SSDP-76", needs="wan-side")
@pytest.mark.parametrize("to", ["unicast", "multicast"])
def test_wan_is_not_answered(subject, lab, to):
    one(subject, ROOT)
    where = lab.wan_address() if to == "unicast" else ssdp.GROUP
    assert search(subject, "ssdp:all", ssdp.search_bytes(ROOT, mx=None), to=(where, 1900), node="peer", wait=0.7) == []


@pytest.mark.bulk
@requirement("SSDP-77", needs=("wan-side", "other"))
@pytest.mark.parametrize("to", ["unicast", "multicast"])
def test_foreign_source_is_not_answered(subject, lab, to):
    """A search on the LAN with the peer's address as its source: nothing goes there, nor is it looked for."""
    one(subject, ROOT)
    where = lab.lan_address() if to == "unicast" else ssdp.GROUP
    with ssdp.search_socket(lab, "peer") as victim, lab.socket("client", "raw", protocol=255) as raw, \
            lab.socket("client", "raw", "packet", 0x0806) as arp:
        data = ssdp.search_bytes("ssdp:all")
        udp = struct.pack("!HHHH", victim.getsockname()[1], 1900, 8 + len(data), 0) + data
        head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 1, 0, 2, 17, 0,
                           socket.inet_aton(lab.address_of("peer")), socket.inet_aton(where))
        raw.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(lab.address_of("client")))
        raw.sendto(head + udp, (where, 0))
        assert gather(subject, victim, 1.0) == []
        asked = socket.inet_aton(lab.lan_address()), socket.inet_aton(lab.address_of("peer"))
        while select.select([arp], [], [], 0.02)[0]:
            frame = arp.recv(128)
            assert (frame[28:32], frame[38:42]) != asked, "the answer was sent to the LAN"
