# SPDX-License-Identifier: MIT
"""Every quirk and profile loads, says where it comes from, and breaks only requirements that exist."""
import functools
import pathlib
import subprocess

import pytest
import yaml

from cases.harness.lab import program
from cases.harness.requirement import Selection, catalogue

TOP = pathlib.Path(__file__).resolve().parents[2]
QUIRKS = sorted((TOP / "fakeigd/quirks").glob("*.yaml"))
PROFILES = sorted((TOP / "fakeigd/profiles").glob("*.yaml"))
CLASSES = {"field", "server-source", "client-workaround", "test-corpus", "recalled", "synthetic"}


@functools.lru_cache(maxsize=None)
def load(path):
    return yaml.safe_load(path.read_text())


@functools.lru_cache(maxsize=None)
def requirements():
    """Sides by requirement id."""
    return {row.id: row.side for row in catalogue().values()}


def check(*argv):
    done = subprocess.run([program("fakeigd"), *argv, "--check"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("path", QUIRKS, ids=lambda p: p.stem)
def test_quirk(path):
    quirk = load(path)
    check("--profile", quirk.get("base", "conformant-igd1"), "--quirk", str(path))
    assert set(quirk) >= {"summary", "layer", "priority", "evidence", "seen-on", "breaks", "naive", "robust",
                          "client", "overlay"}
    assert quirk["overlay"] or "topology" in quirk, "an overlay that changes nothing"
    assert ("observe" in quirk) != ("unobserved" in quirk), "either observe: or the reason in unobserved:"
    assert quirk["evidence"]
    for item in quirk["evidence"]:
        assert item["source"].strip() and item["class"] in CLASSES
    for name in quirk["breaks"]:
        assert requirements().get(name) in ("daemon", "both"), f"{name} is no requirement of a daemon"
    assert len(quirk["breaks"]) == len(set(quirk["breaks"]))


def test_ids_are_given_once():
    """An id is a file or stands in one "also", never in two places."""
    names = [path.stem for path in QUIRKS] + [name for path in QUIRKS for name in load(path).get("also", [])]
    assert sorted(set(names)) == sorted(names)


@pytest.mark.parametrize("path", PROFILES, ids=lambda p: p.stem)
def test_profile(path):
    profile = load(path)
    check("--profile", str(path))
    if "conforms" in profile:  # made, not seen: the loader lets it have no evidence
        assert profile["assumed"], "says that it was not seen"
        Selection(" ".join(profile["conforms"]))
        return
    evidence = profile["evidence"] if isinstance(profile["evidence"], list) else [profile["evidence"]]
    assert evidence and all(item if isinstance(item, str) else item["source"] for item in evidence)
