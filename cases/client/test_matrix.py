# SPDX-License-Identifier: MIT
"""Each quirk, each profile and each topology against each client: is the port open, and does the client say so?"""
import os
import zlib

from cases.harness import matrix

PART = 12  # make test does one of so many, with the reference control point


def chosen_cases(wanted):
    """The cases of this run, of the kinds that are wanted: all when a client was named. make test-long has them all, too: it
    names the reference control point (cases/loop/test_naive.py)."""
    if os.environ.get("IGDLAB_CLIENTS"):
        return matrix.every_case(wanted)
    return [case for case in matrix.every_case(wanted) if zlib.crc32(case.id.encode()) % PART == 0]


def test_client_meets(meet, case):
    meet(case).judge(case)
