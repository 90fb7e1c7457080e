# SPDX-License-Identifier: MIT
"""client.py - a program that opens ports, as its adapter describes it (cases/clients/NAME.yaml).

An adapter says how a program is told to do something and how it tells what became of it:

    name: miniupnpc
    kind: client
    needs: {package: miniupnpc, program: upnpc}
    speaks: [igd]                       igd, natpmp, pcp, igd-ipv6
    run:                                one process per operation
      add: upnpc -e {description} -a {internal_client} {internal_port} {external_port} {protocol} {lease}
      delete: upnpc -d {external_port} {protocol}
    claims:                             how what it prints is read
      mapped: {exit: 0, stdout: "is redirected to"}

A program that maps by running has ``run: {start: COMMAND}`` instead, and is ended by ``stop``. One that writes to a
file names it by ``log: PATH`` and has claims with ``log: PATTERN``; one that says nothing when it has mapped has no
claims.mapped. A program
without an adapter, any executable file, is told what to do by environment variables (see README.md).

This file reads adapters and complains about them; harness/drive.py runs programs.
"""
import dataclasses
import difflib
import functools
import json
import os
import pathlib
import re
import shlex
import shutil
import string
import subprocess

import yaml

from .lab import REPOSITORY, program

CLIENTS = REPOSITORY / "cases" / "clients"
REFERENCE = "igdlab"  # igdlab:MODE, igdlab-pcp:MODE ...: the reference control point with a naive mode
OPERATIONS = ("add", "delete", "list", "external-ip", "renew")
PROTOCOLS = ("igd", "natpmp", "pcp", "igd-ipv6")
CLAIMS = ("mapped", "refused", "deleted", "listed", "external-ip", "renewed", "crashed")
_KEYS = {"name": str, "summary": str, "kind": str, "needs": dict, "speaks": list, "run": dict, "claims": dict,
         "asks": dict, "times": dict, "environment": dict, "files": dict, "known": dict, "version": str, "log": str,
         "router": str}
_RUN = (*OPERATIONS, "start", "stop", "ready")
_NEEDS = ("package", "program", "files", "npm")
_CLAIM = ("exit", "stdout", "stderr", "output", "log")
_ASKS = ("port", "protocol", "lease", "count", "description")
_TIMES = ("first", "give-up", "exit", "settle")
VALUES = ("description", "internal_client", "internal_port", "external_port", "protocol", "lease", "gateway",
          "interface", "home", "tree", "clients", "debian", "duration", "internal_client6", "protocol_number")


class WrongAdapter(Exception):
    """An adapter that does not exist or says what no adapter may say: file, line, what was expected."""


@dataclasses.dataclass
class Claim:
    """How a claim is read: every condition given must hold. Patterns may name groups "port" and "address".
    log: over the file that the adapter's "log" names."""

    exit: object = None
    stdout: str = None
    stderr: str = None
    output: str = None
    log: str = None

    def read(self, code, stdout, stderr, log=""):
        """The named groups as a dict when the claim is made, else None."""
        found = {}
        if self.exit is not None and code not in ([self.exit] if isinstance(self.exit, int) else self.exit):
            return None
        for pattern, text in ((self.stdout, stdout), (self.stderr, stderr), (self.output, stdout + stderr), (self.log, log)):
            if pattern is None:
                continue
            matches = list(re.finditer(pattern, text, re.MULTILINE))
            if not matches:
                return None
            named = [m for m in matches if any(m.groupdict().values())]  # the last thing that it said counts
            found |= {k: v for k, v in (named or matches)[-1].groupdict().items() if v}
        return found


class _Lines:
    """Lines of the keys of a YAML file, for complaints."""

    def __init__(self, path):
        self.path = path
        try:
            self.root = yaml.compose(path.read_text(), yaml.SafeLoader)
        except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
            mark = getattr(error, "problem_mark", None)
            raise WrongAdapter(f"{path}:{mark.line + 1 if mark else 0}: {getattr(error, 'problem', error)}") from None

    def of(self, *keys):
        """Line of the key at the end of a path of keys."""
        node, line = self.root, 1
        for key in keys:
            for name, value in getattr(node, "value", []) if isinstance(node, yaml.MappingNode) else []:
                if name.value == str(key):
                    node, line = value, name.start_mark.line + 1
        return line

    def complain(self, keys, sentence):
        """Raise with file and line of a path of keys."""
        raise WrongAdapter(f"{self.path}:{self.of(*keys)}: {sentence}")

    def known(self, keys, allowed):
        """Complain about a key that there is not."""
        if keys[-1] not in allowed:
            near = difflib.get_close_matches(str(keys[-1]), allowed, 1)
            hint = f'; did you mean "{near[0]}"?' if near else f"; expected one of {', '.join(allowed)}"
            self.complain(keys, f'unknown key "{keys[-1]}"{hint}')


