"""The group: who may be used now, priorities, panic, and room."""

from collections import Counter
from collections.abc import Sequence
from functools import partial

import pytest
from balance_parts import new_exchange
from fakes import HandRuntime

from gateway.balance.base import Options, Strategy
from gateway.balance.group import Group
from gateway.balance.outlier import LONGEST_REST
from gateway.balance.registry import build
from gateway.balance.upstream import Upstream
from gateway.config.service import Service
from gateway.errors import NoUpstream
from gateway.exchange import Exchange

FAULTS = 3
EJECTION = 10.0
SERVICE = {
    "upstreams": [{"url": "http://unused"}],
    "outlier": {"consecutive_failures": FAULTS, "ejection": EJECTION, "max_ejected": 1.0},
}


class Bench:
    """A group of upstreams by (weight, priority), and the clock in the test's hand."""

    def __init__(self, *places: tuple[int, int], strategy: str = "round_robin", **keys: object) -> None:
        self.runtime = HandRuntime(seed=1)
        self.upstreams = [
            Upstream(f"http://10.0.0.1:{8000 + number}", weight, priority=priority)
            for number, (weight, priority) in enumerate(places)
        ]
        service = Service.model_validate({**SERVICE, **keys})
        self.group = Group("llm", self.runtime)
        self.group.configure(self.upstreams, partial(self._strategy, strategy), service)

    def _strategy(self, name: str, upstreams: Sequence[Upstream]) -> Strategy:
        return build(name, upstreams, self.runtime, Options())

    def fails(self, upstream: Upstream, times: int = FAULTS) -> None:
        for _ in range(times):
            self.group.failed(upstream)

    def share(self, picks: int = 2000) -> Counter[int]:
        """How many of `picks` each upstream gets, by its place."""
        exchange = new_exchange()
        found = (self.group.pick(exchange) for _ in range(picks))
        return Counter(self.upstreams.index(upstream) for upstream in found if upstream is not None)


ONE, TIER_0, TIER_1 = (1, 0), (1, 0), (1, 1)


def test_ejected_one_is_left_alone_until_its_time_is_over() -> None:
    bench = Bench(ONE, ONE, ONE)
    bench.fails(bench.upstreams[0], FAULTS - 1)
    assert set(bench.share()) == {0, 1, 2}
    bench.fails(bench.upstreams[0], 1)
    assert set(bench.share()) == {1, 2}
    assert dict(bench.group.states())["10.0.0.1:8000"] is False
    bench.runtime.advance(EJECTION * 1.11)
    assert set(bench.share()) == {0, 1, 2}
    assert dict(bench.group.states())["10.0.0.1:8000"] is True
    assert bench.upstreams[0].joined_at == bench.runtime.clock()


def test_good_reply_between_failures_forgives() -> None:
    bench = Bench(ONE, ONE)
    for _ in range(5):
        bench.fails(bench.upstreams[0], FAULTS - 1)
        bench.group.succeeded(bench.upstreams[0])
    assert set(bench.share()) == {0, 1}


def test_when_all_are_ejected_all_are_used() -> None:
    """Panic: a request that may fail is better than one that must."""
    bench = Bench(ONE, ONE)
    for upstream in bench.upstreams:
        bench.fails(upstream)
    assert set(bench.share()) == {0, 1}
    assert not any(good for _, good in bench.group.states())


def test_rest_is_given_and_ends() -> None:
    bench = Bench(ONE, ONE)
    bench.group.asked_to_rest(bench.upstreams[0], 7.0)
    assert set(bench.share()) == {1}
    assert all(good for _, good in bench.group.states())
    bench.runtime.advance(7.0)
    assert set(bench.share()) == {0, 1}
    assert bench.upstreams[0].joined_at == float("-inf")


def test_when_all_rest_all_that_are_not_broken_are_used() -> None:
    bench = Bench(ONE, ONE, ONE)
    bench.fails(bench.upstreams[0])
    for upstream in bench.upstreams[1:]:
        bench.group.asked_to_rest(upstream, 7.0)
    assert set(bench.share()) == {1, 2}


