"""The queue: in turn, few, not for long; and who leaves costs nothing."""

import asyncio

from balance_parts import new_exchange
from fakes import HandRuntime

from gateway.balance.queue import Queue
from gateway.balance.upstream import Upstream
from gateway.config.service import Queue as Options
from gateway.drive import Drive
from gateway.errors import ClientLeft, NoUpstream

TIMEOUT = 1.0


class Bench:
    """A queue before one upstream of `room`; `log` is what became of whom, in order."""

    def __init__(self, size: int = 10) -> None:
        self.runtime = HandRuntime()
        self.upstream = Upstream("http://a")
        self.room = 0
        self.queue = Queue(self.runtime, lambda _: self.find())
        self.queue.options = Options(size=size, timeout=TIMEOUT)
        self.log: list[str] = []

    def find(self) -> Upstream | None:
        return self.upstream if self.upstream.in_flight < self.room else None

    def joins(self, name: str) -> Drive:
        async def stay() -> None:
            try:
                (await self.queue.wait(new_exchange())).began()
            except NoUpstream as error:
                self.log.append(f"{name} refused: {error.detail}")
            except ClientLeft:
                self.log.append(f"{name} left")
            else:
                self.log.append(f"{name} in")

        drive = Drive(stay(), lambda: None)
        drive.step()
        return drive

    async def frees(self, room: int) -> None:
        self.room += room
        self.queue.wake()
        await asyncio.sleep(0)


def each(bench: Bench, names: str) -> list[Drive]:
    return [bench.joins(name) for name in names]


async def test_first_come_first_served_as_room_is_made() -> None:
    bench = Bench()
    each(bench, "abcd")
    await bench.frees(1)
    assert bench.log == ["a in"]
    await bench.frees(2)
    assert bench.log == ["a in", "b in", "c in"]
    assert len(bench.queue.waiters) == 1


async def test_room_made_twice_in_one_turn_of_the_loop_is_looked_at_once() -> None:
    bench = Bench()
    each(bench, "ab")
    bench.room = 1
    bench.queue.wake()
    bench.queue.wake()
    await asyncio.sleep(0)
    assert bench.log == ["a in"]


async def test_one_too_many_is_refused_at_once() -> None:
    bench = Bench(size=2)
    each(bench, "abc")
    assert bench.log == ["c refused: all full; too many wait"]


async def test_who_waited_too_long_is_refused_and_the_next_one_is_not_forgotten() -> None:
    bench = Bench()
    bench.joins("a")
    bench.runtime.advance(TIMEOUT / 2)
    bench.joins("b")
    bench.runtime.advance(TIMEOUT / 2 + 0.1)
    assert bench.log == ["a refused: all full; waited too long"]
    await bench.frees(1)
    assert bench.log[1:] == ["b in"]
    assert not bench.queue.waiters


async def test_who_leaves_gives_its_place_to_the_next_one() -> None:
    bench = Bench()
    a, _ = each(bench, "ab")
    a.interrupt(ClientLeft())
    assert (bench.log, len(bench.queue.waiters)) == (["a left"], 1)
    await bench.frees(1)
    assert bench.log == ["a left", "b in"]
    assert bench.upstream.in_flight == 1


async def test_who_was_served_is_not_refused_later() -> None:
    bench = Bench()
    bench.joins("a")
    await bench.frees(1)
    bench.runtime.advance(10 * TIMEOUT)
    assert bench.log == ["a in"]


async def test_a_thousand_waiters_do_not_nest() -> None:
    bench = Bench(size=1000)
    names = [str(number) for number in range(1000)]
    for name in names:
        bench.joins(name)
    await bench.frees(1000)
    assert bench.log == [f"{name} in" for name in names]
