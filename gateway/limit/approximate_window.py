"""The sliding window that estimates, in integers: two counters instead of a memory of moments.

Windows of W follow each other, the first one beginning with a key's first unit. What passed in the window before is
taken to have been spread evenly over it: when a fraction f of the current window is over, `previous * (1 - f) +
current` units count, and at most L may. The estimate is exact for even traffic. Traffic that is not can get more: in
*any* window of W fewer than 2L units pass, and no bound below that holds.

When the clock steps back, no time has passed, and from the next request on time goes on from there.
"""

from gateway.limit.algorithm import EXACT, MOST, NEVER, SECOND, Algorithm, State, View, whole_seconds


class ApproximateWindow(Algorithm):
    """About `limit` units in `window_us`.

    The state is (the microsecond it is of, where the current window began, units in the previous one, in the current
    one), the view (previous, current, microseconds into the current window). ValueError names what is out of range.
    """

    __slots__ = ("definition", "size", "window", "window_us")

    at = 0
    words = 3
    integers = 4

    def __init__(self, limit: int, window_us: int) -> None:
        if not 1 <= limit <= MOST:
            raise ValueError(f"bucket_size {limit}: must be a whole number from 1 to {MOST}")
        if not 1 <= window_us <= EXACT // limit:
            raise ValueError(f"window {window_us / SECOND} s: above 0, and at most {EXACT // limit // SECOND} s here")
        self.size = limit
        self.window_us = window_us
        self.window = whole_seconds(window_us)
        self.definition = ("approximate_window", limit, window_us)

    def __repr__(self) -> str:
        return f"<ApproximateWindow about {self.size} in {self.window_us / SECOND:g} s>"

    def fresh(self, now: int) -> State:
        return now, now, 0, 0

    def advance(self, state: State, now: int) -> State:
        at, begun, previous, current = state
        begun -= max(0, at - now)
        over = (now - begun) // self.window_us
        if over:
            previous, current = current if over == 1 else 0, 0
            begun += over * self.window_us
        return (now, begun, previous, current) if previous or current else (now, now, 0, 0)

    def view(self, state: State, now: int) -> View:
        return state[2], state[3], now - state[1]

    def units(self, view: View) -> int:
        previous, current, elapsed = view
        # A state that stands for several keys may count more than the limit.
        return max(0, self.size - current + (-previous * (self.window_us - elapsed)) // self.window_us)

    def wait(self, state: State, now: int, cost: int) -> int:
        return self._wait(self.view(state, now), cost)

    def debit(self, state: State, now: int, cost: int) -> State:
        return *state[:3], state[3] + cost

    def after(self, view: View, cost: int) -> View:
        return view[0], view[1] + cost, view[2]

    def numbers(self, view: View) -> tuple[int, int, int]:
        previous, current, elapsed = view
        remaining = self.units(view)
        coming = self._wait(view, remaining + 1) if remaining < self.size else 0
        if current:
            return remaining, coming, 2 * self.window_us - elapsed
        return remaining, coming, self.window_us - elapsed if previous else 0

    def divided(self, parts: int) -> "ApproximateWindow":
        return ApproximateWindow(max(1, self.size // parts), self.window_us)

    def worse(self, one: State, other: State, now: int) -> State:
        # Of the later beginning, the larger counters: whatever counts in one of the two counts longer.
        one, other = self.advance(one, now), self.advance(other, now)
        return now, max(one[1], other[1]), max(one[2], other[2]), max(one[3], other[3])

    def _wait(self, view: View, cost: int) -> int:
        previous, current, elapsed = view
        window = self.window_us
        if cost > self.size:
            return NEVER
        room = self.size - current - cost
        if room >= 0:  # as soon as little enough of the previous window counts
            return window - room * window // previous - elapsed
        # In the next window, of which the current one is the previous.
        return window - elapsed + max(0, window - (self.size - cost) * window // current)