def _checked(path):
    """The content of an adapter file; WrongAdapter for what no adapter may say."""
    lines = _Lines(path)
    values = yaml.load(path.read_text(), yaml.SafeLoader)
    if not isinstance(values, dict):
        lines.complain((), "expected an adapter: a mapping with name, kind: client, run")
    for key, value in values.items():
        lines.known((key,), tuple(_KEYS))
        if value is not None and not isinstance(value, _KEYS[key]):
            lines.complain((key,), f"{key}: expected {_KEYS[key].__name__}, found {type(value).__name__}")
    for key in ("name", "run"):
        if not values.get(key):
            lines.complain((), f"an adapter needs {key}")
    if values.get("kind", "client") != "client":
        lines.complain(("kind",), f'kind: expected client, found "{values["kind"]}"')
    _check_parts(lines, values)
    return values


def _check_parts(lines, values):
    for part, allowed in (("run", _RUN), ("needs", _NEEDS), ("claims", CLAIMS), ("asks", _ASKS), ("times", _TIMES)):
        for key in values.get(part) or {}:
            lines.known((part, key), allowed)
    for word in values.get("speaks") or []:
        if word not in PROTOCOLS:
            lines.complain(("speaks",), f'speaks: expected some of {", ".join(PROTOCOLS)}, found "{word}"')
    for name, claim in (values.get("claims") or {}).items():
        if "log" in claim and not values.get("log"):
            lines.complain(("claims", name, "log"), "a claim is read from a log, but no file is named by log: PATH")
        for key, pattern in claim.items():
            lines.known(("claims", name, key), _CLAIM)
            _check_pattern(lines, ("claims", name, key), pattern if key != "exit" else "")
    for name, command in [*values["run"].items(), *([("log", values["log"])] if values.get("log") else [])]:
        _check_command(lines, (name,) if name == "log" else ("run", name), command)
    if "start" in values["run"] and "add" in values["run"]:
        lines.complain(("run", "start"), "run has add (one process per operation) or start (maps by running), not both")
    if "start" not in values["run"] and "add" not in values["run"]:
        lines.complain(("run",), "run: expected add or start")
    for name, entry in (values.get("known") or {}).items():
        if not isinstance(entry, dict) or not {"reason", "link", "expires"} <= set(entry) or \
                set(entry) - {"reason", "link", "since", "expires", "grade"}:
            lines.complain(("known", name), f"known: {name}: expected reason, link and expires, may have since")


def _check_pattern(lines, keys, pattern):
    try:
        re.compile(pattern)
    except re.error as error:
        lines.complain(keys, f"{keys[-1]}: no regular expression: {error}")


def _check_command(lines, keys, command):
    if not isinstance(command, str):
        lines.complain(keys, f"{keys[-1]}: expected a command line")
    for _, name, _, _ in string.Formatter().parse(command):
        if name is not None and name not in VALUES:
            near = difflib.get_close_matches(name, VALUES, 1)
            lines.complain(keys, f'{keys[-1]}: unknown value {{{name}}}'
                           + (f'; did you mean {{{near[0]}}}?' if near else f"; there are {', '.join(VALUES)}"))


