"""The table of routes, and what picking for a service without upstreams says."""

import pytest
from fakes import HandRuntime

from gateway.balance.base import Options
from gateway.balance.budget import Budget
from gateway.balance.group import Group
from gateway.balance.round_robin import RoundRobin
from gateway.balance.upstream import Upstream
from gateway.config.service import Service
from gateway.errors import GatewayError, NotFound, NoUpstream
from gateway.exchange import ANONYMOUS, UNLIMITED, Exchange, Identity, Permit, Request
from gateway.routes import Retries, Route, Routes
from gateway.wire.headers import HeaderPlan


class Nowhere:
    def refuse(self, exchange: Exchange, error: GatewayError) -> None: ...
    def invite_body(self) -> None: ...


async def anybody(request: Request) -> Identity:
    return ANONYMOUS


async def anything(exchange: Exchange, identity: Identity) -> Permit:
    return UNLIMITED


def route(name: str, *upstreams: Upstream) -> Route:
    runtime = HandRuntime()
    service = Service.model_validate({"upstreams": [{"url": "http://unused"}]})
    group = Group(name, runtime)
    group.configure(upstreams, lambda some: RoundRobin(some, runtime, Options()), service)
    retries = Retries(2, frozenset(), Budget(0.2))
    plan = HeaderPlan({}, (), forward_authorization=False)
    return Route(name, anybody, anything, group, plan, retries)


def request_for(service: str) -> Request:
    request = Request()
    request.service = service
    return request


def exchange() -> Exchange:
    return Exchange(request_for("llm"), Nowhere(), "192.0.2.1", b"", 0)


def test_route_is_found_by_the_name_of_its_service_and_no_other() -> None:
    routes = Routes({name: route(name) for name in ("llm", "embed")})
    assert routes.match(request_for("embed")).service == "embed"
    for name in ("", "LLM", "none"):
        with pytest.raises(NotFound):
            routes.match(request_for(name))


def test_pick_finds_an_upstream() -> None:
    upstream = Upstream("http://a")
    assert route("llm", upstream).pick(exchange(), UNLIMITED) is upstream


def test_full_upstreams_are_not_picked_yet() -> None:
    upstream = Upstream("http://a")
    upstream.limit = upstream.in_flight = 1
    assert route("llm", upstream).pick(exchange(), UNLIMITED) is None


def test_service_without_any_upstream_says_so_at_once() -> None:
    with pytest.raises(NoUpstream):
        route("llm").pick(exchange(), UNLIMITED)
