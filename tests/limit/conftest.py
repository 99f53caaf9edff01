"""Redis servers of the tests' own; every one of them ends with its block."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis_servers import RedisServer, running

sys.path.append(str(Path(__file__).parents[2]))  # `bench`, which draws the figures, is not installed


@pytest.fixture(scope="session")
def shared_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """One server for all tests that leave it running."""
    with running(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture
def redis_server(shared_redis: RedisServer) -> RedisServer:
    """The shared server, empty."""
    shared_redis.client.flushall()
    return shared_redis
