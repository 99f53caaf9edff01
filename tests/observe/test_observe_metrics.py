"""The exposition, read by Prometheus' own parser."""

import asyncio

import pytest
from observe_parts import Clock, exchange_of
from prometheus_client.parser import text_string_to_metric_families

from gateway.errors import RateLimited, Unauthenticated
from gateway.observe import metrics as metrics_module
from gateway.observe.metrics import Metrics
from gateway.observe.record import Observer
from gateway.observe.tallies import Durations, Tallies

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def key(name: str, **labels: str) -> tuple[str, tuple[tuple[str, str], ...]]:
    return name, tuple(sorted(labels.items()))


async def page(metrics: Metrics) -> bytes:
    return b"".join([piece async for piece in metrics.exposition()[0]])


async def scraped(metrics: Metrics) -> Samples:
    body = await page(metrics)
    samples = [sample for family in text_string_to_metric_families(body.decode()) for sample in family.samples]
    found = {key(sample.name, **sample.labels): sample.value for sample in samples}
    assert len(found) == len(samples), "a series appears twice"
    return found


def traffic(tallies: Tallies) -> None:
    """A retried success, one in flight, a refusal of each kind, and a client that left."""
    clock = Clock()
    observer = Observer(clock.runtime(), tallies)
    exchange = exchange_of(service="llm", upstream="a:1", attempts=1)
    observer.begin(exchange)
    observer.routed(exchange)
    observer.retried(exchange, "connect", 502)
    exchange.upstream, exchange.attempts, exchange.status = "b:1", 2, 200
    exchange.sent_at, exchange.first_byte_at = clock.now, clock.now + 0.02
    clock.now += 0.3
    observer.finish(exchange)
    waiting = exchange_of(service="llm")
    observer.begin(waiting)
    observer.routed(waiting)
    for error in (RateLimited(rule="default"), Unauthenticated("expired")):
        exchange = exchange_of(method="GET", service="llm")
        observer.begin(exchange)
        exchange.refuse(error)
        observer.finish(exchange)
    exchange = exchange_of(service="llm", upstream="b:1", attempts=1, status=499)
    observer.begin(exchange)
    exchange.sent_at, exchange.first_byte_at = clock.now + 0.0002, clock.now + 1
    clock.now += 7
    observer.finish(exchange)


async def test_every_sample_of_a_little_traffic() -> None:
    tallies = Tallies()
    traffic(tallies)
    metrics = Metrics(tallies, "1.2.3")
    metrics.add_connections(lambda: [("llm", "b:1", "idle", 3), ("llm", "b:1", "active", 1)])
    metrics.add_dropped_lines(lambda: 17)
    samples = await scraped(metrics)
    plain = {name: value for name, value in samples.items() if not name[0].endswith(("_bucket", "_sum"))}
    assert plain == {
        key("http_requests_total", service="llm", method="POST", status="200"): 1,
        key("http_requests_total", service="llm", method="GET", status="429"): 1,
        key("http_requests_total", service="llm", method="GET", status="401"): 1,
        key("http_requests_total", service="llm", method="POST", status="499"): 1,
        key("http_request_duration_seconds_count", service="llm"): 4,
        key("http_requests_in_flight", service="llm"): 1,
        key("rate_limit_hits_total", service="llm", rule="default"): 1,
        key("auth_failures_total", reason="expired"): 1,
        key("upstream_requests_total", service="llm", upstream="a:1", status="502"): 1,
        key("upstream_requests_total", service="llm", upstream="b:1", status="200"): 1,
        key("upstream_requests_total", service="llm", upstream="b:1", status="499"): 1,
        key("upstream_duration_seconds_count", service="llm", upstream="a:1"): 0,
        key("upstream_duration_seconds_count", service="llm", upstream="b:1"): 2,
        key("upstream_time_to_first_byte_seconds_count", service="llm", upstream="a:1"): 0,
        key("upstream_time_to_first_byte_seconds_count", service="llm", upstream="b:1"): 2,
        key("upstream_retries_total", service="llm", reason="connect"): 1,
        key("upstream_connections", service="llm", upstream="b:1", state="idle"): 3,
        key("upstream_connections", service="llm", upstream="b:1", state="active"): 1,
        key("gateway_overhead_seconds_count", service="llm"): 1,
        key("event_loop_lag_seconds_count"): 0,
        key("gateway_build_info", version="1.2.3"): 1,
        key("log_lines_dropped_total"): 17,
    }
    assert samples[key("upstream_duration_seconds_sum", service="llm", upstream="b:1")] == pytest.approx(0.3 + 6.9998)
    assert samples[key("gateway_overhead_seconds_bucket", service="llm", le="0.0001")] == 0
    assert samples[key("gateway_overhead_seconds_bucket", service="llm", le="0.00025")] == 1


