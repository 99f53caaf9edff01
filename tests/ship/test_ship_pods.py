"""K8-02 to K8-06, K8-08, K8-09: how the pods run, live, and end."""

import re
from collections.abc import Callable
from typing import Any

import helm_python
import pytest
from ship_variants import VARIANTS, pods, variant

from ship.chart import Rendered

ALLOWED_VOLUMES = {"configMap", "secret", "emptyDir", "projected"}  # Pod Security Standards, restricted
ZONES = ["kubernetes.io/hostname", "topology.kubernetes.io/zone"]

Render = Callable[..., Rendered]
EVERY_POD = pytest.mark.parametrize("pod", [pod for name in VARIANTS for pod in pods(variant(name))])


def container_of(rendered: Rendered) -> dict[str, Any]:
    container: dict[str, Any] = rendered.one("Deployment")["spec"]["template"]["spec"]["containers"][0]
    return container


@EVERY_POD
def test_k8_02_pod_is_restricted(pod: dict[str, Any]) -> None:
    spec = pod["spec"]
    security = spec["securityContext"]
    assert security["runAsNonRoot"] is True
    assert isinstance(security["runAsUser"], int)
    assert security["runAsUser"] > 0
    assert security["seccompProfile"] == {"type": "RuntimeDefault"}
    assert not {"hostNetwork", "hostPID", "hostIPC", "initContainers", "ephemeralContainers"} & spec.keys()
    for container in spec["containers"]:
        own = container["securityContext"]
        assert own["allowPrivilegeEscalation"] is False
        assert own["readOnlyRootFilesystem"] is True
        assert own["capabilities"] == {"drop": ["ALL"]}
        assert "privileged" not in own
        assert all("hostPort" not in port for port in container["ports"])


@EVERY_POD
def test_k8_02_only_bounded_places_can_be_written(pod: dict[str, Any]) -> None:
    mounts = {mount["name"]: mount for mount in pod["spec"]["containers"][0]["volumeMounts"]}
    for volume in pod["spec"]["volumes"]:
        (kind,) = volume.keys() - {"name"}
        assert kind in ALLOWED_VOLUMES
        if kind == "emptyDir":
            assert volume["emptyDir"]["sizeLimit"]
        else:
            assert mounts[volume["name"]]["readOnly"] is True


def test_k8_03_probes(rendered: Rendered) -> None:
    container = container_of(rendered)
    probes = {name: container[f"{name}Probe"] for name in ("startup", "liveness", "readiness")}
    paths = {name: probe["httpGet"]["path"] for name, probe in probes.items()}
    assert paths == {"startup": "/health", "liveness": "/health", "readiness": "/ready"}
    assert all(probe["timeoutSeconds"] > 1 for probe in probes.values())
    assert {probe["httpGet"]["port"] for probe in probes.values()} == {"admin"}


def test_k8_04_one_pod_at_a_time_may_go(default: Rendered) -> None:
    deployment = default.one("Deployment")["spec"]
    assert deployment["replicas"] == 2
    assert deployment["strategy"]["rollingUpdate"] == {"maxUnavailable": 0, "maxSurge": 1}
    budget = default.one("PodDisruptionBudget")["spec"]
    assert budget["maxUnavailable"] == 1
    assert budget["selector"] == deployment["selector"]
    spread = deployment["template"]["spec"]["topologySpreadConstraints"]
    assert [constraint["topologyKey"] for constraint in spread] == ZONES
    assert all(constraint["labelSelector"] == deployment["selector"] for constraint in spread)


def test_k8_04_autoscaler_decides_alone(production: Rendered) -> None:
    assert "replicas" not in production.one("Deployment")["spec"]
    scaler = production.one("HorizontalPodAutoscaler")["spec"]
    assert scaler["minReplicas"] >= 2
    assert [metric["type"] for metric in scaler["metrics"]] == ["Resource", "Pods"]
    assert scaler["metrics"][1]["pods"]["metric"]["name"] == "http_requests_in_flight"


@EVERY_POD
def test_k8_05_resources(pod: dict[str, Any]) -> None:
    for container in pod["spec"]["containers"]:
        resources = container["resources"]
        assert {"cpu", "memory"} <= resources["requests"].keys()
        assert "memory" in resources["limits"]


def test_k8_05_event_loop_is_not_throttled(default: Rendered) -> None:
    assert "cpu" not in container_of(default)["resources"]["limits"]


