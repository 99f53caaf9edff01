"""The Grafana dashboard: rows of panels, each a question and the queries that answer it."""

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

from ship.alerts import RUNBOOK

Panel = dict[str, Any]

SOURCE = {"type": "prometheus", "uid": "${datasource}"}
CHOSEN = '{service=~"$service"}'
PER_ROW = 3
WIDTH, HEIGHT = 24 // PER_ROW, 8


class Question(NamedTuple):
    """One panel; `queries` by legend."""

    title: str
    about: str
    unit: str
    queries: dict[str, str]


def _quantiles(histogram: str, by: str = "service", chosen: str = CHOSEN) -> dict[str, str]:
    rate = f"sum by ({by}, le) (rate({histogram}_bucket{chosen}[$__rate_interval]))"
    return {f"{{{{{by}}}}} p{part}": f"histogram_quantile(0.{part}, {rate})" for part in (50, 99)}


def _rate(counter: str, by: str, chosen: str = CHOSEN) -> dict[str, str]:
    legend = " ".join(f"{{{{{label.strip()}}}}}" for label in by.split(","))
    return {legend: f"sum by ({by}) (rate({counter}{chosen}[$__rate_interval]))"}


ROWS: dict[str, tuple[Question, ...]] = {
    "Clients": (
        Question(
            "Requests",
            "Ended requests by service and status.",
            "reqps",
            _rate("http_requests_total", "service, status"),
        ),
        Question(
            "Failing",
            "The part of requests answered with 5xx; the alerts burn on this.",
            "percentunit",
            {"{{service}}": "service:http_requests:error_ratio_rate5m" + CHOSEN},
        ),
        Question("Duration", "Head received to reply ended.", "s", _quantiles("http_request_duration_seconds")),
        Question(
            "In flight",
            "Requests that have not ended.",
            "short",
            {"{{service}}": f"sum by (service) (http_requests_in_flight{CHOSEN})"},
        ),
        Question("Refused by limits", "429, by rule.", "reqps", _rate("rate_limit_hits_total", "service, rule")),
        Question("Refused credentials", "401, by reason.", "reqps", _rate("auth_failures_total", "reason", "")),
    ),
    "Upstreams": (
        Question(
            "Healthy upstreams",
            "As many as there are, or something is ejected.",
            "short",
            {"{{service}}": f"sum by (service) (min by (service, upstream) (upstream_healthy{CHOSEN}))"},
        ),
        Question(
            "Attempts",
            "By upstream and status.",
            "reqps",
            _rate("upstream_requests_total", "service, upstream, status"),
        ),
        Question(
            "Retries", "Attempts followed by another.", "reqps", _rate("upstream_retries_total", "service, reason")
        ),
        Question(
            "Time to first byte",
            "Head sent to head received.",
            "s",
            _quantiles("upstream_time_to_first_byte_seconds", "upstream"),
        ),
        Question(
            "Connections",
            "Open connections, idle and active.",
            "short",
            {"{{upstream}} {{state}}": f"sum by (upstream, state) (upstream_connections{CHOSEN})"},
        ),
        Question(
            "Duration of attempts",
            "Head sent to reply ended.",
            "s",
            _quantiles("upstream_duration_seconds", "upstream"),
        ),
    ),
    "The gateway itself": (
        Question("Own time", "What the gateway adds to a request.", "s", _quantiles("gateway_overhead_seconds")),
        Question(
            "Event loop lag",
            "How late the loop is; all requests wait this long.",
            "s",
            _quantiles("event_loop_lag_seconds", "instance", ""),
        ),
        Question(
            "Limits without Redis",
            "Decisions made while the store did not answer.",
            "reqps",
            _rate("rate_limit_store_errors_total", "decision", ""),
        ),
        Question(
            "Configuration reloads",
            "By result.",
            "short",
            {"{{result}}": "sum by (result) (increase(config_reloads_total[$__rate_interval]))"},
        ),
        Question(
            "Lost log lines",
            "Given up because nobody read them.",
            "short",
            {"{{instance}}": "increase(log_lines_dropped_total[$__rate_interval])"},
        ),
        Question(
            "Versions", "Gateways by version.", "short", {"{{version}}": "count by (version) (gateway_build_info)"}
        ),
    ),
}


def text() -> str:
    """The dashboard as Grafana imports it."""
    return json.dumps(_dashboard(), indent=2) + "\n"


def _dashboard() -> dict[str, Any]:
    return {
        "uid": "ai-api-gateway",
        "title": "AI API Gateway",
        "description": f"Made by `make manifests` from k8s/ship/dashboard.py. What to do: {RUNBOOK}.",
        "tags": ["ai-api-gateway"],
        "schemaVersion": 39,
        "timezone": "browser",
        "refresh": "30s",
        "time": {"from": "now-1h", "to": "now"},
        "templating": {"list": [_datasource(), _service()]},
        "annotations": {"list": []},
        "panels": list(_panels()),
    }


def _datasource() -> dict[str, Any]:
    return {"name": "datasource", "label": "Data source", "type": "datasource", "query": "prometheus"}


def _service() -> dict[str, Any]:
    return {
        "name": "service",
        "label": "Service",
        "type": "query",
        "datasource": SOURCE,
        "query": "label_values(http_requests_total, service)",
        "refresh": 2,
        "includeAll": True,
        "allValue": ".*",
        "multi": True,
        "current": {"text": "All", "value": "$__all"},
    }


def _panels() -> Iterator[Panel]:
    top, number = 0, 0
    for title, questions in ROWS.items():
        number += 1
        yield {
            "id": number,
            "type": "row",
            "title": title,
            "gridPos": {"x": 0, "y": top, "w": 24, "h": 1},
            "panels": [],
        }
        top += 1
        for index, question in enumerate(questions):
            number += 1
            place = {"x": index % PER_ROW * WIDTH, "y": top + index // PER_ROW * HEIGHT, "w": WIDTH, "h": HEIGHT}
            yield _panel(number, question, place)
        top += -(-len(questions) // PER_ROW) * HEIGHT


def _panel(number: int, question: Question, place: dict[str, int]) -> Panel:
    targets = [
        {"refId": chr(ord("A") + index), "expr": query, "legendFormat": legend, "datasource": SOURCE}
        for index, (legend, query) in enumerate(question.queries.items())
    ]
    return {
        "id": number,
        "type": "timeseries",
        "title": question.title,
        "description": question.about,
        "datasource": SOURCE,
        "gridPos": place,
        "fieldConfig": {"defaults": {"unit": question.unit, "min": 0}, "overrides": []},
        "options": {
            "legend": {"displayMode": "list", "placement": "bottom"},
            "tooltip": {"mode": "multi", "sort": "desc"},
        },
        "targets": targets,
    }
