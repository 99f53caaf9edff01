"""From an exchange that has ended to its spans, named and described by the HTTP semantic conventions."""

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from urllib.parse import urlsplit

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.semconv.attributes import (
    client_attributes,
    error_attributes,
    http_attributes,
    network_attributes,
    server_attributes,
    url_attributes,
)
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags, TraceState

from gateway.errors import CLIENT_LEFT_STATUS
from gateway.exchange import Exchange
from gateway.observe.access_log import LONGEST_PATH, path_of
from gateway.observe.trace import Attempt, Trace

Attributes = Mapping[str, str | int]

SCOPE = InstrumentationScope("ai-api-gateway")
REQUEST_ID = "gateway.request_id"
# What the conventions call a method they do not know.
OTHER_METHOD = "_OTHER"
SECURE = b"X-Forwarded-Proto: https"
NO_STATE = TraceState()
FINE, FAILED = Status(StatusCode.UNSET), Status(StatusCode.ERROR)


class Spans:
    """Makes the spans of exchanges, all of one `resource`."""

    def __init__(self, resource: Resource) -> None:
        self._resource = resource

    def of(self, exchange: Exchange, trace: Trace, ended_at: int) -> Iterator[ReadableSpan]:
        """One of kind server and one of kind client for each attempt; `ended_at` is Unix nanoseconds."""
        # The SDK's own way, start_span and end, costs 33 us a span on the request's path; this, 12 after it.
        moments = _Moments(ended_at, exchange.ended_at)
        values = exchange.request.values(b"tracestate")
        state = TraceState.from_header([value.decode("latin-1") for value in values]) if values else NO_STATE
        parent = _context(trace, trace.parent_id, state, remote=True) if trace.parent_id else None
        server = _context(trace, trace.server_id, state)
        yield self._server(exchange, trace, moments, server, parent)
        method = _method(exchange)
        for number, attempt in enumerate(trace.attempts):
            yield self._client(method, number, attempt, moments, _context(trace, attempt.span_id, state), server)

    def _server(
        self, exchange: Exchange, trace: Trace, moments: "_Moments", context: SpanContext, parent: SpanContext | None
    ) -> ReadableSpan:
        method, route = _method(exchange), f"/v1/{exchange.service}/{{path}}" if exchange.routed else ""
        attributes = _server_attributes(exchange, method, route)
        return ReadableSpan(
            f"{_shown(method)} {route}".rstrip(),
            context,
            parent,
            self._resource,
            attributes,
            tuple(_events(trace.attempts, moments)),
            kind=SpanKind.SERVER,
            status=FAILED if error_attributes.ERROR_TYPE in attributes and _is_ours(exchange) else FINE,
            start_time=moments(exchange.started_at),
            end_time=moments(exchange.ended_at),
            instrumentation_scope=SCOPE,
        )

    def _client(
        self, method: str, resent: int, attempt: Attempt, moments: "_Moments", context: SpanContext, parent: SpanContext
    ) -> ReadableSpan:
        attributes = _client_attributes(method, resent, attempt)
        first = attempt.first_byte_at
        return ReadableSpan(
            _shown(method),
            context,
            parent,
            self._resource,
            attributes,
            (Event("first_byte", timestamp=moments(first)),) if first else (),
            kind=SpanKind.CLIENT,
            status=FAILED if error_attributes.ERROR_TYPE in attributes else FINE,
            start_time=moments(attempt.began_at),
            end_time=moments(attempt.ended_at),
            instrumentation_scope=SCOPE,
        )


class _Moments:
    """From `Runtime.clock` seconds to Unix nanoseconds, given one moment in both."""

    def __init__(self, nanoseconds: int, seconds: float) -> None:
        self._nanoseconds = nanoseconds
        self._seconds = seconds

    def __call__(self, seconds: float) -> int:
        return self._nanoseconds - int((self._seconds - seconds) * 1e9)


def _context(trace: Trace, span_id: bytes, state: TraceState, *, remote: bool = False) -> SpanContext:
    return SpanContext(int(trace.trace_id, 16), int(span_id, 16), remote, TraceFlags(int(trace.flags, 16)), state)


def _method(exchange: Exchange) -> str:
    method = exchange.request.method
    return method if method in KNOWN_METHODS else OTHER_METHOD


def _shown(method: str) -> str:
    return "HTTP" if method == OTHER_METHOD else method


def _is_ours(exchange: Exchange) -> bool:
    """Whether a failure is one of the server's side: 4xx are the client's, and so is leaving."""
    return exchange.status >= 500 or exchange.status < 400


def _server_attributes(exchange: Exchange, method: str, route: str) -> Attributes:
    request = exchange.request
    attributes: dict[str, str | int] = {
        http_attributes.HTTP_REQUEST_METHOD: method,
        url_attributes.URL_SCHEME: "https" if SECURE in exchange.forwarded else "http",
        url_attributes.URL_PATH: path_of(request.target[:LONGEST_PATH]),
        network_attributes.NETWORK_PROTOCOL_VERSION: f"1.{request.minor}",
        client_attributes.CLIENT_ADDRESS: exchange.client,
        REQUEST_ID: exchange.request_id.decode("latin-1"),
    }
    if route:
        attributes[http_attributes.HTTP_ROUTE] = route
    if exchange.status != CLIENT_LEFT_STATUS:
        attributes[http_attributes.HTTP_RESPONSE_STATUS_CODE] = exchange.status
    error = error_of(exchange)
    if error:
        attributes[error_attributes.ERROR_TYPE] = error
    return attributes


def error_of(exchange: Exchange) -> str:
    """The word for what failed: a type of our answers, `client_left`, the status of an upstream's 5xx, or ""."""
    if exchange.status == CLIENT_LEFT_STATUS:
        return "client_left"
    return exchange.error.partition(":")[0] or (str(exchange.status) if exchange.status >= 500 else "")


def _client_attributes(method: str, resent: int, attempt: Attempt) -> Attributes:
    address, port = _place(attempt.upstream)
    attributes: dict[str, str | int] = {
        http_attributes.HTTP_REQUEST_METHOD: method,
        server_attributes.SERVER_ADDRESS: address,
        server_attributes.SERVER_PORT: port,
        network_attributes.NETWORK_PROTOCOL_VERSION: "1.1",
    }
    if resent:
        attributes[http_attributes.HTTP_REQUEST_RESEND_COUNT] = resent
    if attempt.status:
        attributes[http_attributes.HTTP_RESPONSE_STATUS_CODE] = attempt.status
    if attempt.error or attempt.status >= 400:
        attributes[error_attributes.ERROR_TYPE] = attempt.error or str(attempt.status)
    return attributes


@lru_cache(maxsize=1024)  # measured: 0.1 us instead of 4
def _place(upstream: str) -> tuple[str, int]:
    place = urlsplit(f"//{upstream}")
    return place.hostname or "", place.port or 0


def _events(attempts: Sequence[Attempt], moments: _Moments) -> Iterator[Event]:
    """Of the server span: who was ejected for this exchange, and each retry with its reason."""
    for number, attempt in enumerate(attempts, 1):
        at = moments(attempt.ended_at)
        if attempt.ejected:
            yield Event("ejected", {"upstream": attempt.upstream}, at)
        if number < len(attempts):
            yield Event("retry", {"reason": attempt.error, "upstream": attempt.upstream}, at)


KNOWN_METHODS = frozenset(http_attributes.HttpRequestMethodValues.__members__) - {"OTHER"}
