# SPDX-License-Identifier: MIT
"""Wire proof: what each quirk file says must be seen ("observe") is seen with it, and not without it."""
import functools
import pathlib

import pytest
import yaml

from cases.harness.lab import Lab
from cases.harness.observe import observe

QUIRKS = pathlib.Path(__file__).resolve().parents[2] / "fakeigd/quirks"


@functools.lru_cache(maxsize=None)
def quirk(path):
    return yaml.safe_load(path.read_text())


OBSERVED = [p for p in sorted(QUIRKS.glob("*.yaml")) if "observe" in quirk(p)]


def seen(path, bent):
    """Expectations of a quirk file that do not hold: with it where it is shown, or without it.

    A deviation that the topology alone makes (empty overlay) is compared with the topology flat.
    """
    place = quirk(path).get("topology", "flat")
    name, router = (place, None) if isinstance(place, str) else (place["name"], place.get("router"))
    if not bent and not quirk(path)["overlay"]:
        name, router = "flat", None
    at = f"{router}=" if router else ""
    with Lab(name, profile=at + quirk(path).get("base", "conformant-igd1"),
             quirks=[at + str(path)] if bent else []) as lab:
        return observe(lab, quirk(path)["observe"], enough=None if bent else 1)


def test_every_quirk_is_listed_with_its_proof():
    """proofs.txt names every quirk file: one that is not proven, or not here, is never silent."""
    lines = (pathlib.Path(__file__).parent / "proofs.txt").read_text().splitlines()
    listed = dict(line.split(": ", 1) for line in lines if not line.startswith("#"))
    assert set(listed) == {p.stem for p in QUIRKS.glob("*.yaml")}
    assert {name for name, what in listed.items() if what.startswith("test_wire.py")} == {p.stem for p in OBSERVED}


@pytest.mark.parametrize("path", OBSERVED, ids=lambda p: p.stem)
def test_deviation_is_seen(path):
    assert seen(path, True) == []


@pytest.mark.parametrize("path", OBSERVED, ids=lambda p: p.stem)
def test_and_not_without_it(path):
    assert seen(path, False), "the plain router fits every expectation: they prove nothing"
