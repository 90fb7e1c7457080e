# SPDX-License-Identifier: MIT
"""Routers that mean harm: the client ends by itself, with bounded time and memory, connects to nobody else, and says nothing false."""
import os
import zlib

import pytest

from cases.harness import drive, matrix, meeting, outcome
from cases.harness.client import CLIENTS
from cases.harness.clientresults import too_busy
from cases.harness.drive import HOME, Wanted
from cases.harness.requirement import inconclusive
from cases.harness.scenario import place, scenario
from cases.harness.wire import Watch

GROWTH = 48 << 10  # KB more than with a router by the letter
PEAK = ["/usr/bin/python3", str(CLIENTS.parent / "harness" / "peak.py"), f"{HOME}/peak"]

MEMORY = scenario("SEC-31")
FUZZ = scenario("SEC-30")
SIZE = scenario("DESC-41")
AWAY = scenario("SSDP-65")
CONTROL = scenario("DESC-42")
HOSTILE = {
    **dict.fromkeys(("sec-slow-loris", "sec-slow-loris-control", "sec-slow-loris-endless", "sec-slow-loris-huge-head",
                     "sec-slow-loris-huge-length", "http-hang-on-request", "http-hang-on-request-control"), MEMORY),
    **dict.fromkeys(("sec-chunk-overflow", "sec-chunk-overflow-32-bit", "sec-chunk-overflow-64-bit", "http-chunk-malformed",
                     "sec-control-chars-in-strings", "ssdp-garbage-datagram", "ssdp-non-utf8-bytes",
                     "desc-truncated-mid-tree", "desc-fetch-404-or-empty-empty", "desc-not-igd-description", "http-login-page-200",
                     "soap-error-nonstandard-code-not-a-number", "soap-extip-not-an-ip", "sec-port-listing-injection"), FUZZ),
    **dict.fromkeys(("sec-xml-entities", "sec-xml-entities-control", "sec-xml-entities-external", "sec-deep-nesting",
                     "sec-deep-nesting-cdata", "sec-deep-nesting-closed", "sec-deep-nesting-open-tag",
                     "desc-huge", "desc-huge-depth", "desc-huge-services", "sec-infinite-discover"), SIZE),
    **dict.fromkeys(("sec-location-ssrf", "sec-location-ssrf-file", "sec-location-ssrf-ftp", "sec-location-ssrf-multicast",
                     "sec-location-ssrf-port-0", "ssdp-location-loopback", "ssdp-location-loopback-localhost",
                     "ssdp-location-hostname", "ssdp-off-subnet-responder", "sec-redirect-off-lan", "sec-redirect-off-lan-loop",
                     "sec-fake-igd"), AWAY),
    **dict.fromkeys(("sec-location-ssrf-control", "sec-location-ssrf-control-file", "sec-location-ssrf-control-loopback",
                     "sec-location-ssrf-urlbase", "sec-redirect-off-lan-control"), CONTROL),
}


PART = 5  # make test does one of so many, with the reference control point


def chosen():
    """The routers of this run: all when a client was named, as in cases/loop/test_naive.py."""
    every = os.environ.get("IGDLAB_CLIENTS")
    return [pytest.param(name, marks=mark) for name, mark in HOSTILE.items() if every or zlib.crc32(name.encode()) % PART == 0]


@pytest.mark.parametrize("quirk", chosen())
def test_hostile_router(client, visit, evidence, quirk):
    """No crash, an end in time, no more memory than it needs, no connection to anybody else, nothing false said."""
    usual = peak_of(client, evidence)
    with visit(matrix.quirk_case(quirk)) as (lab, session):
        session.wrap = PEAK
        with Watch(lab) as watch:
            said = session.perform("add", Wanted())
        ports = outcome.open_ports(lab, said, Wanted())
        now = peak_now(lab, session)
        if client.resident:
            session.perform("delete", Wanted())
        assert not said.crashed, f"it crashed: {said.code}, {said.stderr[-300:]}"
        if said.hung and said.starved:
            inconclusive(too_busy(f"it did not end in {said.seconds:.0f} s", said.starved))
        assert not said.hung or client.resident, f"it did not end in {said.seconds:.0f} s"
        assert said.claim != "mapped" or ports, f"it says that the port is open: {said.stdout[-300:]}"
        routers = {p["address"] for name in drive.routers(lab) for p in lab.info["nodes"][name]["ports"] if p.get("role") == "lan"}
        away = [to for to in watch.connects() if to[0] not in routers]
        assert not away, f"it connects to {', '.join(f'{a}:{p}' for a, p in away)}"
        peak = max(peak_in(lab, now), now)
        assert peak <= usual + GROWTH, f"{peak >> 10} MB of memory, where a router by the letter makes it take {usual >> 10} MB"


def peak_in(lab, now=0):
    """KB that the last program below peak.py had; what had to be killed with it leaves none, and counts with what it had *now*."""
    found = lab.run("client", "cat", f"{HOME}/peak").stdout
    if not found and not now:
        inconclusive("how much memory it took is not known")
    return int(found or now)


def peak_now(lab, session):
    """KB that the program below peak.py has had, while it runs; else 0."""
    own = {}
    for line in lab.run("client", "sh", "-c", "grep -Hs -e ^PPid: -e ^VmHWM: /proc/[0-9]*/status").stdout.splitlines():
        path, key, value = line.split(":")
        own.setdefault(path, {})[key] = int(value.split()[0])
    return max((one.get("VmHWM", 0) for one in own.values() if one["PPid"] == session.processes[-1].pid), default=0)


_usual = {}


def peak_of(client, evidence):
    """KB of memory that the client takes with a router by the letter."""
    if client.name not in _usual or evidence:
        with meeting.visit(client, place("usual")) as (lab, session):
            session.wrap = PEAK
            session.perform("add", Wanted())
            if client.resident:
                session.perform("delete", Wanted())
            _usual[client.name] = peak_in(lab)
    return _usual[client.name]
