"""Large bodies: takes all that is sent, gives as much as is asked for."""

import sys
from collections.abc import Mapping
from typing import Any

from bench.process import free_ports
from bench.stage import Stage


def start(stage: Stage, count: int, options: Mapping[str, Any]) -> list[int]:
    ports = free_ports(count)
    command = [sys.executable, "-m", "bench.upstreams.bulk_server", *map(str, ports)]
    stage.start("bulk-upstream", command, ports[-1], core=stage.cores.upstream)
    return ports
