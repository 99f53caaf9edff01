"""Adaptive: where a request delays itself and others least, judged by the replies that pass by anyway; no probes.

The rule is that of Prequal (NSDI 2024), hot or cold by the number in flight, then latency conditioned on load, computed
from what is seen here instead of from probes.
"""

from collections.abc import Collection, Sequence

from gateway.balance.aperture import Aperture
from gateway.balance.base import Options, turns
from gateway.balance.upstream import Upstream, together
from gateway.exchange import Exchange
from gateway.runtime import Runtime

# Up to this many upstreams all are compared.
LARGEST_SCAN = 32
# Hot has more than this many times the mean in flight, and one more.
HOT = 1.25
# An upstream must be this much better than the one whose turn it is: estimates of equals differ by chance.
CLEARLY = 0.8
# Among busy ones: estimates of equals that have come with many loads seldom differ by more.
ALIKE = 0.64
# Seconds: who differs by less is as fast; it is the network's and the kernel's.
MOMENT = 0.0005
# So many of those that come next are looked at.
# measured: of 64 clients' picks 20 % compare at 33 upstreams, 17 % at 48, 1 % at 100, instead of 64, 70, 16
LOOKS = 4
# Half an exchange more than the best had is nothing.
A_LITTLE = 0.5
# Seconds after which what is known of an idle upstream is doubted, so that it is tried again.
STALE = 5.0
# Seconds in which a newcomer comes to its full share, and the share it begins with.
SLOW_START = 10.0
FIRST_SHARE = 0.1
# Seconds: of whom nothing is known, it is expected that it is fast.
UNKNOWN = 1e-9
# Who has only failed so far counts as this slow, in seconds, until that has faded to so small a share of failures.
ONLY_FAILED = 1000.0
FADED = 0.05
FOREVER = float("inf")


class Adaptive:
    """Of those that are not hot, the least `unit * load^2`.

    `load` is (in_flight + 1) / weight, `unit` the time to the first byte for each exchange in flight; so unit * load is
    the latency to expect, and times load again, what it costs all who are there. Failures and a recent arrival count as
    load. Until something is known, and among equals, upstreams take turns. When its turn comes, one that is idle and as
    fast as the best of the last comparison is taken without another one; so is a busy one that is not far from the
    fastest and about as far below the mean load as that best one was. When a busier one has its turn, an idle one that
    comes soon has it instead.
    """

    __slots__ = (
        *("_aperture", "_below", "_best_unit", "_clock", "_crowd", "_cycle", "_least_unit"),
        *("_only", "_place", "_rng", "_row", "_turn"),
    )

    def __init__(self, upstreams: Sequence[Upstream], runtime: Runtime, options: Options) -> None:
        self._clock = runtime.clock
        self._rng = runtime.rng
        self.use(upstreams)

    def use(self, upstreams: Sequence[Upstream]) -> None:
        """Choose among these."""
        self._only = upstreams[0] if len(upstreams) == 1 else None
        self._cycle = cycle = turns(upstreams)
        self._turn = int(self._rng.random() * len(cycle))
        self._row = (*upstreams, *upstreams)
        self._place = {upstream: place for place, upstream in enumerate(upstreams)}
        self._best_unit = self._least_unit = 0.0  # of the last comparison
        self._below = 0.0  # the same: how far below the mean was the load of the best
        self._crowd = together(upstreams)
        self._aperture = Aperture(cycle, self._rng) if len(upstreams) > LARGEST_SCAN else None

    def pick(self, exchange: Exchange, tried: Collection[Upstream] = ()) -> Upstream | None:
        """The upstream that is expected to serve best, of those that are not in `tried`."""
        # measured: 0.3 us while they are idle; when none is and some have to be compared, 2.3 us at 4 upstreams, 4.2 us
        # at 16, 3.4 us at 64, 3.0 us at 1,000, bench/micro/balance.py, 2026-11-29
        only = self._only
        if only is not None:
            return None if only in tried else only
        if not self._cycle:
            return None
        aperture, now = self._aperture, self._clock()
        one = self._next() if aperture is None else aperture.turn()
        unit, load = one.unit, one.in_flight
        # measured: 31.4 us for a JSON request over 4 busy upstreams instead of 33.7, in one run; code that seldom runs,
        # and branches nobody foresees, cost more than bench/micro/balance.py shows
        if load:
            least = self._least_unit
            low = (load + 1) / one.weight + self._below <= self._crowd.mean_load()
            moment = -MOMENT < (unit - least) * (load + 1) < MOMENT
            good = low and (moment or (unit * ALIKE <= least and least * CLEARLY <= unit))
        else:
            best = self._best_unit
            good = -MOMENT < unit - best < MOMENT or (unit * CLEARLY <= best and best * CLEARLY <= unit)
        if good and not (tried or one.failing or now - one.joined_at < SLOW_START):
            return one
        idle = self._idle_soon(one, now) if load and not tried else None
        return idle or self._compared(one, tried, now)

    def _next(self) -> Upstream:
        """Whose turn it is."""
        cycle, turn = self._cycle, self._turn
        self._turn = turn + 1 if turn + 1 < len(cycle) else 0
        return cycle[turn]

    def _idle_soon(self, busy: Upstream, now: float) -> Upstream | None:
        """The first idle one of those that come next, if it is as fast as the best and `busy` would not serve better.

        Who comes before it loses its turn.
        """
        load = (busy.in_flight + 1) / busy.weight
        cost = max(busy.unit, MOMENT) * load * load
        for place, one in enumerate(self._soon()):
            if one.in_flight:
                continue
            unit, best, weight = one.unit, self._best_unit, one.weight
            near = -MOMENT < unit - best < MOMENT or (unit * CLEARLY <= best and best * CLEARLY <= unit)
            if not near or unit > cost * weight * weight or one.failing or now - one.joined_at < SLOW_START:
                return None
            self._skip(place + 1)
            return one
        return None

    def _soon(self) -> Sequence[Upstream]:
        if self._aperture is not None:
            return self._aperture.soon(LOOKS)
        coming = self._cycle[self._turn : self._turn + LOOKS]
        return coming if len(coming) == LOOKS else coming + self._cycle[: LOOKS - len(coming)]

    def _skip(self, number: int) -> None:
        if self._aperture is not None:
            self._aperture.skip(number)
        else:
            self._turn = (self._turn + number) % len(self._cycle)

    def _compared(self, one: Upstream, tried: Collection[Upstream], now: float) -> Upstream | None:
        aperture = self._aperture
        some = self._all_from(one) if aperture is None else aperture.some()
        if tried:
            some = [one for one in some if one not in tried] or [one for one in self._place if one not in tried]
            if not some:
                return None
        best, second = _best_two(some, now)
        if not tried:  # else the best may be missing
            self._best_unit, self._least_unit = best.unit, min([one.unit for one in some])
        self._below = max(0.0, self._crowd.mean_load() - (best.in_flight + 1 + A_LITTLE) / best.weight)
        if aperture is not None:
            aperture.keep(best, second)
        return best

    def _all_from(self, one: Upstream) -> Sequence[Upstream]:
        start = self._place[one]
        return self._row[start : start + len(self._place)]

    def __repr__(self) -> str:
        return f"<Adaptive of {len(self._cycle)} turns>"


