"""The chart as Helm renders it."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

# `ship` is no part of the installed package, and the gateway as a process is another room's.
sys.path[:0] = [str(Path(__file__).parents[2]), str(Path(__file__).parents[1] / "process")]

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
