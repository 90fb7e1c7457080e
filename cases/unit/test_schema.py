# SPDX-License-Identifier: MIT
"""What is shipped fits the JSON Schemas beside the loader, and the schemas refuse what the loader refuses."""
import functools
import json
from pathlib import Path

import jsonschema
import pytest
import yaml

TOP = Path(__file__).resolve().parents[2]
FILES = [*sorted((TOP / "fakeigd/profiles").glob("*.yaml")), *sorted((TOP / "fakeigd/quirks").glob("*.yaml")),
         *sorted((TOP / "captures").glob("*.profile.yaml"))]


@functools.lru_cache(maxsize=None)
def validator(kind):
    schema = json.loads((TOP / f"fakeigd/{kind}.schema.json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_shipped_file_fits(path):
    kind = "quirk" if path.parent.name == "quirks" else "profile"
    errors = [f"{list(e.absolute_path)}: {e.message}" for e in validator(kind).iter_errors(yaml.safe_load(path.read_text()))]
    assert errors == []


@pytest.mark.parametrize("text", [
    "{services: []}", "{summary: s, sumary: t}", "{summary: s, policy: {lease: {reprot: zero}}}",
    "{summary: s, policy: {lease: {report: never}}}", "{summary: s, policy: {table: {max: 0}}}",
    "{summary: s, messages: {ssdp-replay: x}}", "{summary: s, rules: [{when: {layre: http}, drop: true}]}",
    "{summary: s, rules: [{when: {layer: http}, dorp: true}]}", "{summary: s, rules: [{when: {layer: http}, delay: soon}]}",
    "{summary: s, state: {mappings: [{external_port: 1}]}}", "{summary: s, client: {must: work}}",
])
def test_mistakes_do_not_fit(text):
    assert list(validator("profile").iter_errors(yaml.safe_load(text)))
