# SPDX-License-Identifier: MIT
"""The contract of executables (cases/clients/README.md): its examples run as they stand there; liars are told so."""
import dataclasses
import json
import os
import pathlib
import re
import select
import subprocess
import time
import types

import pytest

from cases.client.test_hostile import PEAK, peak_in, peak_now
from cases.harness import clientresults, drive, matrix, meeting, requirement
from cases.harness.client import CLIENTS, Client, WrongAdapter, names
from cases.harness.lab import Lab, program, until

README = (CLIENTS / "README.md").read_text()


def check(path):
    """(exit status, sentences) of --check-adapter."""
    done = subprocess.run([program("igdlab"), "test", "client", str(path), "--check-adapter", "--json"], capture_output=True,
                          text=True, check=False)
    assert done.stdout, done.stderr
    (found,) = json.loads(done.stdout).values()
    return done.returncode, [f'{one["kind"]}: {one["sentence"]}' for one in found]


def script(path, text):
    """An executable file."""
    path.write_text(text)
    path.chmod(0o755)
    return path


def example(language):
    """The example of a language, as the page has it."""
    return re.search(rf"```{language}\n(.*?)```", README, re.S)[1]


@pytest.fixture(params=["sh", "c", "python"])
def built(request, tmp_path):
    """An example as a program."""
    if request.param != "c":
        return script(tmp_path / f"example-{request.param}", example(request.param))
    (tmp_path / "example.c").write_text(example("c"))
    subprocess.run(["gcc", "-std=gnu17", "-Wall", "-Wextra", "-Werror", "-o", tmp_path / "example-c", tmp_path / "example.c"], check=True)
    return tmp_path / "example-c"


def test_examples_do_what_the_page_says(built):
    status, said = check(built)
    assert status == 0, said
    assert any("is unsupported" in s for s in said) and any("is open after" in s for s in said) and any("is closed" in s for s in said)


def test_examples_are_short():
    assert all(len(example(language).strip().splitlines()) <= 17 for language in ("sh", "c", "python"))


def test_one_that_believes_everything_is_not_believed(tmp_path):
    status, said = check(script(tmp_path / "liar", "#!/bin/sh\nexit 0\n"))
    assert status == 1
    assert any("an operation that does not exist" in s for s in said) and any("no packet arrives" in s for s in said)


def test_one_that_fails(tmp_path):
    status, said = check(script(tmp_path / "poor", "#!/bin/sh\n[ $IGDLAB_OPERATION = add ] && exit 1\nexit 127\n"))
    assert status == 1 and any("the port is not open, and the program says so" in s for s in said)


def test_it_says_another_port(tmp_path):
    text = "#!/bin/sh\n[ $IGDLAB_OPERATION = add ] || exit 127\nupnpc -a $IGDLAB_INTERNAL_CLIENT 1872 1999 tcp && echo mapped :2000\n"
    status, said = check(script(tmp_path / "other", text))
    assert status == 1 and any("reads port 2000" in s for s in said), said


@pytest.mark.parametrize("text, grade", [("exit 1", "inconclusive"), ("upnpc -s | grep -q ExternalIPAddress || kill -SEGV $$; exit 1", "fail")])
def test_what_fails_without_the_quirk_is_not_laid_to_it(tmp_path, text, grade):
    """One that opens nothing anywhere tells nothing of a quirk; one that crashes only there does."""
    client = script(tmp_path / "poor", f"#!/bin/sh\n[ $IGDLAB_OPERATION = add ] || exit 127\n{text}\n")
    case = matrix.quirk_case("soap-extip-empty")
    with pytest.raises((AssertionError, requirement.Verdict)) as raised:
        meeting.meet(Client(str(client)), case).judge(case)
    assert getattr(raised.value, "grade", "fail") == grade, raised.value


