# SPDX-License-Identifier: MIT
"""Advertisement (area SSDP): what a router announces, when, and what it revokes."""
import re
import time
import urllib.parse

import pytest

from cases.harness import description, ssdp
from cases.harness.discovery import (announced, expected, gather, location, lowered, one, root, search,
                                     version)
from cases.harness.requirement import inconclusive, nonstrict, notrun, requirement, strict, unsupported

SERVER = re.compile(r"^[^\s/,]+/[^\s,]+ UPnP/(\d\.\d) [^\s/,]+/\S+")
NUMBER = re.compile(r"^(0|[1-9]\d*)$")


def replies(subject):
    heard = search(subject, "ssdp:all", "upnp:rootdevice", idle=0.4).kind("reply")
    return heard or inconclusive("no answer to a search: see SSDP-36")


def modern(tree):
    if version(tree) < (1, 1):
        unsupported("the description says UPnP 1.0")


@requirement("SSDP-01", needs="reboot")
def test_start_line_and_line_ends(subject):
    for message in announced(subject).heard:
        assert message.data.startswith(b"NOTIFY * HTTP/1.1\r\n")
        assert message.data.endswith(b"\r\n\r\n")
        assert b"\n" not in message.data.replace(b"\r\n", b"")
        strict(message.notes)


@requirement("SSDP-02", needs="reboot")
def test_host_of_announcements(subject):
    assert {m.get("HOST") for m in announced(subject).heard} == {"239.255.255.250:1900"}


@requirement("SSDP-04", needs="reboot")
def test_cache_control(subject):
    values = {m.get("CACHE-CONTROL") for m in [*announced(subject).alive, *replies(subject)]}
    for value in values:
        assert re.search(r"max-age\s*=\s*\d+", value or ""), value
        if not re.match(r"^max-age=\d+$", value):
            nonstrict(f"CACHE-CONTROL: {value}")


@requirement("SSDP-05", needs="reboot")
def test_max_age_is_half_an_hour(subject):
    for message in announced(subject).alive:
        match = re.search(r"max-age\s*=\s*(-?\d+)", message.get("CACHE-CONTROL") or "")
        if match and int(match[1]) < 1800:
            nonstrict(f"max-age is {match[1]}, below 1800")


def compare(found, wanted):
    """Each (NT, USN) once; USNs that are missing are the matter of others."""
    assert sorted(nt for nt, _, _ in found) == sorted(nt for nt, _ in wanted)


@requirement("SSDP-07", needs="reboot")
def test_root_device_is_announced(subject):
    seen = announced(subject)
    root_type, udn = seen.tree.devices[0]
    wanted = expected(seen.tree)[:3]
    compare([d for d in seen.distinct() if d[0] in ("upnp:rootdevice", udn, root_type)], wanted)


@requirement("SSDP-08", needs="reboot")
def test_embedded_devices_are_announced(subject):
    seen = announced(subject)
    wanted = [(nt, udn) for kind, udn in seen.tree.devices[1:] for nt in (kind, udn)]
    others = {nt for nt, _ in expected(seen.tree)[:3]}
    compare([d for d in seen.distinct() if re.match("uuid:|urn:.*:device:", d[0] or "") and d[0] not in others], wanted)


@requirement("SSDP-09", needs="reboot")
def test_services_are_announced(subject):
    seen = announced(subject)
    wanted = [(nt, usn) for nt, usn in expected(seen.tree) if ":service:" in nt]
    compare([d for d in seen.distinct() if ":service:" in (d[0] or "")], wanted)


@requirement("SSDP-11", igd=2, needs="reboot")
def test_lower_versions_are_not_announced(subject):
    kinds = {lowered(nt) for nt, _, _ in announced(subject).distinct() if nt and nt.startswith("urn:")}
    assert not [k for k in kinds if (k[0], k[1] + 1) in kinds]


@requirement("SSDP-12", needs="reboot")
def test_usn_begins_with_the_udn(subject):
    seen = announced(subject)
    raw = {e.text for e in seen.tree.root.iter(f"{description.DEVICE}UDN")}
    for message in [*seen.heard, *replies(subject)]:
        assert message.get("USN") is None or message.get("USN").split("::")[0] in raw


