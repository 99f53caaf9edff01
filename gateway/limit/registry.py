"""The algorithms by name, and the limiters that a configuration asks for."""

from collections.abc import Callable

from gateway.config.tree import Config, RateLimit
from gateway.limit.base import Algorithm, Limiter, Rule, Unlimited
from gateway.limit.key import KEYS
from gateway.limit.limited import Limited
from gateway.limit.memory import MemoryStore
from gateway.limit.token_bucket import TokenBucket
from gateway.runtime import Runtime

ALGORITHMS: dict[str, Callable[[RateLimit], Algorithm]] = {
    "token_bucket": lambda options: TokenBucket(options.bucket_size, options.refill_rate),
}


def build(config: Config, runtime: Runtime) -> dict[str, Limiter]:
    """A limiter for each configured service, by name; what config.load accepts can be built.

    They share the rule "default": a caller has one bucket for all services, unless the service itself is counted.
    """
    limiter = _limiter(config.ratelimit, runtime)
    return dict.fromkeys(config.services, limiter)


def _limiter(options: RateLimit, runtime: Runtime) -> Limiter:
    if not options.enabled:
        return Unlimited()
    rules = [Rule("default", ALGORITHMS[options.algorithm](options), KEYS[options.key]())]
    return Limited(rules, MemoryStore(rules, runtime))
