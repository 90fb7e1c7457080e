# SPDX-License-Identifier: MIT
"""After kill -9 of any process of ours nothing remains: no namespace, process, mount, socket, file."""
import os
import pathlib
import select
import signal
import subprocess

import pytest

from cases.harness.lab import REPOSITORY, Connection, Lab, program, until


def processes():
    """pid -> (parent, command) of every process."""
    found = {}
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rsplit(")", 1)
                found[int(entry.name)] = (int(fields[1].split()[1]), fields[0].split("(", 1)[1])
            except OSError:
                continue
    return found


def descendants(pid):
    """All processes below pid, itself included."""
    table, below = processes(), {pid}
    grown = True
    while grown:
        more = {p for p, (parent, _) in table.items() if parent in below} - below
        below |= more
        grown = bool(more)
    return below


def namespaces(pids):
    """Inode numbers of the network and mount namespaces of processes."""
    found = set()
    for pid in pids:
        for kind in ("net", "mnt", "pid", "user"):
            try:
                found.add(os.readlink(f"/proc/{pid}/ns/{kind}"))
            except OSError:
                continue
    return found


def born(pid):
    """When a process was started, which tells it from a later one of the same number; None when it has ended, also where nobody
    asks how: the process 1 of a container need not."""
    try:
        fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        return None if fields[0] == "Z" else fields[19]
    except OSError:
        return None


def namespaces_alive(wanted, then):
    """Which of those some process still is in that was there *then* ({pid: born}): their numbers are given to the namespaces of
    later labs, which run beside this."""
    return wanted & namespaces(p for p, when in then.items() if when and born(p) == when)


def host_state():
    """What of the host must not change: mounts, links, abstract sockets of ours."""
    sockets = [line for line in pathlib.Path("/proc/net/unix").read_text().splitlines()
               if "@igdlab/" in line]
    return {"mounts": pathlib.Path("/proc/self/mountinfo").read_text(),
            "links": pathlib.Path("/proc/net/dev").read_text().count("\n"),
            "netns": sorted(os.listdir("/run/netns")) if os.path.isdir("/run/netns") else [],
            "sockets": sockets}


def wait_gone(pids):
    """Wait until processes have ended (pidfd events); our own children are reaped by their owner."""
    for pid in pids:
        try:
            fd = os.pidfd_open(pid)
        except ProcessLookupError:
            continue
        ready, _, _ = select.select([fd], [], [], 20)
        os.close(fd)
        assert ready, f"process {pid} {processes().get(pid)} outlived its lab"


@pytest.mark.parametrize("victim", ["starter", "init", "fakeigd", "capture", "command"])
def test_kill_9_leaves_nothing(victim, tmp_path):
    own = namespaces([os.getpid()])
    before = host_state()
    lab = Lab("nested-2", evidence=tmp_path, capture=True)
    lab.__enter__()
    starter = lab._process.pid
    command = lab.start("client", "sh", "-c", "mount -t tmpfs none /run; exec cat /dev/zero >/dev/null")
    family = descendants(starter)
    ours = namespaces(family) - own
    assert len(ours) >= 3 and len(family) >= 4
    init = min(p for p in family if processes().get(p, (0,))[0] == starter)
    table = {p: name for p, (_, name) in processes().items() if p in family}
    targets = {
        "starter": [starter],
        "init": [init],
        "fakeigd": [p for p, name in table.items() if name.startswith("fakeigd")],
        "capture": [p for p in family - {starter, init} if processes().get(p, (0,))[0] == init
                    and not table[p].startswith("fakeigd") and table[p] not in ("sh", "cat")],
        "command": [p for p, name in table.items() if name in ("cat", "sh")],
    }[victim]
    assert targets, f"no {victim} among {table}"
    then = {p: born(p) for p in processes()}
    os.kill(targets[0], signal.SIGKILL)
    if victim in ("starter", "init"):
        wait_gone(family - {starter})
        lab._process.wait(20)
    else:
        if victim == "command":
            command.wait()
        assert lab.request(op="info")["ok"], "the lab lives on without it"
        lab._process.stdin.close()
        lab._process.wait(20)
        wait_gone(family - {starter})
    until(lambda: not namespaces_alive(ours, then), what="namespaces to be gone")
    assert {k: v for k, v in host_state().items() if k != "sockets"} == \
        {k: v for k, v in before.items() if k != "sockets"}
    assert not any(lab.name in line for line in host_state()["sockets"])
    lab.connection.close()
    lab._process.stdout.close()
    lab._process.stderr.close()


def test_killed_detached_lab_leaves_nothing():
    own, name = namespaces([os.getpid()]), f"doomed-{os.getpid()}"
    done = subprocess.run([program("igdlab"), "up", "flat", "--name", name, "--json"],
                          capture_output=True, check=True)
    assert done.stdout
    connection = Connection(f"\0igdlab/{os.getuid()}/{name}")
    pid = connection.request(op="info")[0]["pid"]
    family = descendants(pid)
    ours = namespaces(family) - own
    then = {p: born(p) for p in processes()}
    os.kill(pid, signal.SIGKILL)
    wait_gone(family)
    until(lambda: not namespaces_alive(ours, then), what="namespaces to be gone")
    assert name not in subprocess.run([program("igdlab"), "ps"], capture_output=True, text=True,
                                          check=True).stdout


def test_killed_run_takes_its_command_along():
    run = subprocess.Popen([program("igdlab"), "run", "-t", "flat", "--", "sh", "-c",
                            "echo ready; exec cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert run.stdout.readline() == b"ready\n"
    family = descendants(run.pid)
    assert len(family) >= 4
    run.kill()
    run.wait()
    wait_gone(family)
    run.stdin.close()
    run.stdout.close()


def test_nothing_of_the_host_changes_in_a_whole_run(tmp_path):
    def snapshot():
        state = host_state()
        state["sysctl"] = {p: pathlib.Path("/proc/sys/net/ipv4", p).read_text()
                           for p in ("ip_forward", "conf/all/rp_filter", "icmp_ratelimit")}
        state["tmp"] = sorted(p for p in os.listdir("/tmp") if "igdlab" in p and "igdlab-" not in p)
        state["tree"] = sorted(os.listdir(REPOSITORY))
        return state

    before = snapshot()
    done = subprocess.run([program("igdlab"), "run", "-t", "nested-2", "-o", tmp_path / "out", "--",
                           "true"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    after = snapshot()
    before.pop("sockets"), after.pop("sockets")  # other cases run beside this one
    assert after == before
