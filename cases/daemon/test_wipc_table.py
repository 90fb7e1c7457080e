# SPDX-License-Identifier: MIT
"""Reading and deleting port mappings (area WIPC)."""
import os
import select

import pytest

from cases.harness.controlpoint import fault_of
from cases.harness.portmap import begin, code_of_add, evented, external, wanted
from cases.harness.requirement import inconclusive, nonstrict, requirement

MANY = 1000 if os.environ.get("IGDLAB_LONG") else 300  # the row asks for 1000


@requirement("WIPC-33")
def test_specific_entry(subject, lab, cp):
    specific_is_what_was_added(lab, cp, "1")


@requirement("WIPC-33", interworking=False)
def test_specific_entry_that_is_disabled(subject, lab, cp):
    specific_is_what_was_added(lab, cp, "0")


def specific_is_what_was_added(lab, cp, enabled):
    """All five out-arguments, and those of the right entry."""
    cp.add(20000, "UDP", internal=30000, enabled=enabled, text="one of two")
    cp.add(20001, "UDP", internal=30001, text="the other")
    entry = cp.specific(20000, "UDP")
    assert int(entry.pop("NewLeaseDuration")) >= 0
    assert entry == {"NewInternalPort": "30000", "NewInternalClient": lab.address_of("client"),
                     "NewEnabled": enabled, "NewPortMappingDescription": "one of two"}


@requirement("WIPC-34")
@pytest.mark.parametrize("port, protocol", [(20001, "TCP"), (20000, "UDP"), (30000, "TCP")])
def test_no_specific_entry(subject, cp, port, protocol):
    cp.add(20000, internal=30000)
    assert fault_of(cp.specific, port, protocol) == 714


@requirement("WIPC-35", service="WANIPConnection:2")
def test_empty_remote_host_is_no_wildcard_in_queries(subject, lab, cp):
    cp.add(20000, remote=lab.address_of("peer"))
    assert fault_of(cp.specific, 20000) == 714
    assert cp.specific(20000, remote=lab.address_of("peer"))["NewInternalPort"] == "20000"


@requirement("WIPC-37")
@pytest.mark.parametrize("count", [0, 1, 3])
def test_indexes_are_contiguous(subject, cp, count):
    before, end = cp.enumerate(limit=10)
    if end == 606:
        cp.add(20000)
        assert 0 in [fault_of(cp.generic, index) for index in range(10)], "606 for every index"
        inconclusive("there are entries of others, which may not be read")
    assert all(entry["NewInternalClient"] not in ("", "0.0.0.0") for entry in before), "there is an entry that is none"
    for port in range(20000, 20000 + count):
        cp.add(port)
    entries, end = cp.enumerate(limit=15)
    assert sorted(int(entry["NewExternalPort"]) for entry in entries) == \
        sorted([int(entry["NewExternalPort"]) for entry in before] + list(range(20000, 20000 + count)))
    assert end == 713
    assert fault_of(cp.generic, count + 100) == 713


@requirement("WIPC-38")
def test_array_is_compacted(subject, cp):
    for port in (20000, 20001, 20002):
        cp.add(port)
    cp.delete(20001)
    entries, _ = cp.enumerate(limit=10)
    assert sorted(entry["NewExternalPort"] for entry in entries) == ["20000", "20002"]


@requirement("WIPC-39")
@pytest.mark.parametrize("index", ["-1", "abc", "65536", "18446744073709551616", ""])
def test_impossible_index(subject, cp, index):
    cp.add(20000)
    assert fault_of(cp.generic, index) in (402, 600, 601, 713)


@requirement("WIPC-39")
def test_index_beyond_32_bits(subject, cp):
    cp.add(20000)
    assert fault_of(cp.generic, 1 << 32) in (402, 600, 601, 713)


@requirement("WIPC-40")
@pytest.mark.parametrize("protocol", ["TCP", "UDP"])
def test_delete(subject, cp, protocol):
    cp.add(20000, protocol)
    cp.add(20001, protocol)
    assert subject.reaches(20000, protocol)
    cp.delete(20000, protocol)
    assert not subject.reaches(20000, protocol)
    assert subject.reaches(20001, protocol)
    assert fault_of(cp.specific, 20000, protocol) == 714


