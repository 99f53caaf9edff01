"""What the proxies pass requests on to: a name in a scenario file is a function that starts it.

Each takes the stage, the number of ports to listen on, and the scenario's options for it, and gives the ports.
"""

from collections.abc import Callable, Mapping
from typing import Any

from bench.stage import Stage
from bench.upstreams import bulk, constant, events, model

Start = Callable[[Stage, int, Mapping[str, Any]], list[int]]

UPSTREAMS: dict[str, Start] = {
    "constant": constant.start,
    "reader": constant.start_reader,
    "events": events.start,
    "bulk": bulk.start,
    "model": model.start,
}
