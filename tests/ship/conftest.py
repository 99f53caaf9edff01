"""The chart as Helm renders it."""

import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

# `ship` is no part of the installed package; the gateway as a process, the collector and Redis are other rooms'.
TESTS = Path(__file__).parents[1]
sys.path[:0] = [str(TESTS.parent), str(TESTS / "process"), str(TESTS / "observe"), str(TESTS / "limit")]

from ship_variants import VARIANTS, merged, values_of, variant  # noqa: E402

from ship.chart import Rendered, render  # noqa: E402


@pytest.fixture(params=VARIANTS)
def rendered(request: pytest.FixtureRequest) -> Rendered:
    """Every variant in turn."""
    return variant(request.param)


@pytest.fixture
def default() -> Rendered:
    """What the three edits give that nobody can do without."""
    return variant("default")


@pytest.fixture
def production() -> Rendered:
    return variant("production")


@pytest.fixture
def with_values() -> Callable[..., Rendered]:
    """Render the default variant with some values more."""

    def changed(**values: Any) -> Rendered:
        return render(merged(values_of("default"), values))

    return changed


@pytest.fixture
def free_port() -> Iterator[int]:
    """A port that nobody listens on while the test runs: bound, so that no other process gets it."""
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        yield holder.getsockname()[1]
