"""The proxies under test: each a function from upstream ports to a running process and its port."""

import json
import secrets
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import jwt

from bench.nginx import nginx_proxy
from bench.process import Process, free_ports
from bench.stage import Stage

SECRET = secrets.token_urlsafe(32)
TOKEN = jwt.encode({"sub": "bench", "iat": int(time.time()), "exp": int(time.time()) + 86400}, SECRET, "HS256")
COMPILED = Path(__file__).parents[1] / "build" / "compiled"
NEVER = 1_000_000  # tokens a second, and ten times that in the bucket: the limiter decides and never refuses


@dataclass
class Contender:
    """A proxy that listens on `port`."""

    name: str
    process: Process
    port: int


def start(name: str, stage: Stage, upstreams: list[int], *, streaming: bool) -> Contender:
    """Start the proxy called `name` before `upstreams`; `streaming` when it has to pass events on at once."""
    process, port = CONTENDERS[name](stage, upstreams, streaming)
    return Contender(name, process, port)


def _nginx(stage: Stage, upstreams: list[int], streaming: bool) -> tuple[Process, int]:
    return nginx_proxy(stage, upstreams, streaming=streaming)


def _gateway(stage: Stage, upstreams: list[int], streaming: bool) -> tuple[Process, int]:
    port = free_ports(1)[0]
    config = stage.file("gateway.yaml", json.dumps(gateway_config(port, upstreams)))  # JSON is YAML
    command = [sys.executable, "-m", "gateway", "serve", "--config", str(config)]
    return stage.start("gateway", command, port), port


def _compiled(stage: Stage, upstreams: list[int], streaming: bool) -> tuple[Process, int]:
    if not COMPILED.exists():
        raise RuntimeError("build/compiled is missing: make compiled")
    port = free_ports(1)[0]
    config = stage.file("compiled.yaml", json.dumps(gateway_config(port, upstreams)))
    command = [sys.executable, "-m", "gateway", "serve", "--config", str(config)]
    return stage.start("compiled", command, port, cwd=COMPILED), port


def _aiohttp(stage: Stage, upstreams: list[int], streaming: bool) -> tuple[Process, int]:
    port = free_ports(1)[0]
    command = [sys.executable, "-m", "bench.plain_aiohttp", *map(str, [port, *upstreams])]
    return stage.start("aiohttp", command, port), port


def gateway_config(port: int, upstreams: list[int]) -> dict[str, object]:
    """All four stages on: JWT, token bucket in memory, least connections, access log and metrics."""
    urls = [{"url": f"http://127.0.0.1:{upstream}/v1"} for upstream in upstreams]
    return {
        "server": {"host": "127.0.0.1", "port": port, "keepalive_timeout": "10m"},
        "auth": {"type": "jwt"},
        "jwt": {"secret": SECRET},
        "ratelimit": {"algorithm": "token_bucket", "bucket_size": 10 * NEVER, "refill_rate": NEVER},
        "log": {"access": True},
        "services": {"llm": {"upstreams": urls, "strategy": "adaptive", "max_connections": 4000}},
    }


CONTENDERS: dict[str, Callable[[Stage, list[int], bool], tuple[Process, int]]] = {
    "nginx": _nginx,
    "gateway": _gateway,
    "compiled": _compiled,
    "aiohttp": _aiohttp,
}
