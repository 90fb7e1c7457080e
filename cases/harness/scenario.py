# SPDX-License-Identifier: MIT
"""scenario.py - the mark of a scenario of clients, and which cases of the client suite are wanted.

    @scenario("CP-03", operation="delete")
    def test_...(client, ...): ...

A scenario names the requirements of clients that it tests (cases/catalogue, side client or both). A client that
cannot be asked for its operation, or does not speak its protocol, is ``unsupported``.
"""
import fnmatch

import pytest

from .requirement import catalogue

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


class CaseSelection:
    """Which cases are wanted: words of 'http-* kind:quirk layer:soap must:mapped id:CP-* !ssdp-*'.

    Words without a colon are patterns of names; words with the same key are alternatives, different keys must all fit,
    and a word after "!" must not. ValueError for a key that there is not.
    """

    KEYS = ("name", "kind", "layer", "must", "id")

    def __init__(self, text):
        self.wanted, self.unwanted = {}, []
        for word in (text or "").replace(",", " ").split():
            key, _, value = word.lstrip("!").rpartition(":")
            key = key or "name"
            if key not in self.KEYS or not value:
                raise ValueError(f'cannot select "{word}": expected a pattern of names or one of '
                                 + ", ".join(f"{key}:" for key in self.KEYS[1:]))
            if word.startswith("!"):
                self.unwanted.append((key, value))
            else:
                self.wanted.setdefault(key, []).append(value)

    @staticmethod
    def _fits(case, key, value):
        texts = case["requirements"] if key == "id" else [case[key]]
        return any(fnmatch.fnmatchcase(text.lower(), value.lower()) for text in texts)

    def __contains__(self, case):
        """case: a dict with name, kind, layer, must and requirements."""
        return (all(any(self._fits(case, key, value) for value in values) for key, values in self.wanted.items())
                and not any(self._fits(case, key, value) for key, value in self.unwanted))
