"""A connection to Redis that the gateway wants to be rid of."""

import asyncio

import pytest
from redis.asyncio import Connection
from redis.exceptions import ConnectionError  # noqa: A004
from redis_servers import RedisServer
from waiting import until

from gateway.config.redis import parse_redis_url
from gateway.limit.redis import LANES, RedisStore
from gateway.limit.servers import opener
from gateway.runtime import Runtime


@pytest.mark.parametrize("connects", [True, False])
async def test_closing_ends_although_a_cancellation_is_swallowed_while_connecting(
    redis_server: RedisServer, connects: bool
):
    """As CPython 3.11's `asyncio.wait_for` does, in which redis-py sends its handshake."""
    opened = opener(parse_redis_url(redis_server.url), None)
    connecting = 0

    async def deaf() -> Connection:
        nonlocal connecting
        connecting += 1
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            if connects:
                return await opened()
        raise ConnectionError("no connection")

    runtime = Runtime()
    store = RedisStore(deaf, runtime, timeout=0.2)
    starting = asyncio.ensure_future(store.start())
    await until(lambda: connecting == LANES)
    store.close()
    async with asyncio.timeout(5):
        await runtime.close()
    assert not runtime._tasks
    assert connecting == LANES
    starting.cancel()


async def test_closing_ends_at_any_moment_of_connecting(redis_server: RedisServer):
    for turns in range(60):
        runtime = Runtime()
        store = RedisStore(opener(parse_redis_url(redis_server.url), None), runtime, timeout=0.2)
        starting = asyncio.ensure_future(store.start())
        for _ in range(turns):
            await asyncio.sleep(0)
        store.close()
        async with asyncio.timeout(5):
            await runtime.close()
        starting.cancel()
