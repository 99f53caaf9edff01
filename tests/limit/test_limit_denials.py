"""Refusals that are known: never longer than they hold, and never for those who might pass."""

from hypothesis import given
from hypothesis import strategies as st
from limit_reference import SECOND, Reference, rates, rule, sizes

from gateway.limit.algorithm import NEVER, Verdict
from gateway.limit.base import Rule
from gateway.limit.concurrency import Concurrency
from gateway.limit.denials import LONGEST, Denials

TEN_MS = Verdict(False, 0, 10_000, 90_000, 10_000)
A = rule(1, 100)


def known(*checks: tuple[Rule, str], verdicts: list[Verdict], asked_at: float = 5.0) -> Denials:
    denials = Denials()
    denials.note(checks, verdicts, asked_at)
    return denials


def test_until_the_request_could_pass_it_is_refused_and_told_what_is_left_to_wait():
    denials = known((A, "a"), verdicts=[TEN_MS])
    assert denials.look([(A, "a")], 5.004) == [Verdict(False, 0, 6_000, 86_000, 6_000)]
    assert denials.look([(A, "a")], 5.009999) is not None
    assert denials.look([(A, "a")], 5.010001) is None
    assert denials.look([(A, "a")], 5.004) is None  # forgotten for good


def test_nothing_is_known_longer_than_an_operator_would_wait_for_a_reset():
    denials = known((A, "a"), verdicts=[TEN_MS._replace(retry_after_us=60 * SECOND)])
    assert denials.look([(A, "a")], 5.0 + LONGEST - 0.01) is not None
    assert denials.look([(A, "a")], 5.0 + LONGEST + 0.01) is None


def test_other_keys_and_rules_are_not_known():
    denials = known((A, "a"), verdicts=[TEN_MS])
    assert denials.look([(A, "b")], 5.0) is None
    assert denials.look([(rule(2, 100), "a")], 5.0) is None
    other = rule(9, 1, name="other")
    assert denials.look([(other, "a"), (A, "a")], 5.0) == [None, TEN_MS]


def test_what_refuses_nobody_or_may_change_at_any_moment_is_not_remembered():
    shadow = Rule("shadow", A.algorithm, A.key, shadow=True)
    slots = Rule("slots", Concurrency(1), A.key)
    allowed = Verdict(True, 1, 0, 0, 0)
    denials = known(
        (shadow, "a"), (slots, "a"), (A, "a"), verdicts=[TEN_MS, TEN_MS, TEN_MS._replace(retry_after_us=NEVER)]
    )
    denials.note([(A, "b")], [allowed], 5.0)
    assert not denials.any
    assert denials.look([(shadow, "a"), (slots, "a"), (A, "a"), (A, "b")], 5.0) is None


asked = st.lists(st.tuples(st.integers(0, 300_000), st.integers(0, 20_000)), max_size=40)


@given(sizes, rates, asked)
def test_a_known_refusal_is_one_that_the_store_would_give_at_that_moment(size, rate, asked):
    limit, reference, denials, now = rule(size, rate), Reference(size, rate), Denials(), 0
    state = limit.algorithm.fresh(0)
    for gap, latency in asked:
        now = max(now + gap, reference.at)
        if denials.look([(limit, "a")], now / SECOND) is not None:
            reference.advance(now)
            assert reference.credit < 1
            continue
        decided_at = now + latency  # later than it was asked for, by what the network takes
        verdict, state = limit.algorithm.take(state, decided_at)
        assert verdict.allowed == reference.take(decided_at)
        denials.note([(limit, "a")], [verdict], now / SECOND)
