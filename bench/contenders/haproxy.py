"""HAProxy: one thread, leastconn, keep-alive to the servers, an access log to standard output."""

from bench.contenders.base import Contender, Job, Running
from bench.contenders.ready import ready
from bench.process import free_ports
from bench.stage import Stage
from bench.tools import missing, needed, version_of

CONFIG = """
global
  nbthread 1
  maxconn 12000
  no strict-limits
  log stdout format raw local0
defaults
  mode http
  log global
  option httplog
  option abortonclose
  timeout connect 5s
  timeout client 600s
  timeout server 600s
  timeout http-keep-alive 600s
  http-reuse always
  {streaming}
frontend front
  bind 127.0.0.1:{port} {tls}
  default_backend llm
backend llm
  balance leastconn
  option forwardfor
  http-request replace-path /v1/llm/(.*) /v1/\\1
{servers}
"""


def start(stage: Stage, job: Job) -> Running:
    [port] = free_ports(1)
    servers = [f"  server s{number} 127.0.0.1:{upstream}" for number, upstream in enumerate(job.upstreams)]
    streaming = "option http-no-delay" if job.streaming else ""
    tls = f"ssl crt {job.certificate.both}" if job.certificate else ""
    config = stage.file(
        "haproxy.cfg", CONFIG.format(port=port, tls=tls, streaming=streaming, servers="\n".join(servers))
    )
    return ready(Running(port, stage.start("haproxy", [needed("haproxy"), "-f", str(config)], port)), job)


CONTENDER = Contender(
    "one thread, access log",
    lambda: missing(["haproxy"]),
    lambda: version_of([needed("haproxy"), "-v"]),
    start,
    abilities=frozenset({"tls"}),
)
