"""What has happened so far, as plain numbers: all that an exchange costs here is a few additions.

`metrics.py` reads them when somebody asks.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence

from gateway.exchange import Exchange

EXCHANGE_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300)
OVERHEAD_SECONDS = (0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1)
LAG_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5)

# RFC 9110, section 9, and RFC 5789; any other method is "other".
METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"))

# Reasons come from the code, rules from the configuration: a guard against the day when one does not.
MOST_VALUES = 100
OTHER = "other"


class Durations:
    """How many durations fell up to each bound and above the last, in seconds, and their sum."""

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0.0

    def add(self, seconds: float) -> None:
        # measured: 0.1 us (bench/micro/observe.py), against 2.8 us for aioprometheus' Histogram.observe
        self.counts[bisect_left(self.bounds, seconds)] += 1
        self.total += seconds


class UpstreamTally:
    """One upstream of one service; a reply's status, or that of the failure that took its place."""

    __slots__ = ("durations", "first_byte", "statuses")

    def __init__(self) -> None:
        self.statuses: defaultdict[int, int] = defaultdict(int)
        self.durations = Durations(EXCHANGE_SECONDS)
        self.first_byte = Durations(EXCHANGE_SECONDS)


class ServiceTally:
    """One service; `requests` by (method, status)."""

    __slots__ = ("durations", "in_flight", "overhead", "refusals", "requests", "retries", "upstreams")

    def __init__(self) -> None:
        self.in_flight = 0
        self.requests: defaultdict[tuple[str, int], int] = defaultdict(int)
        self.durations = Durations(EXCHANGE_SECONDS)
        self.overhead = Durations(OVERHEAD_SECONDS)
        self.refusals: dict[str, int] = {}
        self.retries: dict[str, int] = {}
        self.upstreams: dict[str, UpstreamTally] = {}

    def add_attempt(self, exchange: Exchange, status: int, now: float) -> None:
        """Count the last attempt, which ended `now`."""
        upstream = self.upstreams.get(exchange.upstream) or self.upstream(exchange.upstream)
        upstream.statuses[status] += 1
        sent_at, first_byte_at = exchange.sent_at, exchange.first_byte_at
        if sent_at:
            seconds, durations = now - sent_at, upstream.durations
            durations.counts[bisect_left(EXCHANGE_SECONDS, seconds)] += 1
            durations.total += seconds
            if first_byte_at:
                seconds, durations = first_byte_at - sent_at, upstream.first_byte
                durations.counts[bisect_left(EXCHANGE_SECONDS, seconds)] += 1
                durations.total += seconds

    def add_overhead(self, exchange: Exchange) -> None:
        """Count the gateway's own time; only of exchanges without a retry: what a failed attempt took was not ours."""
        own, overhead = exchange.sent_at - exchange.started_at, self.overhead
        if exchange.replied_at:
            own += exchange.replied_at - exchange.first_byte_at
        overhead.counts[bisect_left(OVERHEAD_SECONDS, own)] += 1
        overhead.total += own

    def upstream(self, name: str) -> UpstreamTally:
        """The tally of the upstream `name`, which comes from the configuration or from discovery."""
        tally = self.upstreams.get(name)
        if tally is None:
            tally = self.upstreams[name] = UpstreamTally()
        return tally


class Tallies:
    """Everything the process has counted.

    Ended exchanges are counted in batches; `settle`, which the observer sets, counts those that wait for one.
    `so_far` is without these, by the service's name, which comes from the configuration or is "none".
    """

    __slots__ = ("auth_failures", "lag", "settle", "so_far")

    def __init__(self) -> None:
        self.so_far: defaultdict[str, ServiceTally] = defaultdict(ServiceTally)
        self.auth_failures: dict[str, int] = {}
        self.lag = Durations(LAG_SECONDS)
        self.settle: Callable[[], None] = lambda: None

    @property
    def services(self) -> Mapping[str, ServiceTally]:
        """All that has ended, by service."""
        self.settle()
        return self.so_far

    def service(self, name: str) -> ServiceTally:
        """All that has ended of the service `name`."""
        self.settle()
        return self.so_far[name]

    def forget(self, service: str, upstream: str) -> None:
        """Count this upstream no more: it has left for good."""
        if service in self.services:
            self.services[service].upstreams.pop(upstream, None)

    def add(self, exchanges: Sequence[Exchange]) -> None:
        """Count exchanges that have ended."""
        # measured: 0.9 us each in batches of 16, 1.0 us alone; bench/micro/observe.py
        for exchange in exchanges:
            tally = self.so_far[exchange.service]
            method, ended_at = exchange.request.method, exchange.ended_at
            tally.requests[method if method in METHODS else OTHER, exchange.status] += 1
            seconds = ended_at - exchange.started_at
            durations = tally.durations
            durations.counts[bisect_left(EXCHANGE_SECONDS, seconds)] += 1
            durations.total += seconds
            if exchange.routed:
                tally.in_flight -= 1
            if exchange.attempts:
                tally.add_attempt(exchange, exchange.status, ended_at)
                if exchange.attempts == 1 and exchange.first_byte_at:
                    tally.add_overhead(exchange)


def count(tally: dict[str, int], value: str) -> None:
    """Add one for `value`, or for "other" when it is empty or `tally` has seen too many different ones."""
    if not value or (value not in tally and len(tally) >= MOST_VALUES):
        value = OTHER
    tally[value] = tally.get(value, 0) + 1
