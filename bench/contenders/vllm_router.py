"""vllm-router: one core by its affinity, round robin (its cache_aware default reads every prompt, at a price)."""

from bench.contenders.base import Contender, Job, Package, Running, not_installed
from bench.contenders.ready import ready
from bench.process import free_ports
from bench.stage import Stage

PACKAGE = Package("pip", "vllm-router==0.1.17", "vllm-router")


def start(stage: Stage, job: Job) -> Running:
    port, metrics = free_ports(2)
    urls = [f"http://127.0.0.1:{upstream}" for upstream in job.upstreams]
    command = [str(PACKAGE.path("vllm-router")), "--host", "127.0.0.1", "--port", str(port)]
    command += ["--policy", "round_robin", "--log-level", "warning"]
    command += ["--prometheus-host", "127.0.0.1", "--prometheus-port", str(metrics), "--worker-urls", *urls]
    return ready(Running(port, stage.start("vllm-router", command, port, patience=40.0), base="/v1"), job)


CONTENDER = Contender(
    "round_robin, no access log",
    not_installed("vllm-router", PACKAGE),
    lambda: PACKAGE.name.partition("==")[2],
    start,
    PACKAGE,
    frozenset({"chat-only"}),
)
