"""Traces of exchanges through the OpenTelemetry SDK: decided when they begin, made when they have ended, sent aside."""

import threading
from collections.abc import Iterable, Sequence

from aiohttp import TraceConfig
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.instrumentation.aiohttp_client import create_trace_config
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from yarl import URL

from gateway.config.telemetry import Tracing as Options
from gateway.exchange import Exchange
from gateway.observe.spans import Spans, error_of
from gateway.observe.trace import Attempt, Trace
from gateway.runtime import Runtime

# Spans that wait for the collector; more are dropped. About 2 KiB each.
MOST_WAITING = 4096
# Encoded at once, while the event loop waits for the interpreter's lock. measured: 20 us a span
BATCH = 64
SEND_EVERY_MILLISECONDS = 500
EXPORT_SECONDS = 5.0
# What is still waiting when the gateway ends gets this long.
FLUSH_SECONDS = 2.0
SAMPLED = frozenset(b"13579bdf")


class Tracing:
    """Follows the exchanges that are sampled; the others cost a comparison.

    `begin`, `retried` and `finish` are called by the observer, in the event loop.
    """

    def __init__(self, options: Options, version: str, runtime: Runtime) -> None:
        resource = Resource.create({"service.name": options.service_name, "service.version": version})
        sampler = TraceIdRatioBased(options.sample_ratio)
        self._bound = TraceIdRatioBased.get_bound_for_rate(options.sample_ratio)
        self._spans = Spans(resource)
        self._wall = runtime.wall
        self._rng = runtime.rng
        self._exporter = _Counting(OTLPSpanExporter(options.endpoint, timeout=EXPORT_SECONDS))
        self._batches = _Batches(self._exporter)
        self._provider = TracerProvider(ParentBased(sampler), resource, shutdown_on_exit=False)
        self._provider.add_span_processor(self._batches)

    def begin(self, exchange: Exchange) -> None:
        """Decide, as the caller did or by the ratio; a sampled exchange gets spans of its own in its traceparent."""
        parent, made = exchange.request.traceparent, exchange.traceparent
        if parent is None:
            if int(made[19:35], 16) >= self._bound:
                return
            trace = Trace(made[3:35], b"01", b"", self._span_id(), made[36:52])
        elif parent[-1] not in SAMPLED:
            return
        else:
            trace = Trace(made[3:35], made[53:], made[36:52], self._span_id(), self._span_id())
        exchange.trace = trace
        exchange.traceparent = trace.traceparent

    def _span_id(self) -> bytes:
        return b"%016x" % (self._rng.getrandbits(64) or 1)

    def retried(self, exchange: Exchange, trace: Trace, reason: str, now: float) -> None:
        """The attempt failed for `reason`; what follows is another one."""
        self._ended(exchange, trace, now, 0, reason)
        trace.began_at = now
        trace.span_id = self._span_id()
        exchange.traceparent = trace.traceparent

    def finish(self, exchange: Exchange, trace: Trace) -> None:
        """Hand over the spans of an exchange that has ended."""
        now = exchange.ended_at
        if exchange.attempts:
            status = exchange.status if exchange.first_byte_at else 0
            self._ended(exchange, trace, now, status, error_of(exchange))
        for span in self._spans.of(exchange, trace, int(self._wall() * 1e9)):
            self._batches.on_end(span)
        exchange.trace = None

    def _ended(self, exchange: Exchange, trace: Trace, now: float, status: int, error: str) -> None:
        began_at = exchange.sent_at or trace.began_at or exchange.started_at
        first_byte_at = exchange.first_byte_at
        trace.ended(
            Attempt(trace.span_id, exchange.upstream, began_at, first_byte_at, now, status, error, exchange.ejected)
        )

    def client_trace(self) -> TraceConfig:
        """For a ClientSession, whose requests then have spans too; their queries are left out."""
        return create_trace_config(url_filter=_without_query, tracer_provider=self._provider)

    def results(self) -> Iterable[tuple[tuple[str], float]]:
        """How many spans were exported, failed to be, or were dropped because too many waited."""
        exporter = self._exporter
        yield ("exported",), exporter.exported
        yield ("failed",), exporter.failed
        yield ("dropped",), self._batches.dropped

    def close(self) -> None:
        """Send what is waiting, for at most `FLUSH_SECONDS`."""
        # A thread of its own: the SDK waits for as long as the collector takes.
        closing = threading.Thread(target=self._provider.shutdown, name="last spans", daemon=True)
        closing.start()
        closing.join(FLUSH_SECONDS)
        if closing.is_alive():
            self._exporter.shutdown()  # else it tries again and again


class _Counting(SpanExporter):
    """An exporter that counts what became of the spans; `taken` are those that it was given. In the SDK's thread."""

    def __init__(self, exporter: SpanExporter) -> None:
        self._exporter = exporter
        self.taken = self.exported = self.failed = 0

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self.taken += len(spans)
        result = self._exporter.export(spans)
        if result is SpanExportResult.SUCCESS:
            self.exported += len(spans)
        else:
            self.failed += len(spans)
        return result

    def shutdown(self) -> None:
        self._exporter.shutdown()


class _Batches(BatchSpanProcessor):
    """Keeps spans until the exporter takes them, up to `MOST_WAITING`; what comes on top is dropped and counted."""

    def __init__(self, exporter: _Counting) -> None:
        super().__init__(
            exporter,
            max_queue_size=MOST_WAITING,
            schedule_delay_millis=SEND_EVERY_MILLISECONDS,
            max_export_batch_size=BATCH,
        )
        self._counts = exporter
        self._given = 0
        self.dropped = 0

    def on_end(self, span: ReadableSpan) -> None:
        if self._given - self._counts.taken >= MOST_WAITING:
            self.dropped += 1
            return
        self._given += 1
        super().on_end(span)


def _without_query(url: URL) -> str:
    return str(url.with_query(None).with_user(None).with_fragment(None))
