"""Each exchange is named when it begins, and counted for what became of it when it ends."""

import re

import pytest
from observe_parts import Clock, exchange_of

from gateway.errors import GatewayError, InternalError, NoUpstream, RateLimited, Unauthenticated
from gateway.exchange import Exchange
from gateway.observe.record import Observer
from gateway.observe.tallies import MOST_VALUES, Durations, Tallies

PARENT = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
NEW_PARENT = re.compile(rb"00-([0-9a-f]{32})-[0-9a-f]{16}-00")


@pytest.fixture
def tallies() -> Tallies:
    return Tallies()


@pytest.fixture
def observer(clock: Clock, tallies: Tallies) -> Observer:
    return Observer(clock.runtime(), tallies)


def number(durations: Durations) -> int:
    return sum(durations.counts)


def test_nameless_request_gets_a_new_trace_and_its_id(observer: Observer) -> None:
    exchange = exchange_of()
    observer.begin(exchange)
    match = NEW_PARENT.fullmatch(exchange.traceparent)
    assert match is not None
    assert exchange.request_id == match[1]
    assert exchange.started_at == 1000.0


def test_no_two_requests_share_a_name(observer: Observer) -> None:
    exchanges = [exchange_of() for _ in range(1000)]
    for exchange in exchanges:
        observer.begin(exchange)
    assert len({exchange.request_id for exchange in exchanges}) == 1000
    assert len({exchange.traceparent[36:52] for exchange in exchanges}) == 1000


def test_names_of_the_client_are_kept(observer: Observer) -> None:
    exchange = exchange_of(request_id=b"mine", traceparent=PARENT)
    observer.begin(exchange)
    assert (exchange.request_id, exchange.traceparent) == (b"mine", PARENT)


def test_request_id_of_the_client_gets_a_new_trace(observer: Observer) -> None:
    exchange = exchange_of(request_id=b"mine")
    observer.begin(exchange)
    assert exchange.request_id == b"mine"
    assert NEW_PARENT.fullmatch(exchange.traceparent)


def test_requests_of_one_trace_have_ids_of_their_own(observer: Observer) -> None:
    exchanges = [exchange_of(traceparent=PARENT) for _ in range(2)]
    for exchange in exchanges:
        observer.begin(exchange)
        assert exchange.traceparent == PARENT
        assert re.fullmatch(rb"[0-9a-f]{32}", exchange.request_id)
    assert exchanges[0].request_id != exchanges[1].request_id


def test_in_flight_is_what_was_routed_and_has_not_ended(observer: Observer, tallies: Tallies) -> None:
    exchanges = [exchange_of(service="llm") for _ in range(3)]
    for exchange in exchanges:
        observer.begin(exchange)
        observer.routed(exchange)
    assert tallies.service("llm").in_flight == 3
    for exchange in exchanges:
        observer.finish(exchange)
    assert tallies.service("llm").in_flight == 0


def test_request_that_was_never_routed_leaves_in_flight_alone(observer: Observer, tallies: Tallies) -> None:
    exchange = exchange_of(status=404)
    observer.begin(exchange)
    observer.finish(exchange)
    assert tallies.service("none").in_flight == 0
    assert tallies.service("none").requests == {("POST", 404): 1}


def test_end_is_counted_with_its_duration(observer: Observer, tallies: Tallies, clock: Clock) -> None:
    for status in (200, 200, 499):
        exchange = exchange_of(service="llm", status=status)
        observer.begin(exchange)
        clock.now += 0.5
        observer.finish(exchange)
        assert exchange.ended_at == clock.now
    tally = tallies.service("llm")
    assert tally.requests == {("POST", 200): 2, ("POST", 499): 1}
    assert (number(tally.durations), tally.durations.total) == (3, 1.5)
    assert tally.upstreams == {}


def test_methods_beyond_the_known_are_one(observer: Observer, tallies: Tallies) -> None:
    for count in range(5000):
        exchange = exchange_of(method=f"M{count}", target=b"/%d" % count, status=404)
        observer.begin(exchange)
        observer.finish(exchange)
    assert tallies.service("none").requests == {("other", 404): 5000}
    assert list(tallies.services) == ["none"]


