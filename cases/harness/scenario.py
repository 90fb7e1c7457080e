# SPDX-License-Identifier: MIT
"""scenario.py - the mark of a scenario of clients, and which cases of the client suite are wanted.

    @scenario("CP-03", operation="delete")
    def test_...(client, ...): ...

A scenario names the requirements of clients that it tests (cases/catalogue, side client or both). A client that
cannot be asked for its operation, or does not speak its protocol, is ``unsupported``.
"""
import fnmatch

import pytest

from .requirement import Words, catalogue

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

    @staticmethod
    def fits(case, key, value):
        """Whether a case, a dict with name, kind, layer, must and requirements, fits one word."""
        texts = case["requirements"] if key == "id" else [case[key]]
        return any(fnmatch.fnmatchcase(text.lower(), value.lower()) for text in texts)
