"""Spans as they really leave: an exchange begins, is retried, ends, and a collector decodes what it was sent."""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import pytest
from aiohttp import ClientSession
from observe_parts import Clock, exchange_of
from otlp_collector import CLIENT, SERVER, Collector, Span

from gateway.config.telemetry import Tracing as Options
from gateway.errors import GatewayError, RateLimited, UpstreamError
from gateway.exchange import Exchange
from gateway.observe import tracing as tracing_module
from gateway.observe.record import Observer
from gateway.observe.tallies import Tallies
from gateway.observe.tracing import MOST_WAITING, Tracing

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
SAMPLED, UNSAMPLED = f"00-{TRACE}-{PARENT}-01".encode(), f"00-{TRACE}-{PARENT}-00".encode()
SECRETS = ("sk-in-the-query", "Bearer", "tea for two", "sk-in-the-body")

Make = Callable[..., tuple[Observer, Tracing]]


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector() as listening:
        yield listening


@pytest.fixture
def make(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Iterator[Make]:
    """An observer that traces, to an endpoint."""
    monkeypatch.setattr(tracing_module, "SEND_EVERY_MILLISECONDS", 20)
    made: list[Tracing] = []

    def make(endpoint: str, ratio: float = 1.0) -> tuple[Observer, Tracing]:
        runtime = clock.runtime()
        options = Options(enabled=True, endpoint=endpoint, sample_ratio=ratio, service_name="edge")
        tracing = Tracing(options, "1.2.3", runtime)
        made.append(tracing)
        return Observer(runtime, Tallies(), None, tracing), tracing

    interval = sys.getswitchinterval()
    yield make
    sys.setswitchinterval(interval)
    for tracing in made:
        tracing.close()


def play(observer: Observer, clock: Clock, exchange: Exchange, failure: GatewayError | None = None) -> Exchange:
    """An exchange with one attempt: begun at 0 s, sent at 0.25, first byte at 0.5, over at 1."""
    start = clock.now
    observer.begin(exchange)
    exchange.service, exchange.upstream, exchange.attempts = "llm", "10.0.0.1:8000", 1
    observer.routed(exchange)
    exchange.sent_at, exchange.first_byte_at = start + 0.25, start + 0.5
    clock.now = start + 1
    if failure is not None:
        exchange.refuse(failure)
    observer.finish(exchange)
    return exchange


def by_kind(spans: list[Span], kind: int) -> list[Span]:
    return sorted((span for span in spans if span.kind == kind), key=lambda span: span.start)


def test_exchange_is_a_server_span_around_a_client_span(collector: Collector, make: Make, clock: Clock) -> None:
    observer, _ = make(collector.endpoint)
    exchange = play(observer, clock, exchange_of(target=b"/v1/llm/chat?key=1", status=200, bytes_in=3))
    spans = collector.wait_for(2)
    (server,), (client,) = by_kind(spans, SERVER), by_kind(spans, CLIENT)
    assert (server.name, client.name) == ("POST /v1/llm/{path}", "POST")
    assert server.parent_id == ""
    assert client.parent_id == server.span_id
    assert exchange.traceparent.decode() == f"00-{server.trace_id}-{client.span_id}-01"
    assert server.attributes == {
        "http.request.method": "POST",
        "http.route": "/v1/llm/{path}",
        "http.response.status_code": 200,
        "url.path": "/v1/llm/chat",
        "url.scheme": "http",
        "network.protocol.version": "1.1",
        "client.address": "192.0.2.1",
        "gateway.request_id": exchange.request_id.decode(),
    }
    assert client.attributes == {
        "http.request.method": "POST",
        "http.response.status_code": 200,
        "server.address": "10.0.0.1",
        "server.port": 8000,
        "network.protocol.version": "1.1",
    }
    assert not server.failed
    assert not client.failed
    assert server.resource.items() >= {"service.name": "edge", "service.version": "1.2.3"}.items()


def test_spans_last_as_long_as_what_they_tell(collector: Collector, make: Make, clock: Clock) -> None:
    observer, _ = make(collector.endpoint)
    play(observer, clock, exchange_of(status=200))
    spans = collector.wait_for(2)
    (server,), (client,) = by_kind(spans, SERVER), by_kind(spans, CLIENT)
    end = int(clock.wall * 1e9)
    assert (server.start, server.end) == (end - 1_000_000_000, end)
    assert (client.start, client.end) == (end - 750_000_000, end)
    assert client.events == [("first_byte", {}, end - 500_000_000)]


def test_trace_of_the_caller_is_continued(collector: Collector, make: Make, clock: Clock) -> None:
    observer, _ = make(collector.endpoint, ratio=0.0)
    exchange = exchange_of(traceparent=SAMPLED, status=200)
    exchange.request.fields = [(b"tracestate", b"vendor=1")]
    play(observer, clock, exchange)
    spans = collector.wait_for(2)
    (server,), (client,) = by_kind(spans, SERVER), by_kind(spans, CLIENT)
    assert {server.trace_id, client.trace_id} == {TRACE}
    assert server.parent_id == PARENT
    assert {server.state, client.state} == {"vendor=1"}
    assert exchange.traceparent.decode() == f"00-{TRACE}-{client.span_id}-01"


def test_caller_that_does_not_sample_is_followed(make: Make, clock: Clock, collector: Collector) -> None:
    observer, tracing = make(collector.endpoint)
    exchange = play(observer, clock, exchange_of(traceparent=UNSAMPLED, status=200))
    assert exchange.traceparent == UNSAMPLED
    assert exchange.trace is None
    tracing.close()
    assert collector.spans == []


def test_ratio_samples_its_part_and_the_rest_has_a_header_only(make: Make, clock: Clock, collector: Collector) -> None:
    observer, _ = make(collector.endpoint, ratio=0.1)
    exchanges = [exchange_of() for _ in range(5000)]
    for exchange in exchanges:
        observer.begin(exchange)
    traced = [exchange for exchange in exchanges if exchange.trace is not None]
    assert 400 < len(traced) < 600
    assert all(exchange.traceparent.endswith(b"-01") == (exchange.trace is not None) for exchange in exchanges)


def test_retry_is_a_client_span_of_its_own_and_an_event(collector: Collector, make: Make, clock: Clock) -> None:
    observer, _ = make(collector.endpoint)
    exchange = exchange_of(service="llm", upstream="a:1", attempts=1)
    observer.begin(exchange)
    observer.routed(exchange)
    seen_by_a = exchange.traceparent
    clock.now += 1
    exchange.ejected = True
    observer.retried(exchange, "connect", 502)
    exchange.upstream, exchange.attempts, exchange.status = "b:2", 2, 200
    seen_by_b = exchange.traceparent
    exchange.sent_at = exchange.first_byte_at = clock.now = clock.now + 1
    observer.finish(exchange)
    spans = collector.wait_for(3)
    (server,), (first, second) = by_kind(spans, SERVER), by_kind(spans, CLIENT)
    assert [seen_by_a[36:52].decode(), seen_by_b[36:52].decode()] == [first.span_id, second.span_id]
    assert {seen_by_a[3:35], seen_by_b[3:35]} == {server.trace_id.encode()}
    assert first.attributes["error.type"] == "connect"
    assert first.failed
    assert "http.response.status_code" not in first.attributes
    assert second.attributes["http.request.resend_count"] == 1
    assert second.attributes["server.address"] == "b"
    assert server.events == [
        ("ejected", {"upstream": "a:1"}, first.end),
        ("retry", {"reason": "connect", "upstream": "a:1"}, first.end),
    ]


@pytest.mark.parametrize(
    ("failure", "status", "error", "ours"),
    [
        (UpstreamError("reset"), 502, "upstream_error", True),
        (RateLimited(rule="default"), 429, "rate_limited", False),
        (None, 503, "503", True),
        (None, 404, None, False),
        (None, 499, "client_left", False),
    ],
    ids=["gateway", "limit", "upstream's", "upstream's 4xx", "left"],
)
def test_failures_are_named(
    collector: Collector, make: Make, clock: Clock, failure: GatewayError, status: int, error: str, ours: bool
) -> None:
    observer, _ = make(collector.endpoint)
    play(observer, clock, exchange_of(status=status), failure)
    (server,) = by_kind(collector.wait_for(2), SERVER)
    assert server.attributes.get("error.type") == error
    assert server.failed is ours
    assert server.attributes.get("http.response.status_code") == (None if status == 499 else status)


def test_refusal_before_any_attempt_has_no_client_span(collector: Collector, make: Make) -> None:
    observer, tracing = make(collector.endpoint)
    exchange = exchange_of(method="BREW", target=b"/coffee?sort=tea for two", status=405)
    observer.begin(exchange)
    observer.finish(exchange)
    tracing.close()
    (span,) = collector.spans
    assert span.name == "HTTP"
    assert span.attributes["http.request.method"] == "_OTHER"
    assert "http.route" not in span.attributes


def test_no_query_token_or_body_leaves(collector: Collector, make: Make, clock: Clock) -> None:
    observer, _ = make(collector.endpoint)
    exchange = exchange_of(target=b"/v1/llm/chat?key=sk-in-the-query&q=tea for two", status=200)
    exchange.request.fields = [(b"authorization", b"Bearer sk-in-the-query")]
    exchange.request.authorization = b"Bearer sk-in-the-query"
    exchange.body = b"sk-in-the-body"
    play(observer, clock, exchange)
    told = json.dumps([span._asdict() for span in collector.wait_for(2)])
    assert [secret for secret in SECRETS if secret in told] == []


def test_ft_10_dead_collector_costs_nothing_and_is_counted(
    make: Make, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tracing_module, "EXPORT_SECONDS", 0.2)
    observer, tracing = make("http://127.0.0.1:1/v1/traces")
    assert slowest(observer, clock, 500) <= 0.001
    tracing.close()
    counted = dict(tracing.results())
    assert counted["exported",] == 0
    assert counted["failed",] + counted["dropped",] > 0


def test_ft_10_hanging_collector_holds_up_nothing_and_memory_is_bounded(make: Make, clock: Clock) -> None:
    with Collector(hanging=True) as collector:
        observer, tracing = make(collector.endpoint)
        assert slowest(observer, clock, MOST_WAITING) <= 0.001
        assert collector.asked.wait(5)
        given = 2 * MOST_WAITING
        counted = dict(tracing.results())
        assert counted["exported",] == 0
        assert given - MOST_WAITING - 64 <= counted["dropped",] <= given
        started = time.perf_counter()
        tracing.close()
        assert time.perf_counter() - started < tracing_module.FLUSH_SECONDS + 1


def slowest(observer: Observer, clock: Clock, number: int) -> float:
    """Seconds that the 99th percentile of exchanges kept this thread busy, whoever else wanted the cores."""
    took = []
    for _ in range(number):
        started = time.thread_time()
        play(observer, clock, exchange_of(status=200))
        took.append(time.thread_time() - started)
    return sorted(took)[int(number * 0.99)]


def test_client_that_left_before_any_reply(collector: Collector, make: Make, clock: Clock) -> None:
    observer, _ = make(collector.endpoint)
    exchange = exchange_of(service="llm", upstream="a:1", attempts=1, status=499)
    observer.begin(exchange)
    observer.finish(exchange)
    (client,) = by_kind(collector.wait_for(2), CLIENT)
    assert client.attributes["error.type"] == "client_left"


async def test_own_requests_have_spans_without_their_queries(collector: Collector, make: Make) -> None:
    """Those of the one ClientSession: discovery, key sets."""
    _, tracing = make(collector.endpoint)
    url = f"{collector.endpoint}?token=sk-in-the-query"
    async with ClientSession(trace_configs=[tracing.client_trace()]) as session, session.post(url, data=b"") as reply:
        assert reply.status == 200
    tracing.close()
    (span,) = collector.spans
    assert span.kind == CLIENT
    assert "sk-in-the-query" not in str(span)


def test_gateway_that_does_not_trace_does_not_load_what_traces() -> None:
    """redis-py loads the SDK's metrics, whoever uses them; exporter, encoder and `requests` are ours alone."""
    code = "import sys, gateway.app; sys.exit('opentelemetry.exporter' in sys.modules or 'requests' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_event_loop_waits_half_a_millisecond_for_the_thread_that_encodes(make: Make) -> None:
    make("http://127.0.0.1:1/v1/traces")
    assert sys.getswitchinterval() == pytest.approx(0.0005)
