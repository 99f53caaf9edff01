"""The strategies by the names that `services.<name>.strategy` may have."""

from collections.abc import Sequence

from gateway.balance.base import Strategy, StrategyFactory
from gateway.balance.least_connections import LeastConnections
from gateway.balance.round_robin import RoundRobin
from gateway.balance.upstream import Upstream
from gateway.runtime import Runtime

STRATEGIES: dict[str, StrategyFactory] = {
    "least_connections": LeastConnections,
    "round_robin": RoundRobin,
}


def build(name: str, upstreams: Sequence[Upstream], runtime: Runtime) -> Strategy:
    """The strategy called `name` for one service's `upstreams`. Raises ValueError for a name that is not there."""
    factory = STRATEGIES.get(name)
    if factory is None:
        raise ValueError(f"strategy: {name!r} is not one of {', '.join(STRATEGIES)}")
    return factory(upstreams, runtime)
