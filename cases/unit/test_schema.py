# SPDX-License-Identifier: MIT
"""What is shipped fits the JSON Schemas beside the loader, and the schemas refuse what the loader refuses."""
import functools
import json
import subprocess
from pathlib import Path

import jsonschema
import pytest
import yaml

from cases.harness.client import Client, WrongAdapter

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


@functools.lru_cache(maxsize=None)
def flow_validator():
    schema = json.loads((TOP / "sim/flow.schema.json").read_text())
    jsonschema.Draft7Validator.check_schema(schema)
    return jsonschema.Draft7Validator(schema)


FLOWS = [*sorted((TOP / "captures").glob("*.flow.json")), *sorted((TOP / "cases/unit/corpus/recording").glob("*"))]


@pytest.mark.parametrize("path", FLOWS, ids=lambda path: path.name)
def test_flow_fits(path):
    errors = [f"{list(e.absolute_path)}: {e.message}" for e in flow_validator().iter_errors(json.loads(path.read_text()))]
    assert errors == []


@pytest.mark.parametrize("exchange", [
    "{}", '{"protocol": "sope", "request": {"text": ""}}', '{"protocol": "soap"}', '{"protocol": "soap", "replies": []}',
    '{"protocol": "soap", "request": {}}', '{"protocol": "soap", "request": {"text": "", "base64": ""}}',
    '{"protocol": "soap", "request": {"text": "", "from": "here"}}', '{"protocol": "soap", "request": {"text": "", "lines": [0, 1]}}',
    '{"protocol": "soap", "request": {"text": "", "time": "2025-07-28"}}', '{"protocol": "soap", "repplies": []}',
])
def test_mistakes_in_flows_fit_neither(exchange, tmp_path):
    path = tmp_path / "x.flow.json"
    path.write_text(f'{{"igdlab-flow": 1, "exchanges": [\n{exchange}]}}')
    assert list(flow_validator().iter_errors(json.loads(path.read_text())))
    done = subprocess.run([TOP / "build/igdlab", "show", "flow", path], capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.startswith(f"{path}:2: ")


@functools.lru_cache(maxsize=None)
def client_validator():
    schema = json.loads((TOP / "cases/clients/client.schema.json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


@pytest.mark.parametrize("path", sorted((TOP / "cases/clients").glob("*.yaml")), ids=lambda path: path.stem)
def test_adapter_fits(path):
    errors = [f"{list(e.absolute_path)}: {e.message}" for e in client_validator().iter_errors(yaml.safe_load(path.read_text()))]
    assert errors == []


@pytest.mark.parametrize("text", [
    "{run: {add: x}}", "{name: x}", "{name: x, run: {ad: x}}", "{name: x, run: {add: x, start: y}}", "{name: x, run: {list: x}}",
    "{name: x, run: {add: x}, speaks: [upnp]}", "{name: x, run: {add: x}, claims: {maped: {exit: 0}}}", "{name: 5, run: {add: x}}",
    "{name: x, run: {add: x}, claims: {mapped: {stdot: x}}}", "{name: x, run: {add: x}, times: {frist: 1}}",
    "{name: x, run: {add: x}, known: {CP-01: {reason: y}}}", "{name: x, run: {add: x}, kind: daemon}", "{name: x, run: {add: x}, nead: {}}",
])
def test_mistakes_in_adapters_fit_neither(text, tmp_path):
    assert list(client_validator().iter_errors(yaml.safe_load(text)))
    (tmp_path / "x.yaml").write_text(text)
    with pytest.raises(WrongAdapter):
        Client(str(tmp_path / "x.yaml"))
