# SPDX-License-Identifier: MIT
"""scenario.py - the mark of a scenario of clients, and which cases of the client suite are wanted.

    @scenario("CP-03", operation="delete")
    def test_...(client, ...): ...

A scenario names the requirements of clients that it tests (cases/catalogue, side client or both). A client that
cannot be asked for its operation, or does not speak its protocol, is ``unsupported``.
"""
import fnmatch
import os
import pathlib

import pytest
import yaml

from . import matrix
from .requirement import Words, catalogue, notrun

_CONDITIONS = {"operation", "speaks", "resident", "layer"}


def scenario(*ids, **conditions):
    """The mark. operation: what the client is asked for ("add" when left out), or a list. speaks: "igd", "natpmp", ...
    resident: True for programs that map by running, False for one process per operation. layer: for grouping in
    results (the area of the first id when left out)."""
    for name in ids:
        if name not in catalogue():
            raise ValueError(f"{name} is in no file of cases/catalogue")
        if catalogue()[name].side == "daemon":
            raise ValueError(f"{name} is a requirement of daemons")
    if set(conditions) - _CONDITIONS:
        raise ValueError(f"scenario(ID..., {', '.join(sorted(_CONDITIONS))}), not {conditions}")
    return pytest.mark.scenario(*ids, **conditions)


class CaseSelection(Words):
    """Which cases are wanted: 'http-* kind:quirk layer:soap must:mapped id:CP-* !ssdp-*'."""

    KEYS, PATTERNS = ("name", "kind", "layer", "must", "id"), "names"

    def may_want(self, kind):
        """Whether some case of a kind can be wanted."""
        return (any(fnmatch.fnmatchcase(kind, value.lower()) for value in self.wanted.get("kind", ["*"]))
                and not any(key == "kind" and fnmatch.fnmatchcase(kind, value.lower()) for key, value in self.unwanted))

    @staticmethod
    def fits(case, key, value):
        """Whether a case, a dict with name, kind, layer, must and requirements, fits one word."""
        texts = case["requirements"] if key == "id" else [case[key]]
        return any(fnmatch.fnmatchcase(text.lower(), value.lower()) for text in texts)


# -- routers for scenarios ---------------------------------------------------------------------------------

_QUIRK = """summary: made for a scenario
layer: {layer}
priority: 3
evidence: [{{source: cases/client, seen: nowhere, class: synthetic}}]
breaks: []
naive: fails
robust: works
client: {{must: {must}}}
overlay: {overlay}
"""


def place(name, topology="flat", profile=None, quirks=(), must="mapped"):
    """A matrix.Case of a scenario's own. profile, quirks: as igdlab's -p and -q, one or several; the profile of a topology
    is what it says itself, that of flat conformant-igd1."""
    if profile is None:
        profile = "conformant-igd1" if topology == "flat" else ()
    profile = (profile,) if isinstance(profile, str) else tuple(profile)
    quirks = (quirks,) if isinstance(quirks, str) else tuple(str(q) for q in quirks)
    return matrix.Case("scenario", name, "scenario", topology, profile, quirks, must, "", "")


def bend(folder, overlay, name="bent", layer="soap", must="survives"):
    """A quirk file made of an overlay (a dict) in a folder; its path."""
    path = pathlib.Path(folder) / f"{name}.yaml"
    path.write_text(_QUIRK.format(layer=layer, must=must, overlay=yaml.safe_dump(overlay, default_flow_style=True, width=10**6).strip()))
    return str(path)


def unhurried():
    """Ends a scenario that waits for minutes, unless the run is a long one (--long)."""
    if not os.environ.get("IGDLAB_LONG"):
        notrun("waits for minutes: only with --long")
