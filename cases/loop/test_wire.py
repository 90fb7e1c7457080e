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


@pytest.mark.parametrize("path", OBSERVED, ids=lambda p: p.stem)
def test_deviation_is_seen(path):
    assert seen(path, True) == []


@pytest.mark.parametrize("path", OBSERVED, ids=lambda p: p.stem)
def test_and_not_without_it(path):
    assert seen(path, False), "the plain router fits every expectation: they prove nothing"
