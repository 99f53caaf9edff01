"""K8-01, K8-10: every variant renders to what Kubernetes knows; wrong values are refused, risky ones warned of."""

from collections.abc import Callable
from pathlib import Path

import helm_python
import kubernetes_validate
import pytest
import yaml
from ship_variants import NEWEST, OLDEST, VARIANTS, config_file, pods, values_of, variant

from gateway import __version__
from gateway.config.load import load
from ship.chart import CHART, Rendered, render

# Kinds of others, which the Kubernetes schemas do not know; each has a test of its own.
CUSTOM = {"ServiceMonitor", "PrometheusRule", "HTTPRoute"}
EVERYTHING = {
    *("Deployment", "Service", "ConfigMap", "Secret", "HorizontalPodAutoscaler", "PodDisruptionBudget"),
    *("NetworkPolicy", "ServiceAccount", "ServiceMonitor", "PrometheusRule", "Ingress", "HTTPRoute"),
}

Render = Callable[..., Rendered]


@pytest.mark.parametrize("version", [OLDEST, NEWEST])
def test_k8_01_variant_is_valid(rendered: Rendered, version: str) -> None:
    for manifest in rendered.manifests():
        if manifest["kind"] not in CUSTOM:
            kubernetes_validate.validate(manifest, version, strict=True)


@pytest.mark.parametrize("values", [None, *VARIANTS], ids=str)
def test_k8_01_lint_has_no_complaint(values: str | None) -> None:
    report = helm_python.lint(CHART, values_of(values) if values else None, strict=True, kube_version=f"v{OLDEST}.0")
    assert [message for message in report["messages"] if message["severity"] > 1] == []
    assert report["errors"] == []


def test_k8_01_chart_promises_the_versions_tested() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    assert chart["kubeVersion"] == f">={OLDEST}.0-0"
    assert chart["appVersion"] == __version__


def test_k8_01_one_object_a_template(rendered: Rendered) -> None:
    assert all(text.count("\nkind: ") == 1 and "\n---" not in text for text in rendered.texts.values())


def test_k8_01_variants_show_every_kind() -> None:
    assert {kind for name in VARIANTS for kind in variant(name).kinds()} == EVERYTHING


def test_k8_01_image_is_never_latest_and_may_be_a_digest(rendered: Rendered, production: Rendered) -> None:
    for pod in pods(rendered):
        for container in pod["spec"]["containers"]:
            assert not container["image"].endswith(":latest")
            assert ":" in container["image"]
    assert "@sha256:" in production.texts["deployment.yaml"]
    with pytest.raises(helm_python.HelmError, match="image/tag"):
        render({**values_of("default"), "image": {"tag": "latest"}})


@pytest.mark.parametrize("name", VARIANTS)
def test_gateway_accepts_the_rendered_configuration(name: str, tmp_path: Path) -> None:
    for key in ("jwt-secret", "vendor-key", "redis-password"):
        (tmp_path / key).write_text("a7Qp0Zx-" * 6)
    (tmp_path / "api-keys.yaml").write_text(f"[{{name: ci, subject: ci, sha256: {'a' * 64}}}]")
    rendered = variant(name)
    text = config_file(rendered, tmp_path).replace("tls_", "# tls_")  # there is no certificate here
    (tmp_path / "gateway.yaml").write_text(text)
    container = rendered.one("Deployment")["spec"]["template"]["spec"]["containers"][0]
    environ = {entry["name"]: entry.get("value", "") for entry in container["env"]}
    environ = {key: value.replace("/run/secrets/gateway", str(tmp_path)) for key, value in environ.items()}
    config = load(str(tmp_path / "gateway.yaml"), environ)
    assert config.admin.port == 9090
    assert config.services


@pytest.mark.parametrize(
    ("values", "complaint"),
    [
        ({"replicas": 2}, "'replicas' not allowed"),
        ({"service": {"prot": 80}}, "'prot' not allowed"),
        ({"replicaCount": "two"}, "got string, want integer"),
        ({"config": {"server": {"prot": 80}}}, "'prot' not allowed"),
        ({"config": {"log": {"level": "loud"}}}, "/config/log/level"),
        ({"config": {"services": {"llm": {"strategy": "astrology"}}}}, "/config/services/llm/strategy"),
        ({"resources": {"limits": {"memory": None}}}, "missing property 'memory'"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_k8_10_schema_refuses(with_values: Render, values: dict[str, object], complaint: str) -> None:
    with pytest.raises(helm_python.HelmError) as refused:
        with_values(**values)
    assert complaint in str(refused.value)


def test_k8_10_the_three_edits_are_asked_for() -> None:
    with pytest.raises(helm_python.HelmError, match=r"config\.services: nothing"):
        render({})
    services = {"llm": {"upstreams": [{"url": "http://model-server:8000/v1"}]}}
    with pytest.raises(helm_python.HelmError, match="secret: JWT_SECRET needs the key jwt-secret"):
        render({"config": {"services": services}})


@pytest.mark.parametrize(
    ("values", "warning"),
    [
        ({"config": {"auth": {"type": "none"}}}, "config.auth.type is none"),
        ({"config": {"services": {"llm": {"auth": "none"}}}}, "config.services.llm.auth is none"),
        ({"config": {"ratelimit": {"enabled": False}}}, "config.ratelimit.enabled is false"),
        ({"networkPolicy": {"enabled": False}}, "networkPolicy.enabled is false"),
        ({"secret": {"data": {"jwt-secret": "x" * 40}}}, "secret.data stands in the release's history"),
        ({"replicaCount": 1}, "one replica"),
        ({"ingress": {"enabled": True, "hosts": [{"host": "a.example"}]}}, "the Ingress has no TLS"),
        ({"config": {"ratelimit": {"on_store_error": "open"}}}, "rate limit default fails open"),
        (
            {"config": {"ratelimit": {"rules": [{"name": "day", "on_store_error": "open"}]}}},
            "rate limit day fails open",
        ),
        ({"secret": {"variables": {"REDIS_URL": "redis-url"}}}, "Redis' address is in the Secret"),
        ({}, "no Redis: each pod counts by itself"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_k8_10_notes_warn(with_values: Render, values: dict[str, object], warning: str) -> None:
    assert f"WARNING: {warning}" in with_values(**values).notes


def test_k8_10_notes_are_calm_when_all_is_well(with_values: Render) -> None:
    assert "WARNING" not in with_values(redis={"enabled": True}).notes
