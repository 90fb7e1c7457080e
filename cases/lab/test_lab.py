# SPDX-License-Identifier: MIT
"""The lab itself: topologies, isolation of nodes, programs, private files, control socket."""
import os
import json
import pathlib
import socket
import subprocess

import pytest

from cases.harness.effect import tcp_reaches
from cases.harness.lab import REPOSITORY, Connection, Lab, LabError, program

TOPOLOGIES = sorted(p.stem for p in (REPOSITORY / "topologies").glob("*.yaml"))


@pytest.mark.sanitize
@pytest.mark.parametrize("topology", TOPOLOGIES)
def test_every_topology_comes_up_and_carries_packets(topology):
    """The first packet of the client reaches the peer, whatever lies between, on the first try."""
    if topology == "nat64" and not os.access("/dev/net/tun", os.R_OK | os.W_OK):
        pytest.skip("/dev/net/tun cannot be opened")
    with Lab(topology) as lab:
        mine, theirs, peer = "inet", "inet", lab.port("peer").get("address")
        if "address" not in lab.port("client"):
            mine, theirs = "inet6", "inet" if peer else "inet6"
            peer = f"64:ff9b::{peer}" if peer else lab.port("peer")["address6"]
        with lab.socket("peer", domain=theirs) as there, lab.socket("client", domain=mine) as here:
            there.bind(("0.0.0.0" if theirs == "inet" else "::", 9))
            here.connect((peer, 9))
            here.send(b"hello")
            data, source = there.recvfrom(64)
        assert data == b"hello"
        addresses = {p.get(key) for p in lab.info["nodes"]["client"]["ports"] for key in ("address", "address6")}
        routers = [n for n in lab.info["nodes"].values() if n["kind"] == "router"]
        hidden = theirs == "inet" and routers
        assert (source[0] not in addresses) == bool(hidden), "source NAT hides the client, and IPv6 knows none"


def test_shipped_topologies():
    wanted = {"flat", "nested-2", "nested-3", "nested-4", "cgnat", "two-routers", "multihomed",
              "dual-stack", "no-igd", "ipv6-only", "delegated-prefix", "renumbered-prefix",
              "nat64", "cgnat-pcp"}
    assert wanted <= set(TOPOLOGIES)


def test_outside_cannot_get_in(flat):
    assert not tcp_reaches(flat, 22)


def test_what_does_not_exist_answers_at_once(flat):
    """Addresses beyond the lab are unreachable and names are refused, without a wait."""
    with pytest.raises(OSError):
        flat.connect("client", "8.8.8.8", 53, timeout=2)
    process = flat.run("client", "getent", "hosts", "example.org", timeout=4)
    assert process.code != 0


def test_private_files_per_node(flat):
    for place in ("/tmp", "/run", "/var/lib"):
        assert flat.run("client", "sh", "-c", f"echo secret > {place}/igdlab-test").code == 0
        assert flat.run("client", "cat", f"{place}/igdlab-test").stdout == "secret\n"
        assert flat.run("peer", "cat", f"{place}/igdlab-test").code != 0
        assert not pathlib.Path(place, "igdlab-test").exists()
    assert "nameserver" in flat.run("client", "cat", "/etc/resolv.conf").stdout


def test_syslog_has_a_sink(flat):
    process = flat.run("client", "logger", "a word for the lab")
    assert process.code == 0, process.stderr
    flat.request(op="sync")
    assert "a word for the lab" in (flat.evidence / "syslog.client.log").read_text()


def test_programs_see_only_their_node(flat):
    text = flat.run("client", "ip", "-o", "addr").stdout
    assert "192.168.1.4" in text and "192.168.1.1/" not in text
    assert flat.run("client", "sh", "-c", "echo $IGDLAB_NODE").stdout.strip() == "client"


def test_exit_status_signal_and_missing_program(flat):
    assert flat.run("client", "sh", "-c", "exit 42").code == 42
    process = flat.start("client", "cat")
    process.kill(9)
    assert process.wait() in (-9, 0)
    with pytest.raises(LabError, match="no-such-program"):
        flat.start("client", "no-such-program")


@pytest.mark.parametrize("request_, sentence", [
    ({}, "op"),
    ({"op": "infos"}, "info"),
    ({"op": "socket", "node": "cliemt", "domain": "inet", "type": "dgram"}, "client"),
    ({"op": "socket", "node": "client", "domain": "inet9", "type": "dgram"}, "inet"),
    ({"op": "socket", "node": "client", "domain": "inet", "type": "x"}, "dgram"),
    ({"op": "exec", "node": "client"}, "argv"),
    ({"op": "exec", "node": "client", "argv": []}, "argv"),
    ({"op": "exec", "node": "client", "argv": [1]}, "argv"),
    ({"op": "kill", "pid": 1, "signal": 9}, "pid"),
    ({"op": "router", "node": "client", "request": {"op": "state"}}, "client"),
    ({"op": "router", "node": "r1"}, "request"),
    ({"op": "advance", "seconds": "x"}, "seconds"),
    ({"op": "link", "node": "client", "ifname": "eth9", "up": False}, "eth0"),
], ids=range(13))
def test_control_socket_explains_what_is_wrong(flat, request_, sentence):
    with pytest.raises(LabError, match=sentence):
        flat.request(**request_)
    assert flat.request(op="info")["ok"]


