# SPDX-License-Identifier: MIT
"""igdlab test daemon: what it says, leaves and answers, on routers whose faults are known."""
import contextlib
import datetime
import json
import os
import pty
import signal
import subprocess
import termios
import xml.etree.ElementTree as ElementTree

import pytest
import yaml

from cases.harness.lab import program

KNOWN = {"reason": "it does", "link": "https://example.com/1", "expires": datetime.date(2999, 1, 1)}


def suite(*argv, **more):
    return subprocess.run([program("igdlab"), "test", "daemon", *map(str, argv)], capture_output=True, text=True,
                          check=False, **more)


def results(*argv, **more):
    done = suite(*argv, "--json", **more)
    assert done.stdout, done.stderr
    return done, json.loads(done.stdout)


@pytest.fixture
def broken(tmp_path):
    """An adapter file of a router that refuses mappings of a port (of which the checks make use), or all."""
    def make(port="20000", **more):
        quirk = tmp_path / "quirk.yaml"
        quirk.write_text("summary: AddPortMapping is refused\nlayer: portmap\nevidence: made for this case\noverlay:\n"
                         f'  rules:\n    - {{when: {{action: AddPortMapping, NewExternalPort: "{port}"}}, fault: 501}}\n')
        path = tmp_path / "router.yaml"
        path.write_text(yaml.safe_dump({"name": "broken", "kind": "fakeigd", "profile": "conformant-igd1",
                                        "quirks": [str(tmp_path / "quirk.yaml")], **more}))
        return path
    return make


def test_clean_router(tmp_path):
    done, found = results("fakeigd:conformant-igd2", "--select", "WIPC-0[123]", "-n", 2, "-o", tmp_path / "out")
    assert done.returncode == 0 and found["status"] == 0
    assert found["counts"]["pass"] == len(found["checks"]) >= 4
    assert json.loads((tmp_path / "out/results.json").read_text()) == found
    assert len(ElementTree.parse(tmp_path / "out/junit.xml").findall(".//testcase")) == len(found["checks"])
    assert not (tmp_path / "out/checks").exists()


def test_failure_leaves_evidence_that_replays(broken, tmp_path):
    done, found = results(broken(), "--select", "WIPC-03", "-o", tmp_path / "out")
    assert done.returncode == 1
    (check,) = found["checks"]
    assert check["grade"] == "fail" and "501" in check["reason"] and "501" in check["first"]
    assert "718" in check["text"] and "WIPC1 2.4.16.4" in check["text"]
    (folder,) = (tmp_path / "out/checks").iterdir()
    case = json.loads((folder / "case.json").read_text())
    assert case["requirements"][0]["id"] == "WIPC-03" and case["grade"] == "fail"
    assert (folder / "capture.pcapng").stat().st_size > 1000 and (folder / "r1.journal.ndjson").exists()
    assert "501" in (folder / "ladder.svg").read_text() and (folder / "lab.json").exists()
    again = subprocess.run([folder / "replay.sh"], capture_output=True, text=True, check=False)
    assert again.returncode == 1 and "WIPC-03" in again.stdout


def test_what_rests_on_something_broken_is_inconclusive(broken):
    done, found = results(broken(port="*"), "--select", "WIPC-01 WIPC-03 WIPC-40")
    assert done.returncode == 1
    grades = {c["requirements"][0]: (c["grade"], c["reason"]) for c in found["checks"]}
    assert grades["WIPC-01"][0] == "fail"
    for name in ("WIPC-03", "WIPC-40"):
        assert grades[name][0] == "inconclusive" and "AddPortMapping adds: 501" in grades[name][1]
        assert "see WIPC-01" in grades[name][1]


def test_not_claimed_is_unsupported():
    _, found = results("fakeigd:conformant-igd1", "--select", "WIPC-04")
    assert [c["grade"] for c in found["checks"]] == ["unsupported"]


def test_known_failure_passes_the_run(broken):
    done, found = results(broken(known={"WIPC-03": KNOWN}), "--select", "WIPC-03")
    assert done.returncode == 0 and found["counts"]["known"] == 1
    done, _ = results(broken(known={"WIPC-03": KNOWN}), "--select", "WIPC-03", "--no-known")
    assert done.returncode == 1


@pytest.mark.parametrize("entry, sentence", [
    ({**KNOWN, "expires": datetime.date(2001, 1, 1)}, "expired on 2001-01-01"),
    ({**KNOWN, "checks": ["test_port_*"]}, None),
    ({**KNOWN, "checks": ["test_else"]}, "Fault: 501"),
])
def test_known_failure_expires_and_is_for_some_checks(broken, entry, sentence):
    done, found = results(broken(known={"WIPC-03": entry}), "--select", "WIPC-03")
    assert done.returncode == (1 if sentence else 0)
    assert not sentence or sentence in found["checks"][0]["reason"]


