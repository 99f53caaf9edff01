"""From what clients saw and models counted to what is printed."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import floor

from bench.model.load import Seen

SHARES = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99)


@dataclass(frozen=True)
class Strategy:
    """Seconds, tokens, shares. `nobody` are tokens generated that no client read, of `left` clients that left."""

    requests: int
    first_p50: float
    first_p99: float
    curve: list[tuple[float, float]]
    gap_p99: float
    tokens_per_second: float
    prefix_hits: float
    left: int
    nobody: float
    unanswered: int
    faults: dict[str, int]
    lag_ms: float
    mean_lag_ms: float


@dataclass(frozen=True)
class Way:
    """Tokens: `read` by clients before they left, `generated` for them, and of these `nobody` read."""

    left: int
    read: int
    generated: float
    nobody: float
    faults: dict[str, int]
    lag_ms: float
    mean_lag_ms: float


def strategy(seen: Sequence[Seen], counted: Mapping[str, float]) -> Strategy:
    """The figures of one run. Who had no token when it was over counts with the longest time there was."""
    firsts = [each.first for each in seen if each.first is not None]
    unanswered = len(seen) - len(firsts)
    firsts += [max(firsts, default=0.0)] * unanswered
    gaps = [after - before for each in seen for before, after in zip(each.arrivals, each.arrivals[1:], strict=False)]
    read = sum(each.tokens for each in seen)
    last = max((each.ask.at + each.arrivals[-1] for each in seen if each.arrivals), default=0.0)
    return Strategy(
        requests=len(seen),
        first_p50=percentile(firsts, 0.5),
        first_p99=percentile(firsts, 0.99),
        curve=[(share, percentile(firsts, share)) for share in SHARES],
        gap_p99=percentile(gaps, 0.99),
        tokens_per_second=read / last if last else 0.0,
        prefix_hits=counted["vllm:prefix_cache_hits_total"] / max(counted["vllm:prefix_cache_queries_total"], 1),
        left=sum(each.ask.leaves for each in seen),
        nobody=counted["vllm:generation_tokens_total"] - read,
        unanswered=unanswered,
        faults=_faults(seen),
        lag_ms=counted["lag_ms"],
        mean_lag_ms=counted["mean_lag_ms"],
    )


def way(seen: Sequence[Seen], counted: Mapping[str, float]) -> Way:
    """The figures of clients that all left."""
    read = sum(each.tokens for each in seen)
    generated = counted["vllm:generation_tokens_total"]
    lags = counted["lag_ms"], counted["mean_lag_ms"]
    return Way(len(seen), read, generated, generated - read, _faults(seen), *lags)


def _faults(seen: Sequence[Seen]) -> dict[str, int]:
    return dict(Counter(each.fault for each in seen if each.fault))


def percentile(values: Sequence[float], share: float) -> float:
    """The value that `share` of `values` do not exceed; 0 of none."""
    ordered = sorted(values) or [0.0]
    return ordered[min(floor(share * len(ordered)), len(ordered) - 1)]


def strategy_table(rows: Mapping[str, Strategy]) -> str:
    """One row a strategy, in Markdown; the lag is how late the models' steps were, on average and at worst."""
    head = (
        "| strategy | TTFT p50 ms | p99 ms | gap p99 ms | tokens/s | prefix hits | clients that left "
        "| tokens for nobody | lag ms |\n| --- | --- | --- | --- | --- | --- | --- | --- | --- |"
    )
    return "\n".join([head, *(_strategy_row(name, row) for name, row in rows.items())])


def _strategy_row(name: str, row: Strategy) -> str:
    times = " | ".join(f"{seconds * 1e3:.0f}" for seconds in (row.first_p50, row.first_p99, row.gap_p99))
    share = f"{row.tokens_per_second:.0f} | {row.prefix_hits:.0%} | {row.left} | {row.nobody:.0f}"
    return f"| `{name}` | {times} | {share} | {row.mean_lag_ms:.1f}, {row.lag_ms:.0f} |"


def way_table(rows: Mapping[str, Way | str]) -> str:
    """One row a way, in Markdown; what a client cost beyond the direct way is the fault of what is between."""
    head = (
        "| all clients leave, through | clients | tokens they read | generated | for nobody | a client "
        "| beyond direct |\n| --- | --- | --- | --- | --- | --- | --- |"
    )
    direct = rows.get("direct")
    floor_ = direct.nobody / direct.left if isinstance(direct, Way) else None
    return "\n".join([head, *(_way_row(name, row, floor_) for name, row in rows.items())])


def _way_row(name: str, row: Way | str, direct: float | None) -> str:
    if isinstance(row, str):
        return f"| {name} | skipped: {row} | | | | | |"
    each = row.nobody / row.left
    beyond = f"{each - direct:+.1f}" if direct is not None else ""
    return f"| {name} | {row.left} | {row.read} | {row.generated:.0f} | {row.nobody:.0f} | {each:.1f} | {beyond} |"
