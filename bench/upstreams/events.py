"""Endless event streams, and how many of them are open."""

import sys
from collections.abc import Mapping
from typing import Any
from urllib.request import urlopen

from bench.process import free_ports
from bench.stage import Stage


def start(stage: Stage, count: int, options: Mapping[str, Any]) -> list[int]:
    """An upstream on `count` ports that answers every POST with `per_second` events a second."""
    ports = free_ports(count)
    rate = f"{float(options.get('per_second', 20)):g}"
    command = [sys.executable, "-m", "bench.upstreams.event_server", rate, *map(str, ports)]
    stage.start("event-upstream", command, ports[-1], core=stage.cores.upstream)
    return ports


def open_streams(port: int) -> int:
    """How many streams the upstream, which listens on `port`, has open."""
    with urlopen(f"http://127.0.0.1:{port}/open", timeout=10) as answer:
        return int(answer.read())
