"""What an authentication scheme is: request -> Identity, or `Unauthenticated`."""

from typing import Protocol

from gateway.exchange import ANONYMOUS, Identity, Request


class Authenticator(Protocol):
    """Says who is calling.

    `authenticate` raises `Unauthenticated` with a `WWW-Authenticate` header (RFC 6750, section 3). It runs inside a
    `runtime.Drive`: it may await futures, and what needs a task of its own goes through `Runtime.spawn`.
    """

    async def authenticate(self, request: Request) -> Identity: ...


class Nobody:
    """`auth.type: none` and public services: everyone is anonymous."""

    async def authenticate(self, request: Request) -> Identity:
        return ANONYMOUS
