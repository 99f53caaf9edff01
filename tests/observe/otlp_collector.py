"""A collector of traces: takes OTLP over HTTP from whoever sends it, decodes it, or hangs."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, NamedTuple, Self

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span as Sent
from opentelemetry.proto.trace.v1.trace_pb2 import Status

SERVER, CLIENT = Sent.SPAN_KIND_SERVER, Sent.SPAN_KIND_CLIENT


class Span(NamedTuple):
    """A span as it was sent; ids in hex, times in Unix nanoseconds, `events` as (name, attributes, time)."""

    trace_id: str
    span_id: str
    parent_id: str
    name: str
    kind: int
    attributes: dict[str, Any]
    events: list[tuple[str, dict[str, Any], int]]
    start: int
    end: int
    failed: bool
    state: str
    resource: dict[str, Any]


class Collector:
    """Listens inside the block. With `hanging`, it reads a request and does not answer before the block ends."""

    def __init__(self, *, hanging: bool = False) -> None:
        self.spans: list[Span] = []
        self.asked = threading.Event()
        self._arrived = threading.Condition()
        self._leaving = threading.Event()
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                collector.asked.set()
                if hanging:
                    collector._leaving.wait(60)
                    return
                collector._take(body)
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *arguments: object) -> None: ...

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.endpoint = f"http://127.0.0.1:{self._server.server_address[1]}/v1/traces"

    def _take(self, body: bytes) -> None:
        with self._arrived:
            self.spans += decoded(body)
            self._arrived.notify_all()

    def wait_for(self, number: int, within: float = 5.0) -> list[Span]:
        """The spans, once there are so many."""
        with self._arrived:
            assert self._arrived.wait_for(lambda: len(self.spans) >= number, within), self.spans
        return self.spans

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self._leaving.set()
        self._server.shutdown()
        self._server.server_close()


def decoded(body: bytes) -> list[Span]:
    """The spans in an OTLP request."""
    request = ExportTraceServiceRequest.FromString(body)
    return [
        Span(
            span.trace_id.hex(),
            span.span_id.hex(),
            span.parent_span_id.hex(),
            span.name,
            span.kind,
            _attributes(span.attributes),
            [(event.name, _attributes(event.attributes), event.time_unix_nano) for event in span.events],
            span.start_time_unix_nano,
            span.end_time_unix_nano,
            span.status.code == Status.STATUS_CODE_ERROR,
            span.trace_state,
            _attributes(resource.resource.attributes),
        )
        for resource in request.resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    ]


def _attributes(pairs: "list[KeyValue]") -> dict[str, Any]:
    return {pair.key: getattr(pair.value, pair.value.WhichOneof("value")) for pair in pairs}