ADAPTER = """name: mine
kind: client
run: {add: "true"}
"""
BAD = [
    ("name: x\nkind: client\nrn: {}\n", 3, 'unknown key "rn"; did you mean "run"?'),
    ("name: x\nkind: daemon\nrun: {add: x}\n", 2, 'kind: expected client, found "daemon"'),
    ("kind: client\nrun: {add: x}\n", 1, "an adapter needs name"),
    ("name: x\n", 1, "an adapter needs run"),
    ("name: x\nrun:\n  ad: x\n", 3, 'unknown key "ad"; did you mean "add"?'),
    ("name: x\nrun:\n  add: x {prot}\n", 3, "unknown value {prot}; did you mean {protocol}?"),
    ("name: x\nrun:\n  add: x\n  start: y\n", 4, "not both"),
    ("name: x\nrun: {list: x}\n", 2, "expected add or start"),
    ("name: x\nrun: {add: x}\nspeaks: [upnp]\n", 3, 'speaks: expected some of igd, natpmp, pcp, igd-ipv6, found "upnp"'),
    ("name: x\nrun: {add: x}\nclaims:\n  mapped: {stdout: '('}\n", 4, "no regular expression"),
    ("name: x\nrun: {add: x}\nclaims:\n  mapped: {log: x}\n", 4, "no file is named by log: PATH"),
    ("name: x\nrun: {add: x}\nlog: '{hme}/log'\n", 3, "unknown value {hme}; did you mean {home}?"),
    ("name: x\nrun: {add: x}\nclaims:\n  maped: {exit: 0}\n", 4, 'unknown key "maped"; did you mean "mapped"?'),
    ("name: x\nrun: {add: x}\nknown:\n  CP-01: {reason: y}\n", 4, "expected reason, link and expires"),
    ("name: [x\n", 2, "expected"),
    ("just words\n", 1, "expected an adapter"),
    ("name: 5\nrun: {add: x}\n", 1, "name: expected str, found int"),
]


@pytest.mark.parametrize("text, line, said", BAD, ids=[said[:30] for _, _, said in BAD])
def test_bad_adapter(tmp_path, text, line, said):
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    with pytest.raises(WrongAdapter) as error:
        Client(str(path))
    assert f"mine.yaml:{line}: " in str(error.value) and said in str(error.value)


def test_unknown_client_has_a_suggestion():
    with pytest.raises(WrongAdapter, match='did you mean "miniupnpc"?'):
        Client("miniupnp")


@pytest.mark.parametrize("name", names())
def test_every_adapter_is_right(name):
    assert Client(name).name == name


def test_the_adapter_of_the_design_loads(tmp_path):
    path = tmp_path / "design.yaml"
    path.write_text('''name: miniupnpc
kind: client                    # one-shot | service (mapping is a side effect of running)
needs: {package: miniupnpc, program: upnpc}
speaks: [igd]                   # igd, natpmp, pcp, igd-ipv6
run:
  add: upnpc -e {description} -a {internal_client} {internal_port} {external_port} {protocol} {lease}
  delete: upnpc -d {external_port} {protocol}
  list: upnpc -l
  external-ip: upnpc -s
claims:                         # how to read what the program says about itself
  mapped: {exit: 0, stdout: "is redirected to"}
known:                          # expected failures: reason, link, since, expires; an unexpected pass fails too
  WIPC-44: {reason: "...", link: "...", expires: 2027-06-01}
''')
    status, said = check(path)
    assert status == 0, said


def test_missing_program_is_said(tmp_path):
    path = tmp_path / "x.yaml"
    path.write_text("name: x\nneeds: {package: nosuch, program: nosuch-program}\nrun: {add: nosuch-program}\n")
    status, said = check(path)
    assert status == 3 and "nosuch-program is not there" in said[0]


def run(*argv, **more):
    """igdlab test client"""
    return subprocess.run([program("igdlab"), "test", "client", *map(str, argv)], capture_output=True, text=True, check=False, **more)


@pytest.mark.parametrize("argv, said", [
    ((), "which client? see igdlab list clients"), (("miniupnp",), 'did you mean "miniupnpc"?'),
    (("igdlab", "--resume"), "--resume needs -o"), (("igdlab", "--keep"), "--keep is for daemons"),
    (("igdlab", "--select", "x:y"), 'cannot select "x:y"'), (("igdlab", "--select", "nosuch"), "no case is selected"),
    (("igdlab", "--shard", "3/2"), "--shard: expected I/N")])
def test_wrong_use(argv, said):
    done = run(*argv)
    assert done.returncode == 2 and said in done.stderr, done.stderr


