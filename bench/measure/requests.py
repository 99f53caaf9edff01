"""As many requests as go through: CPU time of each, and how many in a second."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

from pydantic import Field

from bench.clients.request import LINE, ONCE, TURN, Shape
from bench.clients.wrk import EVER, Drive, run_wrk
from bench.contenders.base import Running
from bench.measure.base import Figures, Kind, Load, Setting, Turn, cpu, spent
from bench.results import SLOW
from bench.token import TOKEN, mint

A_TURN = 10  # requests on each connection: fewer, and those under way at the end would count
FEW, LONGER, LONG = 4, 3.0, 2.0  # connections; times as long, and at least so many seconds
FILL_SECONDS = 5.0
FILL_LIMIT = 240  # runs


class Requests(Load):
    """`bodies` are sizes in bytes that take turns. `close` = a connection for each request.

    `fields` are more header fields, in whose values ONCE is a number that never comes again and TURN one that starts
    again at `turn`; with `fill`, each of those is sent once before anything is measured, with `before` so many requests
    are. `tokens` = so many different JWTs in turn. `refused` = every request has to be.
    """

    path: str = "/chat/completions"
    bodies: tuple[int, ...] = (1024,)
    connections: int = Field(64, ge=1)
    close: bool = False
    fields: dict[str, str] = Field({})
    turn: int | None = Field(None, ge=1)
    fill: bool = False
    before: int = Field(0, ge=0)
    tokens: int | None = Field(None, ge=1)
    token: Literal["valid", "wrong"] = "valid"
    refused: bool = False


def drive(setting: Setting, to: Running, load: Requests) -> Drive:
    """wrk's part."""
    token = {"valid": TOKEN, "wrong": TOKEN[:-8] + "AAAAAAAA"}[load.token]
    fields = {name: value.replace("ONCE", ONCE).replace("TURN", TURN) for name, value in load.fields.items()}
    shapes = [Shape(load.path, size, LINE if load.tokens else token, load.close, fields=fields) for size in load.bodies]
    files = [setting.request(to, shape) for shape in shapes]
    lines = _tokens(setting, load.tokens) if load.tokens else None
    turn = setting.amount(load.turn) if load.turn else EVER
    return Drive(files, load.connections, turn, lines=lines, tls=setting.tls, refused=load.refused)


def measure(setting: Setting, turn: Turn, to: Running, seconds: float) -> Figures:
    """A proxy that answers few requests gets a longer sample on fewer connections.

    What is under way when wrk stops has cost CPU and is not counted, which is nothing beside thousands.
    """
    plan, slow = drive(setting, to, turn.load), SLOW + turn.label
    if slow not in setting.prepared:
        seen = _sample(setting, plan, to, seconds)
        warming_up = seconds < setting.seconds  # cold, and too short to judge by
        if warming_up or seen["requests"] >= A_TURN * plan.connections:
            return seen
        setting.prepared[slow] = seen["requests"]
    longer = max(seconds * LONGER, LONG)
    seen = _sample(setting, replace(plan, connections=min(FEW, plan.connections)), to, longer)
    if not seen["requests"]:
        raise RuntimeError(f"no request was answered in {longer:.0f} s")
    return seen


def _sample(setting: Setting, plan: Drive, to: Running, seconds: float) -> Figures:
    before = cpu(to)
    seen = run_wrk(setting.stage, plan, to.port, seconds)
    used = spent(to, before)
    seen["per_second"] = seen["requests"] / seen["seconds"]
    if to.process and seen["requests"]:
        seen["cpu_us"] = used / seen["requests"] * 1e6
        seen["busy"] = used / seen["seconds"]
    return seen


def prepare(setting: Setting, running: Sequence[tuple[Turn, Running]]) -> None:
    """Send each number once, or so many requests, where that is asked for."""
    for turn, to in running:
        load = turn.load
        count = max(load.before, (load.turn or 0) if load.fill else 0)
        if count:
            _fill(setting, to, load, setting.amount(count))


def _fill(setting: Setting, to: Running, load: Requests, count: int) -> None:
    small, sent = load.model_copy(update={"bodies": (128,)}), 0
    for _ in range(FILL_LIMIT):
        # The last run need not take longer than it must. What is under way when a run ends is not counted, so a few in
        # a million keys will be new later.
        seconds = min(FILL_SECONDS, (count - sent) / 10_000 + 0.2)
        sent += int(run_wrk(setting.stage, drive(setting, to, small), to.port, seconds)["requests"])
        if sent >= count:
            return
    raise RuntimeError(f"only {sent} of {count} requests were sent in {FILL_LIMIT} runs")


def _tokens(setting: Setting, count: int) -> Path:
    name = f"tokens-{count}"
    path = setting.stage.directory / name
    if not path.exists():
        path.write_text("\n".join(mint(f"caller-{number:08}") for number in range(count)))
    return path


SHOWN = {"per_second": "requests/s", "busy": "core busy", "p50_ms": "p50 ms", "p99_ms": "p99 ms"}
KIND = Kind(Requests, measure, "cpu_us", "us CPU a request", SHOWN, prepare, rewarm=True)
