"""One large body: `python -m bench.clients.bulk_client PORT up|down BYTES REQUEST`, a JSON line comes back.

REQUEST is a file with the request's head.
"""

import json
import socket
import sys
import time
from pathlib import Path

PIECE = 1 << 20


def upload(connection: socket.socket, total: int) -> int:
    """Send so many bytes; gives the number that the upstream says it got."""
    piece = memoryview(bytearray(PIECE))
    for sent in range(0, total, PIECE):
        connection.sendall(piece[: min(PIECE, total - sent)])
    head, rest = read_head(connection)
    while not rest:
        rest = connection.recv(100)
    return int(rest) if head.startswith(b"HTTP/1.1 200 ") else 0


def download(connection: socket.socket) -> int:
    """Read to the end; gives the number of bytes that came."""
    head, rest = read_head(connection)
    if not head.startswith(b"HTTP/1.1 200 "):
        raise SystemExit(f"the proxy answered {head[:200]!r}")
    got, buffer = len(rest), bytearray(PIECE)
    expected = int(head.lower().partition(b"content-length:")[2].split()[0])
    while got < expected:
        count = connection.recv_into(buffer)
        if not count:
            break
        got += count
    return got


def read_head(connection: socket.socket) -> tuple[bytes, bytes]:
    """The head of the answer, and what came of the body."""
    received = b""
    while b"\r\n\r\n" not in received:
        data = connection.recv(65536)
        if not data:
            raise SystemExit(f"the proxy closed the connection after {received[:200]!r}")
        received += data
    head, _, rest = received.partition(b"\r\n\r\n")
    return head, rest


def main() -> None:
    port, direction, total = int(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    request = Path(sys.argv[4]).read_bytes()
    with socket.create_connection(("127.0.0.1", port)) as connection:
        start = time.monotonic()
        connection.sendall(request)
        moved = upload(connection, total) if direction == "up" else download(connection)
        seconds = time.monotonic() - start
    if moved != total:
        raise SystemExit(f"{moved} of {total} bytes came through")
    print(json.dumps({"bytes": moved, "seconds": seconds, "client_cpu": time.process_time() / seconds}))


if __name__ == "__main__":
    main()
