# SPDX-License-Identifier: MIT
"""Debian's miniupnpd under the daemon suite: nothing fails but what its adapters list, and that still does.

These are the checks that need no waiting; "igdlab test daemon miniupnpd-nftables" runs all.
"""
import pytest

from cases.harness.subject import Adapter
from cases.lab.test_daemon_suite import results

QUICK = "DESC-* IGD-* NAT-* SEC-1* SEC-3* SOAP-0* SOAP-1* SOAP-2* SOAP-3* WIPC-0* WIPC-3* WIPC-4* WIPC-5*"


@pytest.mark.parametrize("name", ["miniupnpd-nftables", "miniupnpd-iptables"])
def test_nothing_new(name, tmp_path):
    adapter = Adapter(name)
    if adapter.missing():
        pytest.skip(adapter.missing())
    done, found = results(name, "--select", QUICK, "-o", tmp_path)
    if done.returncode == 3 and "Table does not exist" in str(found):
        pytest.skip("this kernel has no tables of iptables-legacy: iptables -t nat -L")
    failed = [(c["requirements"], c["check"], c["reason"]) for c in found["checks"] if c["grade"] == "fail"]
    assert not failed and done.returncode == 0
    assert found["counts"]["pass"] >= 180 and found["counts"]["known"] >= 70
    assert len(found["checks"]) >= 300


def test_name_stands_for_both_builds():
    both = ["miniupnpd-iptables", "miniupnpd-nftables"]
    missing = [name for name in both if Adapter(name).missing()]
    done, found = results("miniupnpd", "--select", "DESC-01", "-n", "2")
    assert done.returncode == 0 and sorted(found["subjects"]) == sorted(set(both) - set(missing))
    assert {check["subject"] for check in found["checks"]} == set(found["subjects"])
    assert all(Adapter(name).missing() in done.stderr for name in missing)


def test_lists_are_of_rows_that_there_are():
    """A finding of the iptables build that differs is taken off or told apart by name."""
    both = [Adapter(f"miniupnpd-{build}").known for build in ("nftables", "iptables")]
    assert set(both[0]) - set(both[1]) == {"6FC-16", "6FC-17", "6FC-21", "NATPMP-33", "WIPC-55", "WIPC-69"}
    assert set(both[1]) - set(both[0]) == {"6FC-18", "PCP-20"}
