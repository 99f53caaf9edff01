import pytest
from balance_parts import new_exchange

from gateway.exchange import Exchange


@pytest.fixture(scope="session")
def exchange() -> Exchange:
    """Any request at all."""
    return new_exchange()
