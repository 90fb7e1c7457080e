# SPDX-License-Identifier: MIT
"""matrix.py - what every client meets: generated from the data, one Case per quirk, profile and topology.

A file that is added to fakeigd/quirks, fakeigd/profiles or topologies is a case for every client, without a
line of code. ``client: {must: ...}`` of the file says what a client has to achieve there.
"""
import dataclasses
import functools
import pathlib
import re
import subprocess
import tempfile

import yaml

from .lab import REPOSITORY, program

QUIRKS = REPOSITORY / "fakeigd" / "quirks"
PROFILES = REPOSITORY / "fakeigd" / "profiles"
TOPOLOGIES = REPOSITORY / "topologies"
USUAL = "conformant-igd1"  # the router of a quirk that names none
CARRIER = {"name": "cgnat-pcp", "router": "r1"}  # where routers are that ask a PCP server upstream: it has one
USUAL_PLACES = ("flat", CARRIER["name"])
ROWS = REPOSITORY / "cases" / "client" / "rows.yaml"


_LONG = re.compile(r"^(?:evidence|observe|overlay|messages|state):.*?(?=^[^\s#]|\Z)", re.M | re.S)
_OF_LAYER = {"natpmp": "natpmp", "pcp": "pcp", "ipv6-pinhole": "igd-ipv6"}  # what a client of a quirk has to speak


@dataclasses.dataclass(frozen=True)
class Case:
    """One thing that a client meets. kind: quirk, profile or topology; name: of its file; layer: of the quirk;
    topology, profile, quirks: for harness/lab.py; must: the word of "client"; note: what else it says; speaks: protocols
    that open ports there, of which a client has to speak one."""

    kind: str
    name: str
    layer: str
    topology: str
    profile: tuple
    quirks: tuple
    must: str
    note: str
    summary: str
    speaks: tuple = ("igd",)

    @property
    def id(self):
        """For pytest: kind-name."""
        return f"{self.kind}:{self.name}"


def load(path):
    """A YAML file."""
    return yaml.load(path.read_text(), getattr(yaml, "CSafeLoader", yaml.SafeLoader))


def _head(path):
    """A YAML file without the long parts that say nothing of clients: each worker reads hundreds of them."""
    return yaml.load(_LONG.sub("", path.read_text()), getattr(yaml, "CSafeLoader", yaml.SafeLoader))


@functools.lru_cache(maxsize=None)
def spoken(profile):
    """Protocols that a profile of fakeigd speaks."""
    values = _head(PROFILES / f"{profile}.yaml")
    found = set(spoken(values["extends"])) if "extends" in values else {"igd"}
    for name in ("igd", "natpmp", "pcp"):
        enabled = values.get("policy", {}).get(name, {}).get("enabled")
        if enabled is not None:
            found = found | {name} if enabled else found - {name}
    return tuple(sorted(found))


@functools.lru_cache(maxsize=None)
def conformant():
    """{name: requirements that are asked of it} of the profiles that were made from the specifications, not seen."""
    heads = {path.stem: _head(path) for path in sorted(PROFILES.glob("*.yaml"))}
    return {name: " ".join(head["conforms"]) for name, head in heads.items() if "conforms" in head}


@functools.lru_cache(maxsize=None)
def _usual_place(profile):
    """Where a router is met when nothing says where, as the key "topology" of a quirk has it."""
    values = _head(PROFILES / f"{profile}.yaml")
    if "upstream" in values:
        return CARRIER
    return _usual_place(values["extends"]) if "extends" in values else "flat"


def _at(place):
    """(name of the topology, "ROUTER=" or "") of such a key."""
    if isinstance(place, str):
        return place, ""
    return place["name"], f'{place["router"]}=' if "router" in place else ""


@functools.lru_cache(maxsize=None)
def quirk_cases():
    """One per quirk, on the profile and in the topology in which it is shown."""
    found = []
    for path in sorted(QUIRKS.glob("*.yaml")):
        quirk = _head(path)
        client, base = quirk.get("client", {"must": "mapped"}), quirk.get("base", USUAL)
        name, at = _at(quirk.get("topology") or _usual_place(base))
        found.append(Case("quirk", path.stem, quirk["layer"], name, (at + base,), (at + path.stem,), client["must"],
                          client.get("note", ""), quirk["summary"], _speaks(quirk["layer"], base)))
    return found


def _speaks(layer, base):
    """Protocols of which a client of a quirk has to speak one."""
    if layer in _OF_LAYER:
        return (_OF_LAYER[layer],)
    return ("igd",) if base == USUAL or "igd" in spoken(base) else spoken(base)