def test_known_failure_is_for_one_value(broken):
    """Patterns of checks are compared with the function's name, and with name:values."""
    known = {"WIPC-01": {**KNOWN, "checks": ["test_new_mapping_forwards:UDP"]}}
    done, found = results(broken(known=known), "--select", "WIPC-01")
    assert done.returncode == 1
    assert found["counts"]["known"] == 1 and found["counts"]["fail"] == len(found["checks"]) - 1 >= 2
    assert [c["check"].rpartition("-")[2] for c in found["checks"] if c["grade"] == "known"] == ["UDP]"]


def test_known_failures_of_another_adapter(broken, tmp_path):
    first = broken(known={"WIPC-03": KNOWN, "WIPC-01": KNOWN})
    own = yaml.safe_load(first.read_text()) | {"known-of": str(first), "known": {"WIPC-01": False}}
    (tmp_path / "second.yaml").write_text(yaml.safe_dump(own))
    done, found = results(tmp_path / "second.yaml", "--select", "WIPC-0[13]")
    grades = {c["requirements"][0]: c["grade"] for c in found["checks"]}
    assert done.returncode == 1 and grades == {"WIPC-01": "fail", "WIPC-03": "known"}


def test_unexpected_pass_fails(broken):
    done, found = results(broken(quirks=[], known={"WIPC-03": KNOWN}), "--select", "WIPC-03")
    assert done.returncode == 1 and "take it off the list" in found["checks"][0]["reason"]


def test_shards_and_repeats_add_up():
    whole = results("fakeigd", "--select", "WIPC-*")[1]["checks"]
    parts = [results("fakeigd", "--select", "WIPC-*", "--shard", f"{i}/3")[1]["checks"] for i in (1, 2, 3)]
    assert sorted(c["check"] for part in parts for c in part) == sorted(c["check"] for c in whole)
    done, thrice = results("fakeigd", "--select", "WIPC-01", "--repeat", 3)
    assert done.returncode == 0
    assert len(thrice["checks"]) == 3 * len([c for c in whole if "WIPC-01" in c["requirements"]])


@pytest.mark.parametrize("workers", [1, 2])
def test_one_check_again_and_again(workers):
    done, found = results("fakeigd", "--select", "WIPC-03", "--repeat", 4, "-n", workers)
    assert done.returncode == 0 and [c["grade"] for c in found["checks"]] == ["pass"] * 4


@pytest.mark.long
@pytest.mark.parametrize("profile", ["conformant-igd1", "conformant-igd2"])
def test_repeats(profile):
    """Every check says three times the same of a conformant router."""
    done, found = results(f"fakeigd:{profile}", "--repeat", 3, "-n", 2)
    said = {}
    for check in found["checks"]:
        said.setdefault(check["check"], []).append((check["grade"], check["reason"]))
    assert not {name: grades for name, grades in said.items() if len(grades) != 3 or len(set(grades)) != 1}
    assert done.returncode == 0 and not found["counts"]["non-strict"] and len(said) > 600


def test_nothing_selected_is_wrong_use():
    done = suite("fakeigd", "--select", "CP-01")
    assert done.returncode == 2 and "no check is selected" in done.stderr


def test_no_lab(tmp_path):
    """A router on cards that this machine does not have."""
    path = tmp_path / "remote.yaml"
    path.write_text(yaml.safe_dump({"name": "box", "kind": "remote",
                                    "remote": {"address": "10.9.0.1", "interface": "no-such-card"}}))
    done = suite(path, "--select", "WIPC-01")
    assert done.returncode == 3 and "no-such-card" in done.stdout


def test_kept_lab(broken, tmp_path):
    done, found = results(broken(), "--select", "WIPC-03", "-o", tmp_path / "out", "--keep")
    assert done.returncode == 1
    name = found["checks"][0]["text"].split("igdlab shell ")[1].split(":")[0]
    there = subprocess.run([program("igdlab"), "exec", f"{name}:r1", "true"], check=False)
    down = subprocess.run([program("igdlab"), "down", name], check=False)
    assert (there.returncode, down.returncode) == (0, 0)


def in_a_terminal(*argv, said=None):
    """igdlab test daemon on a pseudo terminal of 24 by 80; *said* is written to it when it shows a prompt
    of a shell. Returns what was shown and the exit status."""
    pid, terminal = pty.fork()
    if not pid:
        termios.tcsetwinsize(0, (24, 80))
        os.environ.update(TERM="xterm", SHELL="/bin/bash", PS1="here> ")
        os.execv(program("igdlab"), ["igdlab", "test", "daemon", *map(str, argv)])
    shown = b""
    with contextlib.suppress(OSError):
        while piece := os.read(terminal, 65536):
            shown += piece
            if said and b"its lab." in shown:
                os.write(terminal, said)
                said = None
    os.close(terminal)
    return shown.decode(), os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def test_bars_in_a_terminal(broken):
    """A bar per area, drawn in place; the last drawing has everything."""
    shown, status = in_a_terminal(broken(), "--select", "WIPC-0[123] SSDP-36", "-n", 2)
    assert status == 1
    last = shown[:shown.index("FAILURES")].rpartition("\x1b[J")[2].splitlines()
    bars = {line.split()[0]: line.split() for line in last if "/" in line and line.split()[0] != "FAIL"}
    assert set(bars) == {"WIPC", "SSDP", "all"}
    for area, line in bars.items():
        done, total = line[2].split("/")
        assert done == total and "·" not in line[1] and len(line[1]) == 24
        assert ("╳" in line[1]) == (area != "SSDP")
    assert shown.count("FAIL WIPC-03") == 1 and "\x1b[3A" in shown


