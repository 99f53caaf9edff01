"""What does a request target name? Raw bytes are kept, double meanings are refused (RFC 9112, section 3.2)."""

import re

from gateway.errors import BadRequest
from gateway.wire.grammar import HOST

PREFIX = b"/v1/"

ABSOLUTE = re.compile(rb"https?://([^/?#]+)(.*)", re.IGNORECASE)
SERVICE = re.compile(rb"([A-Za-z0-9][A-Za-z0-9_-]{0,62})(?=[/?]|\Z)")

# In a path: dot segments, plain or encoded, also with parameters (`..;x`); backslashes; encoded control bytes.
TWO_MEANINGS = re.compile(
    rb"/(?:\.|%2e){1,2}(?:[/;]|%2f|%5c|\Z)|%2f(?:\.|%2e){1,2}(?:[/;]|%2f|%5c|\Z)|\\|%5c|%[01][0-9a-f]|%7f",
    re.IGNORECASE,
)


def split_authority(target: bytes) -> tuple[bytes | None, bytes]:
    """The authority of an absolute-form target (None for any other form), and the rest in origin-form."""
    if target.startswith(b"/"):
        return None, target
    match = ABSOLUTE.fullmatch(target)
    if match is None or not HOST.fullmatch(match[1]):
        raise BadRequest("target")
    rest = match[2]
    return match[1], rest if rest.startswith(b"/") else b"/" + rest


def split_service(target: bytes) -> tuple[str, bytes]:
    """The service and the rest of `/v1/{service}/{rest}`; ("", b"") for a target of any other shape.

    Raises BadRequest for a path that two readers could take for two different resources.
    """
    path = target.partition(b"?")[0]
    if b"#" in target or TWO_MEANINGS.search(path):
        raise BadRequest("ambiguous target")
    if not path.startswith(PREFIX):
        return "", b""
    if path.startswith(b"/v1//"):
        raise BadRequest("ambiguous target")
    match = SERVICE.match(target, len(PREFIX))
    if match is None:
        return "", b""
    return match[1].decode("ascii"), target[match.end() :]
