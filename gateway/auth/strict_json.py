"""JSON as tokens may use it: one object, UTF-8, every member once, no value that others would read differently.

RFC 7519, section 4 allows to refuse duplicate members; RFC 8725, section 3.7 asks for UTF-8.
"""

import json
from collections.abc import Iterable


def read_object(data: bytes) -> dict[str, object]:
    """The object in `data`; raises ValueError for anything else, however deep or long it is."""
    try:
        value = json.loads(data.decode(), object_pairs_hook=_unique, parse_constant=_refuse)
        # "\ud800" is JSON but not text: no log, header or limiter key could spell it. Writing it shows.
        json.dumps(value, ensure_ascii=False).encode()
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if not isinstance(value, dict):
        raise ValueError("not an object")  # noqa: TRY004 - the data is wrong, not the caller
    return value


def _unique(pairs: Iterable[tuple[str, object]]) -> dict[str, object]:
    members: dict[str, object] = {}
    for name, value in pairs:
        if name in members:
            raise ValueError("duplicate member")
        members[name] = value
    return members


def _refuse(constant: str) -> object:
    raise ValueError(f"{constant} is not JSON")
