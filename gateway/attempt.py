"""One try at one upstream: the balancer hears how it went, and another one follows while that is safe."""

from typing import Protocol

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
NEVER = float("inf")


class Leg:
    """The way to one upstream: its connections, and how it is addressed."""

    __slots__ = ("destination", "pool")

    def __init__(self, pool: Pool, destination: Destination) -> None:
        self.pool = pool
        self.destination = destination


class Race(Protocol):
    """Two attempts at the same request."""

    def other_is_running(self, attempt: "Attempt") -> bool:
        """Whether the one that is not `attempt` can still win."""

    def won_by(self, winner: "Attempt") -> None:
        """The reply of `winner` is about to be passed on."""


class Attempt:
    """Begins when it is made. `reason` and `status` tell why another one follows."""

    __slots__ = (
        *("_blamed", "_following", "_load", "_over", "_tried"),
        *("exchange", "leg", "race", "reason", "route", "runtime", "sent_at", "status", "upstream"),
    )

    def __init__(
        self, exchange: Exchange, route: Route, tried: list[Upstream], upstream: Upstream, runtime: Runtime
    ) -> None:
        """`tried` are those of the attempts before, which have failed."""
        exchange.attempts += 1
        exchange.upstream = upstream.name
        self.exchange = exchange
        self.route = route
        self.upstream = upstream
        self.leg: Leg = upstream.leg
        self.reason = ""
        self.status = 0  # of the reply that was given up
        self.runtime = runtime
        self.sent_at = 0.0
        self.race: Race | None = None
        self._tried = tried
        self._following: Upstream | None = None
        self._over = self._blamed = False
        self._load = upstream.began()

    def end(self) -> None:
        """It is over, whatever became of it; once is enough."""
        if not self._over:
            self._over = True
            self.route.group.ended(self.upstream)

    def another_at(self, upstream: Upstream) -> "Attempt":
        """A second one at the same time."""
        return Attempt(self.exchange, self.route, self._tried, upstream, self.runtime)

    @property
    def may_be_copied(self) -> bool:
        """Whether sending the request twice at the same time does what sending it once does, and enough is known."""
        request, hedging = self.exchange.request, self.route.hedging
        return (
            hedging is not None
            and hedging.latency.value < NEVER
            and self.exchange.body_replayable
            and self.exchange.body_complete
            and request.method in IDEMPOTENT
            and request.upgrade is None
            and self.exchange.attempts == 1
        )

    def is_exchanges(self) -> None:
        """The exchange's times and upstream are those of this attempt."""
        self.exchange.upstream = self.upstream.name
        self.exchange.sent_at = self.sent_at

    # --- a reply ---

    def replied(self, reply: ReplyHead, now: float, *, begun: bool) -> bool:
        """Whether the client gets this reply; `begun`: its body has, else `body_began` follows when it does."""
        # measured: 0.7 us, bench/micro/balance.py
        status = reply.status
        if status >= 500 or status == 429:
            if self._refused(reply, now):
                return False
        else:
            if begun and self.exchange.body_replayable:  # as `body_began`, with a call less
                self.took(now - self.sent_at, now)
            standing = self.upstream.standing
            if standing.faults or standing.rests:
                self.route.group.succeeded(self.upstream)
        if self.race is not None:
            self.race.won_by(self)
        return True

    def body_began(self, now: float) -> None:
        """The first byte of the body counts, never the length of what follows, nor a head that engines send at once."""
        if self.exchange.body_replayable:  # else the time is the client's, who was still sending
            self.took(now - self.sent_at, now)

    def took(self, seconds: float, now: float) -> None:
        """The time to its first byte, or to the moment when it had already taken too long."""
        self.upstream.first_byte(seconds, self._load, now)
        if self.route.hedging is not None:
            self.route.hedging.latency.add(seconds)

    def _refused(self, reply: ReplyHead, now: float) -> bool:
        """Whether the client is spared this reply."""
        group, status = self.route.group, reply.status
        if status in (429, 503):
            seconds = seconds_of(reply.retry_after, self.runtime.wall()) if reply.retry_after else None
            if seconds is not None or status == 503:
                group.asked_to_rest(self.upstream, seconds)
        else:
            self._fault()
        if status not in self.route.retries.statuses:
            return False
        self.reason, self.status = "status", status
        if self.race is not None and self.race.other_is_running(self):
            return True
        self._following = self._another(now, unsent=False)
        return self._following is not None

    # --- no reply ---

    def found_dead(self, error: GatewayError) -> bool:
        """Whether a connection that was used before ended without a word: it may have been dead for long."""
        return isinstance(error, UpstreamError) and error.silent

    def failed(self, error: GatewayError, *, anew: bool) -> Upstream | None:
        """Who is tried next, if anybody; `anew` = the connection was at fault, so even the only upstream is."""
        if self._following is not None:
            return self._following
        self.reason = _reason(error)
        if not anew:
            self.blame(error)
        if isinstance(error, UpstreamTimeout) and not error.unsent:
            return None
        return self._another(self.runtime.clock(), unsent=error.unsent, anew=anew)

    def _fault(self) -> None:
        if self.route.group.failed(self.upstream):
            self.exchange.ejected = True

    def blame(self, error: GatewayError) -> None:
        """Count the failure against the upstream, once, unless its reply has been counted or it is not to blame."""
        if isinstance(error, UpstreamError) and not error.blameless and not self.status and not self._blamed:
            self._blamed = True
            self._fault()

    def _another(self, now: float, *, unsent: bool, anew: bool = False) -> Upstream | None:
        exchange, retries = self.exchange, self.route.retries
        if exchange.reply_started or exchange.attempts >= retries.attempts:
            return None
        if not unsent:
            if not exchange.body_replayable or exchange.request.method not in IDEMPOTENT:
                return None
            if now - self.sent_at > FAST:
                return None
        self._tried.append(self.upstream)
        following = self.route.group.pick(exchange, self._tried)
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
