"""Where log lines leave the process: a thread writes them, so that a blocked stdout blocks nothing else."""

import os
import select
import threading
from queue import SimpleQueue

# About 20,000 access log lines: a second or two of traffic at full speed.
LARGEST_BACKLOG = 8 * 1024 * 1024


class Sink:
    """Writes chunks of whole lines to `fd`, in order, and never makes the caller wait.

    At most `limit` bytes wait to be written; lines beyond that are dropped and counted in `dropped`.
    """

    def __init__(self, fd: int, limit: int = LARGEST_BACKLOG) -> None:
        self.dropped = 0
        self._fd = fd
        self._limit = limit
        self._waiting = 0
        self._closed = False
        self._lock = threading.RLock()  # a finalizer that logs may run inside it
        self._chunks: SimpleQueue[tuple[bytes, int] | None] = SimpleQueue()
        # A daemon: a process whose stdout is stuck must still be able to end.
        self._thread = threading.Thread(target=self._run, name="log writer", daemon=True)
        self._thread.start()

    def write(self, chunk: bytes, lines: int = 1) -> None:
        """Hand over `lines` lines, each ending in a newline."""
        with self._lock:
            if self._closed or self._waiting + len(chunk) > self._limit:
                self.dropped += lines
                return
            self._waiting += len(chunk)
            self._chunks.put((chunk, lines))

    def close(self, timeout: float = 1.0) -> None:
        """Write what is waiting, for at most `timeout` seconds; lines that come later are dropped."""
        with self._lock:
            if not self._closed:
                self._closed = True
                self._chunks.put(None)
        self._thread.join(timeout)

    @property
    def waiting(self) -> int:
        """Bytes not written yet."""
        return self._waiting

    def _run(self) -> None:
        while (item := self._chunks.get()) is not None:
            chunk, lines = item
            written = self._write(chunk)
            with self._lock:
                self._waiting -= len(chunk)
                if not written:
                    self.dropped += lines

    def _write(self, chunk: bytes) -> bool:
        rest = memoryview(chunk)
        while rest:
            try:
                rest = rest[os.write(self._fd, rest) :]
            except BlockingIOError:
                # Whoever shares this stdout has made it non-blocking.
                poll = select.poll()
                poll.register(self._fd, select.POLLOUT)
                poll.poll()
            except OSError:
                return False
        return True

    def __repr__(self) -> str:
        return f"<Sink fd={self._fd} waiting={self._waiting} dropped={self.dropped}>"
