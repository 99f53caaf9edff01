"""k8s/: both overlays build, are valid, and end their pods no sooner than their configuration drains."""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from ship_variants import NEWEST, OLDEST

from gateway.config.load import load
from ship.chart import ROOT

Manifest = dict[str, Any]
Build = Callable[[str], list[Manifest]]

MARGIN = 5


@pytest.fixture
def build(tmp_path: Path) -> Build:
    if shutil.which("kubectl") is None:
        pytest.skip("kubectl is not installed")
    shutil.copytree(ROOT / "k8s", tmp_path / "k8s")
    (tmp_path / "k8s/overlays/dev/jwt-secret").write_text("a7Qp0Zx-" * 6)

    def built(overlay: str) -> list[Manifest]:
        command = ["kubectl", "kustomize", str(tmp_path / "k8s" / overlay)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return list(yaml.safe_load_all(done.stdout))

    return built


def one(manifests: list[Manifest], kind: str) -> Manifest:
    (found,) = [manifest for manifest in manifests if manifest["kind"] == kind]
    return found


@pytest.mark.parametrize("overlay", ["base", "overlays/dev", "overlays/production"])
def test_built_objects_are_valid(build: Build, overlay: str) -> None:
    for manifest in build(overlay):
        for version in (OLDEST, NEWEST):
            kubernetes_validate.validate(manifest, version, strict=True)


@pytest.mark.parametrize("overlay", ["overlays/dev", "overlays/production"])
def test_overlay_is_whole(build: Build, overlay: str, tmp_path: Path) -> None:
    manifests = build(overlay)
    pod = one(manifests, "Deployment")["spec"]["template"]["spec"]
    config = one(manifests, "ConfigMap")
    assert {"config": config["metadata"]["name"]}.items() <= {
        volume["name"]: volume["configMap"]["name"] for volume in pod["volumes"] if "configMap" in volume
    }.items()
    (tmp_path / "gateway.yaml").write_text(config["data"]["gateway.yaml"])
    options = load(str(tmp_path / "gateway.yaml"), {"JWT_SECRET": "a7Qp0Zx-" * 6})
    stop = pod["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"]
    needed = stop + options.server.drain_delay + options.server.drain_timeout + MARGIN
    assert pod["terminationGracePeriodSeconds"] >= needed
    assert options.admin.port == 9090
    assert one(manifests, "Namespace")["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"


def test_development_has_one_pod_and_its_secret(build: Build) -> None:
    manifests = build("overlays/dev")
    assert one(manifests, "Deployment")["spec"]["replicas"] == 1
    secret = one(manifests, "Secret")["metadata"]["name"]
    volumes = one(manifests, "Deployment")["spec"]["template"]["spec"]["volumes"]
    assert {"secretName": secret}.items() <= next(v["secret"] for v in volumes if "secret" in v).items()


def test_production_scales_and_pins_its_image(build: Build) -> None:
    manifests = build("overlays/production")
    deployment = one(manifests, "Deployment")
    assert "replicas" not in deployment["spec"]
    assert one(manifests, "HorizontalPodAutoscaler")["spec"]["scaleTargetRef"]["name"] == deployment["metadata"]["name"]
    assert "@sha256:" in deployment["spec"]["template"]["spec"]["containers"][0]["image"]
