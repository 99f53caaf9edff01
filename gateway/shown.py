"""What the parts of a running gateway show in its metrics; the parts change with a reload, the metrics stay."""

from collections.abc import Callable, Iterable

from gateway.assembly import Assembly
from gateway.observe.families import Row, Source
from gateway.observe.metrics import Metrics
from gateway.reload import Reload

BLIND = "Checks decided without the limiter store, by policy."
SHADOW_HITS = "Requests that a shadow rule would have refused."
HEALTHY = "1, or 0 while the upstream is ejected for its failures or found down by a check."
KEY_UPDATES = "Looks for new keys outside: an issuer's key set, the file of API keys."
RELOADS = "Times the configuration was read again, and whether that put it into force."


def show_parts(metrics: Metrics, parts: Callable[[], Assembly]) -> None:
    """Let `metrics` show what `parts` are at the time of the scrape."""

    def now(rows: Callable[[Assembly], Iterable[Row]]) -> Source:
        return lambda: rows(parts())

    metrics.add_connections(lambda: parts().connections())
    metrics.add("gauge", "upstream_healthy", HEALTHY, ("service", "upstream"), now(lambda some: some.healthy()))
    updates = now(lambda some: some.gate.updates())
    metrics.add("counter", "auth_key_updates_total", KEY_UPDATES, ("scheme", "result"), updates)
    blind = now(lambda some: some.limits.blind())
    metrics.add("counter", "rate_limit_store_errors_total", BLIND, ("decision",), blind)
    misses = now(lambda some: some.limits.misses())
    metrics.add("counter", "rate_limit_shadow_hits_total", SHADOW_HITS, ("rule",), misses)


def show_reloads(metrics: Metrics, reload: Reload) -> None:
    metrics.add("counter", "config_reloads_total", RELOADS, ("result",), reload.results)
