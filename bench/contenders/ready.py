"""Listening is not yet serving: a peer is ready when a request comes back from the upstream."""

import socket
import ssl
import time

from bench.clients.request import Shape, request
from bench.contenders.base import Job, Running
from bench.process import Process

ONE_TRY = 5.0  # seconds
PAUSE = 0.1


def ready(running: Running, job: Job, patience: float = 20.0) -> Running:
    """`running`, once it has answered a request with 200; RuntimeError with what it says instead."""
    deadline = time.monotonic() + patience
    while (answer := _answer(running, job.streaming, tls=job.certificate is not None)) is not None:
        if time.monotonic() > deadline:
            words = running.process.last_words() if isinstance(running.process, Process) else ""
            raise RuntimeError(f"it does not serve: {answer[:600]!r} {words[-600:]}")
        time.sleep(PAUSE)
    return running


def _answer(running: Running, stream: bool, *, tls: bool) -> bytes | None:
    """What came that is no 200; None when one came."""
    try:
        with socket.create_connection(("127.0.0.1", running.port), ONE_TRY) as plain:
            connection = _encrypted(plain) if tls else plain
            connection.sendall(request(running, Shape(body=200, stream=stream)))
            got = connection.recv(65536)
    except OSError as error:
        return str(error).encode()
    return None if got.startswith((b"HTTP/1.1 200 ", b"HTTP/1.0 200 ")) else got


def _encrypted(plain: socket.socket) -> socket.socket:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context.wrap_socket(plain)
