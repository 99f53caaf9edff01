"""The corpus, played once for all tests that look at it."""

import asyncio

import pytest
from judge import Verdict, played


@pytest.fixture(scope="session")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Verdict], float]:
    """The verdict on each row, and what a byte of a plain GET costs (ns of CPU)."""
    return asyncio.run(played(tmp_path_factory.mktemp("corpus")))


@pytest.fixture(scope="session")
def verdicts(corpus: tuple[dict[str, Verdict], float]) -> dict[str, Verdict]:
    return corpus[0]
