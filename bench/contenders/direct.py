"""No proxy at all: shows what the load generator and the upstream can do by themselves."""

from bench.contenders.base import Contender, Job, Running
from bench.stage import Stage


def start(stage: Stage, job: Job) -> Running:
    return Running(job.upstreams[0], None, base="/v1")


CONTENDER = Contender("the upstream itself, no proxy", lambda: None, lambda: "", start)
