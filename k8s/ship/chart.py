"""The chart, rendered by Helm's own engine."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from helm_python import Chart

ROOT = Path(__file__).parents[2]
CHART = ROOT / "helm" / "ai-api-gateway"

Manifest = dict[str, Any]


class Rendered(NamedTuple):
    """What an install would create; `texts` by the name of the template, `notes` what the operator reads after it."""

    texts: dict[str, str]
    notes: str

    def manifests(self) -> Iterator[Manifest]:
        for text in self.texts.values():
            yield yaml.safe_load(text)

    def one(self, kind: str, suffix: str = "") -> Manifest:
        """The manifest of this kind whose name ends in `suffix`, the shortest name if several do."""
        found = [
            each for each in self.manifests() if each["kind"] == kind and each["metadata"]["name"].endswith(suffix)
        ]
        return min(found, key=lambda manifest: len(manifest["metadata"]["name"]))

    def kinds(self) -> list[str]:
        return sorted(manifest["kind"] for manifest in self.manifests())


def render(values: Manifest, name: str = "gw", namespace: str = "ai", chart: Path = CHART) -> Rendered:
    """Render `chart` with `values` over its own. Raises helm_python's errors, whose text names what is wrong."""
    with Chart.load(chart) as loaded:
        texts = loaded.render(values, name=name, namespace=namespace)
    prefix = "ai-api-gateway/templates/"
    notes = texts.pop(prefix + "NOTES.txt")
    return Rendered({path.removeprefix(prefix): text for path, text in texts.items() if text.strip()}, notes)
