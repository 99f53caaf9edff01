"""Who waits goes on in order, whatever a store's replies took, and who has left holds up nobody."""

import asyncio
import time

from driving import Driven, all_of, driven
from waiting import until

from gateway.errors import ClientLeft
from gateway.limit.line import Line


async def waits(line: Line, name: str, delay_us: int, went: list[str], label: str) -> None:
    await line.wait(name, delay_us)
    went.append(label)


async def test_waits_end_in_the_order_of_their_due_times():
    line, went = Line(time.monotonic), []
    await all_of(
        driven(waits(line, "a", 60_000, went, "third")),
        driven(waits(line, "b", 20_000, went, "first")),
        driven(waits(line, "c", 40_000, went, "second")),
    )
    assert went == ["first", "second", "third"]
    assert len(line) == 0


async def test_nobody_of_one_name_overtakes_who_came_before():
    line, went = Line(time.monotonic), []
    await all_of(
        driven(waits(line, "a", 60_000, went, "first")),
        driven(waits(line, "a", 20_000, went, "second")),  # a quicker reply
        driven(waits(line, "b", 30_000, went, "other")),
    )
    assert went == ["other", "first", "second"]


async def test_a_wait_is_not_cut_short():
    line, loop = Line(time.monotonic), asyncio.get_running_loop()
    started = loop.time()
    await driven(waits(line, "a", 30_000, [], "x"))
    assert loop.time() - started >= 0.030


async def test_who_has_left_holds_up_nobody():
    line, went = Line(time.monotonic), []
    leaving = Driven(waits(line, "a", 20_000, went, "left"))
    staying = Driven(waits(line, "a", 30_000, went, "stayed"))
    leaving.interrupt(ClientLeft())
    await asyncio.gather(leaving.result, staying.result, return_exceptions=True)
    assert went == ["stayed"]
    await until(lambda: len(line) == 0)


async def test_one_that_goes_on_may_wait_again_at_once():
    line, went = Line(time.monotonic), []

    async def twice() -> None:
        await waits(line, "a", 5_000, went, "once")
        await waits(line, "a", 5_000, went, "twice")

    await driven(twice())
    assert went == ["once", "twice"]
