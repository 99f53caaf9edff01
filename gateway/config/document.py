"""`python -m gateway.config.document [FILE]`: the table of all options, printed, or put between FILE's markers."""

import sys
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from gateway.config import schema
from gateway.config.mistake import KeyPath, key_text
from gateway.config.schema import Node
from gateway.config.variables import UPSTREAMS, names_for

BEGIN = "<!-- options: made by python -m gateway.config.document docs/configuration.md -->\n"
END = "<!-- end of options -->\n"
HEAD = "| key | variable | type | default | meaning |\n| --- | --- | --- | --- | --- |\n"


class Row(NamedTuple):
    """One option."""

    key: str
    variables: Sequence[str]
    type: str
    default: str
    meaning: str

    def __str__(self) -> str:
        variables = ", ".join(f"`{name}`" for name in self.variables)
        return f"| `{self.key}` | {variables} | {self.type} | {self.default} | {self.meaning} |"


def table() -> str:
    """Markdown: a section for each group of options, with its table."""
    parts = []
    for section in schema.keys_at(()):
        node = schema.at((section,)) or {}
        rows = "\n".join(str(row) for row in _rows((section,)))
        parts.append(f"\n### `{section}`\n\n{_sentence(node['description'])}\n\n{HEAD}{rows}\n")
    return "".join(parts) + "\n"


def updated(document: str) -> str:
    """`document` with the table of today between its markers; ValueError when it has none."""
    before, begin, rest = document.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"no markers: {BEGIN.strip()} ... {END.strip()}")
    return before + BEGIN + table() + END + after


def _rows(path: KeyPath) -> Iterator[Row]:
    node = schema.at(path) or {}
    items = node.get("items")
    if "properties" in node:
        for key in node["properties"]:
            yield from _rows((*path, key))
    elif path == ("services",):
        yield from _rows((*path, "<name>"))
    elif items and "$ref" in items:
        yield from _rows((*path, 0))
    else:
        variables = [UPSTREAMS] if "upstreams" in path else names_for(path)
        yield Row(_shown_key(path), variables, _type(node), _default(path, node), node["description"])


def _shown_key(path: KeyPath) -> str:
    return key_text(path).replace("'<name>'", "<name>").replace("[0]", "[]")


def _type(node: Node) -> str:
    if "items" in node:
        return f"list of {_type(node['items'])}"
    if "patternProperties" in node:
        [below] = node["patternProperties"].values()
        return "lists of texts by name" if "items" in below else "texts by name"
    choices = node.get("enum") or ([node["const"]] if "const" in node else None)
    if choices:
        return " or ".join(f"`{choice}`" for choice in choices)
    return str(node.get("x-type", "header name"))


def _default(path: KeyPath, node: Node) -> str:
    parent = schema.at(path[:-1]) or {}
    if path[-1] in parent.get("required", ()):
        return "needed"
    default = node.get("default", {})
    if default is None:
        return "none"
    if isinstance(default, bool):
        return f"`{str(default).lower()}`"
    return f"`{', '.join(map(str, default))}`" if isinstance(default, list) and default else f"`{default}`"


def _sentence(text: str) -> str:
    return text[0].upper() + text[1:].rstrip(".") + "."


def main(arguments: Sequence[str]) -> int:
    """Print the table, or put it into the file named."""
    if not arguments:
        sys.stdout.write(table())
        return 0
    with open(arguments[0], encoding="utf-8") as file:
        document = updated(file.read())
    with open(arguments[0], "w", encoding="utf-8") as file:
        file.write(document)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
