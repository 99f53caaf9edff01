"""The pool: reused last in first out, bounded, and let go before the upstream would."""

import asyncio
import errno
import gc

import pytest
from fakes import HandRuntime, MemoryLoop, MemoryTransport
from memory_gateway import MemoryGateway, got, in_memory
from messages import GOT_OK, OK, own, request

from gateway.balance.upstream import Upstream
from gateway.config.service import Timeouts
from gateway.errors import NoUpstream, UpstreamError, UpstreamTimeout
from gateway.runtime import Deadlines
from gateway.wire.express import Express
from gateway.wire.pool import Pool
from gateway.wire.reply_head import ReplyHead
from gateway.wire.upstream import UpstreamConnection

NAME = "up.test:8000"
RETRY = b"Retry-After: 1\r\n"
KEEPALIVE = 4.0  # seconds


class Bench:
    """A pool whose upstream accepts whoever comes."""

    def __init__(self, limit: int = 10, connect: float = 2.0, keepalive: float = KEEPALIVE) -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, MemoryLoop)
        self.loop = loop
        self.accepted: list[MemoryTransport] = []
        loop.upstreams[NAME] = self.accepted.append
        self.runtime = HandRuntime()
        self.pool = Pool(
            Upstream(f"http://{NAME}"),
            self.runtime,
            Express(ReplyHead),
            Timeouts(connect=connect),
            limit=limit,
            keepalive=keepalive,
        )


def run(story: object) -> None:
    with asyncio.Runner(loop_factory=MemoryLoop) as runner:
        runner.run(story())  # type: ignore[operator]


def test_last_in_is_first_out() -> None:
    async def story() -> None:
        bench = Bench()
        one, two = await bench.pool.open(), await bench.pool.open()
        bench.pool.put(one, 60)
        bench.pool.put(two, 60)
        assert (bench.pool.idle, bench.pool.active) == (2, 0)
        assert [bench.pool.take(), bench.pool.take(), bench.pool.take()] == [two, one, None]
        assert (bench.pool.idle, bench.pool.active) == (0, 2)
        assert one.reused
        assert repr(bench.pool) == f"<Pool {NAME} active=2 idle=0 limit=10>"

    run(story)


def test_sign_of_life_counts_on_the_idle_connection_that_came_last(monkeypatch: pytest.MonkeyPatch) -> None:
    async def story() -> None:
        bench = Bench()
        older, newer, busy = [await bench.pool.open() for _ in range(3)]
        silence = {older.transport: 9.0, newer.transport: 5.0, busy.transport: 0.0}
        monkeypatch.setattr("gateway.wire.pool.silent_for", silence.get)
        bench.pool.tcp_keepalive = 4
        assert not bench.pool.shows_life(), "none is idle"
        for connection, seconds, alive in ((newer, 5.5, True), (newer, 5.6, False), (older, 5.5, False)):
            bench.pool.put(connection, 60)
            silence[newer.transport] = seconds
            assert bench.pool.shows_life() is alive
        silence[older.transport] = 0.0
        assert bench.pool.shows_life()
        bench.pool.tcp_keepalive = 0
        assert not bench.pool.shows_life(), "nobody asks"

    run(story)


def test_limit_counts_what_is_open_and_what_is_being_opened() -> None:
    async def story() -> None:
        bench = Bench(limit=2)
        opening = [bench.runtime.spawn(bench.pool.open(), "opening") for _ in range(3)]
        results = await asyncio.gather(*opening, return_exceptions=True)
        assert [type(result) for result in results].count(NoUpstream) == 1
        bench.accepted[0].reset()
        await bench.pool.open()
        with pytest.raises(NoUpstream):
            await bench.pool.open()

    run(story)


@pytest.mark.parametrize(
    ("keepalive", "told", "seconds"),
    [(4, float("inf"), 4), (4, 60, 4), (4, 3, 2), (60, float("inf"), 60), (60, 60, 59)],
)
def test_idle_connection_is_let_go_before_its_upstream_would(keepalive: float, told: float, seconds: float) -> None:
    async def story() -> None:
        bench = Bench(keepalive=keepalive)
        bench.pool.put(await bench.pool.open(), told)
        bench.runtime.advance(seconds - 0.1)
        assert not bench.accepted[0].ended
        bench.runtime.advance(0.2)
        await bench.loop.quiet()
        assert bench.accepted[0].ended
        assert (bench.pool.idle, bench.pool.active, bench.pool.take()) == (0, 0, None)

    run(story)


def test_connection_past_its_time_is_not_given_out_even_before_it_is_closed() -> None:
    async def story() -> None:
        bench = Bench()
        bench.pool.put(await bench.pool.open(), 60)
        bench.runtime.hand.now += KEEPALIVE  # time has passed, no timer has fired yet
        assert bench.pool.take() is None
        assert bench.accepted[0].ended

    run(story)


@pytest.mark.parametrize("keep_alive", [0, 1])
def test_keep_alive_of_a_second_is_too_short_to_keep(keep_alive: float) -> None:
    async def story() -> None:
        bench = Bench()
        bench.pool.put(await bench.pool.open(), keep_alive)
        assert (bench.pool.idle, bench.accepted[0].ended) == (0, "closed")

    run(story)


