"""nginx: the unit of all ratios.

The gateway's topology and duties where nginx has them: one worker, least_conn, keep-alive to the upstreams, an access
log written in batches. Request bodies stream, as the gateway's do; replies are buffered (nginx's default, cheaper)
except where events have to go on at once.
"""

from bench.contenders.base import Contender, Job, Running
from bench.nginx import start_nginx
from bench.process import free_ports
from bench.stage import Stage
from bench.tools import missing, needed, version_of

HTTP = """
  access_log {name}.access.log combined buffer=64k flush=1s; {zone}
  upstream llm {{ least_conn; {servers} keepalive 4096; keepalive_requests 1000000000; keepalive_timeout 600s; }}
  server {{
    listen 127.0.0.1:{port} backlog=4096 {tls}; client_max_body_size 0;
    location /v1/llm/ {{
      proxy_pass http://llm/v1/; proxy_http_version 1.1; proxy_read_timeout 600s; {buffering} {limit}
      proxy_set_header Connection ""; proxy_set_header Host $proxy_host;
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
    }}
  }}
"""
ZONE = "limit_req_zone $binary_remote_addr zone=all:1m rate=1r/m;"
STREAMED = "proxy_request_buffering off; proxy_max_temp_file_size 0;"


def start(stage: Stage, job: Job) -> Running:
    """`refuse` in the options: a request a minute passes, the others get 429."""
    [port] = free_ports(1)
    certificate, refuse = job.certificate, bool(job.options.get("refuse"))
    http = HTTP.format(
        name="nginx",
        port=port,
        zone=ZONE if refuse else "",
        limit="limit_req zone=all; limit_req_status 429;" if refuse else "",
        servers=" ".join(f"server 127.0.0.1:{upstream} max_fails=0;" for upstream in job.upstreams),
        buffering=STREAMED + (" proxy_buffering off;" if job.streaming else ""),
        tls=f"ssl; ssl_certificate {certificate.chain}; ssl_certificate_key {certificate.key}" if certificate else "",
    )
    return Running(port, start_nginx(stage, "nginx", http, port))


CONTENDER = Contender(
    "one worker, buffered access log",
    lambda: missing(["nginx"]),
    lambda: version_of([needed("nginx"), "-v"]),
    start,
    abilities=frozenset({"tls"}),
)
