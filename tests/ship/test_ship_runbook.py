"""Every command of the operators' documents is run: against a gateway that has a bad night, and a stand-in cluster."""

import asyncio
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yaml
from gateway_process import GatewayProcess
from ship_variants import values_of
from test_ship_documents import OPERATORS, SECRET, blocks

from gateway.auth.jwt import mint
from gateway.runtime import Runtime
from ship.chart import ROOT, render

RELEASE = "gateway"
REQUEST_ID = "asked-at-night-1"
# No Docker engine where the tests run; the compose file and the Dockerfile have tests of their own.
NEED_AN_ENGINE = ("docker",)
# What a good night shows: nothing. Each may end with 1.
MAY_FIND_NOTHING = ("exc_info", "upstream_retries_total")


def commands(document: Path) -> Iterator[str]:
    """The commands of its `sh` blocks, continuation lines joined, and those in its tables."""
    for text in blocks(document, "sh"):
        yield from (line.strip() for line in text.replace("\\\n", " ").splitlines() if line.strip())
    inline = re.findall(r"`((?:curl -s|kubectl|ai-api-gateway|helm) [^`]+)`", document.read_text())
    yield from (command.replace("\\|", "|") for command in inline)


def cluster(directory: Path, log: Path) -> Path:
    """What `stand_in.py` has to know of the release that the documents speak of."""
    rendered = render(values_of("default"), name=RELEASE, namespace="ai")
    deployments = {}
    for manifest in rendered.manifests():
        if manifest["kind"] == "Deployment":
            template = manifest["spec"]["template"]
            ports = [port["containerPort"] for port in template["spec"]["containers"][0]["ports"]]
            deployments[manifest["metadata"]["name"]] = {"labels": template["metadata"]["labels"], "ports": ports}
    told: dict[str, Any] = {"release": RELEASE, "namespace": "ai", "deployments": deployments, "log": str(log)}
    told["secrets"] = re.findall(r"existingSecret: ([\w-]+)", "".join(path.read_text() for path in OPERATORS))
    (file := directory / "cluster.json").write_text(json.dumps(told))
    return file


def programs(directory: Path) -> Path:
    """A directory with `kubectl`, `helm` and `ai-api-gateway` for the PATH."""
    (where := directory / "bin").mkdir()
    stand_in = Path(__file__).with_name("stand_in.py")
    lines = {name: f'{sys.executable} {stand_in} {name} "$@"' for name in ("kubectl", "helm")}
    lines["ai-api-gateway"] = f'{sys.executable} -m gateway "$@"'
    for name, line in lines.items():
        (where / name).write_text(f"#!/bin/sh\nexec {line}\n")
        (where / name).chmod(0o755)
    return where


