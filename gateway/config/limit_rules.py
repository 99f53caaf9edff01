"""What the keys of rate limits must be to each other."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence

from gateway.config.fault import Fault
from gateway.config.mistake import KeyPath
from gateway.config.ratelimit import Limit
from gateway.config.tree import Config
from gateway.config.units import spell_duration, spell_rate

MODES = {"leaky_bucket": ("meter", "queue"), "sliding_window": ("strict", "log", "approximate")}
LONGEST_LOG = 1000  # moments that a log remembers of each key
EXACT = 2**53  # integers below it are exact in a double, here and in Redis
SECTION: KeyPath = ("ratelimit",)


def _limits(config: Config) -> Iterator[tuple[KeyPath, Limit]]:
    """Every limit that is used, with where it stands."""
    if config.ratelimit.rules:
        yield from (((*SECTION, "rules", index), rule) for index, rule in enumerate(config.ratelimit.rules))
    else:
        yield SECTION, config.ratelimit


def _modes_fit(config: Config) -> Iterator[Fault]:
    for path, limit in _limits(config):
        allowed = MODES.get(limit.algorithm, ())
        if limit.mode is not None and limit.mode not in allowed:
            remedy = " or ".join(allowed) or "nothing"
            yield Fault((*path, "mode"), repr(limit.mode), f"{remedy}, because algorithm is {limit.algorithm}")


def _numbers_are_exact(config: Config) -> Iterator[Fault]:
    for path, limit in _limits(config):
        if limit.algorithm in {"token_bucket", "leaky_bucket"}:
            yield from _rate_is_exact(path, limit)
        elif limit.algorithm == "sliding_window" and limit.mode == "log" and limit.bucket_size > LONGEST_LOG:
            remedy = f"at most {LONGEST_LOG} with mode log, which remembers each request; or mode strict"
            yield Fault((*path, "bucket_size"), str(limit.bucket_size), remedy)
        elif limit.algorithm == "sliding_window" and limit.mode == "approximate":
            longest = EXACT // limit.bucket_size // 1_000_000
            if limit.window > longest:
                remedy = f"at most {longest} s beside a bucket_size of {limit.bucket_size}; or mode strict"
                yield Fault((*path, "window"), spell_duration(limit.window), remedy)


def _rate_is_exact(path: KeyPath, limit: Limit) -> Iterator[Fault]:
    per_us = limit.refill_rate / 1_000_000
    if limit.bucket_size * per_us.denominator + per_us.numerator > EXACT:
        remedy = f"a rate with fewer digits, or a smaller bucket_size than {limit.bucket_size}"
        yield Fault((*path, "refill_rate"), spell_rate(limit.refill_rate), remedy)


def _windows_have_microseconds(config: Config) -> Iterator[Fault]:
    for path, limit in _limits(config):
        for name in ("window", "max_delay"):
            seconds: float = getattr(limit, name)
            if abs(seconds * 1_000_000 - round(seconds * 1_000_000)) > 1e-3 or (name == "window" and seconds < 1e-6):
                yield Fault((*path, name), f"{seconds:.9f}", "whole microseconds")


def _rules_are_told_apart(config: Config) -> Iterator[Fault]:
    names = Counter[str]()
    for index, rule in enumerate(config.ratelimit.rules):
        path: KeyPath = (*SECTION, "rules", index)
        names[rule.name] += 1
        if names[rule.name] > 1:
            yield Fault((*path, "name"), repr(rule.name), "a name that no other rule has")
        for position, service in enumerate(rule.services):
            if service not in config.services:
                remedy = f"one of {', '.join(config.services)}"
                yield Fault((*path, "services", position), repr(service), remedy)


def _rules_replace_the_default(config: Config) -> Iterator[Fault]:
    limit = config.ratelimit
    if limit.rules:
        for name in sorted(limit.model_fields_set & set(Limit.model_fields)):
            yield Fault((*SECTION, name), "a value", "nothing, because ratelimit.rules replaces the rule it belongs to")


RULES: Sequence[tuple[Sequence[KeyPath], Callable[[Config], Iterator[Fault]]]] = (
    ((SECTION,), _modes_fit),
    ((SECTION,), _numbers_are_exact),
    ((SECTION,), _windows_have_microseconds),
    ((SECTION, ("services",)), _rules_are_told_apart),
    ((SECTION,), _rules_replace_the_default),
)
