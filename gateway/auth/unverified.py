"""What a compact token says of itself, before anybody has vouched for it (RFC 7515, section 7.1; RFC 8725)."""

import base64
import binascii
from collections.abc import Container, Mapping

from gateway.auth.base import refused
from gateway.auth.bearer import is_compact
from gateway.auth.strict_json import read_object
from gateway.errors import Unauthenticated

# RFC 8725, sections 3.11 and 3.12: tokens of other kinds (logout+jwt, dpop+jwt) are not access tokens.
KINDS = frozenset(("jwt", "at+jwt", "application/jwt", "application/at+jwt"))
# Extensions we would have to understand, nested or encrypted contents, keys that the token itself brings along.
UNWELCOME = frozenset(("crit", "b64", "cty", "enc", "zip", "jwk", "jku", "x5u", "x5c"))


def read_header(token: bytes) -> Mapping[str, object]:
    """The header of `token`; raises `refused` unless it has the shape of a signed token that asks for nothing odd."""
    if not is_compact(token):
        raise refused("malformed")
    header = _read(token[: token.index(b".")])
    kind = header.get("typ", "JWT")
    if not isinstance(kind, str) or kind.lower() not in KINDS or not UNWELCOME.isdisjoint(header):
        raise refused("malformed")
    if not isinstance(header.get("kid", ""), str):
        raise refused("malformed")
    return header


def allowed_algorithm(header: Mapping[str, object], allowed: Container[str]) -> str:
    """The header's `alg`; raises `refused` unless it is in the allow-list."""
    algorithm = header.get("alg")
    if not isinstance(algorithm, str) or algorithm not in allowed:
        raise refused("algorithm")
    return algorithm


def read_claims(token: bytes) -> Mapping[str, object]:
    """The claims of a compact `token`; raises `refused` when they are no plain object."""
    return _read(token.split(b".")[1])


def claimed_issuer(token: bytes) -> object:
    """The `iss` of `token`, whatever that is; None when there is none to be read."""
    try:
        return read_claims(token).get("iss") if is_compact(token) else None
    except Unauthenticated:
        return None


def decode(segment: bytes) -> bytes:
    """The bytes in a base64url segment; raises `refused` for a spelling that no encoder writes.

    The last character may have spare bits: every token would have several spellings, each with its own cache entry.
    """
    try:
        data = base64.urlsafe_b64decode(segment + b"=" * (-len(segment) % 4))
    except binascii.Error:
        raise refused("malformed") from None
    if base64.urlsafe_b64encode(data).rstrip(b"=") != segment:
        raise refused("malformed")
    return data


def _read(segment: bytes) -> Mapping[str, object]:
    try:
        return read_object(decode(segment))
    except ValueError:
        raise refused("malformed") from None
