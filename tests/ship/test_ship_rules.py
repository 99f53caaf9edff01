"""Alerts and dashboard: promtool accepts them, each alert fires when it should, and each leads to a runbook section."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from ship_variants import variant

from ship.alerts import ALERTS, RUNBOOK, rules
from ship.chart import CHART, ROOT

DASHBOARD = ROOT / "docs/dashboards/gateway.json"
SEVERITIES = {"page", "ticket"}


def promtool(*arguments: str | Path) -> str:
    if shutil.which("promtool") is None:
        pytest.skip("promtool is not installed: apt-get install prometheus")
    done = subprocess.run(["promtool", *map(str, arguments)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def headings(document: Path) -> set[str]:
    """The anchors of a document's headings."""
    lines = re.findall(r"^#+ (.+)$", document.read_text(), re.MULTILINE)
    return {re.sub(r"[^a-z0-9 -]", "", line.lower()).replace(" ", "-") for line in lines}


def test_rules_are_sound() -> None:
    assert "SUCCESS" in promtool("check", "rules", CHART / "files/alerts.yaml")


def test_alerts_fire_when_they_should() -> None:
    assert "SUCCESS" in promtool("test", "rules", Path(__file__).with_name("alerts_test.yaml"))


def test_every_alert_is_seen_firing_and_silent() -> None:
    cases = yaml.safe_load(Path(__file__).with_name("alerts_test.yaml").read_text())["tests"]
    checks = [check for case in cases for check in case["alert_rule_test"]]
    assert {check["alertname"] for check in checks if check.get("exp_alerts")} == {alert.name for alert in ALERTS}
    silent = {check["alertname"] for check in cases[0]["alert_rule_test"] if not check.get("exp_alerts")}
    assert silent == {alert.name for alert in ALERTS}


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert.name)
def test_alert_leads_to_its_section(alert: object) -> None:
    (rule,) = [
        rule
        for group in rules()["groups"]
        for rule in group["rules"]
        if rule.get("alert") == getattr(alert, "name", "")
    ]
    path, _, anchor = rule["annotations"]["runbook_url"].partition("#")
    assert path == RUNBOOK
    assert anchor in headings(ROOT / path)
    assert rule["labels"]["severity"] in SEVERITIES


def test_chart_ships_the_same_rules_with_its_own_runbook(tmp_path: Path) -> None:
    rule = variant("production").one("PrometheusRule")
    assert [group["name"] for group in rule["spec"]["groups"]] == [group["name"] for group in rules()["groups"]]
    alerts = [each for group in rule["spec"]["groups"] for each in group["rules"] if "alert" in each]
    assert {alert["alert"] for alert in alerts} == {alert.name for alert in ALERTS}
    for alert in alerts:
        assert alert["annotations"]["runbook_url"].startswith("https://wiki.example.com/gateway/runbook.md#")
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump(rule["spec"]))
    assert "SUCCESS" in promtool("check", "rules", tmp_path / "rules.yaml")


def test_dashboard_asks_what_prometheus_understands(tmp_path: Path) -> None:
    queries = [target["expr"] for panel in _panels() for target in panel.get("targets", ())]
    asked = [query.replace("$__rate_interval", "5m").replace("$service", ".*") for query in queries]
    group = {"name": "dashboard", "rules": [{"record": f"q{n}", "expr": query} for n, query in enumerate(asked)]}
    (tmp_path / "queries.yaml").write_text(yaml.safe_dump({"groups": [group]}))
    assert f"SUCCESS: {len(queries)} rules found" in promtool("check", "rules", tmp_path / "queries.yaml")


def test_dashboard_panels_do_not_overlap() -> None:
    places = [panel["gridPos"] for panel in _panels()]
    cells = [
        (x, y)
        for place in places
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]
    assert len(cells) == len(set(cells))
    assert all(place["x"] + place["w"] <= 24 for place in places)
    assert len({panel["id"] for panel in _panels()}) == len(places)


def _panels() -> list[dict[str, object]]:
    panels: list[dict[str, object]] = json.loads(DASHBOARD.read_text())["panels"]
    return panels
