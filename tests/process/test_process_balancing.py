"""What clients see of upstreams that break (FT-04, FT-05, FT-07): nothing, where nothing can be lost."""

import asyncio
import signal
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from crowd import Crowd, UpstreamProcess, Upstreams, answering, resetting
from gateway_process import GatewayProcess
from places import fetch, metric
from waiting import until

RETRIES = "upstream_retries_total"
NO_EJECTION = {"outlier": {"consecutive_failures": 0}, "retries": {"attempts": 1}}


def serving(directory: Path, services: dict[str, Any]) -> GatewayProcess:
    config = {"auth": {"type": "none"}, "ratelimit": {"enabled": False}, "services": services}
    return GatewayProcess.serving(config, directory)


async def is_ejected(gateway: GatewayProcess, url: str) -> None:
    """Wait until the gateway says that it is."""
    async with asyncio.timeout(10):
        while await metric(gateway.port, "upstream_healthy", service="llm", upstream=url.removeprefix("http://")):
            await asyncio.sleep(0.02)


async def test_FT_04_one_resets_one_is_slow_one_says_503_and_get_clients_soon_see_no_error(
    tmp_path: Path, figure: Callable[[str], None]
) -> None:
    async with Upstreams(resetting, answering(1.0), answering(status=503)) as upstreams:
        service = {"upstreams": upstreams.urls, "outlier": {"ejection": "60s"}, "strategy": "round_robin"}
        with serving(tmp_path, {"llm": service}) as gateway:
            async with Crowd(gateway.port, "llm", gets=6, posts=3) as crowd:
                await is_ejected(gateway, upstreams.urls[0]["url"])
                async with Crowd(gateway.port, "llm", gets=6, posts=3) as later:
                    await later.has(60)
            reasons = ("reset", "status", "connect")
            retries = sum([await metric(gateway.port, RETRIES, service="llm", reason=why) for why in reasons])
        assert sum(one.method == "GET" for one in later.answers) >= 6
        assert later.failed("GET") == []
        assert upstreams.posts_received_twice == []
        assert upstreams.asked[0] <= 5 + 9, "ejected after five failures, and those that were under way then"
        assert retries <= 10 + 0.2 * (len(crowd.answers) + len(later.answers))
        figure(f"{len(crowd.failed('GET'))} GETs failed before the ejection, 0 after; {retries:.0f} retries")


async def test_two_sinkholes_of_twenty_cost_adaptive_little_of_what_they_cost_two_choices(
    tmp_path: Path, figure: Callable[[str], None]
) -> None:
    failures: dict[str, int] = {}
    async with Upstreams(answering(0, 500), answering(0, 500), *[answering(0.02)] * 18) as upstreams:
        services = {
            name: {"upstreams": upstreams.urls, "strategy": name, **NO_EJECTION} for name in ("adaptive", "p2c_ewma")
        }
        with serving(tmp_path, services) as gateway:
            for name in services:
                async with Crowd(gateway.port, name, gets=24) as crowd:
                    await crowd.has(1500)
                failures[name] = len(crowd.failed("GET"))
    assert failures["p2c_ewma"] > 60
    assert failures["adaptive"] <= 0.15 * failures["p2c_ewma"]
    figure(f"failed requests of 1500: {failures}")


async def test_FT_05_when_all_are_ejected_the_answer_is_fast_and_recovery_is_noticed_at_once(tmp_path: Path) -> None:
    status = 500

    async def moody(wire: Any, head: Any) -> None:
        wire.send(b"HTTP/1.1 %d Said\r\nContent-Length: 0\r\n\r\n" % status)

    async with Upstreams(moody, moody) as upstreams:
        outlier = {"consecutive_failures": 2, "ejection": "60s", "max_ejected": 1}
        with serving(tmp_path, {"llm": {"upstreams": upstreams.urls, "outlier": outlier}}) as gateway:
            for _ in range(8):
                await fetch(gateway.port, "/v1/llm/x")
            ready, _, lines = await fetch(gateway.port, "/ready")
            assert (ready, "service llm: 0 of 2 upstreams available" in lines) == (503, True)
            began = time.monotonic()
            assert (await fetch(gateway.port, "/v1/llm/x"))[0] == 500
            assert time.monotonic() - began < 0.05
            status = 200
            assert (await fetch(gateway.port, "/v1/llm/x"))[0] == 200