async def test_buckets_rise_to_the_count() -> None:
    tallies = Tallies()
    durations = tallies.service("llm").durations
    for seconds in (0.0005, 0.001, 0.003, 4.0, 1000.0):
        durations.add(seconds)
    samples = await scraped(Metrics(tallies, "0"))
    name = "http_request_duration_seconds_bucket"
    buckets = [value for (sample, _), value in samples.items() if sample == name]
    assert buckets == sorted(buckets)
    assert samples[key(name, service="llm", le="0.001")] == 2
    assert samples[key(name, service="llm", le="300.0")] == 4
    assert samples[key(name, service="llm", le="+Inf")] == 5
    assert samples[key("http_request_duration_seconds_count", service="llm")] == 5
    assert samples[key("http_request_duration_seconds_sum", service="llm")] == pytest.approx(1004.0045)


async def test_series_stay_few_whatever_clients_send() -> None:
    tallies = Tallies()
    clock = Clock()
    observer = Observer(clock.runtime(), tallies)
    metrics = Metrics(tallies, "0")
    series = []
    for number in range(5000):
        exchange = exchange_of(method=f"M{number}", target=b"/v1/%d?%d" % (number, number), status=404)
        observer.begin(exchange)
        observer.finish(exchange)
        if number in (0, 4999):
            series.append(set(await scraped(metrics)))
    assert series[0] == series[1]


async def test_label_values_with_quotes_are_escaped() -> None:
    tallies = Tallies()
    odd = 'a "rule"\\\nof two lines'
    tallies.service("llm").refusals[odd] = 1
    assert (await scraped(Metrics(tallies, "0")))[key("rate_limit_hits_total", service="llm", rule=odd)] == 1


async def test_content_type_is_prometheus_text() -> None:
    for accept in ("", "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1"):
        pieces, content_type = Metrics(Tallies(), "0").exposition(accept)
        body = b"".join([piece async for piece in pieces])
        assert content_type == "text/plain; version=0.0.4; charset=utf-8"
        assert body.endswith(b"\n")
        assert b"# HELP http_requests_total Requests that ended.\n# TYPE http_requests_total counter\n" in body


async def test_other_work_has_its_turns_during_a_large_scrape() -> None:
    """Traffic may also add new series meanwhile."""
    tallies = Tallies()
    for number in range(400):
        tallies.service("llm").upstream(f"10.0.0.1:{number}").durations.add(0.01)
    metrics = Metrics(tallies, "0")
    turns = 0

    async def other_work() -> None:
        nonlocal turns
        while True:
            turns += 1
            tallies.service("llm").upstream(f"10.0.0.2:{turns}").statuses[200] += 1
            await asyncio.sleep(0)

    other = asyncio.get_running_loop().create_task(other_work())
    pieces = [piece async for piece in metrics.exposition()[0]]
    other.cancel()
    assert max(piece.count(b"\n") for piece in pieces) < 200
    assert turns >= len(pieces) - 1 > 100
    body = b"".join(pieces)
    assert body.count(b"upstream_duration_seconds_count{") >= 400
    assert body.count(b"# TYPE upstream_duration_seconds histogram\n") == 1


async def test_two_scrapes_at_once_see_the_same() -> None:
    tallies = Tallies()
    for number in range(100):
        tallies.service(f"service-{number}").durations.add(0.01)
    metrics = Metrics(tallies, "0")
    one, other = await asyncio.gather(page(metrics), page(metrics))
    assert one == other


async def test_later_scrapes_show_what_came_what_changed_and_not_what_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics_module, "MOST_PATTERNS", 1)
    tallies = Tallies()
    metrics = Metrics(tallies, "0")
    tally = tallies.service("100 %s")
    for number, upstreams in enumerate(({"a:1"}, {"a:1", "b:1"}, {"b:1"}), 1):
        for name in upstreams:
            tally.upstream(name).durations.add(0.004)
        for name in set(tally.upstreams) - upstreams:
            tallies.forget("100 %s", name)
        tally.in_flight = number
        samples = await scraped(metrics)
        assert samples[key("http_requests_in_flight", service="100 %s")] == number
        counts = {
            dict(labels)["upstream"]: value
            for (name, labels), value in samples.items()
            if name == "upstream_duration_seconds_count"
        }
        assert counts == {name: number if "a:1" in upstreams and name == "a:1" else number - 1 for name in upstreams}


async def test_other_parts_add_metrics_of_their_own() -> None:
    metrics = Metrics(Tallies(), "0")
    reloads = Durations((1.0,))
    reloads.add(0.5)
    metrics.add("counter", "config_reloads_total", "Reloads.", ("result",), lambda: [(("ok",), 2)])
    metrics.add("histogram", "config_reload_seconds", "Time for one.", (), lambda: [((), reloads)])
    samples = await scraped(metrics)
    assert samples[key("config_reloads_total", result="ok")] == 2
    assert samples[key("config_reload_seconds_bucket", le="1.0")] == 1


def test_name_that_is_taken_is_refused() -> None:
    metrics = Metrics(Tallies(), "0")
    with pytest.raises(ValueError, match="http_requests_total"):
        metrics.add("counter", "http_requests_total", "Again.", (), lambda: [])
