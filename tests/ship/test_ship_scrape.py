"""A real Prometheus scrapes a real gateway, and everything that alerts and panels ask for is there."""

import asyncio
import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yaml
from gateway_process import GatewayProcess
from rolling_load import Ports

from ship.alerts import rules
from ship.chart import CHART, ROOT

CONFIG: dict[str, Any] = {
    "auth": {"type": "none"},
    "log": {"access": False},
    "services": {"llm": {"upstreams": [{"url": "http://127.0.0.1:1/v1"}]}},
}
NAME = re.compile(r"\b([a-z][a-z0-9_]*_(?:total|seconds(?:_bucket)?|info|healthy|flight|connections))\b")


def tool(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed: apt-get install prometheus")
    return found


async def page(port: int, path: str = "/metrics") -> str:
    async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{port}{path}") as reply:
        return await reply.text()


@contextmanager
def prometheus(directory: Path, target: int) -> Iterator[int]:
    """A Prometheus with our rules that scrapes `target` four times a second: its port."""
    program, port = tool("prometheus"), Ports().take()
    config = {
        "global": {"scrape_interval": "250ms", "scrape_timeout": "250ms", "evaluation_interval": "250ms"},
        "rule_files": [str(CHART / "files/alerts.yaml")],
        "scrape_configs": [{"job_name": "gateway", "static_configs": [{"targets": [f"127.0.0.1:{target}"]}]}],
    }
    (directory / "prometheus.yml").write_text(yaml.safe_dump(config))
    command = [
        program,
        f"--config.file={directory / 'prometheus.yml'}",
        f"--storage.tsdb.path={directory / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--log.level=error",
    ]
    with subprocess.Popen(command) as process:
        try:
            yield port
        finally:
            process.terminate()


async def answer(port: int, query: str) -> list[dict[str, Any]]:
    """The series that `query` gives, once there are some."""
    async with asyncio.timeout(10), aiohttp.ClientSession() as session:
        while True:
            try:
                url = f"http://127.0.0.1:{port}/api/v1/query"
                async with session.get(url, params={"query": query}) as reply:
                    if found := (await reply.json())["data"]["result"]:
                        return list(found)
            except (aiohttp.ClientConnectionError, KeyError, aiohttp.ContentTypeError):
                pass
            await asyncio.sleep(0.05)


async def test_prometheus_scrapes_the_gateway(tmp_path: Path) -> None:
    tool("prometheus")
    with GatewayProcess.serving(CONFIG, tmp_path) as gateway:
        for _ in range(3):
            await page(gateway.port, "/v1/llm/models")
        with prometheus(tmp_path, gateway.port) as port:
            (requests,) = await answer(port, 'http_requests_total{service="llm"}')
            assert requests["metric"].items() >= {"method": "GET", "status": "502", "job": "gateway"}.items()
            assert requests["value"][1] == "3"
            (lag,) = await answer(port, "event_loop_lag_seconds_count > 3")
            assert lag["metric"]["instance"] == f"127.0.0.1:{gateway.port}"
            (up,) = await answer(port, "up")
            assert up["value"][1] == "1"


async def test_promtool_has_no_complaint_about_the_exposition(tmp_path: Path) -> None:
    with GatewayProcess.serving(CONFIG, tmp_path) as gateway:
        await page(gateway.port, "/v1/llm/models")
        exposition = await page(gateway.port)
    command = [tool("promtool"), "check", "metrics"]
    done = subprocess.run(command, input=exposition, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


async def test_what_alerts_and_panels_ask_for_exists(tmp_path: Path) -> None:
    queries = [rule["expr"] for group in rules()["groups"] for rule in group["rules"]]
    dashboard = json.loads((ROOT / "docs/dashboards/gateway.json").read_text())
    queries += [target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", ())]
    wanted = {name.removesuffix("_bucket") for query in queries for name in NAME.findall(query)}
    with GatewayProcess.serving(CONFIG, tmp_path) as gateway:
        shown = set(re.findall(r"^# TYPE (\S+) ", await page(gateway.port), re.MULTILINE))
    assert wanted - shown == set()
    assert len(wanted) > 15
