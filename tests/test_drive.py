"""Coroutines that run without a task: each wait ends where its callback is."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from gateway.drive import Drive, Parked
from gateway.errors import ClientLeft


class Ended:
    """Runs a coroutine and notes its end."""

    def __init__(self, coroutine: Coroutine[Any, Any, None]) -> None:
        self.count = 0
        self.drive = Drive(coroutine, self._ended)

    def _ended(self) -> None:
        self.count += 1


def test_drive_without_a_wait_runs_through_at_once() -> None:
    async def work() -> None: ...

    ended = Ended(work())
    ended.drive.step()
    assert ended.count == 1
    ended.drive.step()
    assert ended.count == 1


def test_parked_value_wakes_its_drive_before_resolve_returns() -> None:
    parked: Parked[int] = Parked()
    results = []

    async def work() -> None:
        results.append(await parked)

    ended = Ended(work())
    ended.drive.step()
    assert results == []
    parked.resolve(7)
    parked.resolve(8)
    parked.fail(ValueError())
    assert (results, ended.count) == ([7], 1)


def test_parked_value_that_is_there_already_is_no_wait() -> None:
    parked: Parked[int] = Parked()
    parked.resolve(7)
    results = []

    async def work() -> None:
        results.append(await parked)

    Ended(work()).drive.step()
    assert results == [7]


@pytest.mark.parametrize("early", [True, False])
def test_parked_failure_is_raised_in_whoever_waits(early: bool) -> None:
    parked: Parked[int] = Parked()
    caught = []

    async def work() -> None:
        try:
            await parked
        except ValueError as error:
            caught.append(error)

    failure = ValueError()
    ended = Ended(work())
    if early:
        parked.fail(failure)
    ended.drive.step()
    if not early:
        parked.fail(failure)
    assert (caught, ended.count) == ([failure], 1)


def test_interruption_is_raised_at_the_wait_and_the_wait_is_over() -> None:
    parked: Parked[int] = Parked()
    seen = []

    async def work() -> None:
        try:
            await parked
        except ClientLeft:
            seen.append("left")

    ended = Ended(work())
    ended.drive.step()
    ended.drive.interrupt(ClientLeft())
    parked.resolve(1)
    assert (seen, ended.count) == (["left"], 1)
    ended.drive.interrupt(ClientLeft())
    assert (seen, ended.count) == (["left"], 1)


def test_interruption_of_what_runs_is_nothing() -> None:
    """A stage that closes the client's connection is not thrown out of its own call."""

    async def work() -> None:
        ended.drive.interrupt(ClientLeft())

    ended = Ended(work())
    ended.drive.step()
    assert ended.count == 1


async def test_plain_futures_are_waited_for() -> None:
    future: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    results = []

    async def work() -> None:
        results.append(await future)

    ended = Ended(work())
    ended.drive.step()
    future.set_result(7)
    await asyncio.sleep(0)
    assert (results, ended.count) == ([7], 1)


async def test_future_that_comes_after_an_interruption_wakes_nobody() -> None:
    loop = asyncio.get_running_loop()
    first: asyncio.Future[int] = loop.create_future()
    second: asyncio.Future[int] = loop.create_future()
    results = []

    async def work() -> None:
        try:
            await first
        except ClientLeft:
            results.append(await second)

    ended = Ended(work())
    ended.drive.step()
    ended.drive.interrupt(ClientLeft())
    first.set_result(1)
    await asyncio.sleep(0)
    assert (results, ended.count) == ([], 0)
    second.set_result(2)
    await asyncio.sleep(0)
    assert (results, ended.count) == ([2], 1)


def test_error_that_nobody_caught_ends_the_drive_and_is_not_lost() -> None:
    async def work() -> None:
        raise ValueError

    ended = Ended(work())
    with pytest.raises(ValueError):
        ended.drive.step()
    assert ended.count == 1
