"""The chart's variants as Helm renders them, for the tests here."""

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from ship.chart import CHART, Rendered, render

VARIANTS = sorted(path.stem.removesuffix("-values") for path in (CHART / "ci").glob("*-values.yaml"))

# The Kubernetes versions that are promised.
OLDEST, NEWEST = "1.30", "1.37"

Values = dict[str, Any]


@cache
def variant(name: str) -> Rendered:
    """A variant of `ci/`, rendered once."""
    return render(values_of(name))


def values_of(name: str) -> Values:
    values: Values = yaml.safe_load((CHART / "ci" / f"{name}-values.yaml").read_text())
    return values


def merged(under: Values, over: Values) -> Values:
    """`over` over `under`, as Helm merges two files of values."""
    result = dict(under)
    for key, value in over.items():
        below = result.get(key)
        result[key] = merged(below, value) if isinstance(below, dict) and isinstance(value, dict) else value
    return result


def pods(rendered: Rendered) -> Iterator[dict[str, Any]]:
    """The pod template of every workload."""
    for manifest in rendered.manifests():
        if manifest["kind"] == "Deployment":
            yield manifest["spec"]["template"]


def config_file(rendered: Rendered, directory: Path) -> str:
    """The gateway's file out of the ConfigMap, with the Secret's directory in `directory`."""
    text: str = rendered.one("ConfigMap")["data"]["gateway.yaml"]
    return text.replace("/run/secrets/gateway", str(directory))
