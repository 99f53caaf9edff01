"""A route is a service's stages as callables, built once; the table finds it."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from gateway.balance.base import Candidates, Strategy
from gateway.balance.upstream import Upstream
from gateway.errors import NotFound, NoUpstream
from gateway.exchange import Exchange, Identity, Permit, Request
from gateway.wire.headers import HeaderPlan


@dataclass(frozen=True, slots=True)
class Route:
    """The stages of one service. `attempts` is how many upstreams one request may try."""

    service: str
    authenticate: Callable[[Request], Awaitable[Identity]]
    limit: Callable[[Exchange, Identity], Awaitable[Permit]]
    strategy: Strategy
    upstreams: Sequence[Upstream]
    headers: HeaderPlan
    attempts: int

    def pick(self, exchange: Exchange, permit: Permit) -> Candidates:
        """The upstreams for this request, best first. Raises NoUpstream."""
        first = self.strategy.pick(exchange)
        if first is None:
            raise NoUpstream("none available")
        return Candidates(self.strategy, exchange, first)


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