def test_lines_elsewhere(broken):
    done = suite(broken(), "--select", "WIPC-0[123]")
    assert done.returncode == 1 and "\x1b" not in done.stdout
    lines = done.stdout.splitlines()
    assert [line.split()[0] for line in lines if " % " in line][-1] == "100"
    assert sum(line.startswith("FAIL WIPC-03 test_") for line in lines) == 1


def test_nobody_reads(broken):
    """The end of a pipe that is closed is no traceback."""
    with subprocess.Popen([program("igdlab"), "test", "daemon", str(broken()), "--select", "WIPC-0[123]"],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        process.stdout.close()
        told = process.stderr.read()
    assert process.returncode == 128 + signal.SIGPIPE and "Traceback" not in told


def test_shell_on_failure(broken, tmp_path):
    """The shell is on the client of the lab that failed, and the run goes on when it ends."""
    shown, status = in_a_terminal(
        broken(), "--select", "WIPC-03", "--shell-on-fail", "-o", tmp_path / "out",
        said=b"test -t 0 && ip -4 -o addr show | sed 's/^.*inet /at-/' && echo in-$((40+2)); exit\n")
    assert status == 1 and "at-192.168.1.4/24" in shown and "in-42" in shown
    assert "1 failed" in shown[shown.rindex("in-42"):]
    assert json.loads((tmp_path / "out/results.json").read_text())["counts"]["fail"] == 1


# A router between two cards, made of what "ip" can make; all in namespaces of this case.
AROUND = """
set -e
mount -t tmpfs none /run
ip link set lo up
ip netns add box
ip link add card-lan type veth peer name lan0 netns box
ip link add card-wan type veth peer name wan netns box
ip -n box link set lo up
ip -n box addr add 10.9.0.1/24 brd + dev lan0
ip -n box addr add 44.0.9.2/24 brd + dev wan
ip -n box link set lan0 up
ip -n box link set wan up
ip netns exec box sysctl -qw net.ipv4.ip_forward=1
ip addr add 10.9.0.4/24 brd + dev card-lan
ip link set card-lan up
ip link set card-wan up
exec 9<>"$FIFO"
ip netns exec box "$FAKEIGD" --lan lan0 --wan wan --profile conformant-igd2 --ready-fd 9 &
head -c 1 <&9 >/dev/null
"$IGDLAB" test daemon "$ADAPTER" --json --select 'WIPC-0[1234]' || status=$?
kill $!
exit ${status:-0}
"""


def around(tmp_path, remote):
    (tmp_path / "remote.yaml").write_text(yaml.safe_dump({
        "name": "box", "kind": "remote", "remote": remote,
        "claims": {"igd": 2, "services": ["WANIPConnection:2"], "optional": []}}))
    os.mkfifo(tmp_path / "ready")
    environment = {**os.environ, "FIFO": str(tmp_path / "ready"), "FAKEIGD": program("fakeigd"),
                   "IGDLAB": program("igdlab"), "ADAPTER": str(tmp_path / "remote.yaml")}
    return subprocess.run(["unshare", "-Urnm", "sh", "-c", AROUND], env=environment, capture_output=True, text=True,
                          check=False, timeout=60)


def test_remote_router_between_two_cards(tmp_path):
    done = around(tmp_path, {"address": "10.9.0.1", "interface": "card-lan", "clients": ["10.9.0.4", "10.9.0.5"],
                             "wan-interface": "card-wan", "wan-address": "44.0.9.2",
                             "peers": ["44.0.9.10", "44.0.9.11"]})
    assert done.returncode == 0, done.stdout + done.stderr
    counts = json.loads(done.stdout)["counts"]
    assert counts["pass"] >= 5 and not counts["not-run"], done.stdout


def test_remote_router_on_one_card(tmp_path):
    """Without a card on the other side there are no packets from outside, and it says so."""
    done = around(tmp_path, {"address": "10.9.0.1", "interface": "card-lan"})
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(done.stdout)
    told = [c["reason"] for c in found["checks"] if c["grade"] == "not-run"]
    assert found["counts"]["not-run"] == len(told) >= 5 and not found["counts"]["fail"]
    assert all("which" in reason and "needs" in reason for reason in told)
