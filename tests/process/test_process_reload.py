"""Reloading a running gateway: under load, by a swapped link, and with files that are broken (FT-12)."""

import asyncio
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml
from crowd import Crowd, Upstreams, answering
from gateway_process import LOOPBACK, GatewayProcess, port_of
from places import fetch, metric

RELOADS = 100
RELOADED = "the configuration was reloaded"


def text(upstreams: list[dict[str, Any]], **service: Any) -> str:
    """A configuration file with one service."""
    return yaml.safe_dump(
        {
            "server": LOOPBACK,
            "auth": {"type": "none"},
            "ratelimit": {"enabled": False},
            "services": {"llm": {"upstreams": upstreams, **service}},
        }
    )


def rewrite(file: Path, content: str) -> None:
    """Replace the file at once, as careful people do."""
    new = file.with_suffix(".new")
    new.write_text(content)
    new.rename(file)


def running(file: Path) -> GatewayProcess:
    return GatewayProcess("serve", "--config", str(file), ready=port_of)


async def reloads(gateway: GatewayProcess, result: str) -> int:
    return int(await metric(gateway.port, "config_reloads_total", result=result))


async def test_a_hundred_reloads_under_load_fail_no_request(tmp_path: Path, figure: Callable[[str], None]) -> None:
    file = tmp_path / "gateway.yaml"
    async with Upstreams(*[answering(0.003)] * 4) as upstreams:
        variants = [
            text(upstreams.urls),
            text(upstreams.urls[:2], strategy="round_robin"),
            text(upstreams.urls[1:], max_connections=50),
            text([{**upstreams.urls[3], "weight": 3, "priority": 1}, *upstreams.urls[:3]], timeouts={"idle": 30}),
        ]
        file.write_text(variants[0])
        with running(file) as gateway:
            async with Crowd(gateway.port, "llm", gets=8, posts=8) as crowd:
                for number in range(RELOADS):
                    rewrite(file, variants[number % len(variants)])
                    gateway.signal(signal.SIGHUP)
                    await crowd.has(len(crowd.answers) + 25)
                done = len(crowd.answers)
            assert await reloads(gateway, "ok") >= RELOADS // 2
            assert await reloads(gateway, "failed") == 0
            counted = await reloads(gateway, "ok")
        assert crowd.failed("GET") == crowd.failed("POST") == []
        assert upstreams.posts_received_twice == []
        assert all(upstreams.asked)
        figure(f"{counted} reloads, {done} requests, 0 failed")


async def test_swapped_link_of_a_config_map_is_noticed(tmp_path: Path) -> None:
    async with Upstreams(answering(), answering(status=404)) as upstreams:
        for version, urls in (("v1", upstreams.urls[:1]), ("v2", upstreams.urls[1:])):
            (tmp_path / version).mkdir()
            (tmp_path / version / "gateway.yaml").write_text(text(urls))
        (tmp_path / "..data").symlink_to("v1")
        file = tmp_path / "gateway.yaml"
        file.symlink_to("..data/gateway.yaml")
        with running(file) as gateway:
            assert (await fetch(gateway.port, "/v1/llm/x"))[0] == 200
            (tmp_path / "..data_tmp").symlink_to("v2")
            os.replace(tmp_path / "..data_tmp", tmp_path / "..data")
            await asyncio.to_thread(gateway.wait_for, lambda line: line.get("message") == RELOADED)
            assert (await fetch(gateway.port, "/v1/llm/x"))[0] == 404


async def test_FT_12_broken_file_changes_nothing_is_logged_counted_and_shown(tmp_path: Path) -> None:
    file = tmp_path / "gateway.yaml"
    async with Upstreams(answering()) as upstreams:
        good = text(upstreams.urls)
        file.write_text(good)
        with running(file) as gateway:
            assert (await fetch(gateway.port, "/v1/llm/x"))[0] == 200
            half, torn, wrong = good[: len(good) // 2], "services: {llm: {upstreams: [", "server: {port: x}"
            for number, broken in enumerate((half, torn, wrong), 1):
                rewrite(file, broken)
                gateway.signal(signal.SIGHUP)
                await _until(lambda number=number: reloads(gateway, "failed"), number)
                assert (await fetch(gateway.port, "/v1/llm/x"))[0] == 200
                status, _, lines = await fetch(gateway.port, "/ready")
                assert (status, "the last reload failed" in lines) == (200, True)
            told = [line for line in gateway.lines if "not reloaded" in line.get("message", "")]
            assert any("server.port" in line["message"] for line in told)
            rewrite(file, good)
            gateway.signal(signal.SIGHUP)
            await _until(lambda: reloads(gateway, "ok"), 1)
            assert "configuration: loaded" in (await fetch(gateway.port, "/ready"))[2]
            for line in told:
                gateway.lines.remove(line)  # the complaints that this test is about


async def _until(count: Callable[[], Any], least: int) -> None:
    async with asyncio.timeout(5):
        while await count() < least:
            await asyncio.sleep(0.01)
