"""The standing oracle sees what it is for, and it is asked after every row and in every run of mutants."""

import asyncio
import signal
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import judge
import meant
import mutant_run
import pytest
from corpus import CORPUS
from corpus.cases import Case, Clean, Refused
from corpus.parts import HELLO, SMUGGLED, TE, post, request
from ground import Ground, names
from judge import Verdict, judge_all
from mutant_run import Tally
from play import connect

NAMES = names(4)


@pytest.fixture
async def ground(tmp_path: Path) -> AsyncIterator[Ground]:
    async with Ground(tmp_path, NAMES, server={"header_timeout": 30}) as ground:
        yield ground


def case(*sends: bytes, wanted: Clean | Refused) -> Case:
    return Case("a row", sends, wanted, "oracle", followed=False)


async def complaints(ground: Ground, one: Case) -> str:
    return "\n".join((await judge_all(ground, [one]))[0].complaints)


async def test_a_gateway_as_it_was_gives_no_cause_for_complaint(ground: Ground) -> None:
    assert await ground.alive() == []


async def test_descriptors_that_stay_are_seen(ground: Ground) -> None:
    held = [await connect(ground.gateway.port) for _ in range(4)]
    assert await ground.answers()
    assert "descriptors instead of" in (await ground.alive())[0]
    for client in held:
        client.transport.abort()


async def test_memory_that_stays_is_seen(ground: Ground) -> None:
    ground.rss -= 6 << 20
    assert "MiB resident instead of" in (await ground.alive())[0]


async def test_a_gateway_that_stands_still_is_seen(ground: Ground) -> None:
    ground.gateway.signal(signal.SIGSTOP)
    try:
        assert await ground.alive() == ["does not answer /health within a second"]
    finally:
        ground.gateway.signal(signal.SIGCONT)


async def test_a_request_that_no_row_meant_is_seen(ground: Ground) -> None:
    _, writer = await asyncio.open_connection("127.0.0.1", ground.upstream_port)
    writer.write(request(line=b"GET /nobody/x HTTP/1.1"))
    await asyncio.sleep(0)
    async with asyncio.timeout(5):
        while not ground.strays:
            await asyncio.sleep(0.01)
    assert "belongs to no row" in (await ground.alive())[0]
    writer.close()


async def test_a_marker_at_the_upstream_is_seen(ground: Ground) -> None:
    row = case(request() + SMUGGLED, wanted=Clean(2))
    assert "smuggled: b'GET " in await complaints(ground, row)


async def test_more_requests_than_the_row_wants_are_seen(ground: Ground) -> None:
    assert "arrived" in await complaints(ground, case(request() * 2, wanted=Clean(1)))


async def test_a_request_that_should_have_been_refused_is_seen(ground: Ground) -> None:
    assert "passed on" in await complaints(ground, case(post(TE, body=HELLO), wanted=Refused(1, (400,))))


async def complains(ground: Ground, growth: int = 5) -> list[str]:
    return ["asked"]


async def test_it_is_asked_after_every_row(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    async def unjudged(ground: Ground, row: Case) -> Verdict:
        return Verdict(row, [])

    monkeypatch.setattr(Ground, "alive", complains)
    monkeypatch.setattr(judge, "_judge", unjudged)
    verdicts = await judge_all(ground, CORPUS)
    assert [str(one.case) for one in verdicts] == [str(one) for one in CORPUS]
    assert all(one.complaints == ["asked"] for one in verdicts)


@pytest.mark.parametrize("run", [mutant_run.run_requests, mutant_run.run_replies])
def test_it_is_asked_in_a_run_of_mutants(run: Callable[[int, int], Tally], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Ground, "alive", complains)
    assert run(20, 1).complaints == ["asked"]


async def test_a_mutant_that_is_read_otherwise_is_seen(ground: Ground) -> None:
    """As if the bytes meant another target than the one that the gateway passed on."""
    name, script = ground.service()
    data = request().replace(b"svc", name.encode())
    client = await connect(ground.gateway.port)
    client.transport.write(data)
    async with asyncio.timeout(5):
        while not client.received.endswith(b"ok"):
            await client.change(5)
    seen = mutant_run.Seen(0, data, client, script)
    for meant_target, found in ((b"/x ", ""), (b"/y ", "meant b'GET'")):
        reading = meant.requests(data.replace(b"/x ", meant_target))
        assert "".join(mutant_run._request_complaints(seen, reading, name, silent=False)).startswith(found)
        assert bool(found) == bool(list(mutant_run._request_complaints(seen, reading, name, silent=False)))
    client.transport.abort()