def quirk_case(name):
    """The case of a quirk."""
    return next(case for case in quirk_cases() if case.name == name)


@functools.lru_cache(maxsize=None)
def profile_cases():
    """One per profile, in its usual place."""
    found = []
    for path in sorted(PROFILES.glob("*.yaml")):
        profile = _head(path)
        client = profile.get("client", {"must": "mapped"})
        name, at = _at(_usual_place(path.stem))
        found.append(Case("profile", path.stem, "profile", name, (at + path.stem,), (), client["must"],
                          client.get("note", ""), profile.get("summary", ""), spoken(path.stem)))
    return found


def _spoken_in(topology):
    """Protocols of the routers on the client's networks."""
    nodes = topology["nodes"]
    at = [node.get("igd", "none") for node in nodes.values() if set(node.get("lan", ())) & set(nodes["client"]["attach"])]
    return tuple(sorted({name for profile in at if profile != "none" for name in spoken(profile)})) or ("igd",)


@functools.lru_cache(maxsize=None)
def topology_cases():
    """One per topology that says what a client has to achieve there."""
    found = []
    for path in sorted(TOPOLOGIES.glob("*.yaml")):
        topology = load(path)
        client = topology.get("client")
        if isinstance(client, dict):
            found.append(Case("topology", path.stem, "topology", path.stem, (), (), client["must"],
                              client.get("note", ""), topology["summary"], _spoken_in(topology)))
    return found


def on_router_of(client, case):
    """The case as this client meets it: one whose adapter names the router that it is for (``router: conformant-igd2``) meets
    quirks and scenarios of the usual router there, where they can be laid over it."""
    router = client.values.get("router")
    if not router or case.kind not in ("quirk", "scenario") or case.profile != (USUAL,):
        return case
    quirks = tuple(_raised(quirk) if _device(router).endswith(":2") else quirk for quirk in case.quirks)
    if None in quirks or not _fits(router, quirks):
        return case
    note = "; ".join(filter(None, (case.note, f"on {router}, the router that the adapter names")))
    return dataclasses.replace(case, profile=(router,), quirks=quirks, note=note)


@functools.lru_cache(maxsize=None)
def _fits(router, quirks):
    """Whether quirks can be laid over a router."""
    argv = [program("fakeigd"), "--check", "--profile", router, *(word for quirk in quirks for word in ("--quirk", quirk))]
    return subprocess.run(argv, capture_output=True, check=False).returncode == 0


def _device(profile):
    """The root device of a profile: its type and version."""
    values = load(PROFILES / f"{profile}.yaml")
    return values["device"] if "device" in values else _device(values["extends"])


@functools.lru_cache(maxsize=None)
def _raised(quirk):
    """A quirk of the usual router for one of version 2: a list of services has WANIPConnection:2 (a copy of the file). None
    where versions that differ are the quirk."""
    path = pathlib.Path(quirk) if "/" in quirk else QUIRKS / f"{quirk}.yaml"
    overlay = load(path)["overlay"]
    if "services" not in overlay:
        return quirk
    if "device" in overlay:
        return None
    head, mark, text = path.read_text().partition("\noverlay:")
    copy = pathlib.Path(_folder().name, path.name)
    copy.write_text(head + mark + re.sub(r"\b(WANIPConnection|WANDevice|WANConnectionDevice):1\b", r"\1:2", text))
    return str(copy)


@functools.lru_cache(maxsize=None)
def _folder():
    """Where copies of quirks are, for as long as this process runs."""
    return tempfile.TemporaryDirectory(prefix="igdlab-quirks-")


@functools.lru_cache(maxsize=None)
def rows():
    """cases/client/rows.yaml turned round: {(kind, name): ids of requirements}."""
    found = {}
    for row, names in load(ROWS).items():
        for name in names:
            kind, _, plain = name.rpartition(":")
            found.setdefault((kind or "quirk", plain), []).append(row)
    return found


def requirements_of(case):
    """Ids of the requirements of clients that a generated case tests."""
    return rows().get((case.kind, case.name), [])


KINDS = {"quirk": quirk_cases, "profile": profile_cases, "topology": topology_cases}


def every_case(wanted=lambda kind: True):
    """All of them, or those of the kinds that are wanted."""
    return [case for kind, cases in KINDS.items() if wanted(kind) for case in cases()]


def path_of(case):
    """The file that a case comes from."""
    return pathlib.Path({"quirk": QUIRKS, "profile": PROFILES, "topology": TOPOLOGIES}[case.kind]) / f"{case.name}.yaml"
