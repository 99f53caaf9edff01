"""One place to send requests to, and what the balancer knows about it."""

from collections.abc import Sequence
from math import exp
from typing import Any
from urllib.parse import urlsplit

from gateway.balance.standing import Standing

# How much the newest reply counts. measured: 0.05 to 0.2 give the same p99 within 3 %, bench/simulator
NEWEST = 0.1
# How much the newest outcome counts in the share of failures.
NEWEST_OUTCOME = 0.3
# Seconds after which a peak in latency, or a failure, counts 1/e.
FADING = 10.0
FORGIVEN = 0.01
LONG_AGO = float("-inf")


class Crowd:
    """Upstreams that are chosen among: how many exchanges all of them are working on."""

    __slots__ = ("in_flight", "number", "weight")

    def __init__(self) -> None:
        self.in_flight = self.number = self.weight = 0

    def mean_load(self) -> float:
        """What one has to do with one exchange more, for each unit of weight."""
        return (self.in_flight + self.number) / self.weight


class Learned:
    """How much an upstream has to do, and what its replies teach, which pass by anyway.

    Times are `Runtime.clock` seconds.
    `in_flight` is the number of exchanges it is working on. `unit` is the time to the first byte divided by the number
    of exchanges that were in flight, `peak` the time to the first byte, quick to rise and slow to fall, `failing` the
    share of failures. An event stream counts with its first byte, never with its length. `crowd` is who else is there.
    """

    __slots__ = ("crowd", "failing", "failing_at", "in_flight", "joined_at", "peak", "unit", "unit_at", "weight")

    def __init__(self, weight: int) -> None:
        self.weight = weight
        self.in_flight = 0
        self.crowd = Crowd()
        self.unit = self.unit_at = self.peak = self.failing = self.failing_at = 0.0
        self.joined_at = LONG_AGO  # when it came, or came back: newcomers start slowly

    def began(self) -> int:
        """An exchange goes there; how many there are now, for `first_byte`."""
        self.in_flight += 1
        self.crowd.in_flight += 1
        return self.in_flight

    def ended(self) -> None:
        """The exchange is over, whatever became of it."""
        self.in_flight -= 1
        self.crowd.in_flight -= 1

    def first_byte(self, seconds: float, load: int, now: float) -> None:
        """A reply that is no failure began `seconds` after its request was sent, as one of `load` exchanges."""
        # measured: 0.3 us, bench/micro/balance.py
        unit, before, peak = seconds / load, self.unit, self.peak
        self.unit = before + (unit - before) * NEWEST if before else unit
        if seconds < peak:
            fading = exp((self.unit_at - now) / FADING)
            seconds += (peak - seconds) * fading
        self.peak = seconds
        self.unit_at = now
        if self.failing:
            failing = self.failing_now(now) * (1 - NEWEST_OUTCOME)
            self.failing, self.failing_at = (failing if failing > FORGIVEN else 0.0), now

    def failed(self, now: float) -> None:
        """An exchange failed there. How soon says nothing about how fast it is: failing is quick."""
        failing = self.failing_now(now)
        self.failing, self.failing_at = failing + (1 - failing) * NEWEST_OUTCOME, now

    def failing_now(self, now: float) -> float:
        """The share of failures, which time heals."""
        return self.failing * exp((self.failing_at - now) / FADING)


class Upstream(Learned):
    """An address behind a service: plain state that strategies read and `forward` keeps true.

    `name` is the host:port shown in metrics and logs, `base` the path of its URL without a trailing slash, `limit` the
    most that may be in flight.
    """

    __slots__ = (
        "authority",
        "base",
        "host",
        "leg",
        "limit",
        "name",
        "port",
        "priority",
        "server_name",
        "standing",
        "tls",
        "url",
    )

    def __init__(self, url: str, weight: int = 1, *, priority: int = 0, address: tuple[str, int] | None = None) -> None:
        """`address` is where to connect, when that is not what `url` says but what was found behind its name."""
        super().__init__(weight)
        parts = urlsplit(url)
        self.url = url
        self.tls = parts.scheme == "https"
        self.server_name = parts.hostname or ""
        default = 443 if self.tls else 80
        self.host, self.port = address or (self.server_name, parts.port or default)
        self.base = parts.path.rstrip("/").encode("ascii")
        self.name = _joined(self.host, self.port)
        # The Host header it is sent: the port is left out when it is the scheme's own.
        named = _joined(self.server_name, parts.port or (self.port if address else default))
        self.authority = named.removesuffix(f":{default}").encode("ascii")
        self.priority = priority
        self.limit = 1_000_000
        self.leg: Any = None  # a `Leg`, the way there, at which nobody here looks
        self.standing = Standing()

    def __repr__(self) -> str:
        return f"<Upstream {self.name} for {self.url} in_flight={self.in_flight} {self.standing!r}>"


def together(upstreams: Sequence[Upstream]) -> Crowd:
    """Make these a crowd, whatever crowd they were in."""
    crowd = Crowd()
    for upstream in upstreams:
        crowd.in_flight += upstream.in_flight
        crowd.number += 1
        crowd.weight += upstream.weight
        upstream.crowd = crowd
    return crowd


def _joined(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
