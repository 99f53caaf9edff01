"""YAML text -> plain values, by YAML 1.2's core rules: `on` is text, 1:30 is text, and no key may come twice.

PyYAML follows YAML 1.1, where these are True and 90. So only its scanner, parser and composer are used; the values are
made here, each with its key path at hand.
"""

import re
from typing import Any

import yaml

from gateway.config.mistake import KeyPath, key_text

MOST_VALUES = 100_000  # aliases multiply: "a billion laughs" fits into a few lines

_TAG = "tag:yaml.org,2002:"
PLAIN = f"{_TAG}plain"
_CONSTANTS = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_INT = re.compile(r"[-+]?(0|[1-9][0-9]{0,17})")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|(0|[1-9][0-9]{0,17})(\.[0-9]*)?)([eE][-+]?[0-9]{1,3})?")
_QUOTED = re.compile(r"""(['"])(.*?)\1""")


class NotYaml(Exception):
    """The text cannot be read; `where` is the place in it, the message says why without quoting it."""

    def __init__(self, where: str, why: str) -> None:
        super().__init__(why)
        self.where = where


def parse(text: str) -> tuple[dict[str, Any], list[tuple[KeyPath, int]]]:
    """The values, and the keys that occur a second time with the line where they do; raises NotYaml."""
    builder = _Builder()
    try:
        node = _Loader(text).get_single_node()
        values = builder.value(node, ()) if node is not None else {}
    except yaml.MarkedYAMLError as error:
        raise _unreadable(error) from None
    except yaml.reader.ReaderError as error:
        raise NotYaml(f"a character at position {error.position}", "YAML allows no control characters") from None
    except RecursionError:
        raise NotYaml("a text nested too deeply", "a configuration has a few levels") from None
    if values is None:
        return {}, []
    if not isinstance(values, dict):
        raise NotYaml("a text without keys", "the file is a group of keys such as `server:` and `services:`")
    return values, builder.repeated


class _Loader(yaml.SafeLoader):
    """Resolves nothing: what a plain scalar means is `_plain`'s business."""

    def resolve(self, kind: type[yaml.Node], value: Any, implicit: Any) -> str:
        if kind is yaml.ScalarNode and implicit[0]:
            return PLAIN
        return _TAG + {"MappingNode": "map", "SequenceNode": "seq"}.get(kind.__name__, "str")


class _Builder:
    def __init__(self) -> None:
        self.repeated: list[tuple[KeyPath, int]] = []
        self._count = 0

    def value(self, node: yaml.Node, path: KeyPath) -> Any:
        self._count += 1
        if self._count > MOST_VALUES:
            raise NotYaml(f"more than {MOST_VALUES} values", "perhaps aliases that multiply")
        if isinstance(node, yaml.MappingNode) and node.tag == f"{_TAG}map":
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode) and node.tag == f"{_TAG}seq":
            return [self.value(item, (*path, index)) for index, item in enumerate(node.value)]
        if isinstance(node, yaml.ScalarNode) and node.tag == f"{_TAG}str":
            return node.value
        if isinstance(node, yaml.ScalarNode) and node.tag == PLAIN:
            return _plain(node.value)
        raise NotYaml(_place(node.start_mark), f"a tag at {key_text(path)}; write the value without `!`")

    def _mapping(self, node: yaml.MappingNode, path: KeyPath) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise NotYaml(_place(key.start_mark), "a key is a plain text")
            below = (*path, key.value)
            if key.value in values:
                self.repeated.append((below, key.start_mark.line + 1))
            values[key.value] = self.value(value, below)
        return values


def _plain(text: str) -> Any:
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    if _INT.fullmatch(text):
        return int(text)
    return float(text) if _FLOAT.fullmatch(text) else text


def _place(mark: yaml.Mark | None) -> str:
    return f"line {mark.line + 1}, column {mark.column + 1}" if mark else "the text"


def _unreadable(error: yaml.MarkedYAMLError) -> NotYaml:
    problem = error.problem or "not YAML"
    # What PyYAML quotes may be a part of a secret: *alias, !tag, &anchor.
    names = _QUOTED.sub(lambda quoted: quoted[0] if len(quoted[2]) < 2 or quoted[2][0] == "<" else "a name", problem)
    return NotYaml(_place(error.problem_mark or error.context_mark), f"{names}; quote texts that begin with a sign")
