# SPDX-License-Identifier: MIT
"""Discovery over IPv6 beside IPv4 (area SSDP, UDA 2.0 annex A)."""
import contextlib
import ipaddress
import re
import select
import socket
import struct
import time
import weakref

import pytest

from cases.harness import description, http, ssdp
from cases.harness.discovery import SO_TIMESTAMPNS, gather
from cases.harness.requirement import inconclusive, requirement

LINK, SITE = "ff02::c", "ff05::c"
OPT = re.compile(r'^"http://schemas\.upnp\.org/upnp/1/0/"\s*;\s*ns=(\d\d)$')
TOGETHER = 0.02  # seconds, A.4.2
pytestmark = pytest.mark.bulk  # each needs the lab with IPv6
_announced = weakref.WeakKeyDictionary()


@contextlib.contextmanager
def ears(lab):
    """{group: a socket in it}, of IPv4 and both scopes of IPv6."""
    with contextlib.ExitStack() as stack:
        yield {ssdp.GROUP: stack.enter_context(ssdp.listen_socket(lab))} | {
            group: stack.enter_context(ssdp.listen_socket6(lab, group)) for group in (LINK, SITE)}


def gathered(subject, socks):
    """{group: its alive messages}; inconclusive when IPv4 has none."""
    heard = {group: gather(subject, sock, 3.0 if group == ssdp.GROUP else 0.5, idle=0.5).kind("alive")
             for group, sock in socks.items()}
    return heard if heard[ssdp.GROUP] else inconclusive("nothing is announced over IPv4: see SSDP-07")


def started_last(heard):
    """The same without what was announced before the restart and came late: BOOTID grows with each (UDA 2.0 1.2.2)."""
    def boot(message):
        value = message.get("BOOTID.UPNP.ORG", "")
        return int(value) if value.isdecimal() else None
    newest = max((boot(m) or 0 for found in heard.values() for m in found), default=0)
    return {group: [m for m in found if boot(m) in (None, newest)] for group, found in heard.items()}


def announced(subject):
    """What is announced after a restart, heard once."""
    if subject not in _announced:
        with ears(subject.lab) as socks:
            subject.reboot()
            _announced[subject] = started_last(gathered(subject, socks))
    return _announced[subject]


def over_ipv6(subject):
    """[(group, message)]; inconclusive when there is none."""
    found = [(group, m) for group in (LINK, SITE) for m in announced(subject)[group]]
    return found or inconclusive("nothing is announced over IPv6: see SSDP-70")


@requirement("SSDP-70", needs=["ipv6", "reboot"])
@pytest.mark.parametrize("group", [LINK, SITE], ids=["link", "site"])
def test_announced_in_the_group(subject, group):
    heard = announced(subject)[group]
    assert heard, f"nothing is announced in {group}"
    for host in {m.get("HOST", "") for m in heard}:
        match = re.match(r"^\[([0-9A-Fa-f:]+)\]:1900$", host)
        assert match and ipaddress.ip_address(match[1]) == ipaddress.ip_address(group), f"HOST: {host}"


def answers(subject, group):
    """Replies to a search in a group."""
    sock, index = ssdp.search_socket6(subject.lab)
    with sock:
        sock.sendto(ssdp.search_bytes("upnp:rootdevice", host=f"[{group}]:1900"), (group, 1900, 0, index))
        return gather(subject, sock).kind("reply")


@requirement("SSDP-71", needs=["ipv6", "reboot"])
@pytest.mark.parametrize("group", [LINK, SITE], ids=["link", "site"])
def test_location_of_the_scope(subject, lab, group):
    """What is told leads to the description from where it is told."""
    heard = [*announced(subject)[group], *answers(subject, group)]
    for place in {m.get("LOCATION") for m in heard} or inconclusive(f"nothing comes from {group}: see SSDP-70"):
        assert re.match(r"^http://\[[0-9A-Fa-f:.]+\][:/]", place or ""), f"LOCATION: {place}"
        where = description.url(place)
        address = ipaddress.ip_address(where.host)
        assert not address.ipv4_mapped and address.is_link_local == (group == LINK), f"LOCATION: {place}"
        sock = lab.socket("client", "stream", "inet6")
        sock.connect((where.host, where.port, 0, lab.port("client")["index"] if address.is_link_local else 0))
        with http.Client(sock) as client:
            assert client.exchange(http.request("GET", where.path, where.authority)).status == 200


