"""A route is a service's stages as callables, built once; the table finds it."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from gateway.balance.budget import Budget
from gateway.balance.group import Group
from gateway.balance.recent import Recent
from gateway.balance.upstream import Upstream
from gateway.errors import NotFound, NoUpstream
from gateway.exchange import Exchange, Identity, Permit, Request
from gateway.wire.headers import HeaderPlan


@dataclass(frozen=True, slots=True)
class Retries:
    """`attempts` is how many upstreams one request may try, `statuses` are replies that let another one try."""

    attempts: int
    statuses: frozenset[int]
    budget: Budget


@dataclass(frozen=True, slots=True)
class Hedging:
    """`latency` tells when a first byte is late, `budget` how many copies may be sent."""

    budget: Budget
    latency: Recent


@dataclass(frozen=True, slots=True)
class Route:
    """The stages of one service.

    `recall` and `permit` are what `authenticate` and `limit` can say without waiting; None when they cannot.
    """

    service: str
    authenticate: Callable[[Request], Awaitable[Identity]]
    limit: Callable[[Exchange, Identity], Awaitable[Permit]]
    group: Group
    headers: HeaderPlan
    retries: Retries
    hedging: Hedging | None = None
    recall: Callable[[bytes | None], Identity | None] = lambda authorization: None
    permit: Callable[[Exchange, Identity], Permit | None] = lambda exchange, identity: None

    def pick(self, exchange: Exchange, permit: Permit) -> Upstream | None:
        """The best upstream for this request; None when all are full. Raises NoUpstream."""
        group = self.group
        upstream = group.pick(exchange)
        if upstream is None and not group.upstreams:
            raise NoUpstream("no address")
        return upstream


class Routes:
    """The table of routes, by the name of the service."""

    def __init__(self, routes: Mapping[str, Route]) -> None:
        self._routes = routes

    def match(self, request: Request) -> Route:
        """The route that this request names. Raises NotFound."""
        route = self._routes.get(request.service)
        if route is None:
            raise NotFound("service")
        return route
