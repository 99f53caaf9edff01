"""What a limiter is: exchange, Identity -> Permit, or `RateLimited`."""

from typing import Protocol

from gateway.exchange import UNLIMITED, Exchange, Identity, Permit


class Limiter(Protocol):
    """Says whether a request may pass now.

    `permit` raises `RateLimited` with `Retry-After` and the limit headers, `rule` naming the rule that refused. It runs
    inside a `runtime.Drive`: it may await futures, and what needs a task of its own goes through `Runtime.spawn`.
    """

    async def permit(self, exchange: Exchange, identity: Identity) -> Permit: ...


class Unlimited:
    """No rule applies: everyone passes."""

    async def permit(self, exchange: Exchange, identity: Identity) -> Permit:
        return UNLIMITED