@pytest.fixture
async def processes(ports: Callable[[], int]) -> AsyncIterator[list[UpstreamProcess]]:
    async with AsyncExitStack() as stack:
        processes = [UpstreamProcess(ports()) for _ in range(3)]
        for process in processes:
            stack.callback(process.end)
        await asyncio.gather(*[process.start() for process in processes])
        yield processes


def urls(processes: list[UpstreamProcess]) -> list[dict[str, str]]:
    return [{"url": f"http://127.0.0.1:{process.port}"} for process in processes]


async def test_killed_and_restarted_upstreams_cost_only_posts_that_were_in_flight_there(
    tmp_path: Path, processes: list[UpstreamProcess], figure: Callable[[str], None]
) -> None:
    posts = 6
    with serving(tmp_path, {"llm": {"upstreams": urls(processes)}}) as gateway:
        async with Crowd(gateway.port, "llm", gets=18, posts=posts, path="/x?ms=5") as crowd:
            for kills, process in enumerate(processes[:2], 1):
                await crowd.has(1500 * kills)
                process.signal(signal.SIGKILL)
                await crowd.has(len(crowd.answers) + 500)
                await process.start()
                await crowd.has(len(crowd.answers) + 500)
    assert crowd.failed("GET") == []
    assert len(crowd.failed("POST")) <= 2 * posts
    assert {one.status for one in crowd.failed("POST")} <= {502}
    figure(f"of {len(crowd.answers)} requests around two kills: {len(crowd.failed('POST'))} POSTs failed, no GET")


async def test_FT_07_stopped_upstream_times_out_and_its_late_bytes_reach_nobody(
    tmp_path: Path, processes: list[UpstreamProcess]
) -> None:
    one = processes[:1]
    with serving(tmp_path, {"llm": {"upstreams": urls(one), "timeouts": {"first_byte": 0.3}}}) as gateway:
        headers = [{"X-Number": str(number)} for number in range(3)]
        assert (await fetch(gateway.port, "/v1/llm/x", headers=headers[0]))[2] == "0"
        one[0].signal(signal.SIGSTOP)
        began = time.monotonic()
        status, _, _ = await fetch(gateway.port, "/v1/llm/x", headers=headers[1])
        assert (status, time.monotonic() - began < 1.0) == (504, True)
        one[0].signal(signal.SIGCONT)
        for _ in range(5):
            status, _, body = await fetch(gateway.port, "/v1/llm/x", headers=headers[2])
            assert (status, body) == (200, "2")


async def test_idle_connection_stands_for_checks_while_its_upstream_is_on_the_network(tmp_path: Path) -> None:
    checked = {"interval": 1, "timeout": 1, "unhealthy_after": 1}
    async with Upstreams(answering(), answering()) as upstreams:
        connected, other = upstreams.origins
        first, second = upstreams.urls
        urls = [first, {**second, "priority": 1}]  # to which nothing is sent
        service = {"upstreams": urls, "health": checked, "keepalive_timeout": 60}
        with serving(tmp_path, {"llm": service}) as gateway:
            await until(lambda: connected.wires)  # a check
            assert (await fetch(gateway.port, "/v1/llm/x"))[0] == 200
            before, checks = len(connected.wires), len(other.wires)
            await until(lambda: len(other.wires) >= checks + 5, 10)  # the reply stands for one check, silence for two
            assert len(connected.wires) <= before + 1, "of ten checks one connects"
            connected.vanish()
            await is_ejected(gateway, first["url"])


async def test_FT_06_name_is_looked_up_by_the_system(tmp_path: Path, processes: list[UpstreamProcess]) -> None:
    port = processes[0].port
    with serving(tmp_path, {"llm": {"upstreams": [{"url": f"dns+http://localhost:{port}"}]}}) as gateway:
        assert (await fetch(gateway.port, "/v1/llm/x"))[0] == 200
        assert await metric(gateway.port, "upstream_healthy", service="llm", upstream=f"127.0.0.1:{port}") == 1
