# SPDX-License-Identifier: MIT
"""Many labs at once, and labs of an ordinary user."""
import concurrent.futures
import json
import os
import shutil
import subprocess

import pytest

from cases.harness.lab import REPOSITORY, program


def run(*argv, **more):
    return subprocess.run([program("igdlab"), "run", *argv], capture_output=True, text=True,
                          check=False, **more)


def test_fifty_labs_at_once():
    """Fifty labs map a port each at the same time; in every one a packet of its peer arrives."""
    def one(number):
        return run("-t", "flat", "--json", "--", program("igdlab"), "map", "--external",
                   str(2000 + number), "--internal", str(2000 + number))

    with concurrent.futures.ThreadPoolExecutor(50) as pool:
        results = list(pool.map(one, range(50)))
    for number, done in enumerate(results):
        assert done.returncode == 0, done.stderr
        verdict = json.loads(done.stdout[done.stdout.index('{"'):]) if not done.stdout.startswith("{") \
            else json.loads(done.stdout)
        assert verdict["verdict"] == "pass"
        assert [e["external_port"] for e in verdict["effect"]] == [2000 + number]
        assert verdict["effect"][0]["reached"] == "client"


ORDINARY = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=-all"]


@pytest.fixture
def readable_copy(tmp_path_factory):
    """The built programs and their data where everybody may read them."""
    if os.getuid():
        yield REPOSITORY, []
        return
    place = f"/tmp/igdlab-user-{os.getpid()}-{tmp_path_factory.getbasetemp().name}"
    shutil.copytree(REPOSITORY, place, ignore=shutil.ignore_patterns(".git", "obj", "clang", "san",
                                                                     "unit", "fuzz", "debian", "cases"))
    subprocess.run(["chmod", "-R", "a+rX", place], check=True)
    yield place, ORDINARY
    shutil.rmtree(place)


@pytest.mark.parametrize("topology", ["flat", "nested-4", "dual-stack", "two-routers"])
def test_ordinary_user(readable_copy, topology):
    """The whole job without privileges: lab, mapping through every NAT, packets."""
    place, become = readable_copy
    out = f"{place}-out-{topology}" if become else None
    argv = [*become, f"{place}/build/igdlab", "run", "-t", topology, "--json"]
    if out:
        subprocess.run([*become, "mkdir", "-p", out], check=True)
        argv += ["-o", out]
    try:
        done = subprocess.run([*argv, "--", f"{place}/build/igdlab", "map", "--layers", "4", "--json"],
                              capture_output=True, text=True, check=False, cwd="/")
        assert done.returncode == 0, done.stderr + done.stdout
        if out:
            assert os.path.getsize(f"{out}/capture.pcapng") > 1000
            assert os.stat(f"{out}/capture.pcapng").st_uid == 65534
    finally:
        if out:
            shutil.rmtree(out)


def test_forbidden_user_namespaces_are_explained(readable_copy):
    """Where the kernel forbids user namespaces the message says what to do, and the status is 3."""
    place, become = readable_copy
    if not become:
        pytest.skip("needs root to take user namespaces away in a private namespace")
    script = ("echo 0 > /proc/sys/user/max_user_namespaces 2>/dev/null; "
              f"exec {' '.join(become)} {place}/build/igdlab run -t flat -- true")
    done = subprocess.run(["unshare", "--user", "--map-root-user", "--map-users=65534,65534,1",
                           "sh", "-c", script], capture_output=True, text=True, check=False)
    if "unrecognized" in done.stderr or "unshare:" in done.stderr:
        done = subprocess.run(["unshare", "--user", "--map-root-user", "sh", "-c",
                               "echo 0 > /proc/sys/user/max_user_namespaces; "
                               f"exec {place}/build/igdlab run -t flat -- true"],
                              capture_output=True, text=True, check=False)
    assert done.returncode == 3, done.stderr
    assert "user namespace" in done.stderr