def test_k8_06_secrets_are_files(rendered: Rendered) -> None:
    container = container_of(rendered)
    for entry in container["env"]:
        assert not re.search(r"SECRET|PASSWORD|TOKEN|KEY", entry["name"]) or entry["name"].endswith("_FILE")
    assert "args" not in container
    assert "command" not in container


def test_k8_06_secret_of_the_chart_is_nowhere_else() -> None:
    rendered = variant("gateway-api")
    secret = "made-by-the-test"
    assert [name for name, text in rendered.texts.items() if secret in text] == []
    assert "jwt-secret" in rendered.one("Secret")["data"]
    assert secret not in rendered.notes


def test_k8_06_nobody_asks_for_a_secret_that_is_not_used() -> None:
    assert [entry["name"] for entry in container_of(variant("oidc"))["env"]] == ["GATEWAY_CONFIG"]
    assert [entry["name"] for entry in container_of(variant("default"))["env"]] == ["GATEWAY_CONFIG", "JWT_SECRET_FILE"]


@pytest.mark.parametrize(
    "config",
    [
        {"jwt": {"secret": "a7Qp0Zx-" * 6}},
        {"services": {"llm": {"request_headers": {"set": {"Authorization": "Bearer sk-1"}}}}},
        {"services": {"llm": {"request_headers": {"set": {"x-goog-API-Key": "sk-1"}}}}},
    ],
    ids=["jwt", "bearer", "key"],
)
def test_k8_06_secrets_are_refused_where_all_can_read_them(with_values: Render, config: dict[str, Any]) -> None:
    with pytest.raises(helm_python.HelmError, match="does not match pattern"):
        with_values(config=config)


def test_k8_06_change_rolls_the_pods(with_values: Render, default: Rendered) -> None:
    def checksum(rendered: Rendered, of: str) -> str:
        annotations: dict[str, str] = rendered.one("Deployment")["spec"]["template"]["metadata"]["annotations"]
        return annotations[f"checksum/{of}"]

    assert checksum(with_values(config={"log": {"level": "debug"}}), "config") != checksum(default, "config")
    made = [with_values(secret={"existingSecret": "", "data": {"jwt-secret": text * 40}}) for text in "xy"]
    assert checksum(made[0], "secret") != checksum(made[1], "secret")


@EVERY_POD
def test_k8_08_pod_cannot_ask_the_cluster(pod: dict[str, Any]) -> None:
    assert pod["spec"]["automountServiceAccountToken"] is False
    assert pod["spec"]["enableServiceLinks"] is False


def test_k8_08_account_has_no_rights(rendered: Rendered) -> None:
    assert rendered.one("ServiceAccount")["automountServiceAccountToken"] is False
    assert not {"Role", "ClusterRole", "RoleBinding", "ClusterRoleBinding"} & set(rendered.kinds())


@pytest.mark.parametrize(
    ("server", "seconds"),
    [
        ({}, 10 + 30 + 5),
        ({"drain_timeout": "2m", "drain_delay": "500ms"}, 10 + 121 + 5),
        ({"drain_timeout": 0, "drain_delay": 1.5}, 10 + 2 + 5),
        ({"drain_timeout": "1h"}, 10 + 3600 + 5),
    ],
    ids=str,
)
def test_k8_09_grace_covers_the_drain(with_values: Render, server: dict[str, Any], seconds: int) -> None:
    spec = with_values(config={"server": server}).one("Deployment")["spec"]["template"]["spec"]
    assert spec["terminationGracePeriodSeconds"] == seconds
    assert spec["containers"][0]["lifecycle"] == {"preStop": {"sleep": {"seconds": 10}}}


def test_k8_09_grace_that_is_too_short_fails_the_render(with_values: Render) -> None:
    assert with_values(lifecycle={"terminationGracePeriodSeconds": 60})
    with pytest.raises(helm_python.HelmError, match=r"got 44, but preStopSeconds .* are 45"):
        with_values(lifecycle={"terminationGracePeriodSeconds": 44})


def test_k8_09_drain_that_nobody_can_read_fails_the_render(with_values: Render) -> None:
    with pytest.raises(helm_python.HelmError, match=r"config\.server\.drain_timeout: got \$\{env:DRAIN\}"):
        with_values(config={"server": {"drain_timeout": "${env:DRAIN}"}})