def test_control_socket_survives_garbage(flat):
    for data in (b"", b"{", b"[]", b"null", b"\xff" * 100, b"{}" * 1000, b'{"op": 1}'):
        raw = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        raw.connect(flat.address)
        raw.send(data)
        raw.close()
    assert flat.request(op="info")["ok"]


def test_link_down_and_up(flat):
    with flat.listen("peer", 80):
        flat.request(op="link", node="r1", ifname="wan", up=False)
        with pytest.raises(OSError):
            flat.connect("client", flat.address_of("peer"), 80, timeout=1)
        flat.request(op="link", node="r1", ifname="wan", up=True)
        flat.connect("client", flat.address_of("peer"), 80).close()


def connected(lab):
    """Ports to which the router knows a connection."""
    return {one["original"].get("dport") for one in lab.request(op="state", node="r1")["conntrack"]}


def test_reset_makes_a_used_lab_new(cp):
    lab = cp.lab
    cp.add(1872)
    assert tcp_reaches(lab, 1872)
    with lab.socket("client") as inside, lab.socket("peer") as outside:
        outside.bind(("0.0.0.0", 9))
        inside.sendto(b"out", (lab.address_of("peer"), 9))
        assert outside.recv(8) == b"out"
    assert {1872, 9} <= connected(lab)
    lab.request(op="reset")
    assert not {1872, 9} & connected(lab)
    assert lab.mappings() == []
    assert not tcp_reaches(lab, 1872)
    cp.add(1872)
    assert tcp_reaches(lab, 1872)


def test_two_labs_do_not_know_of_each_other():
    with Lab("flat") as one, Lab("flat") as two:
        with one.listen("client", 5555):
            with pytest.raises(OSError):
                two.connect("r1", two.address_of("client"), 5555, timeout=1)
        assert one.info["pid"] != two.info["pid"]


def igdlab(*argv, **more):
    return subprocess.run([program("igdlab"), *argv], capture_output=True, text=True, check=False,
                          **more)


def test_up_exec_ps_down():
    up = igdlab("up", "flat", "--name", "stays", "--json")
    assert up.returncode == 0, up.stderr
    try:
        again = igdlab("up", "flat", "--name", "stays")
        assert again.returncode != 0 and "stays" in again.stderr
        done = igdlab("exec", "stays:client", "sh", "-c", "echo $IGDLAB_NODE; cat; exit 7", input="in")
        assert (done.returncode, done.stdout) == (7, "client\nin")
        labs = json.loads(igdlab("ps", "--json").stdout)
        assert [lab["topology"] for lab in labs if lab["name"] == "stays"] == ["flat"]
    finally:
        assert igdlab("down", "stays").returncode == 0
    assert "stays" not in igdlab("ps").stdout
    with pytest.raises(OSError):
        import os
        Connection(f"\0igdlab/{os.getuid()}/stays")


DOWN = """
set -e
mount -t tmpfs none /run
"$IGDLAB" up flat --name stays
mkfifo /run/end /run/ready
"$IGDLAB" up flat --name held --foreground </run/end >/run/ready &
exec 8>/run/end
head -n 1 /run/ready >/dev/null
"$IGDLAB" down --all
"$IGDLAB" ps --json | jq -c 'map(.name)'
"$IGDLAB" down --all --yes
"$IGDLAB" ps --json | jq -c 'map(.name)'
exec 8>&-
wait
"""


def test_down_all_leaves_what_is_held():
    """A lab whose starter runs is somebody's work; it takes --yes."""
    done = subprocess.run(["unshare", "-Urnm", "sh", "-c", DOWN], env={**os.environ, "IGDLAB": program("igdlab")},
                          capture_output=True, text=True, check=False, timeout=60)
    assert done.stdout.splitlines()[-2:] == ['["held"]', "[]"], done.stderr
    assert "igdlab down: held goes on: the program that started it runs; --yes ends it too" in done.stderr


def test_shell_ends_with_its_input():
    """Bash takes the terminal over after the end-of-file was typed; it used to wait for ever."""
    assert igdlab("up", "flat", "--name", "piped").returncode == 0
    try:
        for _ in range(5):
            done = subprocess.run([program("igdlab"), "shell", "piped:client"], input="echo $((40+2))\n",
                                  env={**os.environ, "SHELL": "/bin/bash"}, capture_output=True, text=True,
                                  timeout=20, check=False)
            assert done.returncode == 0 and "42" in done.stdout
    finally:
        igdlab("down", "piped")


def test_shell_in_a_terminal():
    """igdlab shell gives a real terminal: the program sees one, and its exit status comes back."""
    import os
    import pty
    assert igdlab("up", "flat", "--name", "tty").returncode == 0
    try:
        pid, fd = pty.fork()
        if not pid:
            os.execv(program("igdlab"), ["igdlab", "shell", "tty:client"])
        os.write(fd, b"test -t 0 && echo on-a-$((40+2))-terminal; exit 5\n")
        text = b""
        while True:
            try:
                piece = os.read(fd, 4096)
            except OSError:
                break
            if not piece:
                break
            text += piece
        _, status = os.waitpid(pid, 0)
        assert b"on-a-42-terminal" in text
        assert os.waitstatus_to_exitcode(status) == 5
    finally:
        igdlab("down", "tty")
