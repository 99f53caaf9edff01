"""Which files are generated, and from what."""

from collections.abc import Iterator
from pathlib import Path

from ship import alerts, base, dashboard, values_schema
from ship.chart import CHART, ROOT


def generated() -> Iterator[tuple[Path, str]]:
    """Each file with the text it should have; later ones are made with the earlier ones in place."""
    yield CHART / "values.schema.json", values_schema.text()
    yield CHART / "files" / "alerts.yaml", alerts.text()
    yield ROOT / "docs" / "dashboards" / "gateway.json", dashboard.text()
    yield ROOT / "k8s" / "base" / "gateway.yaml", base.text()
