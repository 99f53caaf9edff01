"""The queue before the lanes: first come first taken, and nothing waits for ever, whatever became of the lanes."""

import asyncio

from gateway.limit.batch import Batch
from gateway.limit.queue import STUCK, Queue

TIMEOUT = 0.05


class Desk:
    """A queue, and what it gave up."""

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        self.given_up: list[Batch] = []
        self.first: asyncio.Future[Batch] = loop.create_future()
        self.queue = Queue(loop.time, TIMEOUT, self._overdue)
        self.queue.open()

    def _overdue(self, batch: Batch) -> None:
        self.given_up.append(batch)
        if not self.first.done():
            self.first.set_result(batch)


async def test_a_batch_that_no_lane_is_there_to_take_is_given_up() -> None:
    """Every lane has ended or connects anew, and none is out with a batch: nobody would ever come for it."""
    desk = Desk()
    batch = desk.queue.filling()
    assert await asyncio.wait_for(desk.first, 2) is batch
    assert desk.given_up == [batch]


async def test_a_batch_is_given_up_when_the_lanes_that_are_out_do_not_come_back() -> None:
    desk = Desk()
    for _ in range(2):
        desk.queue.filling()
        await desk.queue.next()
    batch = desk.queue.filling()
    assert await asyncio.wait_for(desk.first, 2) is batch


async def test_an_idle_lane_gets_the_batch_at_once_and_nothing_is_given_up() -> None:
    desk = Desk()
    lane = asyncio.ensure_future(desk.queue.next())
    while not desk.queue.idle:
        await asyncio.sleep(0)
    batch = desk.queue.filling()
    assert await asyncio.wait_for(lane, 2) is batch
    await asyncio.sleep(TIMEOUT + 2 * STUCK)
    assert desk.given_up == []


async def test_a_spare_lane_takes_over_when_replies_do_not_come() -> None:
    desk = Desk()
    for _ in range(2):
        desk.queue.filling()
        await desk.queue.next()
    spare = asyncio.ensure_future(desk.queue.next())
    while not desk.queue.idle:
        await asyncio.sleep(0)
    batch = desk.queue.filling()
    assert await asyncio.wait_for(spare, 2) is batch
    assert desk.given_up == []


async def test_closing_gives_back_what_waits_and_sends_the_lanes_to_prove_themselves() -> None:
    desk = Desk()
    lane = asyncio.ensure_future(desk.queue.next())
    while not desk.queue.idle:
        await asyncio.sleep(0)
    batch = desk.queue.filling()
    assert desk.queue.close() == [batch]
    assert await asyncio.wait_for(lane, 2) is None
    assert (desk.queue.is_open, desk.queue.takes) == (False, False)
