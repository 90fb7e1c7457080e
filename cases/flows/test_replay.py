# SPDX-License-Identifier: MIT
"""Every flow of captures/, replayed in both directions: a new file there is a new case, nothing else is needed.

NAME.yaml beside NAME.flow.json says where it is from: topology, routers and command of "igdlab run --record",
or the files of a log. As client: the recorded requests to those routers again, and no answer may differ. As
router: the recorded program, when it is installed, else the reference control point, has the learned router
before it. What takes a program long runs in the long lane.
"""
import json
import os
import subprocess

import pytest
import yaml

from cases.harness.lab import REPOSITORY, program

CAPTURES = REPOSITORY / "captures"
NAMES = sorted(p.name.removesuffix(".flow.json") for p in CAPTURES.glob("*.flow.json"))
QUICK = 1.5  # seconds that a recorded client may have taken to be played to in make test


def igdlab(*argv):
    """Run a verb with --json in the tree, where commands of captures are found: exit status and object."""
    done = subprocess.run([program("igdlab"), argv[0], "--json", *map(str, argv[1:])], capture_output=True, text=True,
                          timeout=300, cwd=REPOSITORY, check=False)
    assert done.returncode in (0, 1), done.stderr
    return done.returncode, json.loads(done.stdout)


def flow_of(name):
    return json.loads((CAPTURES / f"{name}.flow.json").read_text())


def origin(name):
    return yaml.safe_load((CAPTURES / f"{name}.yaml").read_text())


def lab_options(case):
    """The recorded lab, as options."""
    options = ["-t", case["topology"]] if "topology" in case else []
    if "profile" in case.get("files", {}):
        options += ["-p", CAPTURES / case["files"]["profile"]]
    for node, runs in case.get("routers", {}).items():
        options += ["--daemon", runs["daemon"]] if "daemon" in runs else ["-p", f"{node}={runs['profile']}"]
        for quirk in runs.get("quirks", []):
            options += ["-q", f"{node}={quirk}"]
    return options


def is_there(command):
    """Whether the recorded program can be run here."""
    if not command:
        return False
    if command[0] == "scripts/perform-client":
        return subprocess.run([REPOSITORY / command[0], "--installed", command[1]], capture_output=True,
                              check=False).returncode == 0
    return subprocess.run(["sh", "-c", 'command -v "$1"', "sh", command[0]], capture_output=True, cwd=REPOSITORY,
                          check=False).returncode == 0


def seconds(flow):
    """How long the client took, from its first request to its last."""
    times = sorted(x["time"] for x in flow["exchanges"] if "time" in x and not x.get("from_router"))
    stamps = [sum(float(part) * unit for part, unit in zip(t[11:].rstrip("Z").split(":"), (3600, 60, 1))) for t in times]
    return (stamps[-1] - stamps[0]) % 86400 if stamps else 0


@pytest.mark.parametrize("name", NAMES)
def test_each_flow_has_its_origin(name):
    case = origin(name)
    assert case["summary"] and case["kind"] in ("log", "capture") and case["files"]["flow"] == f"{name}.flow.json"
    assert all((CAPTURES / file).is_file() for file in case["files"].values())
    assert (CAPTURES / f"{name}.flow.json").stat().st_size < 100_000


@pytest.mark.parametrize("name", NAMES)
def test_as_client(name):
    """The routers of the flow's lab answer as they did."""
    status, report = igdlab("replay", name, "--as", "client", *lab_options(origin(name)))
    wrong = {f"{e['exchange']} {e['name']}": [d["text"] for d in e["differences"]] for e in report["exchanges"]
             if e.get("grade") in ("different", "missing")}
    assert not wrong and status == 0
    assert report["grades"]["same"] + report["grades"]["cosmetic"] > 0


