"""The store in memory: what it remembers, what it forgets, and that forgetting is no way around a limit."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from limit_reference import SECOND, Reference, VirtualClock, gaps, rates, rule, sizes

from gateway.limit.algorithm import Verdict
from gateway.limit.base import Rule
from gateway.limit.memory import MemoryStore
from gateway.limit.table import Table

names = st.sampled_from(["a", "b", "c", "d", "e", "f"])
visits = st.lists(st.tuples(gaps, names), max_size=80)
bounds = st.integers(1, 4)


class Desk:
    """A store with one rule and a clock moved by hand."""

    def __init__(self, size: int, rate: int | Fraction, keys: int = 1000) -> None:
        self.clock = VirtualClock()
        self.rule = rule(size, rate)
        self.store = MemoryStore(self.clock.runtime(), keys)

    def ask(self, key: str, rule: Rule | None = None) -> Verdict:
        (verdict,) = self.store.decide([(rule or self.rule, key)], [])
        return verdict

    def __len__(self) -> int:
        return len(self.store._tables[self.rule.scope])


@given(sizes, rates, visits)
def test_RL_01_RL_08_every_key_has_the_bucket_of_the_definition(size, rate, visits):
    desk = Desk(size, rate)
    references: dict[str, Reference] = {}
    for gap, key in visits:
        desk.clock.us += gap
        reference = references.setdefault(key, Reference(size, rate))
        assert desk.ask(key).allowed == reference.take(desk.clock.us)


def test_RL_08_a_drained_key_leaves_other_keys_alone():
    desk = Desk(2, 1)
    assert [desk.ask("a").allowed for _ in range(3)] == [True, True, False]
    assert [desk.ask("b").allowed for _ in range(3)] == [True, True, False]


def test_RL_08_a_changed_rule_does_not_read_what_the_old_one_counted():
    clock = VirtualClock()
    old, new = rule(2, 1), rule(3, 1)
    store = MemoryStore(clock.runtime())
    for _ in range(2):
        store.decide([(old, "a")], [])
    assert store.decide([(new, "a")], [])[0].remaining == 2
    assert not store.decide([(rule(2, 1), "a")], [])[0].allowed  # the old one again


@given(sizes, rates, visits, bounds)
def test_a_forgotten_key_never_gets_more_than_its_own_bucket_would_give(size, rate, visits, bound):
    desk = Desk(size, rate, bound)
    references: dict[str, Reference] = {}
    for gap, key in visits:
        desk.clock.us += gap
        if desk.ask(key).allowed:
            assert references.setdefault(key, Reference(size, rate)).take(desk.clock.us)


@given(sizes, rates, visits, bounds)
def test_the_number_of_keys_is_bounded(size, rate, visits, bound):
    desk = Desk(size, rate, bound)
    desk.ask("a")
    table = desk.store._tables[desk.rule.scope]
    for gap, key in visits:
        desk.clock.us += gap
        desk.ask(key)
        assert len(desk) <= bound
        assert sorted(table._order) == sorted(table.rows)
        assert len(table._room._numbers) <= bound * table._room._size  # who goes leaves its row to the next one
        assert len({*table.rows.values(), *table._room._free}) == len(table.rows) + len(table._room._free)


def test_refilled_keys_leave_as_newcomers_come_so_that_the_table_stays_small():
    desk = Desk(10, 10)  # one request is forgiven after 0.1 s
    for newcomer in range(10_000):
        desk.clock.us += SECOND // 100
        assert desk.ask(f"key-{newcomer}").remaining == 9
    assert len(desk) < 25  # of which 10 are not full yet


def test_keys_that_stay_long_do_not_make_the_table_grow():
    desk = Desk(200, 10)  # drained: 20 s until full; one request: 0.1 s
    for key in range(100):
        for _ in range(200):
            desk.ask(f"drained-{key}")
    for newcomer in range(15_000):
        desk.clock.us += SECOND // 1000
        desk.ask(f"key-{newcomer}")
    assert len(desk) <= 2 * (100 + 100) + 2  # twice those that are not full


def test_a_key_that_still_owes_time_stays_while_refilled_ones_leave():
    desk = Desk(10, 1)
    for _ in range(10):
        desk.ask("drained")
    for newcomer in range(9):
        desk.clock.us += SECOND
        desk.ask(f"key-{newcomer}")
    assert desk.ask("drained").remaining == 8


def test_when_no_key_has_refilled_the_fullest_of_the_oldest_goes_and_newcomers_start_as_low():
    desk = Desk(10, 1, keys=3)
    for key, requests in (("a", 10), ("b", 4), ("c", 7)):
        for _ in range(requests):
            desk.ask(key)
    assert desk.ask("new").remaining == 9  # nobody had been forgotten when it came
    assert desk.ask("other").remaining == 5  # as low as "b", which had 6 left when it went
    assert desk.ask("b").remaining == 5
    assert desk.ask("a").remaining == 0
    desk.clock.us += 10 * SECOND
    assert desk.ask("later").remaining == 9  # by then every forgotten bucket would be full


def test_a_refused_newcomer_takes_nobodys_place():
    desk = Desk(1, 1, keys=1)
    assert desk.ask("a").allowed
    assert desk.ask("b").allowed  # pushes "a" out, of which nothing was left
    for newcomer in range(100):
        assert not desk.ask(f"key-{newcomer}").allowed
    assert len(desk) == 1
    assert not desk.ask("b").allowed


@given(st.integers(1, 3600 * SECOND))
def test_RL_09_a_clock_that_steps_back_shuts_out_neither_known_keys_nor_newcomers(back):
    desk = Desk(1, 1, keys=1)
    desk.clock.us = 3600 * SECOND
    desk.ask("a")
    desk.ask("b")
    desk.clock.us -= back
    assert not desk.ask("b").allowed
    assert not desk.ask("c").allowed
    desk.clock.us += SECOND
    assert desk.ask("b").allowed
    assert desk.ask("c").allowed


def test_all_rules_take_together_or_none_does():
    clock = VirtualClock()
    wide, narrow = rule(5, 1, name="wide"), rule(2, 1, name="narrow")
    store = MemoryStore(clock.runtime())
    both = [(wide, "a"), (narrow, "a")]
    assert [[v.allowed for v in store.decide(both, [])] for _ in range(3)] == [
        [True, True],
        [True, True],
        [True, False],
    ]
    assert store.decide([(wide, "a")], [])[0].remaining == 2


@pytest.mark.parametrize("order", [1, -1])
@given(first=visits, rate=rates)
def test_a_refusal_by_one_rule_costs_the_other_rules_nothing(order, first, rate):
    clock = VirtualClock()
    wide, narrow = rule(20, rate, name="wide"), rule(2, rate, name="narrow")
    store = MemoryStore(clock.runtime())
    references = {name: (Reference(20, rate), Reference(2, rate)) for name in "abcdef"}
    for gap, key in first:
        clock.us += gap
        verdicts = store.decide([(wide, key), (narrow, key)][::order], [])
        for reference in references[key]:
            reference.advance(clock.us)
        expected = [reference.credit >= 1 for reference in references[key]]
        assert [verdict.allowed for verdict in verdicts][::order] == expected
        if all(expected):
            for reference in references[key]:
                reference.take(clock.us)


def test_it_shows_its_rules_and_how_many_keys_they_hold():
    desk = Desk(2, 1)
    desk.ask("a")
    assert repr(desk.store) == "<MemoryStore 1 keys>"
    assert len(Table(desk.rule.algorithm, 1, 0)) == 0
