"""Large bodies: `python -m bench.upstreams.bulk_server PORT...`, a thread for each connection.

`GET .../BYTES` is answered with so many; any other request is read to the end of its body and answered with the number
of bytes that came. Bodies have a Content-Length.
"""

import re
import socket
import sys
import threading

PIECE = 1 << 20
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: %d\r\n\r\n"
LENGTH = re.compile(rb"(?i)\r\ncontent-length: *(\d+)\r\n")
ASKED = re.compile(rb"GET \S*/(\d+) ")


def answer(connection: socket.socket, buffer: memoryview) -> bool:
    """Serve one request; False when the client has gone."""
    head = b""
    while b"\r\n\r\n" not in head:
        data = connection.recv(65536)
        if not data:
            return False
        head += data
    head, _, rest = head.partition(b"\r\n\r\n")
    asked = ASKED.match(head)
    if asked:
        send(connection, int(asked[1]), buffer)
        return True
    length = LENGTH.search(head + b"\r\n")
    left = total = int(length[1]) if length else 0
    left -= len(rest)
    while left > 0:
        count = connection.recv_into(buffer[: min(left, PIECE)])
        if not count:
            return False
        left -= count
    connection.sendall(HEAD % len(str(total)) + b"%d" % total)
    return True


def send(connection: socket.socket, total: int, buffer: memoryview) -> None:
    connection.sendall(HEAD % total)
    while total > 0:
        connection.sendall(buffer[: min(total, PIECE)])
        total -= PIECE


def serve(connection: socket.socket) -> None:
    buffer = memoryview(bytearray(PIECE))
    with connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            while answer(connection, buffer):
                pass
        except OSError:
            return


def accept(listener: socket.socket) -> None:
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=serve, args=(connection,), daemon=True).start()


if __name__ == "__main__":
    listeners = [socket.create_server(("127.0.0.1", int(port)), backlog=1024) for port in sys.argv[1:]]
    for listener in listeners[1:]:
        threading.Thread(target=accept, args=(listener,), daemon=True).start()
    accept(listeners[0])
