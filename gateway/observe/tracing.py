"""Traces of exchanges through the OpenTelemetry SDK: decided when they begin, made and sent aside when all is over."""

import sys
import threading
from collections.abc import Iterable, Sequence
from typing import cast

from aiohttp import TraceConfig
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.instrumentation.aiohttp_client import create_trace_config
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from opentelemetry.trace import SpanContext, TraceFlags
from yarl import URL

from gateway.config.telemetry import Tracing as Options
from gateway.exchange import Exchange
from gateway.observe.spans import Spans, ended, error_of
from gateway.observe.trace import Attempt, Ended, Trace
from gateway.runtime import Runtime

# Spans that wait for the collector; more are dropped. About 2 KiB each.
MOST_WAITING = 4096
# Exchanges whose spans are made at once, while the event loop waits for the interpreter's lock. measured: 35 us a span
BATCH = 32
SEND_EVERY_MILLISECONDS = 500
EXPORT_SECONDS = 5.0
# The thread that makes and encodes spans gives way after so long, instead of CPython's 5 ms.
# measured, every request sampled: 1 to 4 ms off the 99th percentile, at no CPU
SWITCH_SECONDS = 0.0005
# What is still waiting when the gateway ends gets this long.
FLUSH_SECONDS = 2.0
SAMPLED = frozenset(b"13579bdf")
# More than any hexadecimal number, byte by byte.
ALL = b"g"


class Tracing:
    """Follows the exchanges that are sampled; the others cost a comparison.

    `begin`, `retried` and `finish` are called by the observer, in the event loop.
    """

    def __init__(self, options: Options, version: str, runtime: Runtime) -> None:
        sys.setswitchinterval(SWITCH_SECONDS)
        resource = Resource.create({"service.name": options.service_name, "service.version": version})
        sampler = TraceIdRatioBased(options.sample_ratio)
        bound = TraceIdRatioBased.get_bound_for_rate(options.sample_ratio)
        self._bound = ALL if bound > TraceIdRatioBased.TRACE_ID_LIMIT else b"%016x" % bound
        self._wall = runtime.wall
        self._rng = runtime.rng
        self._exporter = _Counting(OTLPSpanExporter(options.endpoint, timeout=EXPORT_SECONDS), Spans(resource))
        self._batches = _Batches(self._exporter)
        self._provider = TracerProvider(ParentBased(sampler), resource, shutdown_on_exit=False)
        self._provider.add_span_processor(self._batches)

    def begin(self, exchange: Exchange) -> None:
        """Decide, as the caller did or by the ratio; a sampled exchange gets spans of its own in its traceparent."""
        parent, made = exchange.request.traceparent, exchange.traceparent
        if parent is None:
            if made[19:35] >= self._bound:  # hexadecimal digits of one length sort as their numbers
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
        """Hand over what is known of an exchange that has ended."""
        error = error_of(exchange)
        if exchange.attempts:
            self._ended(exchange, trace, exchange.ended_at, exchange.status if exchange.first_byte_at else 0, error)
        self._batches.add(ended(exchange, trace, error, int(self._wall() * 1e9)))
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


class _Waiting:
    """An exchange whose spans are made when their turn to be sent has come; the SDK takes it for a span."""

    __slots__ = ("ended",)
    # All that a processor looks at.
    context = SpanContext(1, 1, is_remote=False, trace_flags=TraceFlags(TraceFlags.SAMPLED))

    def __init__(self, ended: Ended) -> None:
        self.ended = ended


class _Counting(SpanExporter):
    """Makes the spans and counts what became of them; `taken` are those that it was given. In the SDK's thread."""

    def __init__(self, exporter: SpanExporter, spans: Spans) -> None:
        self._exporter = exporter
        self._spans = spans
        self.taken = self.exported = self.failed = 0

    def export(self, spans: Sequence[ReadableSpan | _Waiting]) -> SpanExportResult:
        made: list[ReadableSpan] = []
        for span in spans:
            made += self._spans.of(span.ended) if isinstance(span, _Waiting) else (span,)
        self.taken += len(made)
        result = self._exporter.export(made)
        if result is SpanExportResult.SUCCESS:
            self.exported += len(made)
        else:
            self.failed += len(made)
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
        """A span of the SDK's own making."""
        if self._has_room(1):
            super().on_end(span)

    def add(self, ended: Ended) -> None:
        """The spans of an exchange."""
        if self._has_room(1 + len(ended.trace.attempts)):
            super().on_end(cast(ReadableSpan, _Waiting(ended)))

    def _has_room(self, number: int) -> bool:
        if self._given - self._counts.taken + number > MOST_WAITING:
            self.dropped += number
            return False
        self._given += number
        return True


def _without_query(url: URL) -> str:
    return str(url.with_query(None).with_user(None).with_fragment(None))
