import pytest

from gateway.errors import GatewayError
from gateway.exchange import Exchange, Request


class Nowhere:
    def refuse(self, exchange: Exchange, error: GatewayError) -> None: ...
    def invite_body(self) -> None: ...


@pytest.fixture(scope="session")
def exchange() -> Exchange:
    """Any request at all: these strategies look at upstreams only."""
    return Exchange(Request(), Nowhere(), "192.0.2.1", b"", 0)
