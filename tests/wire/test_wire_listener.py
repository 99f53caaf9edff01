"""The listener rests while descriptors are short, loses nobody meanwhile, and says so once in a while."""

import asyncio
import errno
import logging
import os
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
import uvloop
from fakes import HandClock

from gateway.runtime import Runtime
from gateway.wire.listener import LOG_SECONDS, RESERVED, Listener

PLENTY = 1 << 20
WITHIN = 5.0


class Accepted(asyncio.Protocol):
    """Says hello to whoever is accepted."""

    def connection_made(self, transport: Any) -> None:
        transport.write(b"hello")
        transport.close()


class Box:
    """A limit that a test moves."""

    def __init__(self) -> None:
        self.limit = PLENTY

    def __call__(self) -> int:
        return self.limit

    def shorten(self) -> None:
        """What is in use now is already too much."""
        lowest = os.dup(0)
        os.close(lowest)
        self.limit = lowest * RESERVED // (RESERVED - 1) - 1


Scene = Callable[[Listener, Box, HandClock], Coroutine[Any, Any, None]]


def play(scene: Scene) -> None:
    """In uvloop, which is the gateway's."""

    async def run() -> None:
        box, clock = Box(), HandClock()
        runtime = Runtime(clock=clock)
        listener = Listener(Accepted, runtime, limit=box, backlog=128)
        await listener.open("127.0.0.1", 0)
        try:
            await scene(listener, box, clock)
        finally:
            listener.close()
            await runtime.close()

    uvloop.run(run())


async def hello(port: int) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    data = await reader.read()
    writer.close()
    return data


async def accepted(port: int) -> None:
    async with asyncio.timeout(WITHIN):
        assert await hello(port) == b"hello"


async def waits(port: int) -> "asyncio.Task[bytes]":
    """A client whom nobody accepts for now; the one that made the listener rest was still accepted."""
    await accepted(port)
    task = asyncio.ensure_future(hello(port))
    done, _ = await asyncio.wait([task], timeout=0.05)
    assert not done
    return task


def test_it_accepts() -> None:
    async def scene(listener: Listener, box: Box, clock: HandClock) -> None:
        for _ in range(3):
            await accepted(listener.port)

    play(scene)


def test_it_rests_while_descriptors_are_short_and_takes_up_again_those_who_waited() -> None:
    async def scene(listener: Listener, box: Box, clock: HandClock) -> None:
        port = listener.port
        for _ in range(2):
            box.shorten()
            waiting = [await waits(port), asyncio.ensure_future(hello(port))]
            box.limit = PLENTY
            async with asyncio.timeout(WITHIN):
                assert await asyncio.gather(*waiting) == [b"hello", b"hello"]
        assert listener.port == port

    play(scene)


def test_it_rests_when_not_one_descriptor_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    def none_left(descriptor: int) -> int:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    async def scene(listener: Listener, box: Box, clock: HandClock) -> None:
        with monkeypatch.context() as patch:
            patch.setattr(os, "dup", none_left)
            waiting = await waits(listener.port)
        async with asyncio.timeout(WITHIN):
            assert await waiting == b"hello"

    play(scene)


def test_it_tries_again_when_it_cannot_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene(listener: Listener, box: Box, clock: HandClock) -> None:
        loop, failures = asyncio.get_running_loop(), 0
        create_server = loop.create_server

        async def fail_twice(*arguments: Any, **options: Any) -> Any:
            nonlocal failures
            if failures < 2:
                failures += 1
                raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
            return await create_server(*arguments, **options)

        box.shorten()
        waiting = await waits(listener.port)
        monkeypatch.setattr(loop, "create_server", fail_twice)
        box.limit = PLENTY
        async with asyncio.timeout(WITHIN):
            assert await waiting == b"hello"
        assert failures == 2

    play(scene)


def test_it_says_so_once_in_a_while(caplog: pytest.LogCaptureFixture) -> None:
    async def scene(listener: Listener, box: Box, clock: HandClock) -> None:
        port = listener.port
        for later in (0.0, LOG_SECONDS / 2, LOG_SECONDS / 2):
            clock.now += later
            box.shorten()
            waiting = await waits(port)
            box.limit = PLENTY
            await waiting

    with caplog.at_level(logging.WARNING):
        play(scene)
    assert [record.message.partition(" (")[0] for record in caplog.records] == ["descriptors run short"] * 2


@pytest.mark.parametrize("resting", [False, True])
def test_closed_it_listens_no_more(resting: bool) -> None:
    async def scene(listener: Listener, box: Box, clock: HandClock) -> None:
        port = listener.port
        waiting = None
        if resting:
            box.shorten()
            waiting = await waits(port)
        listener.close()
        listener.close()
        box.limit = PLENTY
        with pytest.raises(OSError):
            await hello(port)
        if waiting is not None:
            with pytest.raises(OSError):
                await waiting

    play(scene)
