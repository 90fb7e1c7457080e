# SPDX-License-Identifier: MIT
"""The field log of 2025-07-28, replayed request by request: seven replies, byte for byte but dates."""
import re
import subprocess

import pytest

from cases.harness import fieldlog


@pytest.mark.sanitize
def test_seven_of_seven_replies_are_identical():
    result = fieldlog.replay()
    assert [r["differs"] for r in result["soap"]] == [None] * 7
    assert result["discovery"]["differs"] is None
    assert result["description"]["differs"] is None


def test_stated_lengths_are_met():
    assert [r["body_length"] for r in fieldlog.replay()["soap"]] == [361, 602, 631, 632, 474, 466, 290]


def test_timing_and_segments(tmp_path):
    """Head and body come in separate segments; the answer to AddPortMapping takes a quarter second."""
    result = fieldlog.replay(evidence=tmp_path)
    assert result["soap"][-1]["seconds"] >= 0.236
    done = subprocess.run(["tshark", "-r", tmp_path / "capture.pcapng", "-Y",
                           'tcp.srcport == 5431 and tcp.len > 0 and frame.interface_name == "home"',
                           "-T", "fields", "-e", "tcp.stream", "-e", "tcp.len"],
                          capture_output=True, text=True, check=True)
    streams = {}
    for stream, length in (line.split() for line in done.stdout.splitlines()):
        streams.setdefault(stream, []).append(int(length))
    soap = list(streams.values())[1:]
    assert [segments[1:] for segments in soap] == [[e["body_length"]] for e in result["soap"]]


def test_leases_count_down():
    assert fieldlog.replay(advance=10)["leases"] == [16895, 38315]


def test_date_is_eight_hours_ahead():
    """DATE says GMT and is local time, eight hours ahead of it, as the log shows."""
    assert 8 * 3600 - 5 <= fieldlog.replay()["date_ahead"] <= 8 * 3600 + 5


def test_a_changed_byte_would_be_seen():
    expected = fieldlog.expected()["soap"][0]["reply"]
    assert fieldlog.difference(expected, expected) is None
    assert fieldlog.difference(expected, expected.replace(b"EXT:", b"Ext:"))
    assert re.search(rb"DATE: ", expected)
