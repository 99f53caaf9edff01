"""One exchange against a sequence of upstreams: connect, send, relay; another one only when nothing can be lost."""

import asyncio
from collections.abc import Awaitable
from typing import TYPE_CHECKING

from gateway.attempt import Attempt
from gateway.balance.upstream import Upstream
from gateway.drive import Parked
from gateway.errors import GatewayError, NoUpstream, UpstreamError
from gateway.exchange import Exchange
from gateway.hedge import Hedge
from gateway.observe.record import Observer
from gateway.routes import Route
from gateway.runtime import Runtime
from gateway.wire.downstream import Downstream
from gateway.wire.request_head import upstream_request
from gateway.wire.upstream import UpstreamConnection

# Seconds before the second attempt, at most; twice as long before each further one. (Envoy's figure.)
FIRST_PAUSE = 0.025


class Forward:
    """Sends an exchange to the upstream that was picked, or to the next best one that takes it."""

    def __init__(self, runtime: Runtime, observer: Observer) -> None:
        self._runtime = runtime
        self._observer = observer

    async def relay(self, exchange: Exchange, route: Route, picked: Upstream | None) -> None:
        """Relay the whole reply. Raises UpstreamError, UpstreamTimeout or NoUpstream of the last attempt."""
        route.retries.budget.count(exchange.started_at)
        if route.hedging is not None:
            route.hedging.budget.count(exchange.started_at)
        upstream = picked or await route.group.vacancy(exchange)
        tried: list[Upstream] = []
        anew = False  # the last attempt's pooled connection was dead: this one needs a connection of its own
        while True:
            attempt = Attempt(exchange, route, tried, upstream, self._runtime)
            connection: UpstreamConnection | None = None
            try:
                connection = (None if anew else attempt.leg.pool.take()) or await attempt.leg.pool.open()
                await self._send(attempt, connection)
            except (UpstreamError, NoUpstream) as error:
                anew = connection is not None and connection.reused and attempt.found_dead(error)
                following = attempt.failed(error, anew=anew)
                if following is None:
                    raise
                failure: GatewayError = error
            except BaseException:
                if connection is not None:
                    connection.release()
                raise
            else:
                return
            finally:
                attempt.end()
            await self._before_next(attempt, failure, at_once=anew or failure.unsent)
            upstream = following

    def _send(self, attempt: Attempt, connection: UpstreamConnection) -> Awaitable[None]:
        """Send the request; the end of the reply is to be awaited."""
        exchange = attempt.exchange
        downstream = exchange.downstream
        if TYPE_CHECKING:
            assert isinstance(downstream, Downstream)
        if exchange.request.expect_continue:
            downstream.invite_body()
        data = upstream_request(exchange, attempt.route.headers, attempt.leg.destination)
        ended = connection.send(exchange, downstream, data, attempt)
        attempt.sent_at = exchange.sent_at
        if not exchange.body_replayable:
            exchange.body = b""
            downstream.resume_body()
        if attempt.route.hedging is not None and attempt.may_be_copied:
            return Hedge(attempt, connection, ended, self._observer, attempt.route.hedging.latency.value).wait()
        return ended

    async def _before_next(self, attempt: Attempt, failure: GatewayError, *, at_once: bool) -> None:
        """Wait a moment, a different one each time: whoever failed with us must not come back with us."""
        self._observer.retried(attempt.exchange, attempt.reason, attempt.status or failure.answer.status)
        if at_once:
            return
        longest = FIRST_PAUSE * 2 ** (attempt.exchange.attempts - 1)
        pause: Parked[None] = Parked()
        timer = asyncio.get_running_loop().call_later(longest * self._runtime.rng.random(), pause.resolve, None)
        try:
            await pause
        finally:
            timer.cancel()
