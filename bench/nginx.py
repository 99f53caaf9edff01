"""nginx serves twice: as the constant upstream, here, and as the proxy that ratios are of, in contenders/."""

from bench.process import Process, free_ports
from bench.stage import Stage
from bench.tools import needed

FRAME = """
daemon off; worker_processes 1; worker_rlimit_nofile 60000; pid {name}.pid; error_log stderr error;
events {{ worker_connections 25000; }}
http {{
  default_type application/json; server_names_hash_bucket_size 128;
  keepalive_requests 1000000000; keepalive_timeout 600s;
  client_body_temp_path {name}-body; proxy_temp_path {name}-proxy; fastcgi_temp_path {name}-fastcgi;
  uwsgi_temp_path {name}-uwsgi; scgi_temp_path {name}-scgi;
  {http}
}}
"""

# `return` answers before the request body was read and nginx then discards it: the cheapest upstream there is.
CONSTANT = "access_log off; server {{ {listen} {models} location / {{ {reply} }} }}"
# Reads each body whole first, as a model server must: one nginx server before another.
READER = """
  access_log off; client_body_buffer_size 1m; client_max_body_size 0;
  upstream inner {{ server unix:{socket}; keepalive 256; }}
  server {{ {listen} {models} location / {{
    proxy_pass http://inner; proxy_http_version 1.1; proxy_set_header Connection ""; }} }}
  server {{ listen unix:{socket}; location / {{ {reply} }} }}
"""
WORDS = "the gateway passes every word on as it comes and the slow reader holds back the fast writer " * 14
CHAT = (
    '{"id":"chatcmpl-0","object":"chat.completion","created":1700000000,"model":"constant","choices":[{"index":0,'
    '"message":{"role":"assistant","content":"WORDS"},"finish_reason":"stop"}],'
    '"usage":{"prompt_tokens":9,"completion_tokens":280,"total_tokens":289}}'
).replace("WORDS", WORDS)
# Routers ask which models there are before they send anything.
MODELS = """location = /v1/models {
  return 200 '{"object":"list","data":[{"id":"constant","object":"model","owned_by":"bench"}]}'; }"""
REPLY = f"return 200 '{CHAT}';"


def start_nginx(stage: Stage, name: str, http: str, port: int, *, core: int | None = None) -> Process:
    """Run the `http` block, which listens on `port`; its temporary files and logs are called after `name`."""
    path = stage.file(f"{name}.conf", FRAME.format(name=name, http=http))
    command = [needed("nginx"), "-p", str(stage.directory), "-e", "stderr", "-c", str(path)]
    return stage.start(name, command, port, core=core)


def constant_upstream(stage: Stage, count: int, *, http: str = CONSTANT, reply: str = REPLY) -> list[int]:
    """An upstream that answers everything the same, by default 1.5 KB of JSON, on `count` ports."""
    ports = free_ports(count)
    listen = " ".join(f"listen 127.0.0.1:{port} backlog=4096;" for port in ports)
    text = http.format(listen=listen, models=MODELS, reply=reply, socket=stage.directory / "inner.sock")
    start_nginx(stage, "constant", text, ports[0], core=stage.cores.upstream)
    return ports
