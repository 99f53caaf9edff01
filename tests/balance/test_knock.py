"""Checks by bare sockets: who accepts is good, whatever follows; who does not is not."""

import asyncio
import errno
import os
import resource
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from fakes import HandRuntime

from gateway.balance.knock import LOOK_SECONDS, Knocks
from gateway.balance.upstream import Upstream

WITHIN = 5.0
TIMEOUT = 2.0


class Bench:
    """Knocks, and what was heard of them."""

    def __init__(self) -> None:
        self.runtime = HandRuntime()
        self.knocks = Knocks(self.runtime, TIMEOUT)
        self.heard: list[tuple[Upstream, bool]] = []
        self._news = asyncio.Event()

    def judge(self, upstream: Upstream, *, good: bool) -> None:
        self.heard.append((upstream, good))
        self._news.set()

    async def outcome(self, *upstreams: Upstream) -> list[bool]:
        """How checks of these go."""
        for upstream in upstreams:
            assert self.knocks.at(upstream, self.judge)
        async with asyncio.timeout(WITHIN):
            while len(self.heard) < len(upstreams):
                self._news.clear()
                await self._news.wait()
        good = dict(self.heard)
        assert len(good) == len(self.heard) == len(upstreams)
        return [good[upstream] for upstream in upstreams]


def listener(host: str = "127.0.0.1", backlog: int = 128) -> tuple[socket.socket, Upstream]:
    door = socket.create_server((host, 0), family=socket.AF_INET6 if ":" in host else socket.AF_INET, backlog=backlog)
    return door, Upstream(
        f"http://[{host}]:{door.getsockname()[1]}" if ":" in host else f"http://{host}:{port_of(door)}"
    )


def port_of(door: socket.socket) -> int:
    return int(door.getsockname()[1])


@contextmanager
def full() -> Iterator[Upstream]:
    """An upstream that has no room for one more connection, so that it says nothing at all."""
    door, upstream = listener(backlog=0)
    waiting = [door]
    try:
        for _ in range(16):
            one = socket.socket()
            one.settimeout(0.2)
            waiting.append(one)
            try:
                one.connect(door.getsockname())
            except TimeoutError:
                break
        else:
            pytest.skip("this kernel accepts more than it was told")
        yield upstream
    finally:
        for one in waiting:
            one.close()


async def test_who_accepts_is_good_and_is_sent_nothing() -> None:
    bench = Bench()
    door, upstream = listener()
    assert await bench.outcome(upstream) == [True]
    accepted, _ = door.accept()
    assert accepted.recv(1) == b""
    accepted.close()
    door.close()


@pytest.mark.skipif(not os.path.exists("/proc/net/if_inet6"), reason="no IPv6 here")
async def test_the_same_over_ipv6() -> None:
    try:
        door, upstream = listener("::1")
    except OSError:
        pytest.skip("no IPv6 loopback here")
    assert await Bench().outcome(upstream) == [True]
    door.close()


async def test_nobody_there_is_bad(unused_port: int) -> None:
    assert await Bench().outcome(Upstream(f"http://127.0.0.1:{unused_port}")) == [False]


async def test_where_no_way_leads_is_bad_at_once() -> None:
    bench = Bench()
    assert bench.knocks.at(Upstream("http://255.255.255.255:80"), bench.judge)
    assert [good for _, good in bench.heard] == [False]


@pytest.mark.parametrize("ended", [False, True], ids=["reset", "ended and reset"])
async def test_who_accepts_and_resets_was_there(ended: bool) -> None:
    bench = Bench()
    door, upstream = listener()
    assert bench.knocks.at(upstream, bench.judge)
    accepted, _ = door.accept()
    if ended:
        accepted.shutdown(socket.SHUT_WR)
    accepted.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    accepted.close()
    async with asyncio.timeout(WITHIN):
        while not bench.heard:
            await asyncio.sleep(LOOK_SECONDS)
    assert bench.heard == [(upstream, True)]
    door.close()


async def test_silence_is_bad_after_the_timeout_and_holds_up_no_other() -> None:
    bench = Bench()
    door, good = listener()
    with full() as silent:
        assert bench.knocks.at(silent, bench.judge)
        assert await bench.outcome(good) == [True]
        bench.runtime.advance(TIMEOUT)
        async with asyncio.timeout(WITHIN):
            while len(bench.heard) < 2:
                await asyncio.sleep(LOOK_SECONDS)
    assert bench.heard[1] == (silent, False)
    door.close()


async def test_one_check_of_an_upstream_at_a_time() -> None:
    bench = Bench()
    door, upstream = listener()
    assert bench.knocks.at(upstream, bench.judge)
    assert await bench.outcome(upstream) == [True]
    assert door.accept()
    door.setblocking(False)
    with pytest.raises(BlockingIOError):
        door.accept()
    door.close()


async def test_many_at_once_are_each_heard_of_once(unused_port: int) -> None:
    doors = [listener() for _ in range(100)]
    dead = [Upstream(f"http://127.0.0.1:{unused_port}") for _ in range(100)]
    outcome = await Bench().outcome(*dead, *(upstream for _, upstream in doors))
    assert outcome == [False] * 100 + [True] * 100
    for door, _ in doors:
        door.close()


async def test_name_is_not_for_them() -> None:
    bench = Bench()
    assert not bench.knocks.at(Upstream("http://localhost:80"), bench.judge)
    assert not bench.heard


async def test_closing_gives_up_what_is_under_way() -> None:
    bench = Bench()
    door, upstream = listener()
    before = len(os.listdir("/proc/self/fd")) if os.path.exists("/proc/self/fd") else 0
    assert bench.knocks.at(upstream, bench.judge)
    bench.knocks.close()
    await asyncio.sleep(2 * LOOK_SECONDS)
    assert not bench.heard
    if before:
        assert len(os.listdir("/proc/self/fd")) <= before
    door.close()


async def test_gateway_out_of_descriptors_says_nothing_of_the_upstream() -> None:
    bench = Bench()
    door, upstream = listener()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, hard))
    try:
        assert bench.knocks.at(upstream, bench.judge)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert not bench.heard
    assert await bench.outcome(upstream) == [True]
    door.close()


async def test_kind_of_address_that_this_kernel_lacks_is_bad(monkeypatch: pytest.MonkeyPatch) -> None:
    def lacking(*arguments: object) -> socket.socket:
        raise OSError(errno.EAFNOSUPPORT, "Address family not supported by protocol")

    bench = Bench()
    monkeypatch.setattr(socket, "socket", lacking)
    assert bench.knocks.at(Upstream("http://[2001:db8::1]:80"), bench.judge)
    assert [good for _, good in bench.heard] == [False]


async def test_judge_that_fails_holds_up_no_other() -> None:
    bench = Bench()
    doors = [listener() for _ in range(2)]

    def failing(upstream: Upstream, *, good: bool) -> None:
        raise RuntimeError("no judge today")

    asyncio.get_running_loop().set_exception_handler(lambda loop, context: None)
    assert bench.knocks.at(doors[0][1], failing)
    assert await bench.outcome(doors[1][1]) == [True]
    for door, _ in doors:
        door.close()
