# SPDX-License-Identifier: MIT
"""igdlab run: the command, what is verified after it, the verdict, and what is left behind."""
import json
import os
import signal
import subprocess

import pytest

from cases.harness.lab import program

IGDLAB = program("igdlab")


def run(*argv, **more):
    """igdlab run --json; returns (object, exit status)."""
    done = subprocess.run([IGDLAB, "run", "--json", *argv], capture_output=True, text=True, check=False,
                          **more)
    assert done.stdout, done.stderr
    return json.loads(done.stdout), done.returncode


def mapped(*argv, before=(), **more):
    """run of igdlab map with those options."""
    return run(*before, "--", IGDLAB, "map", *argv, **more)


@pytest.mark.sanitize
@pytest.mark.parametrize("protocol", ["tcp", "udp"])
def test_packet_reaches_the_client(protocol):
    result, status = mapped("--protocol", protocol, "--external", "2000", "--internal", "3000")
    assert status == 0 and result["verdict"] == "pass"
    effect = result["effect"][0]
    assert (effect["router"], effect["protocol"], effect["external_port"]) == ("r1", protocol.upper(), 2000)
    assert (effect["from"], effect["reached"], effect["port"]) == ("peer", "client", 3000)
    assert effect["ok"] and effect["path"] == ["r1"] and effect["seconds"] < 2
    mapping = result["routers"]["r1"]["mappings"][0]
    assert (mapping["internal_client"], mapping["internal_port"]) == ("192.168.1.4", 3000)


def test_packet_goes_through_every_router():
    result, status = mapped(before=["-t", "nested-3"])
    assert status == 0
    assert [(e["router"], e["path"], e["reached"]) for e in result["effect"]] == \
        [("r3", ["r3", "r2", "r1"], "client")]


@pytest.mark.sanitize
@pytest.mark.parametrize("protocol, listener", [
    ("tcp", "s=socket.socket(); s.bind(('', 1872)); s.listen()"),
    ("udp", "s=socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(('', 1872))")])
def test_where_a_program_listens_its_packets_are_seen(protocol, listener):
    """The program has the port, so the lab watches for the packet instead of taking it."""
    script = (f"import socket, subprocess, sys; {listener}; "
              f"c = subprocess.call([{IGDLAB!r}, 'map', '--protocol', {protocol!r}]); "
              "p = __import__('os').fork(); sys.exit(c) if p else s.fileno() and "
              "__import__('signal').pause()")
    result, status = run("--", "/usr/bin/python3", "-c", script)
    assert status == 0, result
    assert result["effect"][0]["reached"] == "client"


@pytest.mark.sanitize
@pytest.mark.parametrize("protocol", ["tcp", "udp"])
def test_remote_host_is_honoured(protocol):
    result, status = mapped("--protocol", protocol, "--remote-host", "44.0.1.77")
    assert status == 0 and result["verdict"] == "pass"
    effect = result["effect"][0]
    assert effect["remote_host"] == "44.0.1.77" and effect["reached"] is None and effect["ok"]
    result, status = mapped("--protocol", protocol, "--remote-host", "@peer")
    assert status == 0 and result["effect"][0]["reached"] == "client"


@pytest.mark.sanitize
def test_mapping_that_leads_nowhere_is_a_failure():
    result, status = mapped("--internal-client", "192.168.1.99")
    assert status == 1 and result["verdict"] == "fail"
    effect = result["effect"][0]
    assert effect["reached"] is None and not effect["ok"]
    assert effect["reason"] == "no node behind r1 has the internal client 192.168.1.99"
    assert result["command"]["exit"] == 0


def test_carrier_grade_nat_is_pointed_out():
    result, status = mapped(before=["-t", "cgnat"])
    assert result["effect"] == [] and len(result["routers"]["r1"]["mappings"]) == 1
    assert result["routers"]["carrier"]["profile"] is None
    assert status == result["command"]["exit"]
    assert status or "r1 is behind another NAT" in result["reason"]


