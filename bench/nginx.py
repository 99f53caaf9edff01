"""nginx twice: as the constant upstream, and as the proxy that ratios are against."""

from bench.process import Process, free_ports
from bench.stage import Stage
from bench.tools import find

FRAME = """
daemon off; worker_processes 1; worker_rlimit_nofile 16384; pid {name}.pid; error_log stderr error;
events {{ worker_connections 8192; }}
http {{
  default_type application/json;
  keepalive_requests 1000000000; keepalive_timeout 600s;
  client_body_temp_path {name}-body; proxy_temp_path {name}-proxy; fastcgi_temp_path {name}-fastcgi;
  uwsgi_temp_path {name}-uwsgi; scgi_temp_path {name}-scgi;
  {http}
}}
"""
# `return` answers before the request body was read and nginx then discards it: the cheapest upstream there is.
CONSTANT = "access_log off; server {{ {listen} location / {{ return 200 '{body}'; }} }}"
# The same topology and duties as the gateway's where nginx has them; log lines are written in batches, as ours are.
PROXY = """
  access_log {name}.access.log combined buffer=64k flush=1s;
  upstream llm {{ least_conn; {servers} keepalive 4096; keepalive_requests 1000000000; keepalive_timeout 600s; }}
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    location /v1/llm/ {{
      proxy_pass http://llm/v1/; proxy_http_version 1.1; proxy_read_timeout 600s; {buffering}
      proxy_set_header Connection ""; proxy_set_header Host $proxy_host;
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
    }}
  }}
"""
WORDS = "the gateway passes every word on as it comes and the slow reader holds back the fast writer " * 14
REPLY = (
    '{"id":"chatcmpl-0","object":"chat.completion","created":1700000000,"model":"constant","choices":[{"index":0,'
    '"message":{"role":"assistant","content":"WORDS"},"finish_reason":"stop"}],'
    '"usage":{"prompt_tokens":9,"completion_tokens":280,"total_tokens":289}}'
).replace("WORDS", WORDS)


def constant_upstream(stage: Stage, count: int) -> list[int]:
    """An upstream that answers everything with the same 1.5 KB of JSON, on `count` ports."""
    ports = free_ports(count)
    listen = " ".join(f"listen 127.0.0.1:{port} backlog=4096;" for port in ports)
    _start(stage, "constant", CONSTANT.format(listen=listen, body=REPLY), ports[0], load=True)
    return ports


def nginx_proxy(stage: Stage, upstreams: list[int], *, streaming: bool) -> tuple[Process, int]:
    """nginx with one worker before `upstreams`; gives its process and port."""
    port = free_ports(1)[0]
    servers = " ".join(f"server 127.0.0.1:{upstream} max_fails=0;" for upstream in upstreams)
    buffering = "proxy_buffering off;" if streaming else ""
    http = PROXY.format(name="nginx", port=port, servers=servers, buffering=buffering)
    return _start(stage, "nginx", http, port, load=False), port


def _start(stage: Stage, name: str, http: str, port: int, *, load: bool) -> Process:
    path = stage.file(f"{name}.conf", FRAME.format(name=name, http=http))
    command = [find("nginx") or "nginx", "-p", str(stage.directory), "-e", "stderr", "-c", str(path)]
    return stage.start(name, command, port, load=load)
