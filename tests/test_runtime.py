"""Deadlines, memories and tasks, with the clock in the test's hand."""

import asyncio

from fakes import HandRuntime
from hypothesis import given
from hypothesis import strategies as st

from gateway.runtime import Deadlines, Memory, Runtime

NEVER = float("inf")
TICK = Deadlines.TICK


# --- deadlines ---


class Thing:
    """Notes when it expired."""

    def __init__(self, runtime: HandRuntime) -> None:
        self.expires_at = self.watched_until = NEVER
        self.expired: list[float] = []
        self._runtime = runtime

    def expire(self) -> None:
        self.expired.append(self._runtime.clock())


async def test_deadline_comes_once_and_not_before_its_time() -> None:
    runtime = HandRuntime()
    thing = Thing(runtime)
    runtime.deadlines.watch(thing, runtime.clock() + 1)
    runtime.advance(0.99)
    assert thing.expired == []
    runtime.advance(0.11)
    assert len(thing.expired) == 1
    assert thing.expires_at == NEVER
    runtime.advance(10)
    assert len(thing.expired) == 1
    runtime.deadlines.close()


async def test_deadline_moves_later_by_an_attribute() -> None:
    runtime = HandRuntime()
    thing = Thing(runtime)
    runtime.deadlines.watch(thing, runtime.clock() + 1)
    for _ in range(10):
        runtime.advance(0.9)
        thing.expires_at = runtime.clock() + 1
    assert thing.expired == []
    runtime.advance(1.1)
    assert len(thing.expired) == 1
    runtime.deadlines.close()


async def test_deadline_moves_earlier_by_watching_again() -> None:
    runtime = HandRuntime()
    thing = Thing(runtime)
    runtime.deadlines.watch(thing, runtime.clock() + 100)
    runtime.deadlines.watch(thing, runtime.clock() + 1)
    runtime.advance(1.1)
    assert len(thing.expired) == 1
    runtime.deadlines.watch(thing, runtime.clock() + 200)
    runtime.advance(150)
    assert len(thing.expired) == 1
    runtime.deadlines.close()


async def test_deadline_that_is_called_off_does_not_come() -> None:
    runtime = HandRuntime()
    thing = Thing(runtime)
    runtime.deadlines.watch(thing, runtime.clock() + 1)
    thing.expires_at = NEVER
    runtime.advance(100)
    assert thing.expired == []
    assert runtime.deadlines._buckets == {}


async def test_what_expires_may_set_itself_a_new_deadline() -> None:
    runtime = HandRuntime()

    class Again(Thing):
        def expire(self) -> None:
            super().expire()
            runtime.deadlines.watch(self, runtime.clock() + 1)

    thing = Again(runtime)
    runtime.deadlines.watch(thing, runtime.clock() + 1)
    for _ in range(5):
        runtime.advance(1.1)
    assert len(thing.expired) == 5
    runtime.deadlines.close()


async def test_timer_of_the_event_loop_drives_it_and_rests_when_nothing_is_watched() -> None:
    runtime = Runtime()
    expired = asyncio.Event()

    class Ringing:
        expires_at = watched_until = NEVER

        def expire(self) -> None:
            expired.set()

    runtime.deadlines.watch(Ringing(), runtime.clock() + 0.01)
    async with asyncio.timeout(5):
        await expired.wait()
    assert runtime.deadlines._timer is None


steps = st.lists(
    st.one_of(
        st.tuples(st.just("advance"), st.floats(0, 3)),
        st.tuples(st.just("watch"), st.floats(0, 5)),
        st.tuples(st.just("later"), st.floats(0, 5)),
        st.tuples(st.just("off"), st.just(0.0)),
    ),
    max_size=15,
)


@given(steps)
def test_deadlines_come_within_two_ticks_however_they_are_moved(moves: list[tuple[str, float]]) -> None:
    async def story() -> None:
        runtime = HandRuntime()
        thing = Thing(runtime)
        due = NEVER  # the deadline as it should be
        for kind, seconds in moves:
            at = runtime.clock() + seconds
            if kind == "advance":
                for _ in range(int(seconds / TICK) + 1):
                    runtime.advance(TICK)
                    now, count = runtime.clock(), len(thing.expired)
                    if count:
                        assert due <= now
                        thing.expired.clear()
                        due = NEVER
                    assert due > now - 2 * TICK
            elif kind == "watch":
                due = at
                runtime.deadlines.watch(thing, at)
            elif kind == "later" and NEVER > due <= at:
                due = thing.expires_at = at
            elif kind == "off":
                due = thing.expires_at = NEVER
        runtime.deadlines.close()

    asyncio.run(story())


# --- memory ---


@given(st.lists(st.tuples(st.integers(0, 30), st.booleans()), max_size=200))
def test_memory_never_tells_wrong_and_stays_within_its_bounds(steps: list[tuple[int, bool]]) -> None:
    memory: Memory[int, int] = Memory(8)
    last: dict[int, int] = {}
    for value, (key, put) in enumerate(steps):
        if put:
            memory.put(key, value)
            last[key] = value
        else:
            assert memory.get(key) in (None, last.get(key))
        assert len(memory) <= 16


def test_memory_keeps_what_is_used() -> None:
    memory: Memory[int, str] = Memory(4)
    memory.put(0, "used")
    for key in range(1, 100):
        memory.put(key, "not used")
        assert memory.get(0) == "used"
    assert memory.get(1) is None


def test_memory_forgets_when_told_to() -> None:
    memory: Memory[int, str] = Memory(1)
    memory.put(1, "old")
    memory.put(2, "young")
    memory.forget(1)
    assert (memory.get(1), memory.get(2), len(memory)) == (None, "young", 1)
    memory.clear()
    assert (memory.get(2), len(memory)) == (None, 0)


# --- tasks ---


async def test_closing_cancels_what_was_spawned_and_waits_for_it() -> None:
    runtime = Runtime()
    ends = []

    async def work() -> None:
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            ends.append("cancelled")

    task = runtime.spawn(work(), "work")
    await asyncio.sleep(0)
    await runtime.close()
    assert (ends, task.cancelled()) == (["cancelled"], True)


async def test_spawned_task_is_let_go_when_it_is_done() -> None:
    runtime = Runtime()

    async def work() -> int:
        return 7

    assert await runtime.spawn(work(), "work") == 7
    await asyncio.sleep(0)
    assert not runtime._tasks
