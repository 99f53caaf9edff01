"""Runs what a limiter's `permit` needs: a Drive for each request, and a store in Redis for the length of a block."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Coroutine, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from limit_reference import exchange
from waiting import until

from gateway.config.redis import parse_redis_url
from gateway.drive import Drive, Parked
from gateway.exchange import ANONYMOUS, Identity, Permit
from gateway.limit.algorithm import Verdict
from gateway.limit.base import Rule, Slots
from gateway.limit.bundle import Bundle
from gateway.limit.limited import Limited
from gateway.limit.line import Line
from gateway.limit.redis import LANES, RedisStore
from gateway.limit.servers import opener
from gateway.runtime import Runtime

T = TypeVar("T")
TOO_LONG = 10.0
PATIENT = 5.0  # a test that is not about faults must not meet one because the machine is busy


class Driven:
    """A coroutine in a Drive, which can be awaited from a task and interrupted as a leaving client does."""

    def __init__(self, work: Coroutine[Any, Any, Any]) -> None:
        self.result: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._drive = Drive(self._run(work), lambda: None)
        self._drive.step()

    async def _run(self, work: Coroutine[Any, Any, Any]) -> None:
        try:
            result = await work
        except Exception as error:
            if not self.result.done():
                self.result.set_exception(error)
        else:
            if not self.result.done():  # the test may have given up
                self.result.set_result(result)

    def interrupt(self, error: Exception) -> None:
        self._drive.interrupt(error)


async def driven(work: Coroutine[Any, Any, T]) -> T:
    """The result of `work`, run in a Drive; TimeoutError when it takes longer than anything here may."""
    async with asyncio.timeout(TOO_LONG):
        return await Driven(work).result


async def decided(store: RedisStore, checks: Sequence[tuple[Rule, str]], slots: Slots | None = None) -> Any:
    """What the store says, within a Drive or at once."""
    answer = store.decide(checks, [] if slots is None else slots)
    return await answer if isinstance(answer, Parked) else answer


async def ask(store: RedisStore, rule: Rule, key: str = "a", slots: Slots | None = None) -> Verdict:
    (verdict,) = await driven(decided(store, [(rule, key)], slots))
    return verdict


@asynccontextmanager
async def store_at(url: str, runtime: Runtime | None = None, **options: Any) -> AsyncIterator[RedisStore]:
    """A started store; closed, with all it spawned, at the end."""
    runtime = runtime or Runtime()
    store = RedisStore(opener(parse_redis_url(url), None), runtime, **{"timeout": PATIENT, **options})
    async with asyncio.timeout(TOO_LONG):
        failed = await store.start()
    if failed is None:
        await until(lambda: store._queue.idle == LANES)  # so that a test knows which calls are its own
    try:
        yield store
    finally:
        store.close()
        await runtime.close()


def limited(store: RedisStore, *rules: Rule) -> Limited:
    bundle = Bundle(rules, {})
    return Limited(lambda identity: bundle, store, Line(store._clock))


async def permitted(limiter: Limited, identity: Identity = ANONYMOUS) -> Permit:
    return await driven(limiter.permit(exchange(), identity))


async def all_of(*works: Awaitable[T]) -> list[T]:
    return list(await asyncio.gather(*works))
