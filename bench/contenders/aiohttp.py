"""A proxy on aiohttp as everybody writes it (bench/plain_aiohttp.py), without any of the stages."""

import importlib.metadata
import sys

from bench.contenders.base import Contender, Job, Running
from bench.contenders.ready import ready
from bench.process import free_ports
from bench.stage import Stage


def start(stage: Stage, job: Job) -> Running:
    [port] = free_ports(1)
    command = [sys.executable, "-m", "bench.plain_aiohttp", *map(str, [port, *job.upstreams])]
    return ready(Running(port, stage.start("aiohttp", command, port)), job)


CONTENDER = Contender(
    "web.Application + ClientSession, access log", lambda: None, lambda: importlib.metadata.version("aiohttp"), start
)
