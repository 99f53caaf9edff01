"""Upstreams of one priority, and how much of the traffic each tier gets."""

from collections.abc import Callable, Sequence

from gateway.balance.base import Strategy
from gateway.balance.upstream import Upstream

# A tier keeps all its traffic while as much of it is available as 1 / this: 71 %. (Envoy's figure.)
OVERPROVISIONING = 1.4


class Tier:
    """The upstreams of `priority`, those in `used` through `strategy`."""

    __slots__ = ("priority", "strategy", "upstreams", "used")

    def __init__(
        self, priority: int, upstreams: Sequence[Upstream], build: Callable[[Sequence[Upstream]], Strategy]
    ) -> None:
        self.priority = priority
        self.upstreams = tuple(upstreams)
        self.used: tuple[Upstream, ...] = self.upstreams
        self.strategy = build(upstreams)

    def use(self, upstreams: Sequence[Upstream]) -> None:
        """Send requests to these of its upstreams only."""
        if tuple(upstreams) != self.used:
            self.used = tuple(upstreams)
            self.strategy.use(upstreams)

    @property
    def able(self) -> float:
        """How much of the whole traffic it could bear."""
        weight = sum(upstream.weight for upstream in self.upstreams)
        return min(1.0, OVERPROVISIONING * sum(upstream.weight for upstream in self.used) / weight)

    def __repr__(self) -> str:
        return f"<Tier {self.priority}: {len(self.used)} of {len(self.upstreams)} with {self.strategy!r}>"


def shares(tiers: Sequence[Tier]) -> list[tuple[float, Tier]]:
    """The share of each tier that gets any, adding up to 1: as much as the first can bear, the rest to the next."""
    left, found = 1.0, []
    for tier in tiers:
        share = min(left, tier.able)
        left -= share
        if share > 0:
            found.append((share, tier))
    # When all together could not bear it, all bear more.
    return [(share / (1 - left), tier) for share, tier in found] if left < 1 else []
