"""Reading the configuration again: what comes of it, and who hears of it."""

import asyncio
import logging

import pytest
from fakes import HandRuntime

from gateway.config.mistake import ConfigError, Mistake
from gateway.config.tree import Config
from gateway.reload import Reload


class Bench:
    """`load` gives or raises what is next in `found`; `applied` is what was put into force."""

    def __init__(self, *found: Config | Exception) -> None:
        self.found = list(found)
        self.applied: list[Config] = []
        self.gates: list[asyncio.Event] = []
        self.reload = Reload(self.load, self.apply, HandRuntime())

    def load(self) -> Config:
        found = self.found.pop(0)
        if isinstance(found, Exception):
            raise found
        return found

    async def apply(self, config: Config) -> None:
        if self.gates:
            await self.gates[0].wait()
        self.applied.append(config)

    @property
    def counts(self) -> dict[str, int]:
        return {result: number for (result,), number in self.reload.results()}

    @property
    def line(self) -> str:
        [(good, line)] = self.reload.checks()
        assert good
        return line


A, B = Config(), Config()
BROKEN = ConfigError([Mistake("services.llm", "nothing", "a group of keys"), Mistake("server.port", "'x'", "a number")])


async def test_good_one_is_put_into_force_and_counted() -> None:
    bench = Bench(A)
    await bench.reload.now()
    assert bench.applied == [A]
    assert bench.counts == {"ok": 1, "failed": 0}
    assert bench.line == "configuration: loaded"


async def test_broken_one_changes_nothing_and_is_logged_counted_and_shown(caplog: pytest.LogCaptureFixture) -> None:
    bench = Bench(BROKEN, A)
    await bench.reload.now()
    assert bench.applied == []
    assert bench.counts == {"ok": 0, "failed": 1}
    assert bench.line == "configuration: the last reload failed (2 mistakes), the one before stays in force"
    errors = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
    assert errors == [f"the configuration was not reloaded: {mistake}" for mistake in BROKEN.mistakes]
    await bench.reload.now()
    assert bench.line == "configuration: loaded"


@pytest.mark.parametrize(
    ("error", "told"), [(ValueError("oidc.issuer: a remedy"), "1 mistake"), (KeyError("x"), "a bug")]
)
async def test_whatever_goes_wrong_the_gateway_goes_on(error: Exception, told: str) -> None:
    bench = Bench(error, A)
    await bench.reload.now()
    assert told in bench.line
    await bench.reload.now()
    assert bench.applied == [A]


async def test_those_asked_for_during_one_are_one_more() -> None:
    bench = Bench(A, B)
    bench.gates = [asyncio.Event()]
    bench.reload.start()
    bench.reload.ask()
    async with asyncio.timeout(2):
        while len(bench.found) == 2:
            await asyncio.sleep(0.001)
        for _ in range(5):
            bench.reload.ask()
        bench.gates[0].set()
        while len(bench.applied) < 2:
            await asyncio.sleep(0.001)
    assert bench.applied == [A, B]
    assert not bench.reload._asked.is_set()


async def test_changed_file_is_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.reload.LOOK_SECONDS", 0.002)

    class Watch:
        def __init__(self, path: str) -> None:
            assert path == "gateway.yaml"
            self.changes = iter([False, True, False])

        def has_changed(self) -> bool:
            return next(self.changes, False)

    monkeypatch.setattr("gateway.reload.Watch", Watch)
    bench = Bench(A)
    runtime = HandRuntime()
    reload = Reload(bench.load, bench.apply, runtime, "gateway.yaml")
    reload.start()
    async with asyncio.timeout(2):
        while not bench.applied:
            await asyncio.sleep(0.001)
    await runtime.close()