@requirement("WIPC-41")
@pytest.mark.parametrize("port, protocol", [(20000, "TCP"), (20001, "UDP"), (20002, "TCP")])
def test_delete_of_nothing(subject, cp, port, protocol):
    cp.add(20000)
    cp.add(20001)
    cp.delete(20000)
    assert fault_of(cp.delete, port, protocol) == 714
    assert subject.reaches(20001)


@requirement("WIPC-42", needs="peer2")
def test_delete_looks_at_remote_host(subject, lab, cp):
    remote = lab.address_of("peer")
    if fault_of(cp.add, 20000, remote=remote) == 726:
        cp.add(20000)
        remote = ""
    for wrong in {"", remote, lab.address_of("peer2")} - {remote}:
        code = fault_of(cp.delete, 20000, remote=wrong)
        assert code in (0, 714)
        if code == 0:
            nonstrict(f'deletes the entry of "{remote}" when asked for "{wrong}"')
            return
        assert subject.reaches(20000)
    cp.delete(20000, remote=remote)
    assert not subject.reaches(20000)


@requirement("WIPC-43", needs="wan-side")
@pytest.mark.bulk
def test_delete_cuts_connections(subject, lab, cp):
    cp.add(20000)
    with lab.listen("client", 20000) as listener, \
            lab.connect("peer", lab.wan_address(), 20000, timeout=2) as outside:
        inside, _ = listener.accept()
        with inside:
            outside.sendall(b"before")
            assert inside.recv(64) == b"before"
            cp.delete(20000)
            outside.sendall(b"after")
            assert not select.select([inside], [], [], 0.5)[0], "what is sent after the deletion arrives"


@requirement("WIPC-71")
@pytest.mark.parametrize("count", [0, 3])
def test_number_of_entries(subject, cp, count):
    for port in range(20000, 20000 + count):
        cp.add(port)
    entries, _ = cp.enumerate(limit=10)
    assert int(evented(cp, "PortMappingNumberOfEntries")) == len(entries) == count


@pytest.mark.bulk
@requirement("WIPC-72")
def test_many_mappings(subject, cp):
    ports = range(20000, 20000 + MANY)
    for port in ports:
        cp.add(port, "UDP")
    assert sorted(external(cp, limit=2 * MANY)) == list(ports)
    assert subject.reaches(ports[-1], "UDP")
    for port in ports:
        cp.delete(port, "UDP")
    assert cp.enumerate() == ([], 713)


@requirement("WIPC-74")
@pytest.mark.parametrize("text", [
    "a;b:c|d,e=f", "TCP:20001:192.168.1.4:20001:0:x", "x\r\ny", "a\tb", "'\"%s%n", "\u00fcber"],
    ids=["separators", "line", "CRLF", "tab", "format", "umlaut"])
def test_separators_in_descriptions(subject, cp, text):
    makes_one_mapping(subject, cp, text)


@requirement("WIPC-74")
def test_second_line_in_a_description(subject, lab, cp):
    makes_one_mapping(subject, cp, f"x\nTCP:20001:{lab.address_of('client')}:20001:0:x")


def makes_one_mapping(subject, cp, text):
    """At once, and after a restart that may read the table from a file."""
    if code_of_add(cp, NewPortMappingDescription=text):
        return  # refused is safe
    assert external(cp) == [20000]
    if "restart" in subject.abilities:
        subject.restart()
        cp = subject.control_point()
        assert set(external(cp)) <= {20000}
    assert not subject.reaches(20001)


@requirement("WIPC-75")
def test_name_that_does_not_resolve(subject, cp):
    answer = begin(cp, "AddPortMapping", *wanted(cp, NewInternalClient="nosuch.invalid"))
    begin(cp, "GetExternalIPAddress", timeout=2)()
    assert fault_of(answer) == 402
