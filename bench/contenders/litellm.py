"""LiteLLM's proxy: one worker, shuffled deployments (its default), no database; it rebuilds every message."""

import json

from bench.contenders.base import Contender, Job, Package, Running, not_installed
from bench.contenders.ready import ready
from bench.process import free_ports
from bench.stage import Stage
from bench.token import TOKEN

# Not newer for newer's sake: its releases of 2026 include two that stole credentials (1.82.7 and 1.107.0, withdrawn).
PACKAGE = Package("pip", "litellm[proxy]==1.106.4", "litellm")
QUIET = {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_LOG": "ERROR", "LITELLM_TELEMETRY": "False"}


def start(stage: Stage, job: Job) -> Running:
    [port] = free_ports(1)
    models = [
        {
            "model_name": "constant",
            "litellm_params": {
                "model": "openai/constant",
                "api_base": f"http://127.0.0.1:{upstream}/v1",
                "api_key": "none",
            },
        }
        for upstream in job.upstreams
    ]
    config = {"model_list": models, "litellm_settings": {"telemetry": False, "drop_params": True}}
    file = stage.file("litellm.yaml", json.dumps(config))  # JSON is YAML
    command = [str(PACKAGE.path("litellm")), "--config", str(file), "--host", "127.0.0.1", "--port", str(port)]
    # It does not start without a key; this one every request carries.
    environment = {**QUIET, "LITELLM_MASTER_KEY": TOKEN}
    process = stage.start("litellm", command, port, environment=environment, patience=90.0)
    return ready(Running(port, process, base="/v1"), job)


CONTENDER = Contender(
    "one worker, no database",
    not_installed("litellm", PACKAGE),
    lambda: PACKAGE.name.partition("==")[2],
    start,
    PACKAGE,
    frozenset({"chat-only"}),
)
