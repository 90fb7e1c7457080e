# SPDX-License-Identifier: MIT
"""Options and fixtures for every case."""
import os

import pytest

from cases.harness.controlpoint import ControlPoint
from cases.harness.lab import Lab


os.environ["PATH"] += ":/usr/sbin:/sbin"  # nft and ip: an ordinary user has them not in PATH


def pytest_configure(config):
    config.addinivalue_line("markers", "sanitize: also run against the ASan and UBSan build")
    config.addinivalue_line("markers", "long: only in make test-long")
    config.addinivalue_line("markers", "requirement(ids, igd, action, service, needs): what a check tests")
    config.addinivalue_line("markers", "bulk: hundreds of requests; runs under no quirk but those that break it")
    config.addinivalue_line("markers", "fresh: the check wants a lab that nobody has used")


def pytest_collection_modifyitems(items):
    if os.environ.get("IGDLAB_LONG"):
        return
    reason = pytest.mark.skip(reason="long: runs in make test-long")
    for item in items:
        if item.get_closest_marker("long"):
            item.add_marker(reason)


@pytest.fixture
def flat():
    """A flat lab: client, one conformant IGD:1 router, peer."""
    with Lab("flat") as lab:
        yield lab


@pytest.fixture
def cp(flat):
    """A control point in the flat lab that knows its router."""
    return ControlPoint(flat).discover()
