"""The life of a request: each stage in its order, and one answer for every failure."""

import asyncio
import logging

import pytest

from gateway.balance.budget import Budget
from gateway.balance.upstream import Upstream
from gateway.errors import ClientLeft, Forbidden, GatewayError, NoUpstream, RateLimited, Unauthenticated
from gateway.exchange import ANONYMOUS, Exchange, Identity, Permit, Request
from gateway.pipeline import Pipeline
from gateway.routes import Retries, Route, Routes
from gateway.wire.headers import HeaderPlan

UPSTREAM = Upstream("http://a")


class Client:
    """The client's side: notes what it was refused with."""

    def __init__(self) -> None:
        self.refusals: list[GatewayError] = []

    def refuse(self, exchange: Exchange, error: GatewayError) -> None:
        exchange.status = error.answer.status
        self.refusals.append(error)

    def invite_body(self) -> None: ...


class Settled(Permit):
    """A permit that notes when it was settled."""

    def __init__(self, story: list[str]) -> None:
        super().__init__()
        self._story = story

    def settle(self, exchange: Exchange) -> None:
        self._story.append("settled")


class Bench:
    """A pipeline whose stages tell the story, and do what the test says."""

    def __init__(self, **stages: BaseException) -> None:
        self.story: list[str] = []
        self._stages = stages
        self.client = Client()
        request = Request()
        request.service, request.method, request.authorization = "llm", "GET", None
        self.exchange = Exchange(request, self.client, "", b"", 0)
        plan = HeaderPlan({}, [], forward_authorization=False)
        route = Route("llm", self._authenticate, self._limit, self, plan, Retries(1, frozenset(), Budget(0)))  # type: ignore[arg-type]
        self.pipeline = Pipeline(Routes({"llm": route}), self, self)  # type: ignore[arg-type]

    def _stage(self, name: str) -> None:
        self.story.append(name)
        if name in self._stages:
            raise self._stages[name]

    async def _authenticate(self, request: Request) -> Identity:
        self._stage("authenticate")
        return ANONYMOUS

    async def _limit(self, exchange: Exchange, identity: Identity) -> Permit:
        assert identity is exchange.identity
        self._stage("limit")
        return Settled(self.story)

    def pick(self, exchange: Exchange, tried: object = ()) -> Upstream | None:
        self._stage("pick")
        return UPSTREAM

    async def relay(self, exchange: Exchange, route: Route, upstream: Upstream) -> None:
        assert upstream is UPSTREAM
        self._stage("forward")
        exchange.status = 200

    # The observer's part.

    def begin(self, exchange: Exchange) -> None:
        exchange.request_id = b"id"
        self.story.append("begin")

    def routed(self, exchange: Exchange) -> None:
        self.story.append(f"routed {exchange.service}")

    def finish(self, exchange: Exchange) -> None:
        self.story.append(f"finish {exchange.status}")


STAGES = ["authenticate", "limit", "pick", "forward"]


async def test_stages_come_in_their_order() -> None:
    bench = Bench()
    await bench.pipeline.handle(bench.exchange)
    assert bench.story == ["begin", "routed llm", *STAGES, "settled", "finish 200"]
    assert bench.client.refusals == []


@pytest.mark.parametrize(
    ("stage", "error"),
    [
        ("authenticate", Unauthenticated("missing")),
        ("authenticate", Forbidden("scope")),
        ("limit", RateLimited(rule="default")),
        ("pick", NoUpstream()),
        ("forward", NoUpstream()),
    ],
)
async def test_failure_of_a_stage_is_the_answer_and_no_stage_comes_after_it(stage: str, error: GatewayError) -> None:
    bench = Bench(**{stage: error})
    await bench.pipeline.handle(bench.exchange)
    assert bench.client.refusals == [error]
    assert bench.exchange.failure is error
    assert bench.exchange.error == str(error)
    passed = STAGES[: STAGES.index(stage) + 1]
    settled = ["settled"] if stage in ("pick", "forward") else []
    assert bench.story == ["begin", "routed llm", *passed, *settled, f"finish {error.answer.status}"]


async def test_unknown_service_is_answered_before_anyone_is_asked_who_they_are() -> None:
    bench = Bench()
    bench.exchange.request.service = "other"
    await bench.pipeline.handle(bench.exchange)
    assert bench.story == ["begin", "finish 404"]
    assert bench.exchange.service == "none"


@pytest.mark.parametrize("stage", STAGES)
async def test_bug_is_a_500_with_its_traceback_in_the_log_and_nothing_in_the_answer(
    stage: str, caplog: pytest.LogCaptureFixture
) -> None:
    bench = Bench(**{stage: ZeroDivisionError("secret")})
    with caplog.at_level(logging.ERROR):
        await bench.pipeline.handle(bench.exchange)
    (refusal,) = bench.client.refusals
    assert (refusal.answer.status, refusal.detail) == (500, "ZeroDivisionError")
    assert "request id failed inside the gateway" in caplog.text
    assert "ZeroDivisionError: secret" in caplog.text
    assert bench.story[-1] == "finish 500"


@pytest.mark.parametrize("stage", STAGES)
async def test_client_that_left_is_no_failure_and_gets_no_answer(stage: str) -> None:
    bench = Bench(**{stage: ClientLeft()})
    await bench.pipeline.handle(bench.exchange)
    assert bench.client.refusals == []
    assert bench.exchange.error == ""
    assert bench.story[-1] == "finish 499"


async def test_cancellation_is_not_answered_but_everything_is_settled() -> None:
    bench = Bench(forward=asyncio.CancelledError())
    with pytest.raises(asyncio.CancelledError):
        await bench.pipeline.handle(bench.exchange)
    assert bench.client.refusals == []
    assert bench.story[-2:] == ["settled", "finish 0"]


async def test_request_that_the_wire_refused_is_counted_and_answered_and_meets_no_stage() -> None:
    bench = Bench()
    error = Forbidden()
    await bench.pipeline.reject(bench.exchange, error)
    assert bench.client.refusals == [error]
    assert bench.story == ["begin", "finish 403"]
