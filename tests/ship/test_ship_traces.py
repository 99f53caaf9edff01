"""A trace as an operator sees it: a streamed request through a gateway process, told by a collector and the log."""

import asyncio
import re
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web
from gateway_process import GatewayProcess
from otlp_collector import CLIENT, SERVER, Collector, Span

CALLER = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
EVENTS = [b"data: one\n\n", b"data: two\n\n", b"data: [DONE]\n\n"]


class Model:
    """An upstream that streams, and remembers the headers it saw."""

    def __init__(self) -> None:
        self.seen: list[Any] = []

    async def chat(self, request: web.Request) -> web.StreamResponse:
        self.seen.append(request.headers)
        reply = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await reply.prepare(request)
        for event in EVENTS:
            await reply.write(event)
            await asyncio.sleep(0.01)
        return reply

    async def start(self) -> tuple[web.AppRunner, int]:
        app = web.Application()
        app.router.add_post("/v1/chat", self.chat)
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        return runner, runner.addresses[0][1]


def of_request(spans: list[Span], trace_id: str) -> tuple[Span, list[Span]]:
    """The server span and the client spans, in their order, of one trace."""
    (server,) = [span for span in spans if span.trace_id == trace_id and span.kind == SERVER]
    clients = [span for span in spans if span.trace_id == trace_id and span.kind == CLIENT]
    return server, sorted(clients, key=lambda span: span.start)


async def test_streamed_request_with_a_retry_is_one_trace_everywhere(tmp_path: Path, free_port: int) -> None:
    model = Model()
    runner, port = await model.start()
    with Collector() as collector:
        config = {
            "auth": {"type": "none"},
            "tracing": {"enabled": True, "endpoint": collector.endpoint},
            "services": {
                "llm": {
                    "upstreams": [{"url": f"http://127.0.0.1:{at}/v1"} for at in (free_port, port)],
                    "strategy": "round_robin",
                    "outlier": {"consecutive_failures": 1},
                }
            },
        }
        with GatewayProcess.serving(config, tmp_path) as gateway:
            url = f"http://127.0.0.1:{gateway.port}/v1/llm/chat?key=sk-secret"
            async with aiohttp.ClientSession() as session:
                ids = [f"{number:032x}" for number in (1, 2)]
                for trace_id in ids:  # one of the two goes to nobody first
                    headers = {"traceparent": CALLER.replace(CALLER[3:35], trace_id), "tracestate": "vendor=1"}
                    async with session.post(url, headers=headers, data=b"{}") as reply:
                        assert await reply.read() == b"".join(EVENTS)
            lines = [await gateway.logged(trace_id=trace_id, status=200) for trace_id in ids]
            spans = await asyncio.to_thread(collector.wait_for, 5)
        await runner.cleanup()
    retried = next(line for line in lines if line["attempts"] == 2)
    server, (failed, sent) = of_request(spans, retried["trace_id"])
    seen = model.seen[ids.index(retried["trace_id"])]
    assert re.fullmatch(rf"00-{server.trace_id}-{sent.span_id}-01", seen["traceparent"])
    assert seen["tracestate"] == "vendor=1"
    assert server.parent_id == CALLER[36:52]
    assert {failed.parent_id, sent.parent_id} == {server.span_id}
    assert server.attributes["gateway.request_id"] == retried["request_id"]
    assert [name for name, _, _ in server.events] == ["ejected", "retry"]
    assert failed.attributes["error.type"] == "connect"
    assert failed.attributes["server.port"] == free_port
    assert sent.attributes["http.response.status_code"] == 200
    assert sent.end - sent.start >= 20_000_000
    assert "sk-secret" not in str(spans)