def test_run_fails_leaves_evidence_and_resumes(tmp_path):
    """A client that fails: a folder with the packets, a replay that fails again, and a second run that goes on."""
    liar, out = script(tmp_path / "liar", "#!/bin/sh\nexit 0\n"), tmp_path / "out"
    done = run(liar, "--select", "kind:profile conformant-igd*", "-o", out)
    assert done.returncode == 1, done.stdout + done.stderr
    found = json.loads((out / "results.json").read_text())
    assert found["counts"]["fail"] == 2 and {c["outcome"] for c in found["cases"]} == {"said-but-not-mapped"}
    folder = out / found["cases"][0]["folder"]
    assert {"case.json", "capture.pcapng", "ladder.svg", "client.stdout", "replay.sh"} <= {p.name for p in folder.iterdir()}
    assert subprocess.run([folder / "replay.sh"], capture_output=True, check=False).returncode == 1
    lines = (out / "cases.ndjson").read_text().splitlines()
    busy = json.loads(lines[0]) | {"grade": "inconclusive", "reason": clientresults.too_busy("it says nothing", 9)}
    for left in (lines[0] + "\n" + lines[1][:20], json.dumps(busy) + "\n" + lines[1]):
        (out / "cases.ndjson").write_text(left)
        assert run(liar, "--select", "kind:profile conformant-igd*", "-o", out, "--resume").returncode == 1
        assert json.loads((out / "results.json").read_text())["counts"] == found["counts"]
    assert len(json.loads((out / "results.json").read_text())["cases"]) == 2
    assert "said-but-not-mapped" in (out / "report.html").read_text() and pathlib.Path(out, "summary.md").read_text().startswith("| |")
    assert os.path.getsize(out / "junit.xml")


RUNS = """name: runs
kind: client
run: {start: "sh -c 'igdlab map --protocol tcp --external 1872 --internal 1872 --lease 0; echo port 1872 is open >{home}/log; exec sleep infinity'"}
"""


def test_a_program_that_logs_to_a_file_is_read(tmp_path):
    (tmp_path / "runs.yaml").write_text(RUNS + 'log: "{home}/log"\nclaims: {mapped: {log: "port (?P<port>[0-9]+) is open"}}\n')
    status, said = check(tmp_path / "runs.yaml")
    assert status == 0 and any("claims.mapped says so" in s for s in said), said
    assert any("note: its end" in s and "1872" in s for s in said), said


def test_a_program_that_says_nothing_is_waited_for(tmp_path):
    (tmp_path / "runs.yaml").write_text(RUNS)
    status, said = check(tmp_path / "runs.yaml")
    assert status == 0 and any("counts as unsaid" in s for s in said), said


def test_quirks_are_laid_over_the_router_that_an_adapter_names(tmp_path):
    (tmp_path / "two.yaml").write_text("name: two\nrun: {add: x}\nrouter: conformant-igd2\n")
    case = matrix.quirk_cases()[0]
    assert case.profile == (matrix.USUAL,)
    assert matrix.on_router_of(Client(str(tmp_path / "two.yaml")), case).profile == ("conformant-igd2",)
    assert matrix.on_router_of(Client("miniupnpc"), case) is case
    text = dataclasses.replace(case, quirks=("desc-truncated",))  # that router's description has other white space
    (tmp_path / "two.yaml").write_text("name: two\nrun: {add: x}\nrouter: miniupnpd-igd1\n")
    assert matrix.on_router_of(Client(str(tmp_path / "two.yaml")), text) is text


def test_lists_of_services_have_the_version_of_that_router(tmp_path):
    (tmp_path / "two.yaml").write_text("name: two\nrun: {add: x}\nrouter: conformant-igd2\n")
    two, case = Client(str(tmp_path / "two.yaml")), matrix.quirk_case("desc-no-l3forwarding")
    laid = matrix.on_router_of(two, case)
    assert laid.profile == ("conformant-igd2",)
    assert matrix.load(pathlib.Path(*laid.quirks))["overlay"]["services"] == ["WANCommonInterfaceConfig:1", "WANIPConnection:2"]
    versions = matrix.quirk_case("desc-v2-service-in-v1-root")  # there the versions are the quirk
    assert matrix.on_router_of(two, versions) is versions


