"""What the tests of the wire share."""

import asyncio
from collections.abc import Iterator

import pytest


@pytest.fixture(scope="module")
def loop_for_the_parser() -> Iterator[None]:
    """aiohttp's parser asks for the event loop, and does nothing with it."""
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    yield
    asyncio.set_event_loop(None)
    loop.close()
