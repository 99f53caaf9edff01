"""The names of environment variables: SECTION_KEY for every scalar or list `section.key`, and UPSTREAMS."""

from functools import cache
from typing import NamedTuple

from gateway.config import schema
from gateway.config.mistake import KeyPath

UPSTREAMS = "UPSTREAMS"
FILE = "_FILE"


class Variable(NamedTuple):
    """What a variable sets; `secret` ones also come as a path, in the variable with _FILE behind its name."""

    path: tuple[str, str]
    is_list: bool
    secret: bool


@cache
def variables() -> dict[str, Variable]:
    """Every variable by name, in the order of the tree; callers do not change it."""
    found: dict[str, Variable] = {}
    for section in schema.keys_at(()):
        for key in schema.keys_at((section,)):
            node = schema.at((section, key)) or {}
            if node.get("type") == "object" or "$ref" in node.get("items", {}):
                continue
            variable = Variable((section, key), node.get("type") == "array", bool(node.get("writeOnly")))
            found[f"{section}_{key}".upper()] = variable
    return found


def names_for(path: KeyPath) -> list[str]:
    """The variables that could set what is at `path`; none for most of `services`."""
    if path == ("services",):
        return [UPSTREAMS]
    for name, variable in variables().items():
        if path[:2] == variable.path:
            return [name, name + FILE] if variable.secret else [name]
    return []
