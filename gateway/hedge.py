"""A second copy of a safe request, sent elsewhere when the first byte is later than nearly always; the slower one ends.

The copy runs in a drive of its own. Whichever reply comes first is passed on, and the other attempt is aborted before
a byte of it could be. A reply that would be tried again is not passed on while the other attempt is still under way.
"""

import asyncio

from gateway.attempt import Attempt
from gateway.drive import Drive, Parked
from gateway.errors import NoUpstream, UpstreamError
from gateway.observe.record import Observer
from gateway.wire.downstream import Downstream
from gateway.wire.request_head import upstream_request
from gateway.wire.upstream import UpstreamConnection

# What an attempt that was overtaken is counted as: nobody waits for it any more.
OVERTAKEN_STATUS = 499


class Overtaken(Exception):
    """The other attempt's reply came first."""


class Hedge:
    """Waits for `ended`, the end of `first` on `connection`; after `delay` seconds without a reply, for a copy too."""

    def __init__(
        self, first: Attempt, connection: UpstreamConnection, ended: Parked[None], observer: Observer, delay: float
    ) -> None:
        self._first = first
        self._first_over = False
        self._connection = connection
        self._ended = ended
        self._observer = observer
        self._copy: Attempt | None = None
        self._drive: Drive | None = None  # while the copy is under way
        self._done: Parked[None] = Parked()  # the copy's end
        self._decided = False
        self._timer = asyncio.get_running_loop().call_later(delay, self._begin)
        first.race = self

    async def wait(self) -> None:
        """Until the reply is through. Raises UpstreamError or UpstreamTimeout of the attempt that ended last."""
        try:
            await self._ended
        except Overtaken:
            self._connection.release()
            self._first.end()
            await self._done
        except UpstreamError as error:
            self._first_over = True
            if self._decided or self._drive is None:
                raise
            self._first.blame(error)
            self._first.end()
            await self._done
        finally:
            self._timer.cancel()
            self._stop()

    def other_is_running(self, attempt: Attempt) -> bool:
        """Whether the attempt that is not this one can still win."""
        return self._drive is not None if attempt is self._first else not self._first_over

    def _begin(self) -> None:
        first = self._first
        hedging = first.route.hedging
        upstream = first.route.group.pick(first.exchange, (first.upstream,))
        if upstream is None or hedging is None or not hedging.budget.spend(first.runtime.clock()):
            return
        self._copy = copy = first.another_at(upstream)
        copy.race = self
        self._drive = drive = Drive(self._run(copy), self._copy_over)
        drive.step()

    def _copy_over(self) -> None:
        self._drive = None

    async def _run(self, copy: Attempt) -> None:
        connection: UpstreamConnection | None = None
        try:
            pool, exchange = copy.leg.pool, copy.exchange
            assert isinstance(exchange.downstream, Downstream)
            connection = pool.take() or await pool.open()
            data = upstream_request(exchange, copy.route.headers, copy.leg.destination)
            ended = connection.send(exchange, exchange.downstream, data, copy)
            copy.sent_at = exchange.sent_at
            await ended
        except (UpstreamError, NoUpstream) as error:
            if not (connection is not None and connection.reused and copy.found_dead(error)):
                copy.blame(error)
            self._drive = None
            self._done.fail(error)
        except Overtaken:
            if connection is not None:
                connection.release()
        except Exception as bug:  # noqa: BLE001 - it belongs to the request, which waits for it
            self._done.fail(bug)
        else:
            self._done.resolve(None)
        finally:
            copy.end()

    def won_by(self, winner: Attempt) -> None:
        """The reply of `winner` is to be passed on: end the other attempt, which is counted as one that was retried."""
        if self._decided:
            return
        self._decided = True
        self._timer.cancel()
        loser = self._copy if winner is self._first else self._first
        if loser is not None and self.other_is_running(winner):
            self._count(winner, loser)
        if winner is self._first:
            self._stop()
        elif not self._first_over:
            self._ended.fail(Overtaken())

    def _count(self, winner: Attempt, loser: Attempt) -> None:
        exchange = winner.exchange
        now, exchange.first_byte_at = exchange.first_byte_at, 0.0
        loser.is_exchanges()
        if loser.sent_at:
            loser.took(now - loser.sent_at, now)  # at least
        self._observer.retried(exchange, "hedge", OVERTAKEN_STATUS)
        winner.is_exchanges()
        exchange.first_byte_at = now

    def _stop(self) -> None:
        """End the copy, unless it has ended."""
        drive, self._drive = self._drive, None
        if drive is not None:
            drive.interrupt(Overtaken())
