"""The sliding window that counts exactly, in integers: `log` and `strict`.

At most L units pass in *any* window of W: of the half-open interval that ends with a request, everything admitted in it
was counted when that request was. Both remember when units were admitted and forget them W later.

`log` remembers every microsecond in which something passed: it refuses only what the sentence above forbids, and may
remember L moments of a key. `strict` remembers a bounded number: what passes within W/64 of an entry's first unit joins
it, and an entry is forgotten W after its *last* unit. It is as strict as the log and may hold a unit up to W/64 longer,
so that a caller who always wants more gets at least L in W + W/64, 98.4 % of what is allowed, and usually all of it.

When the clock steps back, no time has passed, and from the next request on time goes on from there: everything that is
remembered moves with the clock.
"""

from itertools import accumulate

from gateway.limit.algorithm import EXACT, MOST, NEVER, SECOND, Algorithm, State, View, whole_seconds

ENTRIES = 64


class SlidingWindow(Algorithm):
    """At most `limit` units in any `window_us`; `log` remembers each moment.

    The state is (the microsecond it is of, first unit of the newest entry, then each entry's last unit and how many,
    oldest first). The view is (units in the window, when one leaves, when the last does, when one would leave after one
    more is taken). ValueError names what is out of range.
    """

    __slots__ = ("definition", "granule_us", "size", "window", "window_us")

    at = 0
    words = 4
    integers = 0

    def __init__(self, limit: int, window_us: int, *, log: bool = False) -> None:
        if not 1 <= limit <= MOST:
            raise ValueError(f"bucket_size {limit}: must be a whole number from 1 to {MOST}")
        if not 1 <= window_us <= EXACT >> 8:
            raise ValueError(f"window {window_us / SECOND} s: must be above 0 and at most a year")
        self.size = limit
        self.window_us = window_us
        self.granule_us = 1 if log else max(1, window_us // ENTRIES)
        self.window = whole_seconds(window_us)
        self.definition = ("sliding_window", limit, window_us, self.granule_us)

    def __repr__(self) -> str:
        return f"<SlidingWindow {self.size} in any {self.window_us / SECOND:g} s>"

    def fresh(self, now: int) -> State:
        return now, now

    def advance(self, state: State, now: int) -> State:
        back = state[0] - now
        if back > 0:
            moved = [value - back if index % 2 == 0 else value for index, value in enumerate(state[2:])]
            state = (now, state[1] - back, *moved)
        kept, horizon = 2, now - self.window_us
        while kept < len(state) and state[kept] <= horizon:
            kept += 2
        return now, state[1], *state[kept:]

    def view(self, state: State, now: int) -> View:
        if len(state) == 2:
            return 0, 0, 0, self.window_us
        leaves, last = state[2] + self.window_us - now, state[-2] + self.window_us - now
        only = len(state) == 4 and self._joins(state, now)
        return sum(state[3::2]), leaves, last, self.window_us if only else leaves

    def units(self, view: View) -> int:
        return self.size - view[0]

    def wait(self, state: State, now: int, cost: int) -> int:
        if cost > self.size:
            return NEVER
        excess = sum(state[3::2]) + cost - self.size
        freed = accumulate(state[3::2])
        index = next(index for index, units in enumerate(freed) if units >= excess)
        return state[2 + 2 * index] + self.window_us - now

    def debit(self, state: State, now: int, cost: int) -> State:
        if self._joins(state, now):
            return now, state[1], *state[2:-2], now, state[-1] + cost
        return now, now, *state[2:], now, cost

    def after(self, view: View, cost: int) -> View:
        return view[0] + cost, view[3], self.window_us, view[3]

    def numbers(self, view: View) -> tuple[int, int, int]:
        return self.size - view[0], view[1], view[2]

    def divided(self, parts: int) -> "SlidingWindow":
        return SlidingWindow(max(1, self.size // parts), self.window_us, log=self.granule_us == 1)

    def worse(self, one: State, other: State, now: int) -> State:
        states = [state for state in (self.advance(one, now), self.advance(other, now)) if len(state) > 2]
        if not states:
            return self.fresh(now)
        last = max(state[-2] for state in states)
        return now, last, last, max(sum(state[3::2]) for state in states)

    def _joins(self, state: State, now: int) -> bool:
        return len(state) > 2 and now - state[1] < self.granule_us
