"""The states of all keys in Redis, shared by every gateway that uses it.

Checks travel in batches that clock themselves: the first one is sent in the next turn of the event loop, and what comes
while all lanes are busy waits for the next to be free. So an idle gateway adds one round trip, and a busy one spends
one call on many requests.

Redis is left alone as soon as a batch fails and none that was sent later has been answered. From then on every check is
decided blind, at once, until a connection has proved that it works.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence

from gateway.drive import Parked
from gateway.errors import NoUpstream
from gateway.limit.base import Check, Slots, Verdicts
from gateway.limit.batch import Batch, Waiting
from gateway.limit.blind import Blind
from gateway.limit.concurrency import LEASE_US
from gateway.limit.denials import Denials
from gateway.limit.lane import Lane
from gateway.limit.leases import Leases
from gateway.limit.queue import Queue
from gateway.limit.servers import Open
from gateway.runtime import Runtime

log = logging.getLogger(__name__)

LANES = 8
ANNOUNCE = 5.0  # seconds
ANNOUNCE_US = 15_000_000
RENEW = LEASE_US / 3_000_000  # seconds
QUIET = 10.0  # seconds between two warnings at least


class RedisStore:
    """Decides in Redis, or, while that cannot be asked, by `blind`.

    Call `start` once before the first check and `close` at the end.
    """

    def __init__(
        self,
        open_connection: Open,
        runtime: Runtime,
        *,
        timeout: float,
        renew_every: float = RENEW,
        place: str = "redis",
    ) -> None:
        self.place = place
        self.leases = Leases()
        self.blind = Blind(runtime, self.leases)
        self.malformed = 0
        self._runtime = runtime
        self._clock = runtime.clock
        self._renew_every = renew_every
        self._queue = Queue(runtime.clock, timeout, self._decide_blind)
        self._denials = Denials()
        self._answered_at = 0.0
        self._warned_at = -QUIET
        self._down_at = 0.0
        self._tasks: list[asyncio.Task[None]] = []
        self._first: asyncio.Future[Exception | None] | None = None
        replica = f"{runtime.rng.getrandbits(64):016x}"
        self._lanes = [
            Lane(open_connection, self, self.leases, runtime, replica=replica, timeout=timeout) for _ in range(LANES)
        ]

    def __repr__(self) -> str:
        return f"<RedisStore {self.place} {'up' if self.up else 'down'}>"

    @property
    def up(self) -> bool:
        """Whether Redis is asked at the moment."""
        return self._queue.is_open

    async def start(self) -> Exception | None:
        """Connect; what the first attempt failed with, after which the store goes on trying by itself."""
        self._first = asyncio.get_running_loop().create_future()
        works = [lane.run() for lane in self._lanes]
        works += [self._every(ANNOUNCE, self._announce), self._every(self._renew_every, self._renew)]
        self._tasks = [self._runtime.spawn(work, f"limiter store {index}") for index, work in enumerate(works)]
        return await self._first

    def close(self) -> None:
        for task in self._tasks:
            task.cancel()

    def decide(self, checks: Sequence[Check], slots: Slots) -> Verdicts | Parked[Verdicts]:
        """Verdicts at once when a refusal is known or Redis is down, else something to await at once."""
        if self._denials.any and (denied := self._denials.look(checks, self._clock())):
            return denied
        if not self._queue.takes:
            return self.blind.decide(checks, slots)
        parked: Parked[Verdicts] = Parked()
        self._queue.filling().add(checks, Waiting(parked, slots))
        return parked

    def release(self, slots: Slots) -> None:
        """Give back `slots`, with the next batch."""
        self.leases.free(slots)
        if self.up:
            self._queue.filling()

    async def next(self) -> Batch | None:
        return await self._queue.next()

    def ended(self) -> None:
        self._queue.ended()

    def probe(self) -> Batch:
        return Batch(self._clock(), ANNOUNCE_US)

    def answered(self, batch: Batch, reply: bytes) -> None:
        answers = batch.answers(reply)
        self._answered_at = self._clock()
        self.malformed += batch.malformed
        if batch.announce_us:
            self.blind.replicas = max(1, batch.replicas)
        for entry in batch.entries:
            if entry.refusal is not None:
                self._denials.note(entry.checks, entry.refusal, batch.sent_at)
        for waiting, verdicts, slots in answers:
            self._tell(waiting, verdicts, slots)

    def _tell(self, waiting: Waiting, verdicts: Verdicts, slots: Slots) -> None:
        if waiting.parked.drive is None:  # the client left meanwhile
            if slots:
                self.release(slots)
            return
        if slots:
            self.leases.hold(slots)
            waiting.slots.extend(slots)
        try:
            waiting.parked.resolve(verdicts)
        except Exception:  # of one request, which must not cost the others their answers
            log.exception("a request failed after its limits were decided")

    def lost(self, batch: Batch, error: Exception) -> None:
        self.leases.tell_again(batch.freed)
        for entry in batch.entries:
            self.leases.free(entry.perhaps_taken())
        if self.up and self._answered_at <= batch.sent_at:
            self._go_down(error)
        self._decide_blind(batch)

    def _go_down(self, error: Exception) -> None:
        self._down_at = now = self._clock()
        if now - self._warned_at >= QUIET:
            self._warned_at = now
            log.warning("limiter store %s: %s; deciding by on_store_error until it answers", self.place, told(error))
        for batch in self._queue.close():
            self._decide_blind(batch)

    def _decide_blind(self, batch: Batch) -> None:
        for entry in batch.entries:
            for waiting in entry.waiting:
                if waiting.parked.drive is None:
                    continue
                try:
                    verdicts = self.blind.decide(entry.checks, waiting.slots)
                except NoUpstream as error:
                    waiting.parked.fail(error)
                else:
                    self._tell(waiting, verdicts, [])

    def proved(self) -> None:
        if self._first is not None and not self._first.done():
            self._first.set_result(None)
        if not self.up:
            self._queue.open()
            if self._warned_at >= self._down_at:  # somebody was told that it was down
                log.info("limiter store %s: answers again after %.1f s", self.place, self._clock() - self._down_at)
            self._renew()  # a slot that was taken blind, or whose lease ended meanwhile

    def unreachable(self, error: Exception) -> None:
        if self._first is not None and not self._first.done():
            self._go_down(error)
            self._first.set_result(error)

    async def _every(self, seconds: float, work: Callable[[], None]) -> None:
        while True:
            await asyncio.sleep(seconds * self._runtime.rng.uniform(0.75, 1.25))
            if self.up:
                work()

    def _announce(self) -> None:
        self._queue.filling().announce_us = ANNOUNCE_US

    def _renew(self) -> None:
        for portion in self.leases.portions():
            self._queue.filling().renewed.append(portion)
        if self.leases.untold:
            self._queue.filling()


def told(error: BaseException) -> str:
    """One line about `error` for the log; what redis-py says has no credentials in it."""
    return " ".join(f"{type(error).__name__} {error}".split())[:200]
