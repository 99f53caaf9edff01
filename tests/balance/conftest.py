import socket
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest
from balance_parts import new_exchange

from gateway.exchange import Exchange


@pytest.fixture(scope="session")
def exchange() -> Exchange:
    """Any request at all."""
    return new_exchange()


@pytest.fixture
def unused_port() -> Iterator[int]:
    """A port where nobody listens, and nobody else will while the test runs."""
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        yield holder.getsockname()[1]


@pytest.fixture
def run_python() -> Callable[[str], str]:
    """What a fresh interpreter prints for a script."""

    def run(script: str) -> str:
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True, text=True)
        return done.stdout.strip()

    return run
