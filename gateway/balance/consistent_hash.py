"""Consistent hashing with bounded load: a caller stays with one upstream, unless that has far more than its share.

Mirrokni, Thorup, Zadimoghaddam, "Consistent Hashing with Bounded Loads" (2016).
"""

from bisect import bisect
from collections.abc import Callable, Collection, Iterator, Sequence
from hashlib import blake2b
from itertools import chain
from math import log2
from struct import unpack

from gateway.balance.base import Options
from gateway.balance.upstream import Upstream
from gateway.exchange import Exchange
from gateway.runtime import Runtime

# Of an upstream of ordinary weight. Shares differ by 1/16 then: four times less than the 1.25 that is promised.
POINTS = 256
POINTS_A_DIGEST = 8
# An upstream takes no more than this many times its share of what is in flight.
BOUND = 1.25
HEADER = "header:"

Key = Callable[[Exchange], bytes]


class ConsistentHash:
    """A ring of points; a key belongs to the upstream of the next point that is not overloaded."""

    __slots__ = ("_bound", "_key", "_looks", "_owners", "_places", "_points", "_upstreams", "_weight")

    def __init__(self, upstreams: Sequence[Upstream], runtime: Runtime, options: Options) -> None:
        self._key = key_of(options.hash_key)
        self._points: dict[Upstream, list[int]] = {}
        self.use(upstreams)

    def use(self, upstreams: Sequence[Upstream]) -> None:
        """Make the ring of these."""
        # measured: 2 ms for 16 upstreams, 0.2 s for 1,000, bench/micro/balance.py
        self._upstreams = tuple(upstreams)
        self._weight = sum(upstream.weight for upstream in upstreams)
        # A power of two: the weights of who comes or goes do not change the number of everybody's points.
        unit = 2 ** int(log2(self._weight / len(upstreams))) if upstreams else 1
        ring: list[tuple[int, Upstream]] = []
        for upstream in upstreams:
            ring += [(point, upstream) for point in _points(upstream, max(1, POINTS * upstream.weight // unit))]
        ring.sort(key=_place)
        self._places = [point for point, _ in ring]
        self._owners = [upstream for _, upstream in ring]
        self._looks = 0
        self._bound = 0.0

    def pick(self, exchange: Exchange, tried: Collection[Upstream] = ()) -> Upstream | None:
        """The upstream that the request's key belongs to, or the next one on the ring."""
        # measured: 1.5 us, whatever the number of upstreams, bench/micro/balance.py
        bound = self._load_bound()
        owners = self._owners
        place = bisect(self._places, _hash(self._key(exchange)))
        last = None
        for upstream in chain(owners[place : place + 1], self._from(place + 1)):
            if upstream is last:
                continue
            last = upstream
            if (not tried or upstream not in tried) and upstream.in_flight < bound * upstream.weight:
                return upstream
        return min((one for one in self._upstreams if one not in tried), key=_load, default=None)

    def _from(self, place: int) -> Iterator[Upstream]:
        owners = self._owners
        for index in range(place, place + len(owners)):
            yield owners[index % len(owners)]

    def _load_bound(self) -> float:
        """The most that may be in flight for each unit of weight, counted now and then: it changes slowly."""
        if not self._looks:
            self._looks = len(self._upstreams) // 16
            total = sum(upstream.in_flight for upstream in self._upstreams)
            self._bound = max(BOUND * (total + 1) / self._weight, 1.0) if self._weight else 0.0
        else:
            self._looks -= 1
        return self._bound

    def __repr__(self) -> str:
        return f"<ConsistentHash of {len(self._upstreams)}>"


def key_of(name: str) -> Key:
    """How the key called `name` is read from an exchange; a caller without the header counts by who it is."""
    if name.startswith(HEADER):
        field = name.removeprefix(HEADER).lower().encode("ascii")
        return lambda exchange: b"".join(exchange.request.values(field)[:1]) or _client(exchange)
    return KEYS[name]


def _client(exchange: Exchange) -> bytes:
    return (exchange.identity.subject or exchange.client).encode("utf-8", "surrogatepass")


KEYS: dict[str, Key] = {
    "client": _client,
    "subject": lambda exchange: exchange.identity.subject.encode("utf-8", "surrogatepass"),
    "address": lambda exchange: exchange.client.encode(),
}


def _hash(key: bytes) -> int:
    return int.from_bytes(blake2b(key, digest_size=8).digest())


def _points(upstream: Upstream, number: int) -> list[int]:
    """The first `number` points of an upstream: the same in every process, and for every number."""
    name = f"{upstream.url} {upstream.name}".encode()
    points: list[int] = []
    for index in range((number + POINTS_A_DIGEST - 1) // POINTS_A_DIGEST):
        points += unpack(f">{POINTS_A_DIGEST}Q", blake2b(b"%b %d" % (name, index)).digest())
    return points[:number]


def _place(point: tuple[int, Upstream]) -> int:
    return point[0]


def _load(upstream: Upstream) -> float:
    return upstream.in_flight / upstream.weight
