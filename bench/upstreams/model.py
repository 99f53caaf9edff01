"""Model servers that behave like inference engines: `python -m bench.model` on each port."""

import sys
from collections.abc import Mapping
from typing import Any

from bench.process import free_ports
from bench.stage import Stage


def start(stage: Stage, count: int, options: Mapping[str, Any]) -> list[int]:
    """`options` are those of `python -m bench.model`, with underscores."""
    words = [f"--{name.replace('_', '-')}={value}" for name, value in options.items()]
    ports = free_ports(count)
    for port in ports:
        command = [sys.executable, "-m", "bench.model", f"--port={port}", *words]
        stage.start(f"model-{port}", command, port, core=stage.cores.upstream)
    return ports
