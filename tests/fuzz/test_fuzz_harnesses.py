"""The harnesses that atheris drives in `make fuzz`, driven by mutants."""

import pytest
from harnesses import HARNESSES, in_a_loop
from mutations import mutants
from seeds import STARTS

TIMES = 1000


@pytest.mark.parametrize("name", HARNESSES)
def test_mutants_find_nothing(name: str) -> None:
    harness = in_a_loop(HARNESSES[name])
    for data in (*STARTS[name], *mutants(STARTS[name], TIMES, seed=1)):
        harness(data)
