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


def seen(path, quirks):
    """Expectations of a quirk file that do not hold in a lab."""
    base = quirk(path).get("base", "conformant-igd1")
    with Lab("flat", profile=base, quirks=quirks) as lab:
        return observe(lab, quirk(path)["observe"])


@pytest.mark.parametrize("path", OBSERVED, ids=lambda p: p.stem)
def test_deviation_is_seen(path):
    assert seen(path, [str(path)]) == []


@pytest.mark.parametrize("path", OBSERVED, ids=lambda p: p.stem)
def test_and_not_without_it(path):
    assert seen(path, []), "the plain router fits every expectation: they prove nothing"
