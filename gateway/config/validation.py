"""Values -> Config by pydantic, with every error turned into a mistake that says what is allowed."""

import copy
import difflib
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from gateway.config import schema
from gateway.config.draft import Draft
from gateway.config.mistake import KeyPath, key_text
from gateway.config.tree import Config

ALLOWED = {
    "dict_type": "a group of keys",
    "tuple_type": "a list",
    "too_short": "a list of at least one",
}


def validate(draft: Draft) -> Config:
    """The Config that the draft's sound values make; what had to be left out is noted as mistakes."""
    values = draft.values
    config, errors = _attempt(values)
    for error in errors:
        _note(draft, error)
    while config is None:
        values = _without(values, [_path(error) for error in errors])
        config, errors = _attempt(values)  # what is still wrong follows from what was left out
    return config


def _attempt(values: dict[str, Any]) -> tuple[Config | None, list[ErrorDetails]]:
    try:
        return Config.model_validate(values), []
    except ValidationError as error:
        return None, error.errors(include_url=False)


def _path(error: ErrorDetails) -> KeyPath:
    return tuple(step for step in error["loc"] if step != "[key]")


def _note(draft: Draft, error: ErrorDetails) -> None:
    path = _path(error)
    if draft.touches_mistake(path):  # pydantic speaks of a list's items before the list they leave too short
        return
    if error["type"] == "extra_forbidden":
        shown = "an unknown key"
    elif error["type"] == "missing":
        shown = "nothing"
    else:
        shown = repr(error["input"]) if error["loc"][-1] == "[key]" else draft.show(path, error["input"])
    draft.wrong(path, _remedy(path, error), shown)


def _remedy(path: KeyPath, error: ErrorDetails) -> str:
    kind = error["type"]
    if kind == "value_error":
        return str(error["ctx"]["error"])
    node = schema.at(path) or {}
    if kind == "literal_error":
        return " or ".join(node.get("enum") or [node.get("const", "")])
    if kind == "extra_forbidden":
        return _meant(path)
    if kind == "model_type":
        return f"a group of keys out of {', '.join(schema.keys_at(path))}"
    if kind == "missing":
        return f"needed: {node.get('description', 'a list')}"
    return ALLOWED.get(kind, error["msg"])


def _meant(path: KeyPath) -> str:
    key, siblings = str(path[-1]), schema.keys_at(path[:-1])
    close = [key_text((*path[:-1], known)) for known in difflib.get_close_matches(key, siblings, 1)]
    elsewhere = [f"{section}.{key}" for section in schema.keys_at(()) if key in schema.keys_at((section,))]
    if close or elsewhere:
        return f"did you mean {' or '.join(close or elsewhere)}?"
    return f"known here are {', '.join(siblings)}"


def _without(values: dict[str, Any], paths: list[KeyPath]) -> dict[str, Any]:
    """A copy without what is at `paths`; where there is nothing, without what should have held it."""
    pruned = copy.deepcopy(values)
    present = {_present(values, path) for path in paths}
    for *above, last in sorted(present, reverse=True):  # what is below first, lists from their ends
        holder: Any = pruned
        for step in above:
            holder = holder[step]
        del holder[last]
    return pruned


def _present(values: dict[str, Any], path: KeyPath) -> KeyPath:
    here: Any = values
    for depth, step in enumerate(path):
        if step not in (here if isinstance(here, dict) else range(len(here) if isinstance(here, list) else 0)):
            return path[:depth]
        here = here[step]
    return path
