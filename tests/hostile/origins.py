"""Real servers behind the gateway, each started as its users do, each saying in a header what it was asked."""

import ctypes
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from waiting import wait_until

APPS = Path(__file__).with_name("origin_apps")
PR_SET_PDEATHSIG = 1
START_SECONDS = 20.0
LARGE = str(1 << 18)
NGINX = """
daemon off; master_process off; pid {directory}/nginx.pid; error_log {directory}/error.log;
events {{}}
http {{
    access_log off; client_max_body_size 0; large_client_header_buffers 8 64k; ignore_invalid_headers off;
    proxy_buffer_size 64k; proxy_buffers 8 64k; proxy_busy_buffers_size 128k;
    client_body_temp_path {directory}/body; proxy_temp_path {directory}/proxy; fastcgi_temp_path {directory}/f;
    uwsgi_temp_path {directory}/u; scgi_temp_path {directory}/s;
    server {{
        listen 127.0.0.1:{port};
        location / {{
            proxy_pass http://127.0.0.1:{behind}; proxy_http_version 1.1; proxy_set_header Connection "";
            proxy_set_header Host $http_host;
        }}
    }}
}}
"""
_libc = ctypes.CDLL(None)

MODULES: dict[str, tuple[str, ...]] = {
    "uvicorn-h11": (
        "uvicorn",
        "asgi_origin:app",
        "--http=h11",
        "--port={port}",
        "--log-level=error",
        f"--h11-max-incomplete-event-size={LARGE}",
    ),
    "uvicorn-httptools": ("uvicorn", "asgi_origin:app", "--http=httptools", "--port={port}", "--log-level=error"),
    "hypercorn": (
        "hypercorn",
        "asgi_origin:app",
        "--bind=127.0.0.1:{port}",
        "--config={directory}/hypercorn.toml",
        "--log-level=error",
    ),
    "gunicorn": (
        *("gunicorn", "wsgi_origin:app", "--bind=127.0.0.1:{port}", "--worker-class=gthread", "--threads=2"),
        *(
            "--limit-request-line=0",
            "--limit-request-fields=1000",
            "--limit-request-field_size=60000",
            "--log-level=error",
        ),
    ),
    "waitress": ("waitress", "--no-clear-untrusted-proxy-headers", "--listen=127.0.0.1:{port}", "wsgi_origin:app"),
    "aiohttp": ("aiohttp_origin", "{port}"),
}


@contextmanager
def running(directory: Path) -> Iterator[dict[str, int]]:
    """The ports of all origins by name, once each listens; nginx only where it is installed."""
    (directory / "hypercorn.toml").write_text(f"h11_max_incomplete_size = {LARGE}\n")
    with ExitStack() as stack:
        ports = {name: _reserve(stack) for name in MODULES}
        for name, arguments in MODULES.items():
            values = [one.format(port=ports[name], directory=directory) for one in arguments]
            _start(stack, [sys.executable, "-m", *values])
        if shutil.which("nginx"):
            ports["nginx"] = _reserve(stack)
            config = directory / "nginx.conf"
            config.write_text(NGINX.format(directory=directory, port=ports["nginx"], behind=ports["aiohttp"]))
            _start(stack, ["nginx", "-c", str(config), "-e", f"{directory}/error.log"])
        for name, port in ports.items():
            _wait(name, port)
        yield ports


def _reserve(stack: ExitStack) -> int:
    """A port that stays ours until its server listens on it too."""
    holder = stack.enter_context(socket.socket())
    holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    holder.bind(("127.0.0.1", 0))
    return int(holder.getsockname()[1])


def _start(stack: ExitStack, command: list[str]) -> None:
    child = subprocess.Popen(
        command,
        cwd=APPS,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        preexec_fn=lambda: _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL),  # noqa: PLW1509
    )
    stack.callback(child.wait)
    stack.callback(child.terminate)


def _wait(name: str, port: int) -> None:
    wait_until(lambda: _listens(port), START_SECONDS, lambda: f"{name} does not listen")


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True
