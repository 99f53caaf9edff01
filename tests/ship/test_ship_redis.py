"""The chart's small Redis, started by its own command: it asks for the password, keeps nothing, and ends when told."""

import shutil
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from rolling_load import Ports
from ship_variants import variant
from waiting import wait_until

PASSWORD = "a7Qp0Zx-_" * 4


def command(directory: Path, port: int) -> list[str]:
    container: dict[str, Any] = variant("redis").one("Deployment", "-redis")["spec"]["template"]["spec"]["containers"][
        0
    ]
    (script,) = container["args"]
    script = script.replace("/run/secrets/redis", str(directory)).replace("dir /tmp", f"dir {directory}\nport {port}")
    return [*container["command"], script]


def connected(port: int, **options: Any) -> "redis.Redis":
    client = redis.Redis(port=port, retry=Retry(NoBackoff(), 0), **options)
    wait_until(lambda: _answers(client), 5, lambda: "the server does not answer")
    return client


def _answers(client: "redis.Redis") -> bool:
    try:
        client.ping()
    except redis.AuthenticationError:
        return True
    except redis.ConnectionError:
        return False
    return True


def test_redis_of_the_chart(tmp_path: Path) -> None:
    if shutil.which("redis-server") is None:
        pytest.skip("redis-server is not installed: apt-get install redis-server")
    (tmp_path / "redis-password").write_text(PASSWORD)
    port = Ports().take()
    server = subprocess.Popen(command(tmp_path, port), stdout=subprocess.DEVNULL)
    try:
        with connected(port) as stranger, pytest.raises(redis.AuthenticationError):
            stranger.ping()
        with connected(port, password=PASSWORD) as gateway:
            gateway.set("key", "1")
            assert gateway.config_get("maxmemory-policy") == {"maxmemory-policy": "volatile-lru"}
            assert gateway.config_get("save") == {"save": ""}
        arguments = Path(f"/proc/{server.pid}/cmdline").read_bytes()
        assert PASSWORD.encode() not in arguments
        server.send_signal(signal.SIGTERM)
        assert server.wait(5) == 0
        assert sorted(path.name for path in tmp_path.iterdir()) == ["redis-password"]
    finally:
        server.kill()
        server.wait()
