"""What open connections add to resident memory."""

import time
from typing import Literal

from pydantic import Field

from bench.clients.held import open_connections
from bench.clients.request import Shape, request
from bench.contenders.base import Running
from bench.measure.base import Figures, Kind, Load, Setting, Turn

SETTLE = 0.7  # seconds
A_FEW = 100  # come and go before, so that what is needed only once is there


class Held(Load):
    """`connections` that had one request each and are idle now, or, with `what = "streams"`, that get events."""

    connections: int = Field(1000, ge=1)
    what: Literal["idle", "streams"] = "idle"


def measure(setting: Setting, turn: Turn, to: Running, seconds: float) -> Figures:
    load: Held = turn.load
    count = setting.amount(load.connections)
    data = request(to, Shape(stream=load.what == "streams"))
    if to.process is None:
        raise RuntimeError("there is no proxy whose memory could be measured")
    with open_connections(setting.stage, to.port, A_FEW, data):
        time.sleep(SETTLE)
    time.sleep(SETTLE)
    before = to.process.memory()
    with open_connections(setting.stage, to.port, count, data):
        time.sleep(SETTLE)
        added = max(to.process.memory() - before, 1)
    return {"added_mb": added / 1e6, "kb_each": added / count / 1000, "before_mb": before / 1e6}


SHOWN = {"kb_each": "KB each", "before_mb": "MB before"}
KIND = Kind(Held, measure, "added_mb", "MB added", SHOWN, fresh=True)