class Client:
    """An adapter, or an executable file that follows the contract of environment variables."""

    def __init__(self, name):
        name, _, modes = name.partition(":") if re.match(rf"{REFERENCE}(-[a-z]+)?:", name) else (name, "", "")
        self.path = _find(name)
        self.word = f"{name}:{modes}" if modes else str(self.path)  # what "igdlab test client" takes for it
        self.contract = self.path.suffix not in (".yaml", ".yml")
        if self.contract:
            self.values = {"name": self.path.stem, "run": {}, "speaks": ["igd"],
                           "claims": {"mapped": {"exit": 0, "stdout": r"^mapped (?P<address>[^:\s]*):(?P<port>\d+)|\Z"},
                                      "deleted": {"exit": 0}, "renewed": {"exit": 0}, "listed": {"exit": 0},
                                      "external-ip": {"exit": 0, "stdout": r"^address (?P<address>\S+)"}}}
        else:
            self.values = _checked(self.path)
        if modes:
            self.values = _naive(self.values, modes.split("+"))
        self.name = self.values["name"]
        self.speaks = tuple(self.values.get("speaks") or ("igd",))
        self.resident = "start" in self.values["run"]
        self.claims = {k: Claim(**v) for k, v in (self.values.get("claims") or {}).items()}
        self.asks = {"port": "as-told", "protocol": ["tcp"], "lease": "as-told"} | (self.values.get("asks") or {})
        self.times = {"first": 2, "give-up": 30, "exit": 10, "settle": 1} | (self.values.get("times") or {})
        self.known = self.values.get("known") or {}

    def missing(self):
        """Why it cannot run here, or None."""
        needs = self.values.get("needs") or {}
        program = needs.get("program")
        if program and not shutil.which(_expand(program, {}), path=_path()):
            return f"{program} is not there; run scripts/install-deps clients (package {needs.get('package', '?')})"
        for file in needs.get("files") or []:
            if not pathlib.Path(_expand(file, {})).exists():
                return f"{file} is not there; run scripts/install-deps clients"
        if self.contract and not os.access(self.path, os.X_OK):
            return f"{self.path} is not executable"
        return None

    def offers(self, operation):
        """Whether it can be asked for an operation at all (the contract: ask and see)."""
        return self.contract or operation in self.values["run"] or (self.resident and operation in ("add", "delete"))

    def command(self, operation, values):
        """Arguments of the process for an operation."""
        if self.contract:
            return [str(self.path.resolve())]
        return [_expand(word, values) for word in shlex.split(self.values["run"][operation])]

    def environment(self, operation, values):
        """Its environment: of the adapter, and of the contract."""
        home = values["home"]
        own = {"HOME": home, "XDG_CONFIG_HOME": f"{home}/.config", "XDG_DATA_HOME": f"{home}/.local/share",
               "PATH": _path(), "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8", "IGDLAB_OPERATION": operation}
        own |= {f"IGDLAB_{key.upper()}": str(value) for key, value in values.items() if key in VALUES}
        own |= {k: _expand(str(v), values) for k, v in (self.values.get("environment") or {}).items()}
        return own

    def log(self, values):
        """Path of the file that it logs to, or None."""
        return _expand(self.values["log"], values) if self.values.get("log") else None

    def files(self, values):
        """{path: text} of the files that it wants to find, below its home."""
        return {_expand(k, values): _expand(v, values) for k, v in (self.values.get("files") or {}).items()}


_FOLDERS = {"tree": REPOSITORY, "clients": CLIENTS, "debian": REPOSITORY / "build" / "debian"}


def _expand(text, values):
    """Put values for {name}; other braces stay."""
    for key, value in (_FOLDERS | values).items():
        text = text.replace("{%s}" % key, str(value))
    return text


@functools.lru_cache(maxsize=None)
def _path():
    folders = [str(REPOSITORY / "build"), str(REPOSITORY / "build/debian/usr/bin"), str(REPOSITORY / "build/clients")]
    return ":".join([*folders, "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "/usr/games"])


@functools.lru_cache(maxsize=None)
def _modes():
    done = subprocess.run([program("igdlab"), "map", "--naive", "list", "--json"], capture_output=True, text=True, check=True)
    return [mode["name"] for mode in json.loads(done.stdout)]


def _naive(values, modes):
    """The adapter of the reference control point with good habits switched off: igdlab:MODE[+MODE]..."""
    for mode in modes:
        if mode not in _modes():
            near = difflib.get_close_matches(mode, _modes(), 1)
            raise WrongAdapter(f'there is no naive mode "{mode}"'
                               + (f'; did you mean "{near[0]}"?' if near else "; see igdlab map --naive list"))
    options = " ".join(f"--naive {mode}" for mode in modes)
    return {**values, "name": f'{values["name"]}:{"+".join(modes)}', "summary": f'{values["summary"]}, {", ".join(modes)}',
            "run": {key: f"{command} {options}" for key, command in values["run"].items()}}


def _find(name):
    """The file of an adapter name, an adapter file or an executable."""
    if "/" in name or name.endswith((".yaml", ".yml")):
        path = pathlib.Path(name)
    else:
        path = CLIENTS / f"{name}.yaml"
    if path.is_file():
        return path
    near = difflib.get_close_matches(path.stem, names(), 1)
    raise WrongAdapter(f'there is no client "{name}" ({path})'
                       + (f'; did you mean "{near[0]}"?' if near else "; see igdlab list clients"))


def names():
    """The adapters of this tree."""
    return sorted(p.stem for p in CLIENTS.glob("*.yaml"))
