"""The budget: extra copies are a share of the live traffic."""

from hypothesis import given
from hypothesis import strategies as st

from gateway.balance.budget import ALWAYS, WINDOW, Budget

NOW = 1000.0


@given(
    share=st.floats(0.01, 1.0),
    steps=st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=300),
)
def test_copies_never_exceed_their_share_of_what_came_and_a_few_for_each_window(
    share: float, steps: list[tuple[float, bool]]
) -> None:
    budget, now, spent = Budget(share), NOW, 0
    for requests, (pause, copy) in enumerate(steps, 1):
        now += pause
        budget.count(now)
        spent += copy and budget.spend(now)
        windows = 1 + (now - NOW) / WINDOW
        # What the window before has left over may be spent again, once.
        assert spent <= 2 * (ALWAYS * windows + share * requests) + 1


def test_steady_traffic_may_be_copied_by_its_share() -> None:
    budget, copies = Budget(0.2), 0
    for number in range(10_000):
        budget.count(NOW + number / 100)
        copies += budget.spend(NOW + number / 100)
    assert 0.19 < copies / 10_000 < 0.21


def test_burst_after_quiet_traffic_is_covered() -> None:
    """All that was in flight at an upstream that died may be sent again."""
    budget = Budget(0.2)
    for number in range(5000):
        budget.count(NOW + number / 1000)
    assert all(budget.spend(NOW + 5) for _ in range(900))
    assert sum(budget.spend(NOW + 5) for _ in range(1000)) <= 100 + ALWAYS


def test_service_of_little_traffic_has_a_few() -> None:
    budget = Budget(0.2)
    budget.count(NOW)
    assert [budget.spend(NOW) for _ in range(ALWAYS + 2)] == [True] * ALWAYS + [False] * 2
    later = NOW + 3 * WINDOW
    assert budget.spend(later)


def test_no_share_is_none_at_all() -> None:
    budget = Budget(0.0)
    budget.count(NOW)
    assert not budget.spend(NOW)


def test_old_traffic_is_forgotten() -> None:
    budget = Budget(0.5)
    for _ in range(1000):
        budget.count(NOW)
    budget.count(NOW + 2 * WINDOW + 1)
    assert sum(budget.spend(NOW + 2 * WINDOW + 1) for _ in range(500)) <= ALWAYS + 1
