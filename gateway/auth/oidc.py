"""`auth.type: oidc`: tokens of an OpenID provider, verified with the keys it publishes. joserfc decides."""

import asyncio
from collections.abc import Iterable, Sequence

from gateway.auth.base import Proof, Scheme, refused
from gateway.auth.claims import Expected
from gateway.auth.issuer import Issuer
from gateway.auth.key_set import Key
from gateway.auth.key_source import KeySource
from gateway.auth.scheme_tools import Tools
from gateway.auth.unverified import allowed_algorithm, claimed_issuer, decode, read_claims, read_header
from gateway.config.tree import Config
from gateway.config.tree import Oidc as Options
from gateway.errors import NoUpstream


class Oidc(Scheme):
    """Proves by a JWT of the issuer that is `expected`, signed with a key in `source` by one of `algorithms`.

    `alone` is false when tokens of other issuers are for another scheme: the unverified issuer alone decides that.
    """

    name = "oidc"

    def __init__(
        self, options: Options, source: KeySource, expected: Expected, tools: Tools, *, alone: bool = True
    ) -> None:
        super().__init__()
        self.options = options
        self.source = source
        self.updates = source.updates
        self._expected = expected
        self._algorithms: Sequence[str] = options.algorithms
        self._wall = tools.runtime.wall
        self._alone = alone

    async def prove(self, token: bytes) -> Proof | None:
        """What `token` proves; waits for the network only when its key is unknown, for 10 s at most."""
        if not self._alone and claimed_issuer(token) != self._expected.issuer:
            return None
        header = read_header(token)
        algorithm = allowed_algorithm(header, self._algorithms)
        claims = read_claims(token)
        if claims.get("iss") != self._expected.issuer:
            raise refused("issuer")  # before its key is looked for: a stranger's `kid` is not worth a fetch
        key = await self._signer(token, header.get("kid"), algorithm)
        identity = self._expected.identify(claims, self._wall())
        return Proof(identity, key, identity.expires_at + self._expected.leeway)

    async def _signer(self, token: bytes, kid: object, algorithm: str) -> Key:
        """The key that signed `token`, looked for once more where another one may have taken its place."""
        if not self.source.keys:
            raise NoUpstream("key set")
        signed, _, segment = token.rpartition(b".")
        signature = decode(segment)
        key = self.source.keys.find(kid, algorithm)
        if key is not None and key.verify(signed, signature, algorithm):
            return key
        # OpenID Connect Core 1.0, section 10.1.1: a new `kid` tells of a new key; where there is none, a new signature.
        fetch = self.source.refetch() if (key is None) != (kid is None) else None
        if fetch is not None:
            await asyncio.shield(fetch)  # the client may leave, others go on waiting
            key = self.source.keys.find(kid, algorithm)
            if key is not None and key.verify(signed, signature, algorithm):
                return key
        raise refused("unknown_key" if key is None else "signature")

    def start(self) -> None:
        """Begin to fetch the key set."""
        self.source.start()

    def close(self) -> None:
        """Stop, unless another scheme has the same source."""
        self.source.close()

    def checks(self) -> Iterable[tuple[bool, str]]:
        """Whether there are keys."""
        return (self.source.check(),)

    def __repr__(self) -> str:
        return f"<Oidc {' '.join(self._algorithms)} {len(self.source.keys)} keys>"


def build(config: Config, tools: Tools) -> Scheme | None:
    """The scheme, where `auth.type` asks for it; ValueError, with key and remedy, if it would not be safe."""
    options = config.oidc
    if config.auth.type not in {"oidc", "both"}:
        return None
    if options.issuer is None or options.audience is None or tools.client is None:
        raise ValueError(f"oidc.issuer and oidc.audience: auth.type is {config.auth.type}, which needs them")
    previous = tools.previous.get(Oidc.name)
    if isinstance(previous, Oidc) and _same_source(previous.options, options):
        source = previous.source  # its keys are here already
    else:
        issuer = Issuer(tools.client, options.issuer, options.jwks_uri)
        source = KeySource(
            issuer.fetch_keys, tools.runtime, refresh_interval=options.refresh_interval, max_stale=options.max_stale
        )
    expected = Expected(options.issuer, options.audience, options.leeway, config.auth.claim_headers)
    return Oidc(options, source, expected, tools, alone=config.auth.type == "oidc")


def _same_source(one: Options, other: Options) -> bool:
    return (one.issuer, one.jwks_uri, one.refresh_interval, one.max_stale) == (
        other.issuer,
        other.jwks_uri,
        other.refresh_interval,
        other.max_stale,
    )
