"""What operators see: /health, /ready, /metrics, here and there; and what nobody should see."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psutil
import pytest
from gateway_process import GatewayProcess
from places import Place, fetch, open_service
from raw_wire import Clients, Wire

from gateway import __version__

FULL = b"HTTP/1.1 200 OK\r\nServer: model/1\r\nContent-Length: 2\r\n\r\nok"

Start = Callable[..., Place]


@pytest.fixture
def start(tmp_path: Path, ports: Callable[[], int]) -> Iterator[Start]:
    """Starts a gateway with these sections beside one open service."""
    with ExitStack() as stack:

        def started(limits: str = ":", **sections: Any) -> Place:
            port = ports()
            common = {"auth": {"type": "none"}, "ratelimit": {"enabled": False}, "services": {"s": open_service(port)}}
            gateway = stack.enter_context(GatewayProcess.serving({**common, **sections}, tmp_path, limits))
            return Place(gateway, "s", port)

        yield started


async def test_health_ready_and_metrics_are_public_by_default_and_say_no_server(shared: Iterator[Place]) -> None:
    place = next(shared)
    status, headers, text = await fetch(place.gateway.port, "/health")
    assert (status, json.loads(text)) == (200, {"status": "ok", "version": __version__})
    assert "Server" not in headers
    status, headers, text = await fetch(place.gateway.port, "/ready")
    assert (status, text.splitlines()[0]) == (200, "ok: accepting requests")
    assert f"ok: service {place.service}: 1 of 1 upstreams available" in text
    assert "Server" not in headers
    status, headers, text = await fetch(place.gateway.port, "/metrics")
    assert status == 200
    assert headers["Content-Type"].startswith("text/plain")
    assert "Server" not in headers
    assert f'gateway_build_info{{version="{__version__}"}} 1' in text


async def test_ED_14_metrics_leave_the_public_port_for_the_operators_own(
    start: Start, ports: Callable[[], int]
) -> None:
    port = ports()
    place = start(admin={"port": port})
    assert (await fetch(port, "/metrics"))[0] == 200
    assert (await fetch(port, "/health"))[0] == 200
    assert (await fetch(port, "/ready"))[0] == 200
    status, _, text = await fetch(place.gateway.port, "/metrics")
    assert (status, json.loads(text)["error"]["type"]) == (404, "not_found")
    assert (await fetch(place.gateway.port, "/health"))[0] == 200
    assert (await fetch(place.gateway.port, "/ready"))[0] == 200
    status, headers, text = await fetch(port, "/elsewhere")
    assert (status, json.loads(text)["error"]["type"]) == (404, "not_found")
    assert "Server" not in headers


@pytest.mark.parametrize("path", ["/", "/admin", "/debug/pprof/", "/metrics/x", "/v1", "/v1/", "/healthz"])
async def test_ED_14_other_paths_are_404_in_our_own_words(shared: Iterator[Place], path: str) -> None:
    status, headers, text = await fetch(next(shared).gateway.port, path)
    assert (status, json.loads(text)["error"]["type"]) == (404, "not_found")
    assert "Server" not in headers


async def test_only_the_upstream_s_own_banner_passes(place: Place, clients: Clients) -> None:
    async with place.origin() as origin:
        client, upstream = await place.exchange(clients, origin)
        upstream.send(FULL)
        head, _ = await client.reply()
        assert head.values("server") == ["model/1"]


async def test_requests_show_in_the_metrics_and_in_the_log(place: Place, clients: Clients) -> None:
    async with place.origin() as origin:
        client, upstream = await place.exchange(
            clients, origin, place.request("POST", "/x?secret=1", fields="X-Request-Id: abc-1\r\n", body=b"hello")
        )
        await upstream.read(5)
        assert await place.metric("http_requests_in_flight") == 1
        name = f"127.0.0.1:{place.upstream_port}"
        assert await place.metric("upstream_connections", upstream=name, state="active") == 1
        upstream.send(FULL)
        head, _ = await client.reply()
        assert head["x-request-id"] == "abc-1"
        line = await place.gateway.logged(service=place.service)
        assert line["path"] == f"/v1/{place.service}/x"
        assert (line["bytes_in"], line["bytes_out"], line["request_id"], line["client"]) == (5, 2, "abc-1", "127.0.0.1")
        assert await place.metric("http_requests_in_flight") == 0
        assert await place.metric("http_requests_total", method="POST", status="200") == 1
        assert await place.metric("upstream_requests_total", upstream=name, status="200") == 1
        assert await place.metric("upstream_connections", upstream=name, state="idle") == 1
        assert await place.metric("upstream_connections", upstream=name, state="active") == 0


async def test_ED_05_connections_beyond_the_cap_get_503_and_the_others_go_on(start: Start, clients: Clients) -> None:
    async def answer(upstream: Wire) -> None:
        while True:
            await upstream.head(within=60)
            upstream.send(FULL)

    place = start(server={"max_connections": 3})
    async with place.origin(answer):
        inside = [await clients(place.gateway.port) for _ in range(3)]
        for client in inside:
            client.send(place.request())
            await client.reply()
        outside = await clients(place.gateway.port)
        head, body = await outside.reply()
        assert (head.status, head["connection"], head["retry-after"]) == (503, "close", "1")
        assert b'"no_upstream"' in body
        assert await outside.end() == "fin"
        outside.fin()
        for client in inside:
            client.send(place.request())
            assert (await client.reply())[1] == b"ok"
        inside[0].fin()
        await place.gateway.logged(service="none", status=503)
        again = await clients(place.gateway.port)
        again.send(place.request())
        assert (await again.reply())[0].status == 200


async def test_a_stdout_that_nobody_reads_holds_up_no_request(start: Start, clients: Clients) -> None:
    requests, path = 400, "/" + "x" * 2000

    async def answer(upstream: Wire) -> None:
        for _ in range(requests):
            await upstream.head()
            upstream.send(FULL)

    place = start()
    async with place.origin(answer):
        client = await clients(place.gateway.port)
        with place.gateway.unread():
            for _ in range(requests):  # ten times what a pipe holds
                client.send(place.request(path=path))
                assert (await client.reply(within=1))[1] == b"ok"
        client.fin()
    await asyncio.to_thread(place.gateway.stop)
    assert len([line for line in place.gateway.lines if line["message"] == "request"]) == requests


async def test_a_port_that_is_taken_ends_the_start_with_a_sentence(start: Start, tmp_path: Path) -> None:
    place = start()
    config = tmp_path / "second.yaml"
    config.write_text((tmp_path / "gateway.yaml").read_text().replace("port: 0", f"port: {place.gateway.port}"))
    command = [sys.executable, "-m", "gateway", "serve", "--config", str(config)]
    done = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("ai-api-gateway: ")
    assert "address already in use" in done.stderr
    assert "Traceback" not in done.stderr + done.stdout


async def test_a_low_soft_limit_of_open_files_is_raised_to_what_the_connections_need(
    start: Start, clients: Clients
) -> None:
    place = start("ulimit -Sn 100", server={"max_connections": 300})
    for _ in range(200):
        client = await clients(place.gateway.port)
    client.send(b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n")
    assert (await client.head()).status == 204
    assert place.gateway.process.rlimit(psutil.RLIMIT_NOFILE)[0] == 664


async def test_a_hard_limit_of_open_files_that_is_too_low_is_told(start: Start) -> None:
    place = start("ulimit -n 100", server={"max_connections": 300})
    warning = next(line for line in place.gateway.lines if line["level"] == "warning")
    assert warning["message"] == "100 open files are allowed, too few for server.max_connections: raise ulimit -n"
