"""Requests in flight: never more than the limit, and every slot comes back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from limit_reference import VirtualClock, rule

from gateway.limit.algorithm import SECOND
from gateway.limit.base import Rule, Slots
from gateway.limit.concurrency import Concurrency
from gateway.limit.memory import MemoryStore

steps = st.lists(st.tuples(st.booleans(), st.sampled_from("abc"), st.integers(0, 5)), max_size=80)


def at_once(limit: int, **options) -> Rule:
    return Rule("slots", Concurrency(limit), lambda exchange, identity: "", **options)


@given(st.integers(1, 4), steps)
def test_no_more_than_the_limit_are_held_at_once_and_freed_slots_are_given_again(limit, steps):
    store, slots = MemoryStore(VirtualClock().runtime()), at_once(limit)
    held: list[Slots] = []
    for takes, key, which in steps:
        if takes:
            mine: Slots = []
            taken = sum(each[0][1] == key for each in held)
            [verdict] = store.decide([(slots, key)], mine)
            assert verdict.allowed == (taken < limit)
            assert verdict.remaining == limit - taken - verdict.allowed
            assert len(mine) == verdict.allowed
            if mine:
                held.append(mine)
        elif which < len(held):
            store.release(held.pop(which))
    for mine in held:
        store.release(mine)
    assert not store._taken or not store._taken[slots.scope]


def test_a_refusal_says_a_second_because_nobody_knows():
    store, slots = MemoryStore(VirtualClock().runtime()), at_once(1)
    store.decide([(slots, "a")], [])
    [verdict] = store.decide([(slots, "a")], [])
    assert (verdict.allowed, verdict.retry_after_us, verdict.next_us) == (False, SECOND, SECOND)


def test_a_request_that_another_rule_refuses_takes_no_slot():
    store, slots, rate = MemoryStore(VirtualClock().runtime()), at_once(2), rule(1, 1, name="rate")
    mine: Slots = []
    for _ in range(5):
        store.decide([(slots, "a"), (rate, "a")], mine)
    assert len(mine) == 1
    assert store.decide([(slots, "a")], [])[0].remaining == 0


def test_a_shadow_takes_slots_and_refuses_nobody():
    store, slots, rate = MemoryStore(VirtualClock().runtime()), at_once(1, shadow=True), rule(9, 1, name="rate")
    mine: Slots = []
    told = [[verdict.allowed for verdict in store.decide([(slots, "a"), (rate, "a")], mine)] for _ in range(2)]
    assert told == [[True, True], [False, True]]
    assert len(mine) == 1


def test_what_is_out_of_range_is_named():
    with pytest.raises(ValueError, match="bucket_size 0: must be"):
        Concurrency(0)


def test_it_shows_its_limit():
    assert repr(Concurrency(5)) == "<Concurrency 5 at once>"
