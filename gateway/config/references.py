"""`${env:NAME}` and `${file:PATH}` in the texts of the file; `$${` is a plain `${`."""

import re
from collections.abc import Mapping
from typing import Any

from gateway.config.draft import Draft
from gateway.config.mistake import KeyPath

LARGEST_FILE = 1 << 20
FORMS = "${env:NAME} or ${file:PATH}; $${ is a plain ${"

_REFERENCE = re.compile(r"\$\$\{|\$\{([^{}]*)(\}?)")


def resolve(draft: Draft) -> None:
    """Replace every reference in the draft's values; those that cannot be are mistakes, and stay as written."""
    draft.values = _resolved(draft, draft.values, ())


def _resolved(draft: Draft, value: Any, path: KeyPath) -> Any:
    if draft.is_from_variable(path):
        return value
    if isinstance(value, dict):
        return {key: _resolved(draft, below, (*path, key)) for key, below in value.items()}
    if isinstance(value, list):
        return [_resolved(draft, below, (*path, index)) for index, below in enumerate(value)]
    if not isinstance(value, str) or "${" not in value:
        return value
    draft.came_from_text(path, value)
    try:
        return _REFERENCE.sub(lambda match: _read(match, draft.environ), value)
    except ValueError as error:
        draft.wrong(path, str(error), draft.show(path, value))
        return value


def _read(match: re.Match[str], environ: Mapping[str, str]) -> str:
    if match[0] == "$${":
        return "${"
    source, _, name = match[1].partition(":")
    if not match[2] or source not in {"env", "file"} or not name:
        raise ValueError(FORMS)
    if source == "file":
        return read_text_file(name)
    if name not in environ:
        raise ValueError(f"the environment variable {name}, which is not set")
    return environ[name]


def read_text_file(path: str) -> str:
    """The text of a small UTF-8 file without its trailing newline; ValueError says why it cannot be read."""
    try:
        with open(path, "rb") as file:
            data = file.read(LARGEST_FILE + 1)
        text = data.decode("utf-8")
    except OSError as error:
        raise ValueError(f"the file {path!r}, which cannot be read: {error.strerror or error}") from None
    except ValueError:
        raise ValueError(f"the file {path!r}, which is not UTF-8 text") from None
    if len(data) > LARGEST_FILE:
        raise ValueError(f"the file {path!r}, which is larger than 1 MiB")
    return text.removesuffix("\n").removesuffix("\r")
