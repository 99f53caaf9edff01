"""The aperture: everybody has a turn, the best are kept in view, and the window is as wide as the load asks for."""

import random
from collections import Counter

import pytest
from balance_parts import upstreams_of

from gateway.balance.aperture import FRESH, NARROWEST, ONE_LAP, ONE_MORE, WIDENS, Aperture
from gateway.balance.upstream import Upstream


def rounds(aperture: Aperture, number: int) -> Counter[Upstream]:
    """How often each was among the new ones, while the first of them is always the best."""
    seen: Counter[Upstream] = Counter()
    for _ in range(number):
        aperture.turn()
        some = aperture.some()[:FRESH]
        seen.update(some)
        aperture.keep(some[0], some[1])
    return seen


@pytest.mark.parametrize("number", [33, 64, 100, ONE_LAP, ONE_LAP + 8 * ONE_MORE])
def test_all_are_looked_at_as_often(number: int) -> None:
    upstreams = upstreams_of([1] * number)
    aperture = Aperture(upstreams, random.Random(1))
    laps = 4 * number * (1 + (number - ONE_LAP) // ONE_MORE if number > ONE_LAP else 1)
    seen = rounds(aperture, laps * -(-NARROWEST // FRESH))
    assert set(seen) == set(upstreams)
    assert max(seen.values()) <= 1.3 * min(seen.values())


def test_few_are_used_while_few_have_to_be() -> None:
    upstreams = upstreams_of([1] * 1000)
    aperture = Aperture(upstreams, random.Random(1))
    seen = rounds(aperture, 100)
    assert len(seen) <= 2 * NARROWEST


@pytest.mark.parametrize(("in_flight", "limit", "weight"), [(2, 1000, 1), (2, 1000, 100), (1, 1, 1)])
def test_window_widens_to_all_when_the_best_are_busy_or_full(in_flight: int, limit: int, weight: int) -> None:
    upstreams = upstreams_of([weight] * 500)
    for upstream in upstreams:
        upstream.in_flight, upstream.limit = in_flight, limit
    seen = rounds(Aperture(upstreams, random.Random(1)), 2 * len(upstreams) // FRESH)
    assert len(seen) > 0.95 * len(upstreams)


def test_the_two_kept_are_compared_again() -> None:
    upstreams = upstreams_of([1] * 100)
    aperture = Aperture(upstreams, random.Random(1))
    first = aperture.some()
    aperture.keep(first[1], first[3])
    aperture.turn()
    assert aperture.some()[FRESH:] == (first[1], first[3])


def test_the_one_whose_turn_it_is_is_compared_first() -> None:
    aperture = Aperture(upstreams_of([1] * 100), random.Random(1))
    for _ in range(300):
        one = aperture.turn()
        assert aperture.some()[0] is one


@pytest.mark.parametrize(("number", "laps"), [(ONE_LAP + ONE_MORE, 2), (ONE_LAP + 9 * ONE_MORE, 10)])
def test_the_more_there_are_the_more_laps_pass_before_the_window_moves(number: int, laps: int) -> None:
    aperture = Aperture(upstreams_of([1] * number), random.Random(1))
    first = {aperture.turn() for _ in range(laps * NARROWEST)}
    assert len(first) == NARROWEST
    assert len(first | {aperture.turn() for _ in range(laps * NARROWEST)}) == NARROWEST + 1


def test_the_window_narrows_while_turns_are_enough() -> None:
    upstreams = upstreams_of([1] * 500)
    aperture = Aperture(upstreams, random.Random(1))
    upstreams[0].in_flight = 1
    for _ in range(500 // WIDENS):
        aperture.keep(upstreams[0], upstreams[1])
    assert len({aperture.turn() for _ in range(500)}) > 490
    for _ in range(20 * 500):
        aperture.turn()
    assert len({aperture.turn() for _ in range(3 * NARROWEST)}) <= NARROWEST + 3


def test_a_turn_of_a_heavier_one_comes_more_often() -> None:
    upstreams = upstreams_of([3] + [1] * 60)
    cycle = [upstreams[0]] * 3 + upstreams[1:]
    seen = rounds(Aperture(cycle, random.Random(2)), 63 * 8 * -(-NARROWEST // FRESH))
    assert seen[upstreams[0]] / seen.total() == pytest.approx(3 / 63, rel=0.25)