def test_routers_that_ask_upstream_have_whom_to_ask():
    """Profiles that ask a PCP server behind them, and quirks of such, are met where there is one."""
    asking = {path.stem for path in matrix.PROFILES.glob("*.yaml") if re.search("^upstream:", path.read_text(), re.M)}
    cases = {case.id: case for case in (*matrix.quirk_cases(), *matrix.profile_cases())}
    met = [case for case in cases.values() if case.profile[0].rpartition("=")[2] in asking]
    assert {f"profile:{name}" for name in asking} | {"quirk:syn-pcpx-26-asks-each-time"} <= {case.id for case in met}
    for case in met:
        router, nodes = case.profile[0].partition("=")[0], matrix.load(matrix.TOPOLOGIES / f"{case.topology}.yaml")["nodes"]
        assert "pcp" in matrix.spoken(nodes[nodes[router]["gateway"]]["igd"]), case.id
        assert all(quirk.startswith(f"{router}=") for quirk in case.quirks), case.id


def test_pinholes_are_seen_by_packets_of_ipv6():
    """A client that opens pinholes is judged by them, not by mappings."""
    cases = {case.name: case for case in matrix.quirk_cases() if case.layer == "ipv6-pinhole"}
    found = [meeting.meet(Client("igdlab-pinhole"), cases[name]).found for name in ("syn-6fc-20-no-packets", "syn-6fc-04-pinhole-opens-nothing")]
    assert found == ["mapped-and-said", "said-but-not-mapped"]


@pytest.mark.parametrize("word", ["igdlab:single-search", "igdlab-keep:renews-late+any-announcer"])
def test_a_naive_mode_is_known_again_by_its_word(word):
    assert Client(Client(word).word).name == word and Client(Client("miniupnpc").word).name == "miniupnpc"


@pytest.mark.parametrize("code, crashed", [(0, False), (1, False), (127, False), (None, False), (-15, False), (143, False), (-9, False), (137, False),
                                           *((code, True) for number in (4, 5, 6, 7, 8, 11, 31) for code in (-number, 128 + number))])
def test_signals_of_a_crash(code, crashed):
    """Below a shell, too; being ended is none."""
    assert drive.Said("add", code=code).crashed == crashed


@pytest.mark.parametrize("name", ["TRAP", "FPE", "SEGV"])
def test_a_crash_is_seen_where_memory_is_looked_at(name):
    """harness/peak.py ends as the program does, as far as it can, and leaves how much memory it had."""
    with Lab("flat") as lab:
        lab.run("client", "mkdir", drive.HOME)
        done = lab.run("client", *PEAK, "sh", "-c", f"kill -{name} $$")
        assert drive.Said("add", code=done.code).crashed and peak_in(lab) > 100


def test_an_exception_that_nobody_caught_is_a_crash(tmp_path):
    (tmp_path / "dies.yaml").write_text('name: dies\nrun: {add: "sh -c \'echo Node.js v20 >&2; exit 1\'"}\nclaims: {crashed: {stderr: ^Node}}\n')
    status, said = check(tmp_path / "dies.yaml")
    assert status == 1 and any("crashed" in s for s in said), said


def test_memory_of_a_program_that_runs_is_known():
    """What will have to be killed, and peak.py with it, leaves no file."""
    with Lab("flat") as lab:
        running = types.SimpleNamespace(processes=[lab.start("client", *PEAK, "sleep", "99")])
        until(lambda: peak_now(lab, running) > 100, what="a program below peak.py")
        assert peak_in(lab, peak_now(lab, running)) > 100
        running.processes[0].finish(9)


def test_time_without_a_processor_does_not_count():
    """Three programs want one processor: patience lasts as much longer as they had none, up to its limit."""
    processor = str(min(os.sched_getaffinity(0)))
    with Lab("flat") as lab:
        begun, patience = time.monotonic(), drive.Patience(lab, 0.5)
        spinning = [lab.start("client", "taskset", "-c", processor, "sh", "-c", "while :; do :; done") for _ in range(3)]
        while left := patience.left():
            select.select([], [], [], left)
        assert time.monotonic() - begun >= drive.MOST * 0.5 and patience.starved >= 1.0
        for process in spinning:
            process.finish(9)