@requirement("SSDP-13", needs="reboot")
def test_usn_of_a_uuid(subject):
    for message in announced(subject).heard:
        if (message.target or "").startswith("uuid:"):
            assert message.get("USN") in (message.target, None)


@requirement("SSDP-14", needs="reboot")
def test_notification_sub_types(subject):
    assert {m.get("NTS") for m in announced(subject).heard} <= {"ssdp:alive", "ssdp:byebye", "ssdp:update"}


@requirement("SSDP-15", needs="reboot")
def test_server_is_three_products(subject):
    seen = announced(subject)
    said = "%d.%d" % version(seen.tree)
    for where in [*seen.alive, *replies(subject), seen.tree.reply]:
        match = SERVER.match(where.get("SERVER") or "")
        assert match and match[1] == said, where.get("SERVER")


@requirement("SSDP-17", needs="reboot")
def test_location_is_of_this_lan(subject, lab):
    for message in [*announced(subject).alive, *replies(subject)]:
        where = urllib.parse.urlsplit(message.get("LOCATION") or "")
        assert (where.scheme, where.hostname) == ("http", lab.lan_address()), message.get("LOCATION")
        assert where.port != 0


@requirement("SSDP-18", needs="reboot")
def test_messages_are_small(subject):
    longest = max(len(m.data) for m in [*announced(subject).heard, *replies(subject)])
    assert longest <= 1472
    if longest > 512:
        nonstrict(f"a message has {longest} bytes, over 512")


@requirement("SSDP-19", needs="reboot")
def test_messages_have_no_body(subject):
    for message in [*announced(subject).heard, *replies(subject)]:
        assert not any("after the head" in n for n in message.notes)


@requirement("SSDP-20", needs="reboot")
def test_time_to_live(subject):
    seen = announced(subject)
    lives = {m.ttl for m in seen.heard}
    assert lives <= {1, 2, 3, 4}, f"TTL {lives}"
    usual = 4 if version(seen.tree) < (1, 1) else 2
    if lives != {usual}:
        nonstrict(f"TTL {lives}, {usual} is the default of this UPnP version")


@requirement("SSDP-21", needs="reboot")
def test_first_sets_are_two_or_three(subject):
    alive = announced(subject).alive
    keys = [(m.target, m.get("USN"), m.get("LOCATION")) for m in alive]
    counts = [keys.count(key) for key in set(keys)]
    assert max(counts) <= 3, f"{max(counts)} sets back to back"
    if min(counts) < 2:
        nonstrict("announced once only")


def refreshes(subject, lab):
    """Times at which upnp:rootdevice, and targets that anything, is announced over twice max-age."""
    first = announced(subject)
    match = re.search(r"max-age\s*=\s*(\d+)", first.alive[0].get("CACHE-CONTROL") or "")
    if not match or not 20 <= int(match[1]) <= 7200:
        inconclusive("max-age that cannot be waited for")
    age, step, times, seen = int(match[1]), int(match[1]) / 24, [], []
    with ssdp.listen_socket(lab) as sock:
        subject.advance(1)
        gather(subject, sock, 0.1, idle=0.1)
        if "clock" not in subject.abilities:
            start = time.monotonic()
            subject.advance(age * 1.3)
            seen = gather(subject, sock, 0.1, idle=0.2).kind("alive")
            return age, [start], seen
        for index in range(48):
            lab.advance(step)
            lab.request(op="sync")
            heard = ssdp.receive(sock, timeout=0.05, idle=0.02)
            if any(d.kind == "alive" for d in heard):
                times.append((index + 1) * step)
            seen += [d for d in heard if d.kind == "alive"]
    return age, times, seen


@pytest.mark.bulk
@requirement("SSDP-22", "SSDP-24", needs="reboot")
def test_the_whole_set_is_refreshed_in_time(subject, lab):
    wanted = {m.target for m in announced(subject).alive}
    age, times, seen = refreshes(subject, lab)
    assert {m.target for m in seen} == wanted
    assert len({sum(m.target == nt for m in seen) for nt in wanted}) == 1, "parts of the set are refreshed alone"
    if "clock" in subject.abilities:
        assert all(b - a <= age for a, b in zip([0, *times], times)) and times[-1] > age


