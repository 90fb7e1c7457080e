# SPDX-License-Identifier: MIT
"""Quirks invented from a paragraph of prose (its first lines): a short file is enough, and does what it says."""
import pathlib

import pytest
import yaml

from cases.harness.lab import Lab
from cases.harness.observe import observe

FILES = sorted((pathlib.Path(__file__).parent / "invented").glob("*.yaml"))


def test_there_are_five():
    assert len(FILES) >= 5


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_invented(path):
    text = path.read_text()
    quirk = yaml.safe_load(text)
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    assert 5 <= len(lines) <= 25
    with Lab("flat", quirks=str(path)) as lab:
        assert observe(lab, quirk["observe"]) == []
    with Lab("flat") as lab:
        assert observe(lab, quirk["observe"])
