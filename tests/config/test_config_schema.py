"""The JSON Schema of the file."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from gateway.config import schema
from gateway.config.tree import Config


def nodes(node: Any) -> Iterator[dict[str, Any]]:
    if isinstance(node, dict):
        yield node
        node = list(node.values())
    if isinstance(node, list):
        for below in node:
            yield from nodes(below)


def allows(node: dict[str, Any], value: object) -> bool:
    """Whether a scalar schema allows `value`: the few keywords that are used here."""
    if "$ref" in node:
        return allows(schema.published()["$defs"][node["$ref"].rpartition("/")[2]], value)
    if "anyOf" in node:
        return any(allows(choice, value) for choice in node["anyOf"])
    if "const" in node or "enum" in node:
        return value in node.get("enum", [node.get("const")])
    kinds = {"string": str, "integer": int, "number": (int, float), "boolean": bool, "null": type(None)}
    if not isinstance(value, kinds[node["type"]]) or (isinstance(value, bool) and node["type"] != "boolean"):
        return False
    if isinstance(value, str):
        return re.search(node.get("pattern", ""), value) is not None and len(value) >= node.get("minLength", 0)
    return node.get("minimum", value) <= value <= node.get("maximum", value) if value is not None else True


def option(section: str, key: str) -> dict[str, Any]:
    node: dict[str, Any] = schema.published()["$defs"][section]["properties"][key]
    return node


def test_the_schema_is_json_and_its_references_lead_somewhere() -> None:
    published = json.loads(json.dumps(schema.published()))
    for node in nodes(published):
        if isinstance(reference := node.get("$ref"), str):
            assert reference.rpartition("/")[2] in published["$defs"]


def test_every_key_is_described_and_unknown_ones_are_not_allowed() -> None:
    published = schema.published()
    for group in [published, *published["$defs"].values()]:
        for key, node in group.get("properties", {}).items():
            assert "$ref" in node or key == "upstreams" or node["description"], key
        assert group.get("type") != "object" or group["additionalProperties"] is False


@pytest.mark.parametrize(
    ("section", "key", "good", "bad"),
    [
        ("Server", "port", [8080, "${env:PORT}"], [-1, 70000, "x", None, True]),
        ("Admin", "port", [None, 9090], ["9090"]),
        ("Server", "header_timeout", [10, 0.5, "250ms", "10s", "5m", "1.5h", "${env:T}"], ["1 s", "1d", -1, True]),
        ("Server", "max_body_size", [0, "64KiB", "100MiB", "2GiB"], ["1MB", "1s"]),
        ("RateLimit", "refill_rate", [10, "10/s", "600/min", "1000/h"], ["10/m", "10s"]),
        ("RateLimit", "key", ["client", "${file:/k}"], ["nobody"]),
        ("Log", "access", [True, "${env:ACCESS}"], ["on", 1]),
        ("Jwt", "secret", [None, "x", "${file:/run/secrets/jwt}"], [5]),
        ("UpstreamEntry", "url", ["http://a", "https://a", "${env:URL}"], ["ftp://a", 5]),
    ],
)
def test_what_the_schema_allows(section: str, key: str, good: list[object], bad: list[object]) -> None:
    node = option(section, key)
    assert [value for value in good if not allows(node, value)] == []
    assert [value for value in bad if allows(node, value)] == []


def test_defaults_are_spelled_as_in_the_file_and_allowed() -> None:
    assert option("Server", "keepalive_timeout")["default"] == "75s"
    assert option("Server", "max_body_size")["default"] == "100MiB"
    assert option("RateLimit", "refill_rate")["default"] == "10/s"
    for section in schema.published()["$defs"].values():
        for key, node in section.get("properties", {}).items():
            if "default" in node and node.get("type") != "array":
                assert allows(node, node["default"]), key


def test_a_dump_of_a_config_reads_back() -> None:
    values = {"ratelimit": {"refill_rate": "7/min"}, "services": {"llm": {"upstreams": [{"url": "http://a"}]}}}
    config = Config.model_validate(values)
    assert Config.model_validate(config.model_dump(mode="json")) == config


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        (("server", "port"), "0 to 65535"),
        (("admin", "port"), "0 to 65535"),
        (("server", "trusted_proxies", 2), "CIDR"),
        (("services", "any", "upstreams", 0, "url"), "URL"),
        (("services", "any", "request_headers", "set", "X"), "secret"),
        (("nothing",), None),
        (("server", "port", "below"), None),
        (("server", 0), None),
    ],
)
def test_a_key_path_leads_to_its_declaration(path: tuple[str | int, ...], kind: str | None) -> None:
    assert (schema.at(path) or {}).get("x-type") == kind
