"""`auth.type: jwt`: tokens signed with a shared secret (HMAC). PyJWT decides what is true, the cache remembers."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import jwt
from jwt.exceptions import (
    DecodeError,
    InvalidAlgorithmError,
    InvalidAudienceError,
    InvalidIssuerError,
    InvalidJTIError,
    InvalidKeyError,
    InvalidSignatureError,
    MissingRequiredClaimError,
    PyJWTError,
)
from jwt.utils import base64url_decode

from gateway.auth.base import Reason, refused
from gateway.auth.bearer import bearer_token, is_compact
from gateway.auth.claims import identify, is_subject
from gateway.auth.strict_json import read_object
from gateway.auth.token_cache import TokenCache
from gateway.exchange import Identity, Request
from gateway.runtime import Runtime

if TYPE_CHECKING:
    from jwt.types import Options

# RFC 7518, section 3.2: the key is at least as long as the hash.
SHORTEST_SECRET = {"HS256": 32, "HS384": 48, "HS512": 64}

# RFC 8725, sections 3.11 and 3.12: tokens of other kinds (logout+jwt, dpop+jwt) are not access tokens.
KINDS = frozenset(("jwt", "at+jwt", "application/jwt", "application/at+jwt"))
# Extensions we would have to understand, nested or encrypted contents, keys that the token itself brings along.
UNWELCOME = frozenset(("crit", "b64", "cty", "enc", "zip", "jwk", "jku", "x5u", "x5c"))

# PyJWT would ask the real clock; `identify` checks the times against the runtime's, and `sub` closer.
CHECKS: "Options" = {"verify_exp": False, "verify_nbf": False, "verify_iat": False, "verify_sub": False}

WHY: dict[type[PyJWTError], Reason] = {
    InvalidSignatureError: "signature",
    InvalidAlgorithmError: "algorithm",
    InvalidIssuerError: "issuer",
    InvalidAudienceError: "audience",
    InvalidJTIError: "claims",
}
WHY_MISSING: dict[str, Reason] = {"iss": "issuer", "aud": "audience"}

LONGEST_TTL = 10 * 366 * 24 * 3600


class StrictPayload(jwt.PyJWT):
    """PyJWT that refuses duplicate members and the like; it names this method as the one to override."""

    def _decode_payload(self, decoded: dict[str, Any]) -> dict[str, Any]:
        try:
            return read_object(decoded["payload"])
        except ValueError:
            raise DecodeError("payload") from None


class Jwt:
    """Authenticates by a bearer JWT signed with `secret`.

    `algorithms` is an allow-list out of HS256, HS384, HS512; `leeway` is seconds; `cache_size` counts tokens. Without
    an `audience`, a token that is meant for one is refused (RFC 7519, section 4.1.3). Raises ValueError for a secret
    or algorithm that would not be safe.
    """

    def __init__(
        self,
        secret: bytes,
        runtime: Runtime,
        *,
        algorithms: Sequence[str] = ("HS256",),
        issuer: str | None = None,
        audience: str | None = None,
        leeway: float = 30.0,
        cache_size: int = 10_000,
    ) -> None:
        check_secret(secret, algorithms)
        self._secret = secret
        self._algorithms = tuple(algorithms)
        self._issuer = issuer
        self._audience = audience
        self._leeway = leeway
        self._wall = runtime.wall
        self._jwt = StrictPayload()
        self.cache = TokenCache(cache_size, leeway, runtime.wall)

    async def authenticate(self, request: Request) -> Identity:
        """The identity in the request's bearer token; never waits."""
        # A remembered value had its shape checked, and one value is all there is: the wire refuses a repeated field.
        identity = self.cache.recall(request.authorization)
        if identity is not None:
            return identity
        token = bearer_token(request)
        identity = self.cache.recall_token(token)
        if identity is None:
            identity = self.verify(token)
            self.cache.remember(token, identity)
        return identity

    def verify(self, token: bytes) -> Identity:
        """The identity that `token` proves, from first principles and without the cache.

        Raises `refused`, for whatever reason but missing and scheme.
        """
        if not is_compact(token):
            raise refused("malformed")
        check_header(token[: token.index(b".")])
        return identify(self._claims(token), now=self._wall(), leeway=self._leeway)

    def _claims(self, token: bytes) -> dict[str, Any]:
        try:
            return self._jwt.decode(
                token,
                self._secret,
                algorithms=self._algorithms,
                issuer=self._issuer,
                audience=self._audience,
                options=CHECKS,
            )
        except MissingRequiredClaimError as error:
            raise refused(WHY_MISSING.get(error.claim, "claims")) from None
        except PyJWTError as error:
            raise refused(WHY.get(type(error), "malformed")) from None

    def __repr__(self) -> str:
        return f"<Jwt {' '.join(self._algorithms)} {self.cache!r}>"


def check_header(segment: bytes) -> None:
    """Raise `refused` for a header that PyJWT would let pass and should not; `alg` is PyJWT's to judge."""
    try:
        header = read_object(base64url_decode(segment))
    except ValueError:
        raise refused("malformed") from None
    kind = header.get("typ", "JWT")
    if not isinstance(kind, str) or kind.lower() not in KINDS or not UNWELCOME.isdisjoint(header):
        raise refused("malformed")


def check_secret(secret: bytes, algorithms: Sequence[str]) -> None:
    """Raise ValueError, naming key and remedy, unless `secret` is fit for all of `algorithms`."""
    unknown = [algorithm for algorithm in algorithms if algorithm not in SHORTEST_SECRET]
    if unknown or not algorithms:
        raise ValueError(f"jwt.algorithms: {unknown or 'none'} given; allowed are {', '.join(SHORTEST_SECRET)}")
    strictest = max(algorithms, key=SHORTEST_SECRET.__getitem__)
    shortest = SHORTEST_SECRET[strictest]
    if len(secret) < shortest:
        raise ValueError(
            f"jwt.secret: {len(secret)} bytes; {strictest} needs {shortest} or more (RFC 7518, section 3.2); "
            f"make one with: openssl rand -hex {shortest}"
        )
    try:
        jwt.get_algorithm_by_name(strictest).prepare_key(secret)
    except InvalidKeyError:
        raise ValueError(
            "jwt.secret: this is a PEM, SSH or JWK key, which others may know; "
            f"make a random one with: openssl rand -hex {shortest}"
        ) from None


def mint(
    secret: bytes,
    subject: str,
    *,
    now: float,
    ttl: float = 3600.0,
    scopes: Sequence[str] = (),
    issuer: str | None = None,
    audience: str | None = None,
    algorithm: str = "HS256",
) -> str:
    """A token that a `Jwt` with the same secret, issuer and audience accepts from wall-clock `now` for `ttl` seconds.

    Raises ValueError for a secret, subject or ttl that no gateway would accept.
    """
    check_secret(secret, (algorithm,))
    if not is_subject(subject):
        raise ValueError(f"subject: {subject!r} is not 1-256 printable characters")
    if not 1 <= ttl <= LONGEST_TTL:
        raise ValueError(f"ttl: {ttl} is not between one second and ten years")
    claims: dict[str, object] = {"sub": subject, "iat": int(now), "exp": int(now + ttl)}
    optional = {"scope": " ".join(scopes), "iss": issuer, "aud": audience}
    claims.update((name, value) for name, value in optional.items() if value)
    return jwt.encode(claims, secret, algorithm)
