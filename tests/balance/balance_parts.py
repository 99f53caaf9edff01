"""What the tests of this room share: upstreams, requests, and a clock that moves by hand."""

import random
from collections.abc import Sequence

from gateway.balance.base import Options, Strategy
from gateway.balance.registry import build
from gateway.balance.upstream import Upstream
from gateway.errors import GatewayError
from gateway.exchange import Exchange, Identity, Request
from gateway.runtime import Runtime


class Nowhere:
    def refuse(self, exchange: Exchange, error: GatewayError) -> None: ...
    def invite_body(self) -> None: ...


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self, now: float = 1000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def new_exchange(subject: str = "", client: str = "192.0.2.1", **fields: str) -> Exchange:
    """A request from `subject`, with header fields (`x_session` is X-Session)."""
    request = Request()
    request.fields = [(name.replace("_", "-").encode(), value.encode()) for name, value in fields.items()]
    exchange = Exchange(request, Nowhere(), client, b"", 0)
    exchange.identity = Identity(subject)
    return exchange


def upstreams_of(weights: Sequence[int]) -> list[Upstream]:
    return [Upstream(f"http://10.0.0.1:{8000 + place}", weight) for place, weight in enumerate(weights)]


def strategy_of(
    name: str, upstreams: Sequence[Upstream], seed: int = 1, *, clock: Clock | None = None, hash_key: str = "client"
) -> Strategy:
    return build(name, upstreams, Runtime(clock=clock or Clock(), rng=random.Random(seed)), Options(hash_key))
