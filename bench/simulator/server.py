"""One simulated server: its requests share its cores, and what it has left of them changes."""

import heapq
from collections.abc import Iterator


class Work:
    """One request at a server; `finish` is the server's `progress` at which it is done."""

    __slots__ = ("finish", "gateway", "gone", "load", "sent_at", "upstream")

    def __init__(self, sent_at: float, gateway: int, upstream: int, load: int) -> None:
        self.sent_at = sent_at
        self.gateway = gateway
        self.upstream = upstream
        self.load = load
        self.finish = 0.0
        self.gone = False  # finished, given up, or died with its server

    def __lt__(self, other: "Work") -> bool:
        return self.finish < other.finish


class Server:
    """Serves all its requests at once, each on at most one core of `speed`; `left` is what others leave of `cores`.

    All requests progress equally, so one number tells how far each one is: `progress`, the seconds of work done for
    a request that was there from the beginning.
    """

    __slots__ = ("cores", "dead", "left", "number", "plan", "progress", "seen_at", "speed", "waiting")

    def __init__(self, speed: float, cores: int) -> None:
        self.speed = speed
        self.cores = cores
        self.left = 1.0
        self.dead = False  # takes requests and fails them at once
        self.number = 0  # of requests in it
        self.progress = 0.0
        self.seen_at = 0.0
        self.plan = 0  # of its announced completions, only the last one counts
        self.waiting: list[Work] = []

    @property
    def rate(self) -> float:
        """Progress per second."""
        return self.speed * min(1.0, self.cores * self.left / self.number) if self.number else 0.0

    def advance(self, now: float) -> None:
        self.progress += (now - self.seen_at) * self.rate
        self.seen_at = now

    def add(self, work: Work, seconds: float, now: float) -> None:
        """Begin `work`, which would take `seconds` alone on a core of speed 1."""
        self.advance(now)
        work.finish = self.progress + seconds
        self.number += 1
        heapq.heappush(self.waiting, work)

    def remove(self, work: Work, now: float) -> None:
        """`work` has been given up."""
        self.advance(now)
        self.number -= 1
        work.gone = True

    def next_done(self) -> float | None:
        """In how many seconds the first of its requests will be done if nothing changes."""
        while self.waiting and self.waiting[0].gone:
            heapq.heappop(self.waiting)
        return max(0.0, self.waiting[0].finish - self.progress) / self.rate if self.waiting else None

    def finish(self, now: float) -> Work:
        """Take out the one that is done now."""
        self.advance(now)
        self.number -= 1
        work = heapq.heappop(self.waiting)
        work.gone = True
        return work

    def die(self, now: float) -> Iterator[Work]:
        """All its requests are lost, and later ones fail at once."""
        self.advance(now)
        self.dead = True
        lost, self.waiting, self.number = [work for work in self.waiting if not work.gone], [], 0
        for work in lost:
            work.gone = True
            yield work
