"""`k8s/base/gateway.yaml`: the chart, rendered for those who do not use Helm."""

import yaml

from ship.chart import ROOT, Manifest, render


class _Block(yaml.SafeDumper):
    """Writes texts of several lines as such."""


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style="|" if "\n" in value else None)


_Block.add_representer(str, _text)

HEAD = "# Made by `make manifests` from the chart and k8s/values.yaml.\n"
VALUES = ROOT / "k8s" / "values.yaml"
# Helm's own marks would be untrue here.
OF_HELM = ("helm.sh/chart", "app.kubernetes.io/managed-by", "app.kubernetes.io/instance")


def text() -> str:
    """All objects in one file, without a namespace: that is the overlay's."""
    values = yaml.safe_load(VALUES.read_text(encoding="utf-8"))
    manifests = [_plain(manifest) for manifest in render(values, name="ai-api-gateway").manifests()]
    manifests.sort(key=lambda manifest: (manifest["kind"], manifest["metadata"]["name"]))
    return HEAD + "".join("---\n" + yaml.dump(manifest, Dumper=_Block, sort_keys=False) for manifest in manifests)


def _plain(manifest: Manifest) -> Manifest:
    manifest["metadata"].pop("namespace")
    return _without_marks(manifest)


def _without_marks(node: Manifest) -> Manifest:
    kept = {key: value for key, value in node.items() if key not in OF_HELM and not key.startswith("checksum/")}
    return {key: _cleaned(value) for key, value in kept.items() if value or key != "annotations"}


def _cleaned(value: object) -> object:
    if isinstance(value, list):
        return [_cleaned(item) for item in value]
    if isinstance(value, dict):
        cleaned = _without_marks(value)
        return {key: item for key, item in cleaned.items() if key != "annotations" or item}
    return value
