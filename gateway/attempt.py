"""One try at one upstream: the balancer hears how it went, and another one follows while that is safe."""

from gateway.balance.candidates import Candidates
from gateway.balance.upstream import Upstream
from gateway.errors import GatewayError, NoUpstream, UpstreamError, UpstreamTimeout
from gateway.exchange import Exchange
from gateway.routes import Route
from gateway.runtime import Runtime
from gateway.wire.pool import Pool
from gateway.wire.reply_head import ReplyHead
from gateway.wire.request_head import Destination
from gateway.wire.retry_after import seconds_of

# RFC 9110, section 9.2.2: sent twice, they do what they do once.
IDEMPOTENT = frozenset(("GET", "HEAD", "OPTIONS", "PUT", "DELETE"))
# A failure that took longer has cost the client its patience, and perhaps an upstream its life: once is enough.
FAST = 5.0


class Leg:
    """The way to one upstream: its connections, and how it is addressed."""

    __slots__ = ("destination", "pool")

    def __init__(self, pool: Pool, destination: Destination) -> None:
        self.pool = pool
        self.destination = destination


class Attempt:
    """Begins when it is made. `reason` and `status` tell why another one follows."""

    __slots__ = (
        *("_began_at", "_candidates", "_following", "_load", "_runtime"),
        *("exchange", "leg", "reason", "route", "status", "upstream"),
    )

    def __init__(
        self, exchange: Exchange, route: Route, candidates: Candidates, upstream: Upstream, runtime: Runtime
    ) -> None:
        exchange.attempts += 1
        exchange.upstream = upstream.name
        leg = upstream.leg
        assert isinstance(leg, Leg)
        self.exchange = exchange
        self.route = route
        self.upstream = upstream
        self.leg = leg
        self.reason = ""
        self.status = 0  # of the reply that was given up
        self._candidates = candidates
        self._runtime = runtime
        self._began_at = runtime.clock()
        self._following: Upstream | None = None
        self._load = upstream.began()

    # --- a reply ---

    def replied(self, reply: ReplyHead, now: float) -> bool:
        """Whether the client gets this reply; the first byte counts, never the length of what follows it."""
        # measured: 0.7 us, bench/micro/balance.py
        status = reply.status
        if status >= 500 or status == 429:
            return self._refused(reply, now)
        upstream = self.upstream
        if self.exchange.body_replayable:  # else the time is the client's, who was still sending
            upstream.first_byte(now - self.exchange.sent_at, self._load, now)
        if upstream.standing.faults or upstream.standing.rests:
            self.route.group.succeeded(upstream)
        return True

    def _refused(self, reply: ReplyHead, now: float) -> bool:
        group, status = self.route.group, reply.status
        if status in (429, 503):
            seconds = seconds_of(reply.retry_after, self._runtime.wall()) if reply.retry_after else None
            if seconds is not None or status == 503:
                group.asked_to_rest(self.upstream, seconds)
        else:
            self._fault()
        if status not in self.route.retries.statuses:
            return True
        self._following = self._another(now, unsent=False)
        self.reason, self.status = "status", status
        return self._following is None

    # --- no reply ---

    def found_dead(self, error: GatewayError) -> bool:
        """Whether a connection that was used before ended without a word: it may have been dead for long."""
        return isinstance(error, UpstreamError) and error.silent

    def failed(self, error: GatewayError, *, anew: bool) -> Upstream | None:
        """Who is tried next, if anybody; `anew` = the connection was at fault, so even the only upstream is."""
        if self._following is not None:
            return self._following
        self.reason = _reason(error)
        if not anew and isinstance(error, UpstreamError) and not error.blameless:
            self._fault()
        if isinstance(error, UpstreamTimeout) and not error.unsent:
            return None
        return self._another(self._runtime.clock(), unsent=error.unsent, anew=anew)

    def _fault(self) -> None:
        if self.route.group.failed(self.upstream):
            self.exchange.ejected = True

    def _another(self, now: float, *, unsent: bool, anew: bool = False) -> Upstream | None:
        exchange, retries = self.exchange, self.route.retries
        if exchange.reply_started or exchange.attempts >= retries.attempts:
            return None
        if not unsent:
            if not exchange.body_replayable or exchange.request.method not in IDEMPOTENT:
                return None
            if now - self._began_at > FAST:
                return None
        following = self._candidates.after(self.upstream)
        if anew:
            return following or self.upstream
        # What was not sent is not sent twice: no budget is needed for it.
        return following if following is not None and (unsent or retries.budget.spend(now)) else None


def _reason(error: GatewayError) -> str:
    """Why another attempt is made, as a metric's label."""
    if isinstance(error, NoUpstream):
        return "busy"
    if error.unsent:
        return "connect"
    return "reset" if isinstance(error, UpstreamError) and error.silent else "invalid_reply"
