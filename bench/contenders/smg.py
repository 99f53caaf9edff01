"""SMG (Shepherd Model Gateway): one core by its affinity, round robin, workers that speak OpenAI's API."""

from bench.contenders.base import Contender, Job, Package, Running, not_installed
from bench.contenders.ready import ready
from bench.process import free_ports
from bench.stage import Stage

PACKAGE = Package("pip", "smg==1.13.0", "smg")


def start(stage: Stage, job: Job) -> Running:
    port, metrics = free_ports(2)
    urls = [f"http://127.0.0.1:{upstream}" for upstream in job.upstreams]
    command = [str(PACKAGE.path("smg")), "launch", "--host", "127.0.0.1", "--port", str(port)]
    command += ["--policy", "round_robin", "--log-level", "warn", "--backend", "vllm", "--disable-tokenizer-autoload"]
    command += ["--prometheus-host", "127.0.0.1", "--prometheus-port", str(metrics), "--worker-urls", *urls]
    return ready(Running(port, stage.start("smg", command, port, patience=40.0), base="/v1"), job)


CONTENDER = Contender(
    "round_robin, no access log",
    not_installed("smg", PACKAGE),
    lambda: PACKAGE.name.partition("==")[2],
    start,
    PACKAGE,
    frozenset({"chat-only"}),
)
