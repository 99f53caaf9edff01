"""The event loop's lateness is what the clock says beyond the time asked for."""

import asyncio
from collections.abc import Iterator

from gateway.observe.lag import watch
from gateway.observe.tallies import LAG_SECONDS, Durations
from gateway.runtime import Runtime


async def test_lateness_is_the_time_beyond_the_interval() -> None:
    def clock() -> Iterator[float]:
        yield from (10.0, 10.0 + 0.004)  # 4 ms late
        yield from (20.0, 20.0 + 1.5)
        yield from (30.0, 29.999)  # a timer that is a little early is not late
        while True:
            yield 40.0

    lag = Durations(LAG_SECONDS)
    watching = asyncio.get_running_loop().create_task(watch(Runtime(clock=clock().__next__), lag, interval=0))
    while sum(lag.counts) < 4:
        await asyncio.sleep(0)
    watching.cancel()
    assert lag.counts[LAG_SECONDS.index(0.005)] == 1
    assert lag.counts[LAG_SECONDS.index(2.5)] == 1
    assert abs(lag.total - 1.504) < 1e-9