class Night:
    """A gateway whose upstream, store and issuer are gone, and whose file breaks."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.config = {
            "server": {"drain_timeout": "100ms"},
            "auth": {"type": "both"},
            "jwt": {"secret": SECRET},
            "oidc": {"issuer": "http://127.0.0.1:1", "audience": "ai"},
            "redis": {"url": "redis://127.0.0.1:1"},
            "ratelimit": {"bucket_size": 1, "refill_rate": "1/h", "on_store_error": "local"},
            "tracing": {"enabled": True, "endpoint": "http://127.0.0.1:1/v1/traces"},
            "services": {"llm": {"upstreams": [{"url": "http://127.0.0.1:1"}]}},
        }
        self.gateway = GatewayProcess.serving(self.config, directory)
        self.log = directory / "log"

    async def happens(self) -> None:
        """Requests fail in every way, a reload too; then one hangs on while the gateway is told to end."""
        token = mint(SECRET.encode(), "alice", now=Runtime().wall(), ttl=600)
        headers = {"Authorization": f"Bearer {token}", "X-Request-Id": REQUEST_ID}
        async with aiohttp.ClientSession() as session:
            for credentials in (headers, headers, {}):
                async with session.get(f"http://127.0.0.1:{self.gateway.port}/v1/llm/x", headers=credentials) as reply:
                    await reply.read()
        file = self.directory / "gateway.yaml"
        good = file.read_text()
        file.write_text(yaml.safe_dump({**self.config, "nobody": "knows this"}))
        self.gateway.signal(signal.SIGHUP)
        await asyncio.to_thread(self.gateway.wait_for, lambda line: "was not reloaded" in line["message"])
        file.write_text(good)
        await self.gateway.logged(request_id=REQUEST_ID)

    async def ends(self) -> None:
        """Told to, while a request is arriving; then its log is a file."""
        _, writer = await asyncio.open_connection("127.0.0.1", self.gateway.port)
        writer.write(b"POST /v1/llm/x HTTP/1.1\r\nHost: gateway\r\nContent-Le")
        await writer.drain()
        await asyncio.sleep(0.1)
        self.gateway.signal(signal.SIGTERM)
        await self.gateway.exit_code()
        self.gateway.kill()
        writer.close()
        compact = {"separators": (",", ":")}
        self.log.write_text("".join(json.dumps(line, **compact) + "\n" for line in self.gateway.lines))  # type: ignore[arg-type]


def workplace(directory: Path) -> Path:
    """Where an operator stands: a clone, with the files that the documents tell to write."""
    (place := directory / "clone").mkdir()
    shutil.copytree(ROOT / "k8s", place / "k8s")
    (place / "helm").symlink_to(ROOT / "helm")
    (place / "values.yaml").write_text(yaml.safe_dump(values_of("default")))
    (place / "gateway.yaml").write_text(yaml.safe_dump({"services": {"llm": {"upstreams": [{"url": "http://a:1"}]}}}))
    return place


def outcome(command: str, place: Path, environment: dict[str, str]) -> tuple[int, str]:
    """Exit code of all of a pipe, and what was said."""
    line = ["bash", "-c", f"set -o pipefail; {command.removesuffix('&')}"]
    done = subprocess.run(line, cwd=place, env=environment, capture_output=True, text=True, check=False, timeout=60)
    return done.returncode, done.stdout + done.stderr


async def test_every_command_of_the_operators_documents_runs_and_finds_something(tmp_path: Path) -> None:
    found = list(dict.fromkeys(command for document in OPERATORS for command in commands(document)))
    assert len(found) > 40
    night, place = Night(tmp_path), workplace(tmp_path)
    environment = {
        **{name: os.environ[name] for name in ("HOME", "LANG") if name in os.environ},
        "PATH": f"{programs(tmp_path)}:{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "CLUSTER": str(cluster(tmp_path, night.log)),
        **{"NS": "ai", "GW": "deploy/gateway-ai-api-gateway", "NODE": "node-1", "OLD_SECRET": SECRET[::-1]},
        **{"REQUEST_ID": REQUEST_ID, "JWT_SECRET": SECRET, "UPSTREAMS": "llm=http://127.0.0.1:1"},
    }
    outcomes = {}
    try:
        await night.happens()
        for command in found:
            if "localhost:9090" in command:
                asked = command.replace("localhost:9090", f"127.0.0.1:{night.gateway.port}")
                outcomes[command] = outcome(asked, place, environment)
        await night.ends()
    finally:
        night.gateway.kill()
    for command in found:
        if command not in outcomes and not command.startswith(NEED_AN_ENGINE):
            outcomes[command] = outcome(command, place, environment)
    failed = {
        command: said
        for command, (code, said) in outcomes.items()
        if code and not (code == 1 and not said and any(word in command for word in MAY_FIND_NOTHING))
    }
    assert failed == {}
    assert sum(command.startswith("kubectl") for command in outcomes) > 20


@pytest.mark.parametrize(
    "command",
    [
        "kubectl -n other rollout status deploy/gateway-ai-api-gateway",
        "kubectl -n ai rollout status deploy/gateway",
        "kubectl -n ai port-forward deploy/gateway-ai-api-gateway 9090:9191",
        "kubectl -n ai get pods -l app.kubernetes.io/component=edge",
        "kubectl -n ai scale deploy/gateway-ai-api-gateway --replicas 3",
        "helm upgrade gw helm/ai-api-gateway -n ai",
        "helm upgrade gateway charts/ai-api-gateway -n ai",
    ],
)
def test_stand_in_knows_what_is_not_there(command: str, tmp_path: Path) -> None:
    environment = {"PATH": f"{programs(tmp_path)}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}
    environment["CLUSTER"] = str(cluster(tmp_path, tmp_path / "log"))
    code, said = outcome(command, workplace(tmp_path), environment)
    assert code in (1, 2)
    assert "not found" in said or "nobody has taught me" in said
