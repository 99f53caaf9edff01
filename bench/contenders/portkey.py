"""Portkey's gateway on node: it takes the upstream from the request's headers, and balances over none."""

from bench.contenders.base import Contender, Job, Package, Running, not_installed
from bench.contenders.ready import ready
from bench.process import free_ports
from bench.stage import Stage
from bench.tools import needed

PACKAGE = Package("npm", "@portkey-ai/gateway@1.15.2", "@portkey-ai/gateway/build/start-server.js")


def start(stage: Stage, job: Job) -> Running:
    [port] = free_ports(1)
    command = [needed("node"), str(PACKAGE.path("portkey")), f"--port={port}", "--headless"]
    environment = {"NODE_ENV": "production", "TRUSTED_CUSTOM_HOSTS": "127.0.0.1,localhost"}
    process = stage.start("portkey", command, port, environment=environment, patience=30.0)
    headers = {
        "x-portkey-provider": "openai",
        "x-portkey-custom-host": f"http://127.0.0.1:{job.upstreams[0]}/v1",
    }
    return ready(Running(port, process, base="/v1", headers=headers), job)


CONTENDER = Contender(
    "one upstream, named in each request",
    not_installed("portkey", PACKAGE),
    lambda: PACKAGE.name.rpartition("@")[2],
    start,
    PACKAGE,
    frozenset({"chat-only"}),
)
