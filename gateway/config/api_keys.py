"""The file of API keys: a YAML list of {name, sha256, subject, scopes}. The keys themselves are not in it."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Annotated, Any

import yaml
from pydantic import Field, TypeAdapter, ValidationError

from gateway.config.claims import Scope
from gateway.config.kind import Kind
from gateway.config.kinds import Text
from gateway.config.references import read_text_file
from gateway.config.section import Section

MAKE = 'printf %s "$KEY" | sha256sum'
EMPTY = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"  # sha256 of no bytes at all

_SHA256 = re.compile(r"[0-9a-fA-F]{64}")


def read_sha256(value: object) -> bytes:
    """The digest; ValueError says how to make one."""
    if not isinstance(value, str) or not _SHA256.fullmatch(value) or value.lower() == EMPTY:
        raise ValueError(f"the 64 hexadecimal digits of: {MAKE}")
    return bytes.fromhex(value)


Sha256 = Annotated[bytes, Kind(read_sha256, {"type": "string", "pattern": f"^{_SHA256.pattern}$"}, bytes.hex)]
Subject = Annotated[Text, Field(max_length=256)]


class ApiKey(Section):
    """One key: `name` is for operators, `sha256` of the key, and for whom it speaks."""

    name: Text
    sha256: Sha256
    subject: Subject
    scopes: tuple[Scope, ...] = ()


_KEYS = TypeAdapter(tuple[ApiKey, ...])


def read_api_keys(path: str) -> Sequence[ApiKey]:
    """The keys in the file at `path`; ValueError says, without quoting it, what is wrong with it."""
    text = read_text_file(path)
    try:
        values: Any = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506
        keys = _KEYS.validate_python(values)
    except (yaml.YAMLError, RecursionError):
        raise ValueError(f"the file {path!r}, which is not YAML") from None
    except ValidationError as error:
        raise ValueError(f"the file {path!r}: {'; '.join(_faults(error))}") from None
    for name, number in Counter(key.name for key in keys).items():
        if number > 1:
            raise ValueError(f"the file {path!r}: the name {name!r} is there twice")
    if len({key.sha256 for key in keys}) < len(keys):
        raise ValueError(f"the file {path!r}: one key has two names")
    return keys


def _faults(error: ValidationError) -> Iterator[str]:
    for fault in error.errors(include_url=False, include_input=False)[:3]:
        where = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in fault["loc"])
        if not where:
            yield "a list of {name, sha256, subject, scopes}"
        else:
            yield f"{where}: {fault['msg'].removeprefix('Value error, ')}"
