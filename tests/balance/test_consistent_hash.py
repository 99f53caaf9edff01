"""Consistent hashing: who stays together, how little moves, and how much one upstream has to bear."""

import asyncio
import subprocess
import sys
from collections import Counter

import pytest
from balance_parts import new_exchange, strategy_of, upstreams_of

from gateway.balance.base import Strategy
from gateway.balance.consistent_hash import BOUND
from gateway.balance.upstream import Upstream

CALLERS = [new_exchange(f"caller {number}") for number in range(20_000)]


def homes(strategy: Strategy) -> list[Upstream | None]:
    return [strategy.pick(caller) for caller in CALLERS]


@pytest.mark.parametrize("number", [3, 10, 50])
def test_one_that_leaves_moves_only_its_own_and_little_more_than_the_ideal_share(number: int) -> None:
    upstreams = upstreams_of([1] * number)
    strategy = strategy_of("consistent_hash", upstreams)
    before = homes(strategy)
    for gone in upstreams[:5]:
        strategy.use([upstream for upstream in upstreams if upstream is not gone])
        moved = [old for old, new in zip(before, homes(strategy), strict=True) if old is not new]
        assert set(moved) == {gone}
        assert len(moved) <= BOUND * len(CALLERS) / number


@pytest.mark.parametrize("number", [3, 10, 50])
def test_one_that_joins_takes_little_more_than_the_ideal_share(number: int) -> None:
    *upstreams, newcomer = upstreams_of([1] * (number + 1))
    strategy = strategy_of("consistent_hash", upstreams)
    before = homes(strategy)
    strategy.use([*upstreams, newcomer])
    moved = [new for old, new in zip(before, homes(strategy), strict=True) if old is not new]
    assert set(moved) == {newcomer}
    assert len(moved) <= BOUND * len(CALLERS) / (number + 1)


def test_weight_is_the_share() -> None:
    upstreams = upstreams_of((1, 2, 5))
    shares = Counter(homes(strategy_of("consistent_hash", upstreams)))
    assert [shares[upstream] / len(CALLERS) for upstream in upstreams] == pytest.approx([1 / 8, 2 / 8, 5 / 8], rel=0.2)


def test_order_of_the_configuration_does_not_matter() -> None:
    upstreams = upstreams_of((1, 1, 1))
    assert homes(strategy_of("consistent_hash", upstreams)) == homes(strategy_of("consistent_hash", upstreams[::-1], 2))


async def test_every_process_agrees() -> None:
    upstreams = upstreams_of([1] * 9)
    strategy = strategy_of("consistent_hash", upstreams)
    here = [picked.name for caller in CALLERS[:20] if (picked := strategy.pick(caller)) is not None]
    script = (
        "import sys; sys.path.insert(0, 'tests/balance')\n"
        "from balance_parts import *\n"
        "strategy = strategy_of('consistent_hash', upstreams_of([1] * 9))\n"
        "print(*[strategy.pick(new_exchange(f'caller {number}')).name for number in range(20)])"
    )
    there = await asyncio.to_thread(
        subprocess.run, [sys.executable, "-c", script], env={"PYTHONHASHSEED": "7"}, capture_output=True, check=True
    )
    assert there.stdout.decode().split() == here


@pytest.mark.parametrize(
    ("hash_key", "same", "different"),
    [
        ("client", [{"subject": "a", "client": "1"}, {"subject": "a", "client": "2"}], {"client": "a2"}),
        ("subject", [{"subject": "a", "x_session": "1"}, {"subject": "a"}], {"subject": "b"}),
        ("address", [{"client": "1", "subject": "a"}, {"client": "1", "subject": "b"}], {"client": "2"}),
        ("header:X-Session", [{"x_session": "1", "subject": "a"}, {"x_session": "1"}], {"x_session": "2"}),
        ("header:X-Session", [{"subject": "a"}, {"subject": "a", "client": "7"}], {"subject": "b"}),
    ],
)
def test_requests_of_one_key_stay_together(
    hash_key: str, same: list[dict[str, str]], different: dict[str, str]
) -> None:
    strategy = strategy_of("consistent_hash", upstreams_of([1] * 1000), hash_key=hash_key)
    together = {strategy.pick(new_exchange(**who)) for who in same}
    assert len(together) == 1
    assert strategy.pick(new_exchange(**different)) not in together


@pytest.mark.parametrize("weights", [[1] * 8, [1, 2, 4, 1, 1, 1], [1] * 40])
def test_nobody_gets_much_more_than_its_share_even_of_a_single_caller(weights: list[int]) -> None:
    upstreams = upstreams_of(weights)
    strategy = strategy_of("consistent_hash", upstreams)
    for number in range(1, 1001):
        picked = strategy.pick(CALLERS[0])
        assert picked is not None
        picked.in_flight += 1
        # The bound itself, one for rounding, and what may come between two looks at the total.
        assert picked.in_flight <= BOUND * (number + 1) * picked.weight / sum(weights) + 1 + len(weights) / 16


def test_failed_ones_are_passed_by_in_the_same_order_for_the_same_caller() -> None:
    upstreams = upstreams_of([1] * 8)
    strategy = strategy_of("consistent_hash", upstreams)
    tried: list[Upstream] = []
    while (picked := strategy.pick(CALLERS[0], tried)) is not None:
        tried.append(picked)
    assert set(tried) == set(upstreams)
    assert strategy.pick(CALLERS[0], tried[:1]) is tried[1]