def test_connection_that_its_upstream_closed_is_not_given_out() -> None:
    async def story() -> None:
        bench = Bench()
        bench.pool.put(await bench.pool.open(), 60)
        bench.accepted[0].feed_eof()
        assert bench.pool.take() is None

    run(story)


def test_refused_connection_is_an_error_that_another_upstream_may_mend() -> None:
    async def story() -> None:
        bench = Bench()
        del bench.loop.upstreams[NAME]
        with pytest.raises(UpstreamError) as caught:
            await bench.pool.open()
        assert caught.value.unsent
        assert bench.pool.active == 0

    run(story)


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENFILE])
def test_without_a_descriptor_for_it_nobody_has_failed(number: int) -> None:
    async def story() -> None:
        bench = Bench()

        def out_of_descriptors(transport: MemoryTransport) -> None:
            raise OSError(number, "too many open files")

        bench.loop.upstreams[NAME] = out_of_descriptors
        with pytest.raises(NoUpstream) as caught:
            await bench.pool.open()
        assert caught.value.unsent

    run(story)


def test_connection_that_takes_too_long_is_a_timeout_that_another_upstream_may_mend() -> None:
    async def story() -> None:
        bench = Bench(connect=0.01)

        async def never(*args: object, **options: object) -> None:
            await asyncio.get_running_loop().create_future()

        bench.loop.create_connection = never  # type: ignore[assignment,method-assign]
        with pytest.raises(UpstreamTimeout) as caught:
            await bench.pool.open()
        assert caught.value.unsent

    run(story)


def test_connection_whose_client_left_meanwhile_is_kept_for_the_next() -> None:
    @in_memory()
    async def story(gate: MemoryGateway) -> None:
        client = gate.connect()
        client.feed(request())
        client.reset()
        await gate.quiet()
        assert len(gate.accepted) == 1
        assert gate.accepted[0].written == b""
        other = gate.connect()
        await gate.sends(other, request())
        assert len(gate.accepted) == 1
        await gate.sends(gate.accepted[0], OK)
        assert got(other) == GOT_OK

    story()


def test_a_connection_whose_waiter_has_gone_is_kept_however_short_that_is() -> None:
    async def story() -> None:
        bench = Bench(keepalive=0.5)
        waiter = bench.pool.open()
        waiter.send(None)
        with pytest.raises(KeyError):
            waiter.throw(KeyError())
        await bench.loop.quiet()
        assert (bench.pool.idle, bench.accepted[0].ended) == (1, "")

    run(story)


def connections() -> int:
    gc.collect()
    return sum(type(each) is UpstreamConnection for each in gc.get_objects())


def test_what_is_lost_while_it_is_idle_is_not_held_until_it_would_have_expired() -> None:
    async def story() -> None:
        before = connections()
        bench = Bench(keepalive=3600)
        bench.pool.put(await bench.pool.open(), float("inf"))
        bench.accepted[0].reset()
        await bench.loop.quiet()
        bench.accepted.clear()
        assert bench.pool.idle == 0
        assert connections() == before + 1
        bench.runtime.advance(Deadlines.FAR + 1)
        await bench.loop.quiet()
        assert connections() == before

    run(story)


def test_lost_idle_connections_neither_count_towards_the_limit_nor_make_place() -> None:
    async def story() -> None:
        bench = Bench(limit=5)
        five = [await bench.pool.open() for _ in range(5)]
        for connection in five:
            bench.pool.put(connection, 60)
        for transport in (bench.accepted[0], bench.accepted[2]):
            transport.reset()
        assert (bench.pool.idle, bench.pool.active) == (3, 0)
        for _ in range(3):
            await bench.pool.open()
        assert [bool(bench.accepted[number].ended) for number in (1, 3, 4)] == [True, False, False]
        assert [bench.pool.take() for _ in range(3)] == [five[4], five[3], None]

    run(story)


def test_closed_pool_closes_what_is_idle_now_and_what_is_busy_later() -> None:
    async def story() -> None:
        bench = Bench()
        idle, busy = await bench.pool.open(), await bench.pool.open()
        bench.pool.put(idle, 60)
        bench.pool.close()
        assert [transport.ended for transport in bench.accepted] == ["closed", ""]
        bench.pool.put(busy, 60)
        assert bench.accepted[1].ended
        late = await bench.pool.open()  # for a request that chose this upstream before
        bench.pool.put(late, 60)
        assert bench.accepted[2].ended

    run(story)


@in_memory(service={"max_connections": 1, "queue": {"size": 0}})
async def test_request_beyond_the_limit_of_its_only_upstream_is_a_503(gate: MemoryGateway) -> None:
    first, second = gate.connect(), gate.connect()
    await gate.sends(first, request())
    await gate.sends(second, request())
    assert got(second) == own(503, extra=RETRY)
    await gate.sends(gate.accepted[0], OK)
    assert got(first) == GOT_OK
