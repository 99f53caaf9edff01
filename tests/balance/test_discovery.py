"""Looking names up again and again."""

import asyncio
import logging
from collections.abc import Sequence

import pytest
from fakes import HandRuntime

from gateway.balance.discovery import Discovery
from gateway.balance.lookup import LookupFailedError
from gateway.balance.place import Place

ONE, TWO = Place("http://m", "10.0.0.1", 80), Place("http://m", "10.0.0.2", 80)


class Names:
    """Answers what is next in `answers`, then the last one again; None fails, "hang" never answers."""

    def __init__(self, *answers: Sequence[Place] | str | None) -> None:
        self.answers = list(answers)
        self.asked = 0

    async def __call__(self, url: str) -> Sequence[Place]:
        self.asked += 1
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if answer is None:
            raise LookupFailedError("m: no address")
        if isinstance(answer, str):
            await asyncio.get_running_loop().create_future()
        assert not isinstance(answer, str)
        return answer


def discovery(*answers: Sequence[Place] | str | None) -> Discovery:
    return Discovery("dns+http://m", Names(*answers), HandRuntime())


async def test_change_is_told_and_what_stays_is_not() -> None:
    found = discovery([ONE], [ONE], [ONE, TWO], [TWO])
    assert [await found.look() for _ in range(4)] == [True, False, True, True]
    assert found.places == [TWO]


async def test_failing_lookup_changes_nothing_and_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    found = discovery([ONE], None, None, [ONE], None)
    assert [await found.look() for _ in range(5)] == [True, False, False, False, False]
    assert found.places == [ONE]
    failed, again = "dns+http://m: m: no address", "dns+http://m is found again"
    assert [record.getMessage() for record in caplog.records] == [failed, again, failed]


async def test_name_server_that_hangs_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.balance.discovery.PATIENCE", 0.005)
    found = discovery("hang")
    assert not await found.look()
    assert found.places == ()


async def test_looks_until_closed_and_calls_for_each_change(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.balance.discovery.INTERVAL", 0.002)
    names = Names([ONE], [ONE], [TWO])
    runtime = HandRuntime()
    found = Discovery("dns+http://m", names, runtime)
    changes: list[Sequence[Place]] = []
    changed = asyncio.Event()
    tasks = asyncio.all_tasks()

    def note() -> None:
        changes.append(found.places)
        changed.set()

    found.start(note)
    found.start(note)  # once is enough
    async with asyncio.timeout(2):
        while len(changes) < 2:
            changed.clear()
            await changed.wait()
    assert changes == [[ONE], [TWO]]
    found.close()
    await asyncio.sleep(0)
    assert asyncio.all_tasks() == tasks
    await runtime.close()