def test_what_a_check_finds_counts_and_recovery_is_slow() -> None:
    bench = Bench(ONE, ONE)
    bench.group.checked(bench.upstreams[0], healthy=False)
    assert set(bench.share()) == {1}
    bench.runtime.advance(100.0)
    assert set(bench.share()) == {1}
    bench.group.checked(bench.upstreams[0], healthy=True)
    assert set(bench.share()) == {0, 1}
    assert bench.upstreams[0].joined_at == bench.runtime.clock()


@pytest.mark.parametrize(
    ("down", "first"),
    [(0, 1.0), (1, 1.0), (2, 0.84), (3, 0.56), (4, 0.28), (5, 0.0)],
)
def test_priority_spills_over_as_its_available_share_falls_below_71_percent(down: int, first: float) -> None:
    bench = Bench(*[TIER_0] * 5, *[TIER_1] * 5)
    for upstream in bench.upstreams[:down]:
        bench.group.checked(upstream, healthy=False)
    share = bench.share(5000)
    assert sum(share[place] for place in range(5)) / 5000 == pytest.approx(first, abs=0.03)
    assert not any(share[place] for place in range(down))
    for upstream in bench.upstreams[:down]:
        bench.group.checked(upstream, healthy=True)
    assert set(bench.share()) == set(range(5)), "back when it heals"


def test_when_no_tier_can_bear_its_part_all_bear_more() -> None:
    bench = Bench(*[TIER_0] * 10, *[TIER_1] * 10)
    for upstream in (*bench.upstreams[:8], *bench.upstreams[10:19]):
        bench.group.checked(upstream, healthy=False)
    share = bench.share(4000)
    assert (share[8] + share[9]) / 4000 == pytest.approx(0.28 / 0.42, abs=0.04)


def test_full_one_is_passed_by_and_full_tier_spills_over(exchange: Exchange) -> None:
    bench = Bench(TIER_0, TIER_0, TIER_1)
    for upstream in bench.upstreams:
        upstream.limit = 2
    picked = []
    for _ in range(6):
        upstream = bench.group.pick(exchange)
        assert upstream is not None
        upstream.began()
        picked.append(bench.upstreams.index(upstream))
    assert sorted(picked[:4]) == [0, 0, 1, 1]
    assert picked[4:] == [2, 2]
    assert bench.group.pick(exchange) is None


def test_each_upstream_is_picked_once_and_those_of_lower_priority_last(exchange: Exchange) -> None:
    bench = Bench(TIER_1, TIER_0, TIER_0)
    tried: list[Upstream] = []
    while (upstream := bench.group.pick(exchange, tried)) is not None:
        tried.append(upstream)
    assert set(tried[:2]) == set(bench.upstreams[1:])
    assert tried[2:] == [bench.upstreams[0]]


def test_replacing_keeps_what_is_known_of_those_that_stay() -> None:
    bench = Bench(ONE, ONE)
    gone, stays = bench.upstreams
    bench.fails(stays)
    newcomer = Upstream("http://10.0.0.9:1")
    bench.upstreams = [stays, newcomer]
    bench.group.replace(bench.upstreams)
    assert set(bench.share()) == {1}
    bench.runtime.advance(EJECTION * 1.11)
    assert set(bench.share()) == {0, 1}
    assert gone not in bench.group.upstreams


async def test_without_any_upstream_nobody_waits(exchange: Exchange) -> None:
    bench = Bench()
    assert bench.group.pick(exchange) is None
    with pytest.raises(NoUpstream):
        await bench.group.vacancy(exchange)


def test_longest_rest_is_bounded() -> None:
    bench = Bench(ONE, ONE)
    bench.group.asked_to_rest(bench.upstreams[0], 86400.0)
    bench.runtime.advance(LONGEST_REST)
    assert set(bench.share()) == {0, 1}


def test_repr_tells_what_to_know_at_night() -> None:
    bench = Bench(ONE, ONE)
    bench.fails(bench.upstreams[0])
    assert "<Group llm [<Tier 0: 1 of 2 with <RoundRobin" in repr(bench.group)