def test_upstream_is_timed_from_the_sent_head(observer: Observer, tallies: Tallies, clock: Clock) -> None:
    exchange = exchange_of(service="llm", status=200, upstream="a:1", attempts=1)
    observer.begin(exchange)
    exchange.sent_at = clock.now + 0.001
    exchange.first_byte_at = clock.now + 0.101
    exchange.replied_at = clock.now + 0.103
    clock.now += 2.001
    observer.finish(exchange)
    tally = tallies.service("llm")
    upstream = tally.upstreams["a:1"]
    assert upstream.statuses == {200: 1}
    assert upstream.durations.total == pytest.approx(2.0)
    assert upstream.first_byte.total == pytest.approx(0.1)
    assert tally.overhead.total == pytest.approx(0.001 + 0.002)


def test_upstream_that_was_never_reached_has_no_times(observer: Observer, tallies: Tallies) -> None:
    exchange = exchange_of(service="llm", status=502, upstream="a:1", attempts=1)
    observer.begin(exchange)
    observer.finish(exchange)
    upstream = tallies.service("llm").upstreams["a:1"]
    assert upstream.statuses == {502: 1}
    assert number(upstream.durations) == number(upstream.first_byte) == number(tallies.service("llm").overhead) == 0


def test_retry_is_counted_for_the_upstream_that_failed(observer: Observer, tallies: Tallies, clock: Clock) -> None:
    exchange = exchange_of(service="llm", upstream="a:1", attempts=1)
    observer.begin(exchange)
    exchange.sent_at = clock.now
    clock.now += 3
    observer.retried(exchange, "reset", 502)
    assert exchange.sent_at == exchange.first_byte_at == 0.0
    exchange.upstream, exchange.attempts, exchange.status = "b:1", 2, 200
    exchange.sent_at = clock.now
    exchange.first_byte_at = clock.now
    clock.now += 1
    observer.finish(exchange)
    tally = tallies.service("llm")
    assert tally.retries == {"reset": 1}
    assert (tally.upstreams["a:1"].statuses, tally.upstreams["b:1"].statuses) == ({502: 1}, {200: 1})
    assert (tally.upstreams["a:1"].durations.total, tally.upstreams["b:1"].durations.total) == (3, 1)
    assert tally.requests == {("POST", 200): 1}
    assert number(tally.overhead) == 0


def refused(observer: Observer, error: GatewayError) -> Exchange:
    exchange = exchange_of(service="llm")
    observer.begin(exchange)
    exchange.refuse(error)
    observer.finish(exchange)
    return exchange


def test_refusal_by_a_limit_is_counted_by_rule(observer: Observer, tallies: Tallies) -> None:
    for rule in ("default", "default", "burst", None):
        refused(observer, RateLimited(rule=rule))
    assert tallies.service("llm").refusals == {"default": 2, "burst": 1, "other": 1}


def test_refused_credentials_are_counted_by_reason(observer: Observer, tallies: Tallies) -> None:
    for reason in ("expired", "expired", "missing", ""):
        refused(observer, Unauthenticated(reason))
    assert tallies.auth_failures == {"expired": 2, "missing": 1, "other": 1}


def test_reasons_are_bounded_even_if_one_echoes_its_input(observer: Observer, tallies: Tallies) -> None:
    for count in range(5000):
        refused(observer, Unauthenticated(f"bad {count}"))
    assert len(tallies.auth_failures) <= MOST_VALUES + 1
    assert sum(tallies.auth_failures.values()) == 5000


def test_other_failures_are_only_statuses(observer: Observer, tallies: Tallies) -> None:
    for error in (NoUpstream("none available"), InternalError("KeyError")):
        refused(observer, error)
    assert tallies.service("llm").requests == {("POST", 503): 1, ("POST", 500): 1}
    assert tallies.service("llm").refusals == tallies.auth_failures == {}


def test_ended_exchange_lets_go_of_its_failure(observer: Observer) -> None:
    """An error's traceback holds the frame that holds the exchange: a circle that only the collector would free."""
    assert refused(observer, RateLimited()).failure is None
