"""Waiting for what only looking can tell: until it is so, or a deadline has passed."""

import asyncio
import time
from collections.abc import Callable

PAUSE = 0.005


async def until(condition: Callable[[], object], within: float = 5.0) -> None:
    """Go on once `condition()` holds, looking every few milliseconds; AssertionError after `within` seconds."""
    deadline = time.monotonic() + within
    while not condition():
        assert time.monotonic() < deadline, f"not so within {within} s"
        await asyncio.sleep(PAUSE)


def wait_until(condition: Callable[[], object], within: float, why: Callable[[], str]) -> None:
    """The same for who is not in an event loop; `why` says what is known when it did not come true."""
    deadline = time.monotonic() + within
    while not condition():
        assert time.monotonic() < deadline, why()
        time.sleep(PAUSE)
