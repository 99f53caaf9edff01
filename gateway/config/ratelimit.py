"""The options of rate limits: one rule for every service, or a list of them."""

from typing import Annotated, Literal

from pydantic import Field

from gateway.config.http import ServiceName
from gateway.config.kind import Kind
from gateway.config.kinds import Flag, Text, whole
from gateway.config.section import Section
from gateway.config.units import Duration, PositiveDuration, Rate

KEY = "client, subject, address, service, header:NAME or claim:NAME"
KEYS = ("client", "subject", "address", "service")
NAMED_KEYS = ("header", "claim")


def read_key(value: object) -> str:
    """Whose requests count together, as written."""
    if isinstance(value, str):
        kind, _, name = value.partition(":")
        if value in KEYS or (kind in NAMED_KEYS and name and name.isprintable() and not name.isspace()):
            return value
    raise ValueError(KEY)


def read_rule_name(value: object) -> str:
    """The name of a rule, which replies carry in their headers."""
    if not isinstance(value, str) or not (value and value.isascii() and value.isprintable()) or len(value) > 64:
        raise ValueError("1 to 64 printable ASCII characters, because it appears in reply headers")
    return value


_PATTERN = f"^({'|'.join(KEYS)}|({'|'.join(NAMED_KEYS)}):.+)$"
Key = Annotated[str, Kind(read_key, {"type": "string", "pattern": _PATTERN, "x-type": KEY})]
RuleName = Annotated[str, Kind(read_rule_name, {"type": "string", "minLength": 1, "maxLength": 64, "x-type": "text"})]


class Limit(Section):
    """How one rule counts."""

    algorithm: Literal["token_bucket", "leaky_bucket", "sliding_window", "concurrency"] = Field(
        "token_bucket", description="how requests are counted"
    )
    mode: Literal["meter", "queue", "strict", "log", "approximate"] | None = Field(
        None,
        description="`leaky_bucket`: `meter` (the default) or `queue`; "
        "`sliding_window`: `strict` (the default), `log` or `approximate`",
    )
    bucket_size: Annotated[int, whole(1, 10**9)] = Field(
        100,
        description="requests a caller may make at once; `sliding_window`: in any `window`; "
        "`concurrency`: in flight at once",
    )
    refill_rate: Rate = Field(
        "10/s", validate_default=True, description="requests a caller gains back over time (token and leaky bucket)"
    )
    window: PositiveDuration = Field(60.0, description="`sliding_window`: how long a request counts")
    max_delay: Duration = Field(
        1.0, description="`leaky_bucket` as `queue`: longest wait; who would wait longer gets 429"
    )
    key: Key = Field(
        "client", description="whose requests count together: `client` is the subject, or the address of who has none"
    )
    rate_from_claim: Text | None = Field(
        None,
        description="claim of the token that says this caller's `refill_rate`, or for `sliding_window` and "
        "`concurrency` its `bucket_size`; without it, or when it cannot be read, the rule's own counts",
    )
    on_store_error: Literal["local", "open", "closed"] = Field(
        "local",
        description="while Redis cannot be asked: `local` counts this process's share, `open` lets everyone pass, "
        "`closed` answers 503",
    )


class RateLimitRule(Limit):
    """One of several rules."""

    name: RuleName = Field(description="how headers, metrics and logs call it")
    services: tuple[ServiceName, ...] = Field((), description="services it holds for; none named: all")
    shadow: Flag = Field(False, description="count, but refuse nobody")


class RateLimit(Limit):
    """How much a caller may ask: one rule, named "default", for every service, or a list of rules."""

    enabled: Flag = Field(True, description="whether requests are limited at all")
    rules: tuple[RateLimitRule, ...] = Field((), description="rules instead of the one that the keys above make")
