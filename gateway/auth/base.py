"""What an authentication scheme is: request -> Identity, or `Unauthenticated` with one of a closed set of reasons."""

from typing import Literal, Protocol, get_args

from gateway.errors import Unauthenticated
from gateway.exchange import ANONYMOUS, Identity, Request

Reason = Literal[
    "missing",  # no Authorization at all
    "scheme",  # Authorization of another scheme than Bearer
    "malformed",  # not a token: grammar, size, encoding, JSON, a header that asks for more than we do
    "algorithm",  # `alg` is not in the allow-list
    "signature",
    "expired",
    "not_yet_valid",  # `nbf` or `iat` in the future
    "issuer",
    "audience",
    "claims",  # a claim is missing, of the wrong type, or unfit to be passed on
]
REASONS: tuple[Reason, ...] = get_args(Reason)

CHALLENGE = 'Bearer realm="ai-api-gateway"'
# One wording for all: which check failed is for our metrics, not for whoever is guessing (RFC 6750, section 3.1).
INVALID = f'{CHALLENGE}, error="invalid_token", error_description="The access token is invalid or expired"'
# RFC 6750, section 3.1: no error code for a request that brought no bearer token at all.
WITHOUT_TOKEN: frozenset[Reason] = frozenset(("missing", "scheme"))


class Authenticator(Protocol):
    """Says who is calling.

    `authenticate` raises `refused(reason)`, nothing else. It runs inside a `runtime.Drive`: it may await futures, and
    what needs a task of its own goes through `Runtime.spawn`.
    """

    async def authenticate(self, request: Request) -> Identity: ...


class Nobody:
    """`auth.type: none` and public services: everyone is anonymous."""

    async def authenticate(self, request: Request) -> Identity:
        return ANONYMOUS


def refused(reason: Reason) -> Unauthenticated:
    """The 401 for `reason`, to be raised; its `detail` is exactly `reason`, so that it can be a metric's label."""
    challenge = CHALLENGE if reason in WITHOUT_TOKEN else INVALID
    return Unauthenticated(reason, headers=(("WWW-Authenticate", challenge),))
