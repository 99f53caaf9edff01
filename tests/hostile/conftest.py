"""The corpus, played once for all tests that look at it; and as many open files as it takes."""

import asyncio
import resource

import pytest
from judge import Verdict, played

FILES = 1 << 13


@pytest.fixture(scope="session", autouse=True)
def _files() -> None:
    """Thousands of connections have both their ends on this machine; a shell often allows 1,024."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    allowed = FILES if hard == resource.RLIM_INFINITY else min(FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < allowed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))


@pytest.fixture(scope="session")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Verdict], float]:
    """The verdict on each row, and what a byte of a plain GET costs (ns of CPU)."""
    return asyncio.run(played(tmp_path_factory.mktemp("corpus")))


@pytest.fixture(scope="session")
def verdicts(corpus: tuple[dict[str, Verdict], float]) -> dict[str, Verdict]:
    return corpus[0]
