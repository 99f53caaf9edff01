"""The table of routes, and the stage that picks."""

from collections.abc import Collection

import pytest

from gateway.auth.base import Nobody
from gateway.balance.upstream import Upstream
from gateway.errors import NotFound, NoUpstream
from gateway.exchange import UNLIMITED, Exchange, Identity, Permit, Request
from gateway.routes import Route, Routes
from gateway.wire.headers import HeaderPlan

UPSTREAMS = [Upstream("http://a"), Upstream("http://b")]


class InOrder:
    """Those not tried yet, in order."""

    def __init__(self, upstreams: list[Upstream]) -> None:
        self._upstreams = upstreams

    def pick(self, exchange: Exchange, tried: Collection[Upstream] = ()) -> Upstream | None:
        return next((upstream for upstream in self._upstreams if upstream not in tried), None)


async def unlimited(exchange: Exchange, identity: Identity) -> Permit:
    return UNLIMITED


def route(upstreams: list[Upstream]) -> Route:
    plan = HeaderPlan({}, [], forward_authorization=False)
    return Route("llm", Nobody().authenticate, unlimited, InOrder(upstreams), upstreams, plan, 2)


def exchange(service: str = "llm") -> Exchange:
    request = Request()
    request.service = service
    return Exchange(request, None, "", b"", 0)  # type: ignore[arg-type]


def test_route_is_found_by_the_name_of_its_service() -> None:
    known = route(UPSTREAMS)
    routes = Routes({"llm": known})
    assert routes.match(exchange().request) is known


@pytest.mark.parametrize("service", ["", "other", "LLM", "none"])
def test_unknown_service_is_not_found(service: str) -> None:
    with pytest.raises(NotFound):
        Routes({"llm": route(UPSTREAMS)}).match(exchange(service).request)


def test_candidates_come_in_the_order_of_the_strategy() -> None:
    candidates = route(UPSTREAMS).pick(exchange(), UNLIMITED)
    assert candidates.first is UPSTREAMS[0]
    assert candidates.after(UPSTREAMS[0]) is UPSTREAMS[1]
    assert candidates.after(UPSTREAMS[1]) is None


def test_service_without_upstreams_has_none() -> None:
    with pytest.raises(NoUpstream):
        route([]).pick(exchange(), UNLIMITED)
