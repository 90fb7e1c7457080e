# SPDX-License-Identifier: MIT
"""Many labs at once, and labs of an ordinary user."""
import concurrent.futures
import ctypes
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


CLONE_NEWUSER = 0x10000000


def without_user_namespaces(argv):
    """Run a program as user 65534 in a user namespace whose limit of further ones is 0.

    Returns (exit status, standard error). Only root may do this: the map has two users.
    """
    asks, told = os.pipe(), os.pipe()
    errors = os.pipe()
    pid = os.fork()
    if not pid:
        ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWUSER)
        os.write(asks[1], b"x")
        os.read(told[0], 1)
        with open("/proc/sys/user/max_user_namespaces", "w", encoding="ascii") as limit:
            limit.write("0")
        os.dup2(errors[1], 2)
        os.setgroups([])
        os.setgid(65534)
        os.setuid(65534)
        os.execv(argv[0], argv)
    os.close(errors[1])
    os.read(asks[0], 1)
    for kind in ("uid", "gid"):
        with open(f"/proc/{pid}/{kind}_map", "w", encoding="ascii") as mapping:
            mapping.write("0 0 65536")
    os.write(told[1], b"x")
    with open(errors[0], encoding="utf-8") as stream:
        text = stream.read()
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    for fd in (*asks, *told):
        os.close(fd)
    return status, text


@pytest.mark.skipif(os.getuid() != 0, reason="only root can take user namespaces away from a child")
def test_forbidden_user_namespaces_are_explained(readable_copy):
    """Where the kernel forbids user namespaces the message says what to do, and the status is 3."""
    place, _ = readable_copy
    status, text = without_user_namespaces([f"{place}/build/igdlab", "run", "-t", "flat", "--", "true"])
    assert status == 3, text
    assert "user namespace" in text and "max_user_namespaces" in text
