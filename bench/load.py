"""The usual load, for benches that bring their own stage: 1 KB of JSON, as much as goes through."""

from bench.clients.request import ONCE, TURN, Shape, request
from bench.clients.wrk import EVER, Drive, run_wrk
from bench.contenders.base import Running
from bench.stage import Stage


def json_load(stage: Stage, port: int, *, connections: int, seconds: float, keys: int = 0) -> dict[str, float]:
    """Drive the gateway on `port` and give wrk's summary; with `keys`, each head is new, and has one of so
    many values of X-Key, in turn. RuntimeError when a request failed, for that would be no measurement.
    """
    fields = {"X-Key": f"key-{TURN}", "X-Other": ONCE} if keys else {}
    file = stage.file("request", request(Running(port, None), Shape(fields=fields)))
    seen = run_wrk(stage, Drive([file], connections, turn=keys or EVER), port, seconds)
    if not seen["requests"]:
        raise RuntimeError(f"no request was answered in {seconds:g} s, so there is nothing to measure")
    return seen