def _best_two(some: Sequence[Upstream], now: float) -> tuple[Upstream, Upstream]:
    """The one to take, and the next best: the same one when there is no other."""
    hot = _hot(some)
    best: Upstream | None = None
    second: Upstream | None = None
    least = next_least = FOREVER
    for upstream in some:
        # While nothing is in flight, turns keep to the weights.
        load = (upstream.in_flight + 1) / upstream.weight if hot < FOREVER else 1.0
        unit = upstream.unit or UNKNOWN
        if upstream.failing or now - upstream.joined_at < SLOW_START:
            load *= _handicap(upstream, now)
            if not upstream.unit and upstream.failing_now(now) > FADED:
                unit = ONLY_FAILED
        if load > hot:
            continue
        cost = unit * load * load
        if not upstream.in_flight and now - upstream.unit_at > STALE:
            cost *= STALE / (now - upstream.unit_at)
        if cost < least:
            second = best
            next_least = least
            best, least = upstream, cost * CLEARLY
        elif cost < next_least and upstream is not best:
            second, next_least = upstream, cost
    if best is None:
        best = min(some, key=lambda upstream: (upstream.in_flight + 1) / upstream.weight * _handicap(upstream, now))
    return best, second or best


def _hot(some: Sequence[Upstream]) -> float:
    """The load beyond which one is hot; infinite while nothing is in flight."""
    in_flight = weight = 0
    for upstream in some:
        in_flight += upstream.in_flight
        weight += upstream.weight
    return (HOT * in_flight + 2 * len(some)) / weight if in_flight else FOREVER


def _handicap(upstream: Upstream, now: float) -> float:
    """How much heavier failures and a recent arrival make an upstream's load."""
    good = 1 - upstream.failing_now(now)
    share = max(FIRST_SHARE, min(1.0, (now - upstream.joined_at) / SLOW_START))
    return 1 / (good * good * share)
