"""One exchange against a sequence of upstreams: connect, send, relay; another one only when nothing can be lost."""

from collections.abc import Mapping

from gateway.balance.base import Candidates
from gateway.balance.upstream import Upstream
from gateway.errors import GatewayError, NoUpstream, UpstreamError, UpstreamTimeout
from gateway.exchange import Exchange
from gateway.observe.record import Observer
from gateway.routes import Route
from gateway.wire.downstream import Downstream
from gateway.wire.pool import Pool
from gateway.wire.reply_head import ReplyHead
from gateway.wire.request_head import Destination, upstream_head
from gateway.wire.upstream import UpstreamConnection

# RFC 9110, section 9.2.2: sent twice, they do what they do once.
IDEMPOTENT = frozenset(("GET", "HEAD", "OPTIONS", "PUT", "DELETE"))


class Leg:
    """The way to one upstream: its connections, and how it is addressed."""

    __slots__ = ("destination", "pool")

    def __init__(self, pool: Pool, destination: Destination) -> None:
        self.pool = pool
        self.destination = destination


class Attempt:
    """One try at one upstream: tells the balancer how it went."""

    __slots__ = ("_exchange", "_load", "_upstream")

    def __init__(self, exchange: Exchange, upstream: Upstream) -> None:
        exchange.attempts += 1
        exchange.upstream = upstream.name
        self._exchange = exchange
        self._upstream = upstream
        self._load = upstream.began()

    def replied(self, reply: ReplyHead, now: float) -> bool:
        """The first byte counts, never the length of what follows it."""
        if reply.status < 500:
            self._upstream.first_byte(now - self._exchange.sent_at, self._load, now)
        else:
            self._upstream.failed(now)
        return True


class Forward:
    """Sends an exchange to the first of its candidates that takes it."""

    def __init__(self, legs: Mapping[Upstream, Leg], observer: Observer) -> None:
        self._legs = legs
        self._observer = observer

    async def __call__(self, exchange: Exchange, route: Route, candidates: Candidates) -> None:
        """Relay the whole reply. Raises UpstreamError, UpstreamTimeout or NoUpstream of the last attempt."""
        following = candidates.first
        fresh = False
        while True:
            upstream = following
            attempt = Attempt(exchange, upstream)
            connection: UpstreamConnection | None = None
            try:
                pool = self._legs[upstream].pool
                connection = (None if fresh else pool.take()) or await pool.open()
                await self._send(exchange, route, upstream, connection, attempt)
            except (UpstreamError, NoUpstream) as error:
                # A pooled connection that died says nothing about its upstream: even the only one gets another try.
                fresh = connection is not None and connection.reused and _reason(error) == "reset"
                another = self._next(exchange, route, candidates, upstream, error, again=fresh)
                if another is None:
                    raise
                self._observer.retried(exchange, _reason(error), error.answer.status)
                following = another
            except BaseException:
                if connection is not None:
                    connection.release()
                raise
            else:
                return
            finally:
                upstream.ended()

    async def _send(
        self,
        exchange: Exchange,
        route: Route,
        upstream: Upstream,
        connection: UpstreamConnection,
        attempt: Attempt,
    ) -> None:
        downstream = exchange.downstream
        assert isinstance(downstream, Downstream)
        downstream.invite_body()
        head = upstream_head(exchange, route.headers, self._legs[upstream].destination)
        ended = connection.send(exchange, head + exchange.body, attempt)
        if not exchange.body_replayable:
            exchange.body = b""
            downstream.resume_body()
        await ended

    def _next(
        self,
        exchange: Exchange,
        route: Route,
        candidates: Candidates,
        failed: Upstream,
        error: GatewayError,
        *,
        again: bool,
    ) -> Upstream | None:
        if exchange.reply_started or exchange.attempts >= route.attempts:
            return None
        if not error.unsent:
            if not exchange.body_replayable or exchange.request.method not in IDEMPOTENT:
                return None
            if isinstance(error, UpstreamTimeout):
                return None  # it has cost the client its patience already
        return candidates.after(failed) or (failed if again else None)


def _reason(error: GatewayError) -> str:
    """Why another attempt is made, as a metric's label."""
    if isinstance(error, NoUpstream):
        return "busy"
    if error.unsent:
        return "connect"
    return "reset" if isinstance(error, UpstreamError) and error.silent else "invalid_reply"
