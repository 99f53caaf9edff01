"""The strategies by the names that `services.<name>.strategy` may have."""

from collections.abc import Sequence

from gateway.balance.adaptive import Adaptive
from gateway.balance.base import Options, Strategy, StrategyFactory
from gateway.balance.consistent_hash import ConsistentHash
from gateway.balance.least_connections import LeastConnections
from gateway.balance.p2c_ewma import PeakEwma
from gateway.balance.round_robin import RoundRobin
from gateway.balance.upstream import Upstream
from gateway.balance.weighted import Weighted
from gateway.runtime import Runtime

STRATEGIES: dict[str, StrategyFactory] = {
    "adaptive": Adaptive,
    "consistent_hash": ConsistentHash,
    "least_connections": LeastConnections,
    "p2c_ewma": PeakEwma,
    "round_robin": RoundRobin,
    "weighted": Weighted,
}


def build(name: str, upstreams: Sequence[Upstream], runtime: Runtime, options: Options | None = None) -> Strategy:
    """The strategy called `name` for one service's `upstreams`. Raises ValueError for a name that is not there."""
    factory = STRATEGIES.get(name)
    if factory is None:
        raise ValueError(f"strategy: {name!r} is not one of {', '.join(STRATEGIES)}")
    return factory(upstreams, runtime, options or Options())
