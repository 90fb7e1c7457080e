# SPDX-License-Identifier: MIT
"""Bad command lines: each is refused with status 2 and a sentence that says what was expected."""
import json
import re
import subprocess

import jsonschema
import pytest
import yaml

from cases.harness.lab import REPOSITORY, program

SEE = "; see igdlab {verb} --help"

# (arguments, what is said on standard error; "..." stands for anything)
WRONG = [
    ([], "usage: igdlab VERB ..."),
    (["rum"], 'igdlab: unknown verb "rum"; did you mean "run"?'),
    (["list-mapping"], 'igdlab: unknown verb "list-mapping"; did you mean "list-mappings"?'),
    (["frobnicate"], 'igdlab: unknown verb "frobnicate"; see igdlab --help'),
    (["--verbose"], 'igdlab: unknown verb "--verbose"; see igdlab --help'),
    (["run", "--topolgy", "flat"],
     'igdlab run: unknown option "--topolgy"; did you mean "--topology"?' + SEE),
    (["run", "--xyzzy"], 'igdlab run: unknown option "--xyzzy"' + SEE),
    (["run", "-x"], 'igdlab run: unknown option "-x"' + SEE),
    (["run", "-t"], "igdlab run: -t needs a value" + SEE),
    (["run", "--profile"], "igdlab run: --profile needs a value" + SEE),
    (["run", "--json=yes"], "igdlab run: --json takes no value" + SEE),
    (["run", "-t", "flat", "-t", "flat"], "igdlab run: --topology is given twice" + SEE),
    (["run", "-t", "falt", "--", "true"],
     'igdlab run: unknown topology "falt"; did you mean "flat"?' + SEE),
    (["run", "-t", "./none.yaml", "--", "true"],
     'igdlab run: topology "./none.yaml" cannot be read: no such file' + SEE),
    (["run", "-p", "conformant-igd3", "--", "true"],
     'igdlab run: unknown profile "conformant-igd3"; did you mean "conformant-igd1"?' + SEE),
    (["run", "-p", "./my.yaml", "--", "true"],
     'igdlab run: profile "./my.yaml" cannot be read: no such file' + SEE),
    (["run", "-p", "r2=conformant-igd1", "--", "true"],
     'igdlab run: unknown router "r2"; did you mean "r1"?' + SEE),
    (["run", "-p", "client=conformant-igd1", "--", "true"],
     'igdlab run: "client" is a host; profiles and quirks are for routers' + SEE),
    (["run", "-q", "./my-quirk.yaml", "--", "true"],
     'igdlab run: quirk "./my-quirk.yaml" cannot be read: no such file' + SEE),
    (["run", "-q", "r1=no-such-quirk-at-all", "--", "true"],
     'igdlab run: unknown quirk "no-such-quirk-at-all"...'),
    (["run", "-o", "/dev/null", "--", "true"], "igdlab run: -o /dev/null: is not a directory" + SEE),
    (["run", "-o", "/dev/null/x", "--", "true"], "igdlab run: -o /dev/null/x: Not a directory" + SEE),
    (["run", "-o", "", "--", "true"], "igdlab run: -o: expected a directory" + SEE),
    (["run", "--no-capture", "--", "true"],
     "igdlab run: --no-capture needs -o; without it nothing is captured" + SEE),
    (["run", "-t", "flat", "--", "no-such-program"],
     "igdlab run: no-such-program: No such file or directory"),
    (["up"], "igdlab up: which topology?" + SEE),
    (["up", "flat", "nested-2"], 'igdlab up: expected one topology, found "nested-2" too' + SEE),
    (["up", "falt"], 'igdlab up: unknown topology "falt"; did you mean "flat"?' + SEE),
    (["up", "flat", "--name", "a:b"],
     'igdlab up: --name: expected up to 31 letters, digits, -, _ and ., found "a:b"' + SEE),
    (["up", "flat", "--foregound"],
     'igdlab up: unknown option "--foregound"; did you mean "--foreground"?' + SEE),
    (["test"], 'igdlab test: what? expected "client" or "daemon"' + SEE),
    (["test", "deamon"], 'igdlab test: what? expected "client" or "daemon", found "deamon"' + SEE),
    (["test", "daemon"], "igdlab test: which daemon? see igdlab list daemons" + SEE),
    (["test", "daemon", "fakeigd", "miniupnpd-nftables"],
     'igdlab test: expected one subject, found "miniupnpd-nftables" too' + SEE),
    (["test", "daemon", "a b"], 'igdlab test: a subject is one word, found "a b"' + SEE),
    (["test", "daemon", "fakeigd", "--keep"], "igdlab test: --keep needs -o" + SEE),
    (["test", "daemon", "fakeigd", "--shell-on-fail", "-o", "x", "-n", "2"],
     "igdlab test: --shell-on-fail is for one lab at a time; leave -n out" + SEE),
    (["test", "daemon", "fakeigd", "-o", ""], "igdlab test: -o: expected a directory" + SEE),
    (["test", "daemon", "no-such-daemon"],
     'igdlab test: there is no daemon "no-such-daemon"...'),
    (["test", "daemon", "fakeigd:no-such-profile"], "igdlab test: there is no profile ..."),
    (["test", "daemon", "fakeigd", "--select", "lvel:MUST"],
     'igdlab test: cannot select "lvel:MUST": expected a pattern of ids or one of '
     "level:, area:, side:, spec:"),
    (["test", "daemon", "fakeigd", "--select", "WIPD-*"], 'igdlab test: --select: no requirement fits "WIPD-*"'),
    (["test", "daemon", "fakeigd", "--shard", "3/2"],
     'igdlab test: --shard: expected I/N with I from 1 to N, found "3/2"'),
    (["exec"], "igdlab exec: which node?" + SEE),
    (["exec", "client"], "igdlab exec: which command?" + SEE),
    (["exec", "no-such-lab:client", "true"], 'igdlab exec: no lab "no-such-lab"...'),
    (["shell"], "igdlab shell: which node?" + SEE),
    (["shell", "client", "ls"], 'igdlab shell: expected one node; a command goes with "exec"' + SEE),
    (["ps", "client"], 'igdlab ps: takes no operand, found "client"' + SEE),
    (["down", "--all", "flat"], "igdlab down: --all and names exclude each other" + SEE),
    (["down", "--yes", "flat"], "igdlab down: --yes goes with --all" + SEE),
    (["down", "no-such-lab"], 'igdlab down: no lab "no-such-lab"...'),
    (["list"], "igdlab list: which kind of thing?" + SEE),
    (["list", "profile", "quirk"], 'igdlab list: expected one kind, found "quirk" too' + SEE),
    (["list", "profils"], 'igdlab list: unknown kind "profils"; did you mean "profiles"?' + SEE),
    (["show", "profile"], "igdlab show: which one?" + SEE),
    (["show"], "igdlab show: which kind of thing?" + SEE),
    (["show", "profile", "conformant-igd1", "x"],
     'igdlab show: expected a kind and a name, found "x" too' + SEE),
    (["show", "topology", "nested-5"],
     'igdlab show: unknown topology "nested-5"; did you mean "nested-2"?' + SEE),
    (["show", "feature", "veht"], 'igdlab show: unknown feature "veht"; did you mean "veth"?' + SEE),
    (["show", "topology", "flat", "--diff", "nested-2"],
     "igdlab show: --diff compares profiles, not topologies" + SEE),
    (["show", "profile", "conformant-igd1", "--diff", "conformant-igd0"],
     'igdlab show: unknown profile "conformant-igd0"; did you mean "conformant-igd1"?' + SEE),
    (["map", "--protocol", "sctp"], 'igdlab map: --protocol: expected tcp or udp, found "sctp"' + SEE),
    (["map", "--external", "65536"],
     'igdlab map: --external: expected a whole number from 1 to 65535, found "65536"' + SEE),
    (["map", "--layers", "five"],
     'igdlab map: --layers: expected a whole number from 1 to 4, found "five"' + SEE),
    (["unmap", "--lease", "60"], 'igdlab unmap: unknown option "--lease"...'),
    (["search", "here"], 'igdlab search: unexpected operand "here"' + SEE),
]


