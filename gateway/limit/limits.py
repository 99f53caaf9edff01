"""All limiters of a configuration: what the gateway opens, asks, shows and closes."""

from collections.abc import Iterator, Sequence
from typing import TypeAlias

from gateway.config.mistake import ConfigError, Mistake
from gateway.config.ratelimit import Limit, RateLimitRule
from gateway.config.redis import parse_redis_url
from gateway.config.tree import Config
from gateway.limit.base import Limiter, Rule, Unlimited
from gateway.limit.bundle import Bundle
from gateway.limit.chosen import Variants, by_claims, everyone
from gateway.limit.limited import Limited
from gateway.limit.line import Line
from gateway.limit.memory import MemoryStore
from gateway.limit.redis import RedisStore, told
from gateway.limit.registry import rule_of
from gateway.limit.servers import opener, remedy
from gateway.runtime import Runtime

Holder: TypeAlias = MemoryStore | RedisStore


class Limits:
    """The limiters by service, and the store they share.

    `start` before the first request, `close` at the end. On a reload `before` are those that were used until now: a
    rule that has not changed goes on counting, in a store that has not. Close `before` once the new ones are in use;
    what they share stays open.
    """

    def __init__(self, config: Config, runtime: Runtime, before: "Limits | None" = None) -> None:
        self._redis = config.redis if config.ratelimit.enabled else None
        self._runtime = runtime
        self._misses: dict[str, int] = before._misses if before is not None else {}
        self._line: Line = before._line if before is not None else Line(runtime.clock)
        known = before._choices if before is not None else {}
        limits = config.ratelimit.rules or (config.ratelimit,)
        self._choices: dict[Limit, Rule | Variants] = {limit: known.get(limit) or rule_of(limit) for limit in limits}
        shared = before is not None and before._redis == self._redis
        self._store: Holder = before._store if before is not None and shared else self._new_store()
        self._is_open = shared
        self.limiters = {service: self._limiter(service) for service in config.services}

    def _new_store(self) -> Holder:
        redis = self._redis
        if redis is None or redis.url is None:
            return MemoryStore(self._runtime)
        place = parse_redis_url(redis.url.get_secret_value())
        return RedisStore(opener(place, redis.tls_ca), self._runtime, timeout=redis.timeout, place=str(place))

    def _limiter(self, service: str) -> Limiter:
        mine = [choice for limit, choice in self._choices.items() if _holds_for(limit, service)]
        if self._redis is None or not mine:
            return Unlimited()
        fixed = [choice for choice in mine if isinstance(choice, Rule)]
        if len(fixed) < len(mine):
            return Limited(by_claims(mine, self._misses), self._store, self._line)
        bundle = Bundle(fixed, self._misses)
        if isinstance(self._store, MemoryStore):
            return Limited(everyone(bundle), self._store, self._line, bundle, self._store.take)
        return Limited(everyone(bundle), self._store, self._line)

    async def start(self) -> None:
        """Connect to the store. Raises ConfigError when it cannot be used as it is configured; it may be down."""
        if self._is_open or isinstance(self._store, MemoryStore):
            return
        self._is_open = True
        error = await self._store.start()
        if error is not None and (what := remedy(error)):
            self._store.close()
            raise ConfigError([Mistake("redis.url", f"{self._store.place}, which said {told(error)!r}", what)])

    def close(self, after: "Limits | None" = None) -> None:
        """Close the store, unless `after` uses it; then only forget what no rule of `after` counts."""
        if after is None or after._store is not self._store:
            if isinstance(self._store, RedisStore):
                self._store.close()
        elif isinstance(self._store, MemoryStore):
            self._store.retain({rule.scope for rule in after._rules()})

    def _rules(self) -> Iterator[Rule]:
        for choice in self._choices.values():
            yield from (choice.all if isinstance(choice, Variants) else (choice,))

    def checks(self) -> Iterator[tuple[bool, str]]:
        """For `/ready`: the store; it is good as long as requests are answered without it."""
        if isinstance(self._store, RedisStore):
            store = self._store
            policies = sorted({rule.on_store_error for rule in self._rules() if not rule.shadow})
            closed = "closed" in policies
            state = "up" if store.up else f"down, deciding {', '.join(policies)}"
            yield store.up or not closed, f"limiter store: redis {store.place} {state}"
        elif self._redis is not None:
            yield True, "limiter store: memory"

    def blind(self) -> Sequence[tuple[tuple[str], int]]:
        """How many checks were decided without the store, by decision, for the metrics."""
        counts = self._store.blind.counts if isinstance(self._store, RedisStore) else {}
        return [((decision,), number) for decision, number in counts.items()]

    def misses(self) -> Sequence[tuple[tuple[str], int]]:
        """How many requests a shadow rule would have refused, by rule, for the metrics."""
        return [((rule,), number) for rule, number in self._misses.items()]


def _holds_for(limit: Limit, service: str) -> bool:
    return not isinstance(limit, RateLimitRule) or not limit.services or service in limit.services
