"""docker-compose.yml: valid, wired to files that exist, hardened, and what it starts does what the smoke test asks."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import yaml
from gateway_process import GatewayProcess

from gateway.config.load import load
from ship.chart import ROOT

COMPOSE = ROOT / "docker-compose.yml"
SECRET = "a7Qp0Zx-" * 6
WANTED = {"gateway", "model-a", "model-b", "redis", "prometheus", "grafana", "jaeger", "smoke"}


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    composed: dict[str, Any] = yaml.safe_load(COMPOSE.read_text())
    return composed


def test_schema_of_compose_agrees() -> None:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", str(COMPOSE)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_everything_an_operator_looks_at_is_there(compose: dict[str, Any]) -> None:
    assert compose["services"].keys() == WANTED
    assert compose["services"]["smoke"]["profiles"] == ["test"]


def test_what_is_mounted_exists(compose: dict[str, Any]) -> None:
    for service in compose["services"].values():
        for volume in service.get("volumes", ()):
            source, _, mode = volume.split(":")
            assert (ROOT / source).exists(), source
            assert mode == "ro"


def test_no_image_is_latest_and_all_ports_are_local(compose: dict[str, Any]) -> None:
    for service in compose["services"].values():
        assert service["image"].partition(":")[2] not in {"", "latest"}
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", ()))


def test_own_containers_are_hardened(compose: dict[str, Any]) -> None:
    for name in ("gateway", "model-a", "model-b", "redis", "smoke"):
        service = compose["services"][name]
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]


def test_gateway_accepts_its_file_and_stops_in_time(compose: dict[str, Any]) -> None:
    config = load(str(ROOT / "docs/compose/gateway.yaml"), {"JWT_SECRET": SECRET})
    grace = int(compose["services"]["gateway"]["stop_grace_period"].removesuffix("s"))
    assert grace > config.server.drain_delay + config.server.drain_timeout
    urls = {upstream.url for service in config.services.values() for upstream in service.upstreams}
    assert urls == {"http://model-a:8000/v1", "http://model-b:8000/v1"}


def test_prometheus_and_grafana_find_what_they_show(compose: dict[str, Any]) -> None:
    scraped = yaml.safe_load((ROOT / "docs/compose/prometheus.yml").read_text())
    (job,) = scraped["scrape_configs"]
    assert job["static_configs"] == [{"targets": ["gateway:9090"]}]
    mounted = {volume.split(":")[1] for volume in compose["services"]["prometheus"]["volumes"]}
    assert set(scraped["rule_files"]) <= mounted
    providers = yaml.safe_load((ROOT / "docs/compose/grafana/dashboards.yaml").read_text())["providers"]
    mounted = {volume.split(":")[1] for volume in compose["services"]["grafana"]["volumes"]}
    assert providers[0]["options"]["path"] in mounted


@pytest.fixture
def models() -> Iterator[list[int]]:
    """Two demo model servers as compose starts them: their ports."""
    with ExitStack() as stack:
        ports = []
        for name in ("model-a", "model-b"):
            command = [sys.executable, "-m", "gateway.demo", "--name", name, "--port", "0"]
            model = stack.enter_context(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
            stack.callback(model.wait)
            stack.callback(model.terminate)
            assert model.stdout is not None
            ports.append(int(model.stdout.readline().split()[-1]))
        yield ports


def test_smoke_is_content_with_a_gateway_before_the_models(models: list[int], tmp_path: Path) -> None:
    upstreams = [{"url": f"http://127.0.0.1:{port}/v1"} for port in models]
    config = {"jwt": {"secret": SECRET}, "services": {"llm": {"upstreams": upstreams}}}
    with GatewayProcess.serving(config, tmp_path) as gateway:
        command = [sys.executable, str(ROOT / "docs/compose/smoke.py"), f"http://127.0.0.1:{gateway.port}"]
        done = subprocess.run(command, env={"JWT_SECRET": SECRET}, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout) == (0, "all is well\n"), done.stderr
        wrong = subprocess.run(command, env={"JWT_SECRET": SECRET + "x"}, capture_output=True, text=True, check=False)
        assert "plain: 401" in wrong.stderr
