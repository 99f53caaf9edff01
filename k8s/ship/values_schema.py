"""`values.schema.json` of the chart: `values.schema.yaml` here, and the gateway's own schema for `config`."""

import copy
import json
from pathlib import Path
from typing import Any

import yaml

from gateway.config import schema
from gateway.config.variables import variables

Node = dict[str, Any]

SOURCE = Path(__file__).with_name("values.schema.yaml")
# A ConfigMap is no place for these: the value of such a header comes out of the Secret.
SECRET_HEADERS = ("authorization", "api-key", "apikey", "token", "secret", "password", "cookie")


def text() -> str:
    """The whole file."""
    with SOURCE.open(encoding="utf-8") as file:
        values: Node = yaml.safe_load(file)
    config = _without_secrets(copy.deepcopy(schema.published()))
    del config["$schema"], config["title"]
    definitions = config.pop("$defs")
    values["$defs"] = {**definitions, **values["$defs"], "Config": config}
    values["$defs"]["SecretVariable"]["enum"] = [name for name, variable in variables().items() if variable.secret]
    return json.dumps(values, indent=2) + "\n"


def _without_secrets(node: Any) -> Any:
    """`node` where a secret can only be a reference: what `config` holds is in a ConfigMap for all to read."""
    if isinstance(node, list):
        return [_without_secrets(item) for item in node if not _is_secret(item)]
    if not isinstance(node, dict):
        return node
    if _is_secret(node):
        return schema.REFERENCE
    named = node.get("patternProperties", {})
    if any(_is_secret(value) for value in named.values()):
        return {**node, "patternProperties": _headers(named)}
    return {key: _without_secrets(value) for key, value in node.items()}


def _headers(named: Node) -> Node:
    plain = {name: {"type": "string"} for name in named}
    return plain | {_any_case(word): schema.REFERENCE for word in SECRET_HEADERS}


def _is_secret(node: Any) -> bool:
    return isinstance(node, dict) and node.get("writeOnly") is True


def _any_case(word: str) -> str:
    return "".join(f"[{letter.upper()}{letter}]" if letter.isalpha() else letter for letter in word)
