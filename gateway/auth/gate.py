"""The way in: whatever credential a request carries is remembered, or shown to one scheme after the other."""

from collections.abc import Iterator, Sequence

from gateway.auth.authorization import authorized
from gateway.auth.base import Authenticator, Nobody, Proof, Scheme, refused
from gateway.auth.bearer import bearer_token, field_value
from gateway.auth.token_cache import TokenCache
from gateway.config.service import Service
from gateway.exchange import Identity, Request
from gateway.runtime import Runtime


class Gate:
    """Authenticates by the first of `schemes` that takes a credential for its own; without any, all are anonymous.

    `cache_size` counts tokens; `hidden` are headers (any case) that no client may send to an upstream.
    """

    def __init__(
        self, schemes: Sequence[Scheme], runtime: Runtime, *, cache_size: int = 10_000, hidden: Sequence[str] = ()
    ) -> None:
        self.schemes = schemes
        self.cache = TokenCache(cache_size, runtime.wall)
        # A remembered value had its shape checked, and one value is all there is: the wire refuses a repeated field.
        self.recall = self.cache.recall
        self._fields = [(scheme.field, scheme) for scheme in schemes if scheme.field is not None]
        self.hidden = (*hidden, *(field.decode() for field, _ in self._fields))

    def authenticator(self, service: Service) -> Authenticator:
        """Who may use `service`: decided for it alone, whatever was decided about the same token elsewhere."""
        if service.auth == "none" or not self.schemes:
            return Nobody()
        return authorized(self, service.scopes, service.claims)

    async def authenticate(self, request: Request) -> Identity:
        """The identity that the request's credential proves."""
        if request.authorization is None:
            for field, scheme in self._fields:
                value = field_value(request, field)
                if value is not None:
                    return (await _prove(value, (scheme,))).identity
        return await self._by_token(bearer_token(request))

    async def _by_token(self, token: bytes) -> Identity:
        identity = self.cache.recall_token(token)
        if identity is None:
            proof = await _prove(token, self.schemes)
            self.cache.remember(token, proof)
            identity = proof.identity
        return identity

    def start(self) -> None:
        """Begin what the schemes do in the background."""
        for scheme in self.schemes:
            scheme.start()

    def close(self) -> None:
        """End what `start` began."""
        for scheme in self.schemes:
            scheme.close()

    def checks(self) -> Iterator[tuple[bool, str]]:
        """For `/ready`: whether every scheme has what it verifies with."""
        for scheme in self.schemes:
            yield from scheme.checks()

    def updates(self) -> Iterator[tuple[tuple[str, str], int]]:
        """((scheme, result), how often) keys were looked for outside, for the metrics."""
        for scheme in self.schemes:
            for result, number in scheme.updates.items():
                yield (scheme.name, result), number

    def __repr__(self) -> str:
        return f"<Gate {' '.join(map(repr, self.schemes))} {self.cache!r}>"


async def _prove(credential: bytes, schemes: Sequence[Scheme]) -> Proof:
    for scheme in schemes:
        proof = await scheme.prove(credential)
        if proof is not None:
            return proof
    raise refused("unknown_key")
