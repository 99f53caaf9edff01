"""The Prometheus rules: what wakes somebody up, and which section of the runbook they open."""

from typing import Any, NamedTuple

import yaml

RUNBOOK = "docs/runbook.md"
# Of all requests, the part that may fail; and how many times as fast as that the budget of 30 days may burn.
BUDGET = 0.001
WINDOWS = ("5m", "30m", "1h", "6h")

HEAD = "# Made by `make manifests` from k8s/ship/alerts.py.\n"


class Alert(NamedTuple):
    """One alert; its section in the runbook is named like it. `lasts` is how long `when` has to hold."""

    name: str
    severity: str
    lasts: str
    when: str
    summary: str


def _ratio(window: str) -> str:
    return f"service:http_requests:error_ratio_rate{window}"


def _burns(times: float, long: str, short: str) -> str:
    limit = f"({times} * {BUDGET})"
    return f"{_ratio(long)} > {limit} and {_ratio(short)} > {limit}"


ALERTS = (
    Alert(
        "GatewayErrorBudgetBurnsFast",
        "page",
        "2m",
        _burns(14.4, "1h", "5m"),
        "{{ $labels.service }}: {{ $value | humanizePercentage }} of requests fail; the budget is gone in 2 days",
    ),
    Alert(
        "GatewayErrorBudgetBurnsSlowly",
        "ticket",
        "15m",
        _burns(6, "6h", "30m"),
        "{{ $labels.service }}: {{ $value | humanizePercentage }} of requests fail; the budget is gone in 5 days",
    ),
    Alert(
        "GatewayNoHealthyUpstream",
        "page",
        "1m",
        "max by (service) (upstream_healthy) == 0",
        "{{ $labels.service }}: no upstream is healthy",
    ),
    Alert(
        "GatewayAbsent",
        "page",
        "5m",
        "absent(gateway_build_info)",
        "no gateway is being scraped",
    ),
    Alert(
        "GatewayLimiterStoreDown",
        "page",
        "2m",
        "sum by (decision) (rate(rate_limit_store_errors_total[2m])) > 0",
        "limits are decided without Redis ({{ $labels.decision }})",
    ),
    Alert(
        "GatewayKeySetStale",
        "ticket",
        "0m",
        'sum by (instance, scheme) (increase(auth_key_updates_total{result!="success"}[30m])) > 0 '
        'unless sum by (instance, scheme) (increase(auth_key_updates_total{result="success"}[30m])) > 0',
        "{{ $labels.instance }}: no new keys for {{ $labels.scheme }} in half an hour; the old ones live on",
    ),
    Alert(
        "GatewayDrainOverrun",
        "ticket",
        "0m",
        "sum by (instance) (http_requests_in_flight) > 0 "
        "and on (instance) (gateway_drain_ends_timestamp_seconds > 0) "
        "and on (instance) (gateway_drain_ends_timestamp_seconds - time() < 15)",
        "{{ $labels.instance }}: {{ $value }} requests are in flight and will be cut, the drain is about to end",
    ),
    Alert(
        "GatewayEventLoopLag",
        "ticket",
        "5m",
        "histogram_quantile(0.99, sum by (instance, le) (rate(event_loop_lag_seconds_bucket[5m]))) > 0.1",
        "{{ $labels.instance }}: everything waits {{ $value | humanizeDuration }} for the event loop",
    ),
    Alert(
        "GatewayConfigNotLoaded",
        "ticket",
        "0m",
        'increase(config_reloads_total{result!="ok"}[15m]) > 0',
        "{{ $labels.instance }}: the changed configuration is broken, and the old one stays",
    ),
    Alert(
        "GatewayLogLinesDropped",
        "ticket",
        "0m",
        "increase(log_lines_dropped_total[15m]) > 0",
        "{{ $labels.instance }}: log lines were given up, nobody reads stdout fast enough",
    ),
)


def rules() -> dict[str, Any]:
    """The rule file's content."""
    failed = 'rate(http_requests_total{status=~"5.."}'
    recorded = [
        {
            "record": _ratio(window),
            "expr": f"sum by (service) ({failed}[{window}])) / sum by (service) (rate(http_requests_total[{window}]))",
        }
        for window in WINDOWS
    ]
    alerts = [
        {
            "alert": alert.name,
            "expr": alert.when,
            "for": alert.lasts,
            "labels": {"severity": alert.severity},
            "annotations": {"summary": alert.summary, "runbook_url": f"{RUNBOOK}#{alert.name.lower()}"},
        }
        for alert in ALERTS
    ]
    return {
        "groups": [
            {"name": "ai-api-gateway.recorded", "interval": "30s", "rules": recorded},
            {"name": "ai-api-gateway.alerts", "rules": alerts},
        ]
    }


def text() -> str:
    """The rule file."""
    return HEAD + yaml.safe_dump(rules(), sort_keys=False, width=160)
