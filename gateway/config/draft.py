"""A configuration while it is being read: what was found so far, and what is wrong with it."""

import re
from collections.abc import Mapping
from typing import Any

from gateway.config import schema
from gateway.config.mistake import KeyPath, Mistake, key_text, shorten
from gateway.config.variables import names_for

_USER_INFO = re.compile(r"//[^/?#@]*@|//[^@]*@")
_KINDS = {dict: "a group of keys", list: "a list", str: "a text", type(None): "nothing"}


class Draft:
    """Values by key, where each came from, and the mistakes.

    `values` is what YAML would give (dict, list, str, int, float, bool, None). `mistaken` holds the paths that have a
    mistake already, so that one cause is reported once.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.environ = environ
        self.values: dict[str, Any] = {}
        self.mistakes: list[Mistake] = []
        self.mistaken: set[KeyPath] = set()
        self.readable = True  # the file, if any, was YAML
        self._written: dict[KeyPath, str] = {}  # the text of the file, where ${...} stood
        self._variables: dict[KeyPath, str] = {}

    def came_from_text(self, path: KeyPath, text: str) -> None:
        """The value at `path` was made from `text`, which is what a mistake shows."""
        self._written[path] = text

    def came_from_variable(self, path: KeyPath, name: str) -> None:
        """The value at `path`, and all below, comes from the environment, whatever the file says."""
        self._variables[path] = name

    def is_from_variable(self, path: KeyPath) -> bool:
        return path in self._variables

    def is_mistaken(self, path: KeyPath) -> bool:
        """Whether the value at `path`, or one around it, has a mistake already."""
        return any(path[:length] in self.mistaken for length in range(1, len(path) + 1))

    def touches_mistake(self, path: KeyPath) -> bool:
        """Whether a mistake is at `path`, around it, or anywhere below."""
        return self.is_mistaken(path) or any(known[: len(path)] == path for known in self.mistaken)

    def wrong(self, path: KeyPath, remedy: str, shown: str) -> None:
        """Note a mistake at `path`; the variables that could set it are named behind the remedy."""
        names = names_for(path)
        hint = f" (or {' or '.join(f'{name}=...' for name in names)})" if names else ""
        origin = self._origin(path)
        self.mistakes.append(Mistake(key_text(path), shown + (f" from {origin}" if origin else ""), remedy + hint))
        self.mistaken.add(path)

    def show(self, path: KeyPath, value: object) -> str:
        """`value` as a mistake at `path` may show it: a scalar where one belongs, its text as written, no secret."""
        node = schema.at(path) or {}
        if node.get("writeOnly"):
            return "***"
        if value in ({}, []):
            return "an empty list" if value == [] else "an empty group"
        if isinstance(value, dict | list) or (node.get("type") in {"object", "array"} and value is not None):
            return _KINDS.get(type(value), "a number, true or false")
        if value is None:
            return "nothing"
        text = self._written.get(path, value)
        return self.show_text(text) if isinstance(text, str) else str(text)

    def show_text(self, text: str) -> str:
        """A text as a mistake may show it, without the user info of a URL."""
        return shorten(repr(_USER_INFO.sub("//***@", text)))

    def unreadable(self, path: str, shown: str, remedy: str) -> None:
        """Note that the file at `path` could not be read, so that nothing is known about the keys in it."""
        self.mistakes.append(Mistake(path, shown, remedy))
        self.readable = False

    def _origin(self, path: KeyPath) -> str | None:
        for length in range(len(path), 0, -1):
            if path[:length] in self._variables:
                return self._variables[path[:length]]
        return None
