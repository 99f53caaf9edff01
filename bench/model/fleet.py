"""Model servers and the ways to them, as processes: the gateway, nginx, a plain aiohttp proxy, or nothing between."""

import json
import os
import re
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from bench.process import Process, free_ports
from bench.tools import find

ROOT = Path(__file__).resolve().parents[2]
SERVICE = "llm"
PREFIX = "X-Prefix"  # names what a prompt begins with, for consistent_hash
START = 20.0  # seconds
ANNOUNCED = re.compile(r"127\.0\.0\.1(?::| port )(\d+)")
NGINX = """
daemon off; worker_processes 1; pid nginx.pid; error_log stderr error;
events {{ worker_connections 1024; }}
http {{
  access_log off;
  client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path f; uwsgi_temp_path u; scgi_temp_path s;
  upstream llm {{ {servers} keepalive 64; }}
  server {{
    listen 127.0.0.1:{port};
    location /v1/llm/ {{
      proxy_pass http://llm/v1/; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_buffering off;
    }}
  }}
}}
"""


class Fleet:
    """Starts processes in a directory of their own; `Fleet.open()` ends them all when its block ends.

    What is before the models has the first core to itself, if there are two.
    """

    def __init__(self, directory: Path, exits: ExitStack) -> None:
        self._directory = directory
        self._exits = exits
        self._cores = sorted(os.sched_getaffinity(0))

    @classmethod
    @contextmanager
    def open(cls) -> Iterator["Fleet"]:
        with tempfile.TemporaryDirectory(prefix="bench-model-") as directory, ExitStack() as exits:
            Path(directory).chmod(0o755)  # nginx started by root changes its worker's user
            yield cls(Path(directory), exits)

    def models(self, speeds: Sequence[float], *flags: str, kv_tokens: int) -> list[int]:
        """A model server for each of `speeds`, with further `flags`; gives their ports."""
        options = [f"--kv-tokens={kv_tokens}", *flags]
        started = [
            self._start(f"model-{number}", ["-m", "bench.model", "--port=0", f"--speed={speed}", *options])
            for number, speed in enumerate(speeds)
        ]
        return [_announced(process) for process in started]

    def gateway(self, models: Sequence[int], strategy: str = "adaptive") -> str:
        """The gateway before `models`, its strategy `strategy`; gives the client's base URL."""
        config = self._directory / "gateway.yaml"
        config.write_text(json.dumps(gateway_config(models, strategy)))  # JSON is YAML
        process = self._start("gateway", ["-m", "gateway", "serve", "--config", str(config)], first=True)
        return self._ready(process, _announced(process))

    def nginx(self, models: Sequence[int]) -> str:
        """nginx before `models`, nothing buffered."""
        port = free_ports(1)[0]
        config = self._directory / "nginx.conf"
        servers = " ".join(f"server 127.0.0.1:{model};" for model in models)
        config.write_text(NGINX.format(servers=servers, port=port))
        program = find("nginx")
        if program is None:
            raise FileNotFoundError("nginx is not installed")
        command = [program, "-p", str(self._directory), "-e", "stderr", "-c", str(config)]
        return self._ready(self._start("nginx", command, first=True, python=False), port)

    def aiohttp(self, models: Sequence[int]) -> str:
        """The proxy that everybody writes first."""
        port = free_ports(1)[0]
        command = ["-m", "bench.plain_aiohttp", str(port), *map(str, models)]
        return self._ready(self._start("aiohttp", command, first=True), port)

    def _start(self, name: str, command: list[str], *, first: bool = False, python: bool = True) -> Process:
        core = self._cores[0] if first else self._cores[-1]
        whole = [sys.executable, *command] if python else command
        process = Process(whole, core, self._directory / f"{name}.log", cwd=ROOT)
        self._exits.callback(process.stop)
        return process

    def _ready(self, process: Process, port: int) -> str:
        process.wait_for(port)
        return f"http://127.0.0.1:{port}/v1/{SERVICE}"


def _announced(process: Process) -> int:
    """The free port that `process` chose and printed; RuntimeError with its last words when it does not."""
    deadline = time.monotonic() + START
    while time.monotonic() < deadline:
        if found := ANNOUNCED.search(process.log.read_text(errors="replace")):
            return int(found[1])
        time.sleep(0.02)
    raise RuntimeError(f"{' '.join(process.command)} names no port:\n{process.log.read_text(errors='replace')[-2000:]}")


def direct(models: Sequence[int]) -> str:
    """The first model's own base URL."""
    return f"http://127.0.0.1:{models[0]}/v1"


WAYS: dict[str, Callable[[Fleet, Sequence[int]], str]] = {
    "direct": lambda _, models: direct(models),
    "gateway": Fleet.gateway,
    "nginx": Fleet.nginx,
    "aiohttp": Fleet.aiohttp,
}


def gateway_config(models: Sequence[int], strategy: str) -> dict[str, object]:
    """One service over the models; no tokens and no limits, for it is the choice of an upstream that is watched."""
    return {
        "server": {"host": "127.0.0.1", "port": 0},
        "auth": {"type": "none"},
        "ratelimit": {"enabled": False},
        "services": {
            SERVICE: {
                "upstreams": [{"url": f"http://127.0.0.1:{model}/v1"} for model in models],
                "strategy": strategy,
                "hash_key": f"header:{PREFIX}",
                "auth": "none",
                "health": {"path": "/health"},
            }
        },
    }