@pytest.mark.bulk
@requirement("SSDP-23", needs=("reboot", "clock"))
def test_refresh_is_before_half_of_max_age(subject, lab):
    age, times, _ = refreshes(subject, lab)
    gaps = [b - a for a, b in zip(times, times[1:])]
    if not gaps:
        inconclusive("no refresh: see SSDP-22")
    if max(gaps) > age / 2 + age / 24:
        nonstrict(f"refreshed after {max(gaps):g} s, over half of {age}")


def stop(subject, lab, signal):
    """End the daemon (pid file of -P in its command line)."""
    match = re.search(r"-P ([\w/.-]+)", str([subject.adapter.values.get(k) for k in ("run", "restart")]))
    if not match:
        notrun("the adapter does not say how the daemon is stopped")
    done = lab.run("r1", "sh", "-c", f"kill -{signal} $(cat {match[1]})")
    assert done.code == 0, done.stderr


@requirement("SSDP-25", needs="reboot")
def test_byebye_at_the_end(subject, lab):
    wanted = {m.target for m in announced(subject).alive}
    with ssdp.listen_socket(lab) as sock:
        subject.spoil()
        if subject.fake:
            lab.router(op="quit")
        else:
            stop(subject, lab, "TERM")
        heard, end = [], time.monotonic() + 3
        while {m.target for m in heard if m.kind == "byebye"} != wanted and time.monotonic() < end:
            heard += ssdp.receive(sock, timeout=0.5, idle=0.1)
    assert {m.target for m in heard if m.kind == "byebye"} == wanted
    assert {m.get("HOST") for m in heard} == {"239.255.255.250:1900"}


@requirement("SSDP-26", igd=2, needs="reboot")
def test_byebye_comes_first_after_a_crash(subject, lab):
    wanted = {m.target for m in announced(subject).alive}
    with ssdp.listen_socket(lab) as sock:
        if not subject.fake:
            stop(subject, lab, "KILL")
        subject.reboot()
        heard = gather(subject, sock, 3.0, idle=1.0)
    kinds = [m.kind for m in heard]
    first = kinds.index("alive")
    assert set(kinds[:first]) == {"byebye"} and {m.target for m in heard[:first]} == wanted


@requirement("SSDP-28", needs="reboot")
def test_boot_id_grows(subject):
    modern(root(subject))
    values = []
    for _ in range(2):
        boot = [m.get("BOOTID.UPNP.ORG") or "" for m in replies(subject)]
        assert len(set(boot)) == 1 and NUMBER.match(boot[0]) and int(boot[0]) < 1 << 31, boot
        values.append(int(boot[0]))
        subject.advance(1.1)
        subject.reboot()
    assert values[1] > values[0]
    assert all(m.get("BOOTID.UPNP.ORG") for m in announced(subject).alive)


@requirement("SSDP-29", needs="reboot")
def test_config_id_is_that_of_the_documents(subject, lab):
    tree = root(subject)
    modern(tree)
    said = {m.get("CONFIGID.UPNP.ORG") for m in [*announced(subject).alive, one(subject, "upnp:rootdevice")]}
    assert len(said) == 1 and NUMBER.match(next(iter(said)) or ""), said
    assert int(next(iter(said))) < 1 << 24 and said == {tree.root.get("configId")}


@requirement("SSDP-29", needs="reboot")
@pytest.mark.parametrize("between", ["nothing", "reboot", "wan"])
def test_config_id_changes_with_the_description(subject, lab, between):
    before = description.get(lab, "client", location(subject)), one(subject, "upnp:rootdevice")
    modern(root(subject))
    if between == "reboot":
        subject.reboot()
    elif between == "wan":
        subject.wan("down")
        subject.wan("up")
        subject.advance(1)
    after = description.get(lab, "client", location(subject)), one(subject, "upnp:rootdevice")
    if before[1].get("CONFIGID.UPNP.ORG") == after[1].get("CONFIGID.UPNP.ORG"):
        assert before[0].body == after[0].body, "another description under the same CONFIGID"


@requirement("SSDP-68", needs="reboot")
def test_uuids_have_their_form_and_stay(subject):
    before = root(subject)
    modern(before)
    for _, udn in before.devices:
        assert re.match(r"^uuid:[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$", udn), udn
    subject.reboot()
    assert [udn for _, udn in root(subject).devices] == [udn for _, udn in before.devices]
