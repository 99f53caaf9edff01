"""The credential in a request: `Authorization: Bearer <token>` (RFC 6750, section 2.1) or a field of its own.

Everything here looks at bytes only. What passes is at most 8 KiB of a known alphabet, so whatever decodes it later
does bounded work.
"""

import re

from gateway.auth.base import refused
from gateway.exchange import Request

LONGEST_TOKEN = 8192
# The scheme, and room for clients that align the token with spaces; RFC 9110, section 11.4 sets no number.
LONGEST_VALUE = LONGEST_TOKEN + 64

BEARER = re.compile(rb"(?i:bearer)(?![^ ])")
# RFC 9110, section 11.4: auth-scheme 1*SP token68. Possessive: one pass whatever the input.
CREDENTIALS = re.compile(rb"(?i:bearer) ++([A-Za-z0-9._~+/-]++=*+)")
# RFC 7515, section 7.1: compact serialisation, base64url without padding, a signature that is there.
COMPACT = re.compile(rb"[A-Za-z0-9_-]++\.[A-Za-z0-9_-]++\.[A-Za-z0-9_-]++")

CANONICAL = b"Bearer "


def bearer_token(request: Request) -> bytes:
    """The token of `Authorization: Bearer`, at most 8 KiB of b64token.

    Raises `refused`: missing, scheme or malformed. The wire answers a repeated Authorization with 400 before; a
    Request that has two all the same is refused here too, because either could be the one an upstream reads.
    """
    value = request.authorization
    if value is None:
        raise refused("missing")
    if not BEARER.match(value):
        raise refused("scheme")
    if len(value) > LONGEST_VALUE or len(request.values(b"authorization")) > 1:
        raise refused("malformed")
    credentials = CREDENTIALS.fullmatch(value)
    if credentials is None or len(credentials[1]) > LONGEST_TOKEN:
        raise refused("malformed")
    return credentials[1]


def field_value(request: Request, field: bytes) -> bytes | None:
    """The credential in the header `field`, 1 byte to 8 KiB; None without one. Raises `refused`: malformed."""
    values = request.values(field)
    if not values:
        return None
    if len(values) > 1 or not 0 < len(values[0]) <= LONGEST_TOKEN:
        raise refused("malformed")
    return values[0]


def is_compact(token: bytes) -> bool:
    """Whether `token` has the shape of a signed JWT: three non-empty base64url segments (an encrypted one has five)."""
    return COMPACT.fullmatch(token) is not None
