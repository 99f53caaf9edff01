"""The algorithms by name, and the rules that a configuration asks for."""

from collections.abc import Callable

from gateway.config.kinds import whole
from gateway.config.ratelimit import Limit, RateLimitRule
from gateway.config.units import parse_rate
from gateway.limit.algorithm import Algorithm
from gateway.limit.approximate_window import ApproximateWindow
from gateway.limit.base import Rule
from gateway.limit.chosen import Variants
from gateway.limit.concurrency import Concurrency
from gateway.limit.key import key_of
from gateway.limit.leaky_bucket import LeakyBucket
from gateway.limit.sliding_window import SlidingWindow
from gateway.limit.token_bucket import TokenBucket

MICRO = 1_000_000
ALGORITHMS: dict[tuple[str, str | None], Callable[[Limit], Algorithm]] = {
    ("token_bucket", None): lambda limit: TokenBucket(limit.bucket_size, limit.refill_rate),
    ("leaky_bucket", "meter"): lambda limit: LeakyBucket(limit.bucket_size, limit.refill_rate),
    ("leaky_bucket", "queue"): lambda limit: LeakyBucket(
        limit.bucket_size, limit.refill_rate, round(limit.max_delay * MICRO)
    ),
    ("sliding_window", "strict"): lambda limit: SlidingWindow(limit.bucket_size, round(limit.window * MICRO)),
    ("sliding_window", "log"): lambda limit: SlidingWindow(limit.bucket_size, round(limit.window * MICRO), log=True),
    ("sliding_window", "approximate"): lambda limit: ApproximateWindow(limit.bucket_size, round(limit.window * MICRO)),
    ("concurrency", None): lambda limit: Concurrency(limit.bucket_size),
}
DEFAULT_MODES = {"leaky_bucket": "meter", "sliding_window": "strict"}
BY_RATE = frozenset(("token_bucket", "leaky_bucket"))
SIZE = whole(1, 10**9)


def algorithm(limit: Limit) -> Algorithm:
    """The arithmetic that `limit` asks for."""
    return ALGORITHMS[limit.algorithm, limit.mode or DEFAULT_MODES.get(limit.algorithm)](limit)


def rule_of(limit: Limit) -> Rule | Variants:
    """The rule that `limit` asks for."""
    name, shadow = "default", False
    if isinstance(limit, RateLimitRule):
        name, shadow = limit.name, limit.shadow
    rule = Rule(name, algorithm(limit), key_of(limit.key), shadow=shadow, on_store_error=limit.on_store_error)
    return Variants(rule, limit.rate_from_claim, said_by_claim(limit)) if limit.rate_from_claim else rule


def said_by_claim(limit: Limit) -> Callable[[object], Algorithm]:
    """What makes of a claim's value the arithmetic of `limit` with that rate or size; ValueError when it is neither."""
    if limit.algorithm in BY_RATE:
        return lambda value: algorithm(limit.model_copy(update={"refill_rate": parse_rate(value)}))
    return lambda value: algorithm(limit.model_copy(update={"bucket_size": SIZE.read(value)}))
