"""Active checks: how many it takes to change a mind, and when none is needed."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator

import pytest
from balance_parts import upstreams_of
from fakes import HandRuntime

from gateway.balance.base import Options
from gateway.balance.group import Group
from gateway.balance.health import CONNECTS, HealthChecks
from gateway.balance.round_robin import RoundRobin
from gateway.balance.upstream import Upstream
from gateway.config.service import Service

WITHIN = 2.0
CANNOT_ASK = object()


class Bench:
    """Checks that are quick; each upstream answers what `answers` says (hanging for None); `alive` show life."""

    def __init__(self, number: int = 2, **health: object) -> None:
        keys = {
            "interval": 0.002,
            "timeout": 0.05,
            "path": "/health",
            "healthy_after": 2,
            "unhealthy_after": 3,
            **health,
        }
        service = Service.model_validate({"upstreams": [{"url": "http://unused"}], "health": keys})
        self.runtime = HandRuntime()
        self.upstreams = upstreams_of([1] * number)
        self.answers: dict[Upstream, object] = dict.fromkeys(self.upstreams, True)
        self.alive: set[Upstream] = set()
        self.asked: Counter[Upstream] = Counter()
        self.group = Group("llm", self.runtime)
        self.group.configure(self.upstreams, lambda some: RoundRobin(some, self.runtime, Options()), service)
        self.checks = HealthChecks(self.group, service.health, self.probe, self.shows_life, self.runtime)
        self._asked = asyncio.Event()

    def shows_life(self, upstream: Upstream) -> bool:
        return upstream in self.alive

    async def probe(self, upstream: Upstream) -> bool | None:
        self.asked[upstream] += 1
        self._asked.set()
        answer = self.answers[upstream]
        if answer is None:
            await asyncio.get_running_loop().create_future()
        return None if answer is CANNOT_ASK else bool(answer)

    async def more(self, upstream: Upstream, checks: int) -> None:
        """So many further checks of `upstream` were made and judged."""
        enough = self.asked[upstream] + checks
        async with asyncio.timeout(WITHIN):
            while self.asked[upstream] < enough:
                self._asked.clear()
                await self._asked.wait()
        await asyncio.sleep(0)

    def good(self) -> list[bool]:
        return [upstream.standing.healthy for upstream in self.upstreams]


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    bench = Bench()
    bench.checks.start()
    yield bench
    bench.checks.close()
    await bench.runtime.close()


async def test_it_takes_as_many_bad_checks_in_a_row_as_configured(bench: Bench) -> None:
    one, _ = bench.upstreams
    bench.answers[one] = False
    await bench.more(one, 2)
    bench.answers[one] = True
    await bench.more(one, 1)
    bench.answers[one] = False
    await bench.more(one, 2)
    assert bench.good() == [True, True]
    await bench.more(one, 1)
    assert bench.good() == [False, True]


async def test_and_as_many_good_ones_to_come_back(bench: Bench) -> None:
    one, _ = bench.upstreams
    bench.answers[one] = False
    await bench.more(one, 3)
    bench.answers[one] = True
    await bench.more(one, 1)
    assert bench.good() == [False, True]
    await bench.more(one, 1)
    assert bench.good() == [True, True]
    assert one.joined_at == bench.runtime.clock()


async def test_silence_is_a_bad_check_and_holds_up_no_other(bench: Bench) -> None:
    one, other = bench.upstreams
    bench.answers[one] = None
    await bench.more(one, 4)
    assert bench.good() == [False, True]
    assert bench.asked[other] > bench.asked[one]


async def test_who_has_left_is_not_asked_any_more_and_who_came_is() -> None:
    bench = Bench(3)
    gone, stays, newcomer = bench.upstreams
    bench.group.replace([gone, stays])
    bench.checks.start()
    await bench.more(gone, 2)
    bench.group.replace([stays, newcomer])
    await bench.more(newcomer, 1)
    before = bench.asked[gone]
    await bench.more(newcomer, 3)
    assert bench.asked[gone] == before
    bench.checks.close()
    await bench.runtime.close()


async def test_check_that_outlives_its_upstream_changes_nothing() -> None:
    bench = Bench(2, unhealthy_after=1)
    gone, stays = bench.upstreams
    bench.answers[gone] = None
    bench.checks.start()
    await bench.more(gone, 1)
    bench.group.replace([stays])
    await bench.more(stays, 60)  # longer than the timeout
    assert gone.standing.healthy
    bench.checks.close()
    await bench.runtime.close()


async def test_group_without_upstreams_is_waited_for() -> None:
    bench = Bench(1)
    [only] = bench.upstreams
    bench.group.replace([])
    bench.checks.start()
    await asyncio.sleep(0.01)
    assert not bench.asked
    bench.group.replace([only])
    await bench.more(only, 1)
    bench.checks.close()
    await bench.runtime.close()


async def test_reply_that_passed_by_stands_for_a_connection_that_is_made() -> None:
    bench = Bench(2, path=None, interval=0.01)
    busy, idle = bench.upstreams
    bench.answers = dict.fromkeys(bench.upstreams, False)
    busy.first_byte(0.1, 1, bench.runtime.clock())
    bench.checks.start()
    await bench.more(idle, 4)
    assert bench.good() == [True, False]
    assert not bench.asked[busy]
    bench.runtime.advance(0.02)
    await bench.more(busy, 3)
    assert bench.good() == [False, False]
    busy.first_byte(0.1, 1, bench.runtime.clock())  # a reply in a panic: now it is asked all the same
    await bench.more(busy, 1)
    bench.checks.close()
    await bench.runtime.close()


async def test_signs_of_life_stand_for_most_good_checks_and_for_none_after_a_bad_one() -> None:
    bench = Bench(2, path=None, interval=0.01, unhealthy_after=3)
    alive, other = bench.upstreams
    bench.alive = {alive}
    bench.checks.start()
    await bench.more(other, 4 * CONNECTS)
    assert 3 <= bench.asked[alive] <= 5, "at first, and then one of ten"
    bench.answers[alive] = False  # its port is closed
    await bench.more(alive, 1)
    before = bench.asked[other]
    await bench.more(alive, 2)
    assert bench.asked[other] <= before + 3
    assert bench.good() == [False, True]
    await bench.more(alive, 1)
    bench.checks.close()
    await bench.runtime.close()


async def test_signs_of_life_stand_for_no_answer_of_a_path(bench: Bench) -> None:
    one, _ = bench.upstreams
    bench.alive = {one}
    await bench.more(one, 2)
    bench.answers[one] = False
    await bench.more(one, 3)
    assert bench.good() == [False, True]


async def test_check_that_could_not_be_made_says_nothing(bench: Bench) -> None:
    one, other = bench.upstreams
    bench.answers[one] = CANNOT_ASK
    await bench.more(one, 5)
    bench.answers[other] = False
    await bench.more(other, 3)
    bench.answers[other] = CANNOT_ASK
    await bench.more(other, 5)
    assert bench.good() == [True, False]


async def test_no_interval_means_no_checks() -> None:
    bench = Bench(interval=0)
    tasks = asyncio.all_tasks()
    bench.checks.start()
    assert asyncio.all_tasks() == tasks
    bench.checks.close()
