"""The gateway, all four stages on: JWT, a token bucket in memory, adaptive balancing, access log and metrics."""

import importlib.metadata
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.contenders.base import Contender, Job, Running
from bench.process import free_ports
from bench.stage import ROOT, Stage
from bench.token import SECRET

NEVER = 1_000_000  # tokens a second, and ten times that in the bucket: the limiter decides and never refuses


def gateway_config(port: int, upstreams: Sequence[int]) -> dict[str, Any]:
    """The configuration file's tree."""
    urls = [{"url": f"http://127.0.0.1:{upstream}/v1"} for upstream in upstreams]
    listen = {"host": "127.0.0.1", "port": port}
    patient = {"keepalive_timeout": "10m", "body_timeout": "10m", "max_connections": 20000, "max_body_size": 0}
    kept = {"max_connections": 4000, "keepalive_timeout": "10m"}  # as nginx is told, and as the upstreams do
    return {
        "server": {**listen, **patient},
        "auth": {"type": "jwt"},
        "jwt": {"secret": SECRET},
        "ratelimit": {"algorithm": "token_bucket", "bucket_size": 10 * NEVER, "refill_rate": NEVER},
        "log": {"access": True},
        "services": {"llm": {"upstreams": urls, "strategy": "adaptive", **kept}},
    }


def config(port: int, job: Job) -> dict[str, Any]:
    """The tree for a job, whose options are sections: their keys win."""
    tree = gateway_config(port, job.upstreams)
    if job.certificate:
        tree["server"] |= {"tls_cert": str(job.certificate.chain), "tls_key": str(job.certificate.key)}
    for section, keys in job.options.items():
        tree[section] = {**tree.get(section, {}), **keys}
    return tree


def start_from(root: Path, stage: Stage, job: Job) -> Running:
    """Start the package `gateway` that is in `root`."""
    [port] = free_ports(1)
    file = stage.file("gateway.yaml", json.dumps(config(port, job)))  # JSON is YAML
    command = [sys.executable, "-m", "gateway", "serve", "--config", str(file)]
    return Running(port, stage.start("gateway", command, port, cwd=root))


def start(stage: Stage, job: Job) -> Running:
    return start_from(ROOT, stage, job)


def at(root: Path, version: str) -> Contender:
    """The gateway as it is in another folder, for instance at another commit."""

    def there(stage: Stage, job: Job) -> Running:
        return start_from(root, stage, job)

    return Contender("the gateway of another folder", lambda: None, lambda: version, there, abilities=CAN)


def version() -> str:
    return importlib.metadata.version("ai-api-gateway")


CAN = frozenset({"tls"})
CONTENDER = Contender("pure Python, all four stages, access log, metrics", lambda: None, version, start, abilities=CAN)
