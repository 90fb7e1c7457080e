# SPDX-License-Identifier: MIT
"""What test files of this folder share; each has a fixture "lab" of its own."""
import pytest


@pytest.fixture
def fresh(lab):
    """The lab of the file, its router as after a start."""
    lab.router(op="reset")
    return lab