@pytest.mark.parametrize("name", NAMES)
def test_as_router(name):
    """The program finds what it found: the recorded answers, and the same end of it all."""
    case = origin(name)
    own = is_there(case.get("command"))
    if not os.environ.get("IGDLAB_LONG") and (seconds(flow_of(name)) > QUICK or case.get("verdict") == "fail"):
        pytest.skip("its client takes long: make test-long")
    status, run = igdlab("replay", name, "--as", "router", *(["--", *case["command"]] if own else []))
    assert run["replay"]["from-flow"] + run["replay"]["adapted"] > 0
    if own:
        assert run["verdict"] == case["verdict"] and status == (case["verdict"] != "pass")


# -- making such a case -------------------------------------------------------------------------------------


def record(cwd, *words):
    return subprocess.run([program("igdlab"), "run", "--record", *words], capture_output=True, text=True, cwd=cwd,
                          check=False, timeout=120)


@pytest.fixture(name="elsewhere")
def _elsewhere(tmp_path):
    """A copy of the programs with a data tree that nobody may write to; cases go to the current folder."""
    tree = tmp_path / "tree"
    (tree / "build").mkdir(parents=True)
    for folder in ("topologies", "fakeigd", "cases"):
        (tree / folder).symlink_to(REPOSITORY / folder)
    for name in ("igdlab", "fakeigd"):
        (tree / "build" / name).write_bytes(open(program(name), "rb").read())
        (tree / "build" / name).chmod(0o755)
    return tree


@pytest.mark.sanitize
def test_a_run_is_recorded(elsewhere, tmp_path):
    """Two files, a case that replays; its name is not used twice."""
    (elsewhere / "captures").mkdir()
    command = [elsewhere / "build" / "igdlab", "run", "--record", "mine", "-p", "broadcom-brcm400", "-q",
               "lease-718-for-lease", "--", "igdlab", "external-ip"]
    environment = {**os.environ, "PATH": f"{elsewhere}/build:{os.environ['PATH']}"}
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=environment, check=False)
    assert done.returncode == 0 and "mine.flow.json" in done.stdout, done.stderr
    case = yaml.safe_load((elsewhere / "captures" / "mine.yaml").read_text())
    assert case["routers"] == {"r1": {"profile": "broadcom-brcm400", "quirks": ["lease-718-for-lease"]}}
    assert case["command"] == ["igdlab", "external-ip"] and case["verdict"] == "pass" and case["topology"] == "flat"
    flow = json.loads((elsewhere / "captures" / "mine.flow.json").read_text())
    assert "GetExternalIPAddress" in {x["name"] for x in flow["exchanges"]} and flow["summary"] == case["summary"]
    assert "NOTIFY ssdp:byebye" not in {x["name"] for x in flow["exchanges"]}
    again = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=environment, check=False)
    assert again.returncode == 2 and "there is a case of that name" in again.stderr


def test_without_a_writable_tree_it_is_kept_here(elsewhere, tmp_path):
    """The data tree has no captures/."""
    here = tmp_path / "here"
    here.mkdir()
    done = subprocess.run([elsewhere / "build" / "igdlab", "run", "--record", "mine", "--", "true"],
                          capture_output=True, text=True, cwd=here, check=False)
    # Nobody spoke: there is nothing to keep.
    assert done.returncode == 2 and "the client said nothing" in done.stderr
    assert not list(here.iterdir())
    done = subprocess.run([elsewhere / "build" / "igdlab", "run", "--record", "mine"], capture_output=True, text=True,
                          cwd=here, check=False)
    assert done.returncode == 0, done.stderr
    assert sorted(p.name for p in here.iterdir()) == ["mine.flow.json", "mine.yaml"]


@pytest.mark.parametrize("words, says", [
    (["Mine"], "a name has"), (["../x"], "a name has"), (["x", "--no-capture"], "needs the capture"),
    (["field-2025-07-28-nested"], "there is a case of that name"),
])
def test_wrong_use(tmp_path, words, says):
    done = record(tmp_path, *words)
    assert done.returncode == 2 and says in done.stderr