def signatures(heard):
    """The network location signatures of messages, each as it has to be."""
    found = set()
    for message in heard:
        match = OPT.match(message.get("OPT", ""))
        assert match, f"OPT: {message.get('OPT')}"
        found.add(message.get(f"{match[1]}-NLS"))
    assert all(value and len(value) <= 64 for value in found), f"NLS: {found}"
    return found


@requirement("SSDP-72", needs=["ipv6", "reboot", "wan-control"])
def test_signature_follows_the_addresses(subject, lab):
    before = signatures(m for _, m in over_ipv6(subject))
    assert len(before) == 1, f"one network, and {len(before)} signatures"
    name = lab.port("r1", role="lan")["ifname"]
    subject.spoil()
    with ears(lab) as socks:
        for words in ("del 2a0e:b107:1:1::1/64", "add 2a0e:b107:1:1::99/64"):
            assert lab.run("r1", "ip", "-6", "addr", *words.split(), "dev", name).code == 0
        if "clock" not in subject.abilities:
            subject.restart()
        heard = gathered(subject, socks)
        for group in (LINK, SITE):  # what was announced before in one group may be the last that came there yet
            if heard[group] and signatures(heard[group][-1:]) & before:
                heard[group] += gather(subject, socks[group], 2.0, idle=2.0).kind("alive")
    newest = [heard[group][-1] for group in (LINK, SITE) if heard[group]]
    after = signatures(newest or inconclusive("nothing is announced with another address"))
    assert not after & before, "the addresses changed, and the signature did not"


@requirement("SSDP-73", needs=["ipv6", "reboot"])
def test_the_same_is_announced(subject):
    heard = announced(subject)
    over_ipv6(subject)

    def said(group):
        return {(m.target, m.get("USN"), (m.get("CACHE-CONTROL") or "").replace(" ", "")) for m in heard[group]}
    for group in (LINK, SITE):
        if heard[group]:
            assert said(group) == said(ssdp.GROUP)


def arrivals(socks):
    """{group: {USN: when the kernel got the first announcement of it}} within the next two seconds."""
    found, end = {group: {} for group in socks}, time.monotonic() + 2
    groups = {sock: group for group, sock in socks.items()}
    while (left := end - time.monotonic()) > 0:
        for sock in select.select(list(groups), [], [], left)[0]:
            data, more, _, _ = sock.recvmsg(65536, 128)
            with contextlib.suppress(http.BadMessage):
                message = ssdp.Datagram(data, None, 0)
                stamp = next(struct.unpack("qq", value) for _, kind, value in more if kind == SO_TIMESTAMPNS)
                if message.kind == "alive":
                    found[groups[sock]].setdefault(message.get("USN"), stamp[0] + stamp[1] / 1e9)
        if all(found.values()) and len({len(usns) for usns in found.values()}) == 1:
            break
    return found


@requirement("SSDP-73", needs=["ipv6", "reboot"])
def test_announced_at_the_same_time(subject, lab):
    """Of three restarts the best: a busy machine is late now and then, a router that waits always."""
    late = []
    for _ in range(3):
        with ears(lab) as socks:
            for sock in socks.values():
                sock.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
            subject.reboot()
            found = arrivals(socks)
        pairs = [abs(found[group][usn] - found[ssdp.GROUP][usn]) for group in (LINK, SITE)
                 for usn in set(found[group]) & set(found[ssdp.GROUP])]
        if not pairs:
            inconclusive("nothing that is announced over both: see SSDP-70")
        late.append(min(pairs))
        if late[-1] <= TOGETHER:
            return
    raise AssertionError(f"IPv4 and IPv6 are {min(late):.3f} s apart")
