"""How many extra copies of requests a service may send: a share of its live traffic."""

WINDOW = 10.0
# Extra copies in a window that even a service of little traffic may send: enough to find out who is to be ejected.
ALWAYS = 10


class Budget:
    """At most `share` of the requests of the last ten seconds, and `always` some; a share of 0 = none at all."""

    __slots__ = ("_always", "_before", "_ends_at", "_requests", "_spent", "_spent_before", "share")

    def __init__(self, share: float, always: int = ALWAYS) -> None:
        self.share = share
        self._always = always
        self._ends_at = 0.0
        self._requests = self._before = 0
        self._spent = self._spent_before = 0

    def count(self, now: float) -> None:
        """A request came; the copies are counted by `spend`."""
        if now >= self._ends_at:
            self._turn(now)
        self._requests += 1

    def spend(self, now: float) -> bool:
        """Take one copy out of the budget, if there is one left."""
        if not self.share:
            return False
        if now >= self._ends_at:
            self._turn(now)
        # Of the window before, as much as the last ten seconds still see.
        seen = (self._ends_at - now) / WINDOW
        requests = self._requests + self._before * seen
        spent = self._spent + self._spent_before * seen
        if spent + 1 > self._always + self.share * requests:
            return False
        self._spent += 1
        return True

    def _turn(self, now: float) -> None:
        recent = now < self._ends_at + WINDOW
        self._before, self._spent_before = (self._requests, self._spent) if recent else (0, 0)
        self._requests = self._spent = 0
        self._ends_at = now + WINDOW

    def __repr__(self) -> str:
        return f"<Budget {self.share} spent={self._spent} of {self._requests} requests>"
