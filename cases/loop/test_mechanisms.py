# SPDX-License-Identifier: MIT
"""Every mechanism that quirks are made of, on the wire: mechanisms.yaml, each over the plain router."""
import pathlib

import pytest
import yaml

from cases.harness.lab import Lab
from cases.harness.observe import observe

ROWS = yaml.safe_load((pathlib.Path(__file__).parent / "mechanisms.yaml").read_text())


@pytest.mark.sanitize
@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["name"])
def test_mechanism(row, tmp_path):
    file = tmp_path / "quirk.yaml"
    file.write_text(yaml.safe_dump({"summary": row["name"], "layer": "http", "evidence": "made for this case",
                                    "overlay": row["overlay"]}))
    with Lab("flat", quirks=str(file)) as lab:
        assert observe(lab, row["observe"]) == []
