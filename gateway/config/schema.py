"""The JSON Schema of the configuration file, and how to find a key's place in it."""

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from gateway.config.tree import Config

Node = dict[str, Any]
KeyPath = tuple[str | int, ...]

REFERENCE = {"$ref": "#/$defs/Reference"}
_REFERENCE_NODE = {
    "description": "${env:NAME} or ${file:PATH}, read when the gateway starts",
    "type": "string",
    "pattern": r"\$\{(env|file):[^{}]+\}",
}
# What a text with a reference in it would not match as it is.
_SCALAR = frozenset(("anyOf", "enum", "const", "pattern"))
_UNLIKE_TEXT = frozenset(("integer", "boolean"))


class _Spelled(GenerateJsonSchema):
    """Shows a default as one would write it: 10s instead of 10.0."""

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        node = super().default_schema(schema)
        spelled = schema["schema"].get("serialization", {})
        if "default" in schema and spelled.get("type") == "function-plain":
            default = schema["default"]
            node["default"] = default if isinstance(default, str) else spelled["function"](default)
        return node


@cache
def structure() -> Node:
    """The schema with the keywords of `Kind` in it; callers do not change it."""
    return Config.model_json_schema(schema_generator=_Spelled)


def published() -> Node:
    """What `ai-api-gateway schema` prints: any scalar may also be a text with `${env:NAME}` or `${file:PATH}` in it."""
    schema: Node = _publish(structure())
    schema["$defs"]["Reference"] = dict(_REFERENCE_NODE)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": "AI API Gateway"}


def _publish(node: Node) -> Node:
    shown = _plain(node)
    for keyword in ("$defs", "properties", "patternProperties"):
        if keyword in shown:
            shown[keyword] = {key: _publish(value) for key, value in shown[keyword].items()}
    if "items" in shown:
        shown["items"] = _publish(shown["items"])
    if "patternProperties" in shown:
        shown["additionalProperties"] = False
    return _or_reference(shown) if _SCALAR.intersection(shown) or shown.get("type") in _UNLIKE_TEXT else shown


def _plain(node: Node) -> Node:
    return {key: value for key, value in node.items() if key not in {"x-type", "title"}}


def _or_reference(node: Node) -> Node:
    about: Node = {key: node.pop(key) for key in ("default", "description") if key in node}
    choices = [_plain(choice) for choice in node.pop("anyOf", None) or [node]]
    return {"anyOf": [*choices, REFERENCE], **about}


def at(path: Iterable[str | int]) -> Node | None:
    """The declaration of what is at `path`, references followed and null set aside; None if nothing may be there."""
    node: Node | None = structure()
    for step in path:
        if node is None:
            return None
        node = _follow(_child(node, step))
    return node


def _child(node: Node, step: str | int) -> Node | None:
    if isinstance(step, int):
        items: Node | None = node.get("items")
        return items
    if step in node.get("properties", {}):
        child: Node = node["properties"][step]
        return child
    for pattern in node.get("patternProperties", {}).values():
        return dict(pattern)
    return None


def _follow(node: Node | None) -> Node | None:
    if node is None:
        return None
    if "$ref" in node:
        definition: Node = structure()["$defs"][node["$ref"].rpartition("/")[2]]
        return {**definition, **{key: value for key, value in node.items() if key != "$ref"}}
    choices = [choice for choice in node.get("anyOf", ()) if choice.get("type") != "null"]
    if len(choices) == 1:
        return {**choices[0], **{key: value for key, value in node.items() if key != "anyOf"}}
    return node


def keys_at(path: Iterable[str | int]) -> Mapping[str, Node]:
    """The keys that a group of options at `path` may have; none where there is no group."""
    keys: Mapping[str, Node] = (at(path) or {}).get("properties", {})
    return keys