def igdlab(*argv):
    return subprocess.run([program("igdlab"), *argv], capture_output=True, text=True, check=False,
                          stdin=subprocess.DEVNULL)


@pytest.mark.sanitize
@pytest.mark.parametrize("argv, sentence", WRONG, ids=lambda value: " ".join(value)[:48] or "nothing"
                         if isinstance(value, list) else "")
def test_wrong_use(argv, sentence):
    done = igdlab(*argv)
    said = done.stderr.splitlines()
    assert said, "says nothing"
    expected = sentence.replace("{verb}", argv[0] if argv else "")
    if expected.endswith("..."):
        assert said[0].startswith(expected[:-3])
    else:
        assert said[0] == expected
        assert len(said) == 1
    assert done.returncode == 2
    assert done.stdout == ""


MALFORMED = """\
summary: four mistakes
networks:
  home: {subnet: 192.168.1.4/24}
  floor: {subnett: 10.0.0.0/24}
nodes:
  client: {kind: host, attach: {hom: 192.168.1.4}, gateway: r2}
  r1: {kind: router, lan: {home: 192.168.1.1}}
"""


def test_every_mistake_of_a_topology_is_told_at_once(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(MALFORMED)
    done = igdlab("run", "-t", str(path), "--", "true")
    assert done.returncode == 2
    places = [line.split(": ", 1)[0] for line in done.stderr.splitlines()]
    assert places == [f"{path}:{line}" for line in (3, 4, 6, 6)]


def test_help_tells_every_option_and_the_manual_page_too():
    verbs = re.findall(r"^  (\S+)", igdlab("--help").stdout, re.MULTILINE)
    assert {"run", "up", "exec", "shell", "ps", "down", "list", "show", "map", "unmap",
            "list-mappings", "external-ip", "search", "test"} <= set(verbs)
    manual = (REPOSITORY / "sim" / "igdlab.1").read_text().replace("\\-", "-")
    for verb in verbs:
        done = igdlab(verb, "--help")
        assert done.returncode == 0 and done.stdout.startswith(f"usage: igdlab {verb}")
        assert f"igdlab {verb}" in manual
        for word in done.stdout.split():
            if word.startswith("--") and word.strip("-,"):
                assert word.rstrip(",;.") in manual, f"{verb}: {word} is not in the manual page"


def test_version():
    done = igdlab("--version")
    assert done.returncode == 0 and done.stdout.startswith("igdlab 0.")


KINDS = ["topologies", "profiles", "quirks", "policies", "flows", "clients", "daemons", "requirements",
         "features"]


@pytest.mark.parametrize("kind", KINDS)
def test_lists(kind):
    done = igdlab("list", kind, "--json")
    assert done.returncode == 0, done.stderr
    items = json.loads(done.stdout)
    assert all(item["name"] and isinstance(item["summary"], str) for item in items)
    assert len({item["name"] for item in items}) == len(items)
    text = igdlab("list", kind).stdout
    assert [line.split()[0] for line in text.splitlines()] == [item["name"] for item in items]
    if kind in ("topologies", "profiles", "policies", "features"):
        assert items


PARTS = 12  # of so many things that no worker is left alone with them


@pytest.mark.parametrize("part", range(PARTS))
def test_show_everything_that_is_listed(part):
    listed = [(kind, item) for kind in ("topologies", "profiles", "quirks", "flows")
              for item in json.loads(igdlab("list", kind, "--json").stdout)]
    assert len(listed) > PARTS
    for kind, item in listed[part::PARTS]:
        done = igdlab("show", kind, item["name"])
        assert done.returncode == 0 and done.stdout, done.stderr
        shown = json.loads(igdlab("show", kind, item["name"], "--json").stdout)
        assert shown.items() >= item.items()


def test_difference_of_profiles():
    done = igdlab("show", "profile", "conformant-igd1", "--diff", "conformant-igd2")
    assert done.returncode == 0 and "\n- " in done.stdout and "\n+ " in done.stdout
    done = igdlab("show", "profile", "conformant-igd1", "--diff", "conformant-igd1")
    assert done.stdout == "conformant-igd1 and conformant-igd1 are the same router\n"


def test_shipped_topologies_follow_their_schema():
    schema = json.loads((REPOSITORY / "sim" / "topology.schema.json").read_text())
    jsonschema.Draft7Validator.check_schema(schema)
    for path in (REPOSITORY / "topologies").glob("*.yaml"):
        jsonschema.validate(yaml.safe_load(path.read_text()), schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(yaml.safe_load(MALFORMED), schema)
