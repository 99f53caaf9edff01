"""From the claims of a verified token to the Identity that travels on; the same for every scheme that has claims."""

import string
from collections.abc import Mapping
from urllib.parse import quote

from gateway.auth.base import refused
from gateway.exchange import Identity

LONGEST_SUBJECT = 256
# A time beyond is no time; below it, float holds every second exactly.
LATEST = 2**53
# What X-Auth-Subject spells as it is; all else, "%" too, is percent-encoded UTF-8, so that decoding is unambiguous.
VISIBLE = (string.ascii_letters + string.digits + string.punctuation).replace("%", "")


def identify(claims: Mapping[str, object], *, now: float, leeway: float) -> Identity:
    """Who `claims` speak for at wall-clock `now`, give or take `leeway` seconds.

    Raises `refused`: expired, not_yet_valid, or claims when `exp` or `sub` is missing or a value has the wrong type.
    """
    expires_at = _time(claims, "exp")
    if expires_at is None:
        raise refused("claims")
    if now >= expires_at + leeway:  # RFC 7519, section 4.1.4: not on or after; TokenCache.recall asks the same
        raise refused("expired")
    for name in ("nbf", "iat"):
        moment = _time(claims, name)
        if moment is not None and moment > now + leeway:
            raise refused("not_yet_valid")
    subject = claims.get("sub")
    if not isinstance(subject, str) or not is_subject(subject):
        raise refused("claims")
    return Identity(
        subject, claims=claims, scopes=_scopes(claims), expires_at=expires_at, headers=subject_line(subject)
    )


def is_subject(text: str) -> bool:
    """Whether `text` can name a caller: 1-256 printable characters, so no control, bidi or zero-width ones."""
    return 0 < len(text) <= LONGEST_SUBJECT and text.isprintable()


def subject_line(subject: str) -> bytes:
    """`X-Auth-Subject: <subject>` with its CRLF; what is not visible ASCII, and "%", as %XX of its UTF-8."""
    return b"X-Auth-Subject: " + quote(subject, safe=VISIBLE).encode() + b"\r\n"


def _time(claims: Mapping[str, object], name: str) -> float | None:
    if name not in claims:
        return None
    value = claims[name]
    # bool is an int to Python, 1e400 is inf, and 10**400 overflows a float: none of them is a NumericDate.
    if isinstance(value, bool) or not isinstance(value, int | float) or not -LATEST < value < LATEST:
        raise refused("claims")
    return float(value)


def _scopes(claims: Mapping[str, object]) -> frozenset[str]:
    """`scope` (RFC 8693, section 4.2), or `scp` as Entra ID and Okta spell it; a string with spaces, or a list."""
    value = claims.get("scope", claims.get("scp", ""))
    names = value.split(" ") if isinstance(value, str) else value
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise refused("claims")
    return frozenset(names) - {""}
