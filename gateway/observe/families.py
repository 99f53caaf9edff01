"""Which metrics there are, and where in the tallies their values stand."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import NamedTuple

from gateway.observe.tallies import Durations, ServiceTally, Tallies, UpstreamTally

# The values of a metric's labels, in their order, and its value.
Row = tuple[tuple[str, ...], float | Durations]
Source = Callable[[], Iterable[Row]]


class Family(NamedTuple):
    """One metric: `kind` is counter, gauge or histogram, `doc` what it tells, `rows` finds its values."""

    kind: str
    name: str
    doc: str
    labels: tuple[str, ...]
    rows: Callable[[Tallies], Iterable[Row]]


def _requests(tallies: Tallies) -> Iterator[Row]:
    for service, tally in tallies.services.items():
        for (method, status), number in tally.requests.items():
            yield (service, method, str(status)), number


def _upstream_requests(tallies: Tallies) -> Iterator[Row]:
    for service, tally in tallies.services.items():
        for name, upstream in tally.upstreams.items():
            for status, number in upstream.statuses.items():
                yield (service, name, str(status)), number


def _of_services(value: Callable[[ServiceTally], float | Durations]) -> Callable[[Tallies], Iterator[Row]]:
    def rows(tallies: Tallies) -> Iterator[Row]:
        for service, tally in tallies.services.items():
            yield (service,), value(tally)

    return rows


def _of_upstreams(value: Callable[[UpstreamTally], Durations]) -> Callable[[Tallies], Iterator[Row]]:
    def rows(tallies: Tallies) -> Iterator[Row]:
        for service, tally in tallies.services.items():
            for name, upstream in tally.upstreams.items():
                yield (service, name), value(upstream)

    return rows


def _counted(values: Callable[[ServiceTally], Mapping[str, int]]) -> Callable[[Tallies], Iterator[Row]]:
    def rows(tallies: Tallies) -> Iterator[Row]:
        for service, tally in tallies.services.items():
            for value, number in values(tally).items():
                yield (service, value), number

    return rows


def _auth_failures(tallies: Tallies) -> Iterator[Row]:
    for reason, number in tallies.auth_failures.items():
        yield (reason,), number


SERVICE = ("service",)
UPSTREAM = ("service", "upstream")
FAMILIES = (
    Family("counter", "http_requests_total", "Requests that ended.", ("service", "method", "status"), _requests),
    Family(
        "histogram",
        "http_request_duration_seconds",
        "From a request's head to the end of its reply.",
        SERVICE,
        _of_services(lambda tally: tally.durations),
    ),
    Family(
        "gauge",
        "http_requests_in_flight",
        "Requests that have not ended yet.",
        SERVICE,
        _of_services(lambda tally: tally.in_flight),
    ),
    Family(
        "counter",
        "rate_limit_hits_total",
        "Requests refused by a rate limit.",
        ("service", "rule"),
        _counted(lambda tally: tally.refusals),
    ),
    Family("counter", "auth_failures_total", "Requests refused for their credentials.", ("reason",), _auth_failures),
    Family(
        "counter",
        "upstream_requests_total",
        "Attempts at an upstream; without a reply, the status is that of the failure.",
        (*UPSTREAM, "status"),
        _upstream_requests,
    ),
    Family(
        "histogram",
        "upstream_duration_seconds",
        "From sending the request's head to the end of the reply.",
        UPSTREAM,
        _of_upstreams(lambda tally: tally.durations),
    ),
    Family(
        "histogram",
        "upstream_time_to_first_byte_seconds",
        "From sending the request's head to the reply's head.",
        UPSTREAM,
        _of_upstreams(lambda tally: tally.first_byte),
    ),
    Family(
        "counter",
        "upstream_retries_total",
        "Attempts that failed and were followed by another.",
        ("service", "reason"),
        _counted(lambda tally: tally.retries),
    ),
    Family(
        "histogram",
        "gateway_overhead_seconds",
        "Own time of requests sent once: before the upstream had the head, and before the client had the reply's.",
        SERVICE,
        _of_services(lambda tally: tally.overhead),
    ),
    Family(
        "histogram",
        "event_loop_lag_seconds",
        "How late the event loop is, sampled four times a second.",
        (),
        lambda tallies: [((), tallies.lag)],
    ),
)