def test_the_command_decides():
    result, status = run("--", "sh", "-c", "exit 7")
    assert status == 1 and result["command"]["exit"] == 7
    assert result["reason"] == "the command ended with status 7"
    result, status = run("--", "sh", "-c", "kill -KILL $$")
    assert status == 1 and result["command"]["exit"] == 137


def test_words_addresses_and_streams(tmp_path):
    result, status = run("-t", "nested-2", "--", "sh", "-c", "echo $0; cat; pwd; echo no >&2",
                         "x@client,@gateway,@external,@peer,@clients,a@b", input="in", cwd=tmp_path)
    assert status == 0
    assert result["command"]["stdout"] == ("x192.168.1.4,192.168.1.1,44.0.1.2,44.0.1.10,@clients,a@b\n"
                                           f"in{tmp_path}\n")
    assert result["command"]["stderr"] == "no\n"


def test_output_that_is_no_text():
    result, _ = run("--", "printf", "a\\377b")
    assert result["command"]["stdout"] == "a\ufffdb"
    result, _ = run("--", "sh", "-c", "head -c 1000000 /dev/zero | tr '\\0' x")
    assert len(result["command"]["stdout"]) == 65536


def test_without_json_the_streams_are_ours():
    done = subprocess.run([IGDLAB, "run", "--", "cat"], input="hello\n", capture_output=True, text=True,
                          check=True)
    lines = done.stdout.splitlines()
    assert lines[0] == "hello"
    assert [line.split()[0] for line in lines[1:]] == ["topology", "router", "command", "verdict"]
    assert lines[-1].split()[1] == "pass:"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signals_go_to_the_command(number):
    script = "trap 'echo got it; exit 5' TERM INT; echo ready; while :; do read x; done"
    with subprocess.Popen([IGDLAB, "run", "--", "sh", "-c", script], stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "ready\n"
        process.send_signal(number)
        rest = process.communicate("\n")[0]
    assert rest.startswith("got it\n") and "interrupted by signal" in rest
    assert process.returncode == 1


def test_a_second_signal_kills():
    script = "trap '' TERM HUP; echo ready; exec cat"
    with subprocess.Popen([IGDLAB, "run", "--", "sh", "-c", script], stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGTERM)
        process.send_signal(signal.SIGHUP)
        rest = process.stdout.read()  # its input stays open meanwhile: nothing else ends cat
    assert "exit status 137" in rest


def test_profile_and_quirk_of_a_node():
    result, status = run("-t", "nested-2", "-p", "r2=conformant-igd1", "-p", "conformant-igd2", "--", "true")
    assert status == 0
    assert [result["routers"][r]["profile"] for r in ("r1", "r2")] == ["conformant-igd2",
                                                                      "conformant-igd1"]
    result, status = run("-p", "none", "--", "true")
    assert status == 0 and result["routers"]["r1"]["profile"] is None


def test_mappings_of_the_profile_are_not_held_against_the_command(tmp_path):
    """What the router held before and leads to nobody is reported, and not the command's fault."""
    profile = tmp_path / "full.yaml"
    profile.write_text("extends: conformant-igd1\nsummary: a router with a stale mapping\n"
                       "state:\n  mappings:\n"
                       "    - {protocol: UDP, external_port: 4000, internal_client: 192.168.1.99,"
                       " internal_port: 4000}\n")
    result, status = run("-p", str(profile), "--", "true")
    assert status == 0, result
    assert [e["ok"] for e in result["effect"]] == [True]
    assert result["effect"][0]["reached"] is None


def test_evidence_of_a_run(tmp_path):
    out = tmp_path / "deep" / "out"
    done = subprocess.run([IGDLAB, "run", "-o", out, "--", IGDLAB, "map"], capture_output=True, text=True,
                          check=False)
    assert done.returncode == 0, done.stderr
    for name in ("capture.pcapng", "ladder.svg", "lab.json", "run.json", "command.stdout", "command.stderr",
                 "r1.journal.ndjson", "r1.nft-before.txt", "r1.nft-after.txt", "r1.conntrack-before.json",
                 "r1.conntrack-after.json", "replay.sh"):
        assert (out / name).exists(), name
    assert (out / "command.stdout").read_text() in done.stdout
    result = json.loads((out / "run.json").read_text())
    assert result["capture"]["packets"] > 20 and result["capture"]["dropped"] == 0
    assert "1872" in (out / "r1.nft-after.txt").read_text()
    assert "1872" not in (out / "r1.nft-before.txt").read_text()
    again = subprocess.run([out / "replay.sh", tmp_path / "again"], capture_output=True, text=True,
                           check=False, cwd="/")
    assert again.returncode == 0, again.stderr
    replayed = json.loads((tmp_path / "again" / "run.json").read_text())
    assert replayed["effect"][0]["reached"] == "client"
    assert replayed["command"]["argv"] == result["command"]["argv"]


def test_foreground_lab_ends_with_its_input(tmp_path):
    with subprocess.Popen([IGDLAB, "up", "flat", "--foreground", "-o", tmp_path], stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE, text=True) as process:
        lab = json.loads(process.stdout.readline())
        assert os.path.exists(f"/proc/{lab['pid']}") and lab["topology"] == "flat"
        listed = json.loads(subprocess.run([IGDLAB, "ps", "--json"], capture_output=True, text=True,
                                           check=True).stdout)
        mine = [item for item in listed if item["name"] == lab["lab"]][0]
        assert mine["pid"] == lab["pid"] and mine["nodes"] == ["client", "r1", "peer"]
        assert mine["evidence"] == str(tmp_path) and 0 <= mine["uptime"] < 60
        process.stdin.close()
        assert process.wait(20) == 0
    assert (tmp_path / "ladder.svg").exists() and (tmp_path / "lab.json").exists()


def test_down_completes_the_evidence(tmp_path):
    name = f"evidence-{os.getpid()}"
    subprocess.run([IGDLAB, "up", "flat", "--name", name, "-o", tmp_path], check=True,
                   stdout=subprocess.DEVNULL)
    subprocess.run([IGDLAB, "exec", f"{name}:client", IGDLAB, "map"], check=True,
                   stdout=subprocess.DEVNULL)
    subprocess.run([IGDLAB, "down", name], check=True)
    assert (tmp_path / "ladder.svg").exists()
    assert os.path.getsize(tmp_path / "capture.pcapng") > 5000


def test_evidence_of_another_lab_is_removed_and_nothing_else(tmp_path):
    for name in ("r9.journal.ndjson", "notes.log", "run.json"):
        (tmp_path / name).write_text("old")
    done = subprocess.run([IGDLAB, "run", "-t", "no-igd", "--no-capture", "-o", tmp_path, "--", "true"],
                          capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    assert not (tmp_path / "r9.journal.ndjson").exists()
    assert (tmp_path / "notes.log").read_text() == "old"
    assert json.loads((tmp_path / "run.json").read_text())["topology"] == "no-igd"
    assert not (tmp_path / "capture.pcapng").exists()


def test_an_ordinary_users_path_gains_the_administrators_folders():
    """The command is root in its lab, and nft and ip are where ordinary users do not look."""
    for path, wanted in (("/usr/bin:/bin", "/usr/bin:/bin:/usr/sbin:/sbin"), ("/sbin:/usr/bin", "/sbin:/usr/bin:/usr/sbin")):
        process = subprocess.run([IGDLAB, "run", "--", "/bin/sh", "-c", "echo $PATH"], capture_output=True, text=True, check=False,
                                 env={**os.environ, "PATH": path})
        assert process.stdout.splitlines()[0] == wanted, process.stderr
