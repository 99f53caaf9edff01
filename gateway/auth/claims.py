"""From the claims of a verified token to the Identity that travels on; the same for every scheme that has claims."""

import string
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote

from gateway.auth.base import refused
from gateway.auth.claim_headers import claim_lines
from gateway.exchange import Identity

LONGEST_SUBJECT = 256
# A time beyond is no time; below it, float holds every second exactly.
LATEST = 2**53
# What X-Auth-Subject spells as it is; all else, "%" too, is percent-encoded UTF-8, so that decoding is unambiguous.
VISIBLE = (string.ascii_letters + string.digits + string.punctuation).replace("%", "")


@dataclass(frozen=True, slots=True)
class Expected:
    """What a token must say to be believed: who issued it (None = anybody), and for whom.

    Without an `audience`, a token that is meant for one is refused (RFC 7519, section 4.1.3). `leeway` is seconds;
    `claim_headers` names the claim that each header passes on.
    """

    issuer: str | None = None
    audience: str | None = None
    leeway: float = 30.0
    claim_headers: Mapping[str, str] = field(default_factory=dict)

    def identify(self, claims: Mapping[str, object], now: float) -> Identity:
        """Who `claims` speak for at wall-clock `now`.

        Raises `refused`: issuer, audience, expired, not_yet_valid, or claims when `exp` or `sub` is missing or a value
        has the wrong type.
        """
        if self.issuer is not None and claims.get("iss") != self.issuer:
            raise refused("issuer")
        if not self._is_for_us(claims):
            raise refused("audience")
        expires_at = _check_times(claims, now, self.leeway)
        subject = claims.get("sub")
        if not isinstance(subject, str) or not is_subject(subject):
            raise refused("claims")
        headers = subject_line(subject) + claim_lines(claims, self.claim_headers)
        return Identity(subject, claims=claims, scopes=_scopes(claims), expires_at=expires_at, headers=headers)

    def _is_for_us(self, claims: Mapping[str, object]) -> bool:
        audience = claims.get("aud")
        if self.audience is None:
            return "aud" not in claims
        if isinstance(audience, list):
            return self.audience in audience and all(isinstance(name, str) for name in audience)
        return audience == self.audience


def _check_times(claims: Mapping[str, object], now: float, leeway: float) -> float:
    expires_at = _time(claims, "exp")
    if expires_at is None:
        raise refused("claims")
    if now >= expires_at + leeway:  # RFC 7519, section 4.1.4: not on or after; TokenCache.recall asks the same
        raise refused("expired")
    for name in ("nbf", "iat"):
        moment = _time(claims, name)
        if moment is not None and moment > now + leeway:
            raise refused("not_yet_valid")
    return expires_at


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
