"""What the kind of token costs: each way is asked for real, and both kinds of token pass."""

import os

import pytest

from bench.identities import measure
from bench.tools import missing

ABSENT = missing(["nginx", "wrk"])


@pytest.mark.skipif(ABSENT is not None, reason=ABSENT or "")
@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="the bench needs two cores")
def test_tokens_of_both_kinds_are_taken_and_each_way_is_measured() -> None:
    taken = measure(["gateway"], rounds=1, seconds=0.5)
    assert list(taken) == ["nginx", "gateway, jwt, HS256", "gateway, both, RS256"]
    assert all(len(costs) == 1 and costs[0] > 0 for costs in taken.values())
