"""Claims as request headers for the upstream, which nobody can forge or split."""

import string
from collections.abc import Mapping
from urllib.parse import quote

from gateway.auth.base import refused

# A head of many such lines still fits into what upstreams accept (8 KiB for most).
LONGEST_VALUE = 4096
# The comma separates the items of a list and "%" begins a code, so within an item both are encoded.
ITEM = (string.ascii_letters + string.digits + string.punctuation).translate({ord("%"): None, ord(","): None})


def claim_lines(claims: Mapping[str, object], headers: Mapping[str, str]) -> bytes:
    """The lines `<header>: <claim's value>`, each with its CRLF, for the claims that are there.

    Raises `refused` for an object, a nested list, or a value that is too long: leaving it out or cutting it short
    would say something else than the issuer did.
    """
    lines = []
    for header, claim in headers.items():
        value = claims.get(claim)
        if value is None:
            continue
        items = [spell(item) for item in (value if isinstance(value, list) else [value])]
        if None in items:
            raise refused("claims")
        text = ",".join(quote(item, safe=ITEM) for item in items if item is not None)
        if len(text) > LONGEST_VALUE:
            raise refused("claims")
        lines.append(f"{header}: {text}\r\n".encode())
    return b"".join(lines)


def spell(value: object) -> str | None:
    """A scalar claim as text, true, false and numbers as JSON writes them; None for what is no scalar."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    return value if isinstance(value, str) else None
