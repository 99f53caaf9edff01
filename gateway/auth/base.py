"""What an authentication scheme is: a credential -> who it speaks for, or one of a closed set of reasons why not."""

import logging
from abc import ABC, abstractmethod
from collections.abc import Iterable
from functools import lru_cache
from typing import Literal, Protocol, get_args

from gateway.errors import Unauthenticated
from gateway.exchange import ANONYMOUS, Identity, Request

log = logging.getLogger(__name__)

Reason = Literal[
    "missing",  # no credential at all
    "scheme",  # Authorization of another scheme than Bearer
    "malformed",  # not a token: grammar, size, encoding, JSON, a header that asks for more than we do
    "algorithm",  # `alg` is not in the allow-list
    "unknown_key",  # `kid` names no key of the issuer, or an API key that nobody gave out
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

    `authenticate` raises `refused(reason)`, `Forbidden` where a service asks for more, or `NoUpstream` while there is
    no key to verify with, nothing else. It runs inside a `drive.Drive`: it may await futures, and what needs a task
    of its own goes through `Runtime.spawn`. `recall` says it at once by the value of `Authorization`, or None when that
    takes `authenticate`.
    """

    async def authenticate(self, request: Request) -> Identity: ...

    def recall(self, authorization: bytes | None) -> Identity | None: ...


class Nobody:
    """`auth.type: none` and public services: everyone is anonymous."""

    async def authenticate(self, request: Request) -> Identity:
        return ANONYMOUS

    def recall(self, authorization: bytes | None) -> Identity:
        return ANONYMOUS


class Trust:
    """What a proof rests on, such as a key; `holds` turns false for good when that is withdrawn."""

    __slots__ = ("holds",)

    def __init__(self) -> None:
        self.holds = True


class Proof:
    """That a credential speaks for `identity`: before wall-clock `until`, and as long as `trust` holds."""

    __slots__ = ("identity", "trust", "until")

    def __init__(self, identity: Identity, trust: Trust, until: float) -> None:
        self.identity = identity
        self.trust = trust
        self.until = until


class Scheme(ABC):
    """One way to prove who one is; the gate asks each in turn.

    `field` is a request header (lower case) that carries this scheme's credential where there is no Authorization; it
    is never forwarded. `updates` counts, by result, what was learned from outside since the start.
    """

    name = ""
    field: bytes | None = None

    def __init__(self) -> None:
        self.updates: dict[str, int] = {}

    def _count(self, result: str) -> None:
        self.updates[result] = self.updates.get(result, 0) + 1

    @abstractmethod
    async def prove(self, token: bytes) -> Proof | None:
        """What `token`, at most 8 KiB of it, proves; None when it is for another scheme to judge.

        Raises `refused`, or NoUpstream while there is no key to judge it with. May await as an `Authenticator` may.
        """

    def start(self) -> None:  # noqa: B027 - most schemes have nothing in the background
        """Begin whatever goes on in the background."""

    def close(self) -> None:  # noqa: B027
        """End it."""

    def checks(self) -> Iterable[tuple[bool, str]]:
        """For `/ready`: (good, what) of each thing this scheme cannot work without."""
        return ()


def refused(reason: Reason) -> Unauthenticated:
    """The 401 for `reason`, to be raised; its `detail` is exactly `reason`, so that it can be a metric's label."""
    log.debug("refused: %s", reason)
    return Unauthenticated(reason, headers=www_authenticate(CHALLENGE if reason in WITHOUT_TOKEN else INVALID))


@lru_cache(maxsize=1024)
def www_authenticate(challenge: str) -> bytes:
    """The line of a reply that asks for `challenge` (RFC 9110, section 11.6.1)."""
    return f"WWW-Authenticate: {challenge}\r\n".encode("ascii")
