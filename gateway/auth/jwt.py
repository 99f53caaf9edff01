"""`auth.type: jwt`: tokens signed with a shared secret, or with the private half of a key we know. PyJWT decides."""

from collections.abc import Mapping, Sequence

import jwt
from jwt.api_jws import PyJWS
from jwt.exceptions import InvalidKeyError, InvalidSignatureError, PyJWTError

from gateway.auth.base import Proof, Scheme, Trust, refused
from gateway.auth.claims import Expected, is_subject
from gateway.auth.scheme_tools import Tools
from gateway.auth.strict_json import read_object
from gateway.auth.unverified import allowed_algorithm, read_header
from gateway.config.public_key import PublicKey, read_public_keys
from gateway.config.tree import Config

# RFC 7518, section 3.2: the key is at least as long as the hash.
SHORTEST_SECRET = {"HS256": 32, "HS384": 48, "HS512": 64}
LONGEST_TTL = 10 * 366 * 24 * 3600

# A key, and the algorithms it is for.
Key = tuple[bytes | PublicKey, Sequence[str]]


class Jwt(Scheme):
    """Proves by a JWT that one of `keys` signed, with one of `algorithms`, and that says what is `expected`."""

    name = "jwt"

    def __init__(self, keys: Sequence[Key], expected: Expected, tools: Tools, *, algorithms: Sequence[str]) -> None:
        super().__init__()
        self._keys = {
            algorithm: [key for key, its_own in keys if algorithm in its_own] for algorithm in dict.fromkeys(algorithms)
        }
        self._expected = expected
        self._wall = tools.runtime.wall
        self._jws = PyJWS()
        self._trust = Trust()  # holds as long as the process: other keys come with another Jwt

    async def prove(self, token: bytes) -> Proof:
        """What `token` proves; never waits, and takes every token for its own."""
        algorithm = allowed_algorithm(read_header(token), self._keys)
        identity = self._expected.identify(self._signed_claims(token, algorithm), self._wall())
        return Proof(identity, self._trust, identity.expires_at + self._expected.leeway)

    def _signed_claims(self, token: bytes, algorithm: str) -> Mapping[str, object]:
        for key in self._keys[algorithm]:
            try:
                return read_object(self._jws.decode(token, key, algorithms=[algorithm]))
            except InvalidSignatureError:
                continue  # perhaps the previous secret's
            except (PyJWTError, ValueError):
                raise refused("malformed") from None
        raise refused("signature")

    def __repr__(self) -> str:
        return f"<Jwt {' '.join(self._keys)}>"


def build(config: Config, tools: Tools) -> Scheme | None:
    """The scheme, where `auth.type` asks for it; ValueError, with key and remedy, if it would not be safe."""
    if config.auth.type not in {"jwt", "both"}:
        return None
    options = config.jwt
    keys: list[Key] = [*read_public_keys(options.public_key)] if options.public_key is not None else []
    for name, secret in (("secret", options.secret), ("previous_secret", options.previous_secret)):
        if secret is not None:
            # Bytes that an environment held, as they were.
            value = secret.get_secret_value().encode("utf-8", "surrogateescape")
            check_secret(value, options.algorithms, key=f"jwt.{name}")
            keys.append((value, options.algorithms))
    if not keys:
        raise ValueError(
            f"jwt.secret: auth.type is {config.auth.type}, which needs it; set JWT_SECRET or JWT_SECRET_FILE"
        )
    expected = Expected(options.issuer, options.audience, options.leeway, config.auth.claim_headers)
    return Jwt(keys, expected, tools, algorithms=options.algorithms)


def check_secret(secret: bytes, algorithms: Sequence[str], *, key: str = "jwt.secret") -> None:
    """Raise ValueError, naming `key` and remedy, unless `secret` is fit for all of `algorithms`."""
    unknown = [algorithm for algorithm in algorithms if algorithm not in SHORTEST_SECRET]
    if unknown or not algorithms:
        raise ValueError(f"jwt.algorithms: {unknown or 'none'} given; a secret is for {', '.join(SHORTEST_SECRET)}")
    strictest = max(algorithms, key=SHORTEST_SECRET.__getitem__)
    shortest = SHORTEST_SECRET[strictest]
    if len(secret) < shortest:
        raise ValueError(
            f"{key}: {len(secret)} bytes; {strictest} needs {shortest} or more (RFC 7518, section 3.2); "
            f"make one with: openssl rand -hex {shortest}"
        )
    try:
        jwt.get_algorithm_by_name(strictest).prepare_key(secret)
    except InvalidKeyError:
        raise ValueError(
            f"{key}: this is a PEM, SSH or JWK key, which others may know; "
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
    claims: Mapping[str, object] | None = None,
) -> str:
    """A token that a `Jwt` with the same secret, issuer and audience accepts from wall-clock `now` for `ttl` seconds.

    `claims` are others than those that the options make. Raises ValueError for what no gateway would accept.
    """
    check_secret(secret, (algorithm,))
    if not is_subject(subject):
        raise ValueError(f"subject: {subject!r} is not 1-256 printable characters")
    if not 1 <= ttl <= LONGEST_TTL:
        raise ValueError(f"ttl: {ttl} is not between one second and ten years")
    own: dict[str, object] = {"sub": subject, "iat": int(now), "exp": int(now + ttl)}
    optional = {"scope": " ".join(scopes), "iss": issuer, "aud": audience}
    own.update((name, value) for name, value in optional.items() if value)
    taken = own.keys() & (claims or {}).keys()
    if taken:
        raise ValueError(f"claims: {', '.join(sorted(taken))} has an option of its own")
    return jwt.encode({**(claims or {}), **own}, secret, algorithm)
