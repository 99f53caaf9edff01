"""Running an exchange without a task: a coroutine driven from the callbacks that it waits for."""

from collections.abc import Callable, Coroutine, Generator
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class Parked(Generic[T]):
    """One wait inside a `Drive` that a callback ends at once: no future, no turn of the event loop."""

    __slots__ = ("_done", "_error", "_result", "drive")

    def __init__(self) -> None:
        self.drive: Drive | None = None
        self._done = False
        self._result: T | None = None
        self._error: BaseException | None = None

    def resolve(self, result: T) -> None:
        """End the wait with `result`; the waiting stage runs on before this returns."""
        if not self._done:
            self._done = True
            self._result = result
            drive = self.drive
            if drive is not None:
                self.drive = None
                drive.step()

    def fail(self, error: BaseException) -> None:
        """End the wait by raising `error` in the waiting stage; the first of `resolve` and `fail` counts."""
        if not self._done:
            self._error = error
            self.resolve(None)  # type: ignore[arg-type]

    def __await__(self) -> Generator["Parked[T]", None, T]:
        if not self._done:
            yield self
        if self._error is not None:
            raise self._error
        return self._result  # type: ignore[return-value]


class Drive:
    """Runs one coroutine without a task, from the callback it is in; it may await `Parked` values and plain futures.

    Code that needs a task of its own (`asyncio.timeout`, a client library) runs in `Runtime.spawn` and is awaited.
    """

    __slots__ = ("_coroutine", "_ended", "_waiting")

    def __init__(self, coroutine: Coroutine[Any, Any, None], ended: Callable[[], None]) -> None:
        self._coroutine: Coroutine[Any, Any, None] | None = coroutine
        self._ended = ended
        self._waiting: object = None

    def step(self, error: BaseException | None = None) -> None:
        """Run until the next wait; `error` is raised inside instead of returning from the current one."""
        coroutine = self._coroutine
        if coroutine is None:
            return
        self._waiting = None
        try:
            waiting = coroutine.send(None) if error is None else coroutine.throw(error)
        except StopIteration:
            self._coroutine = None
            self._ended()
            return
        except BaseException:
            self._coroutine = None
            self._ended()
            raise
        self._waiting = waiting
        if type(waiting) is Parked:
            waiting.drive = self
        else:
            waiting._asyncio_future_blocking = False
            waiting.add_done_callback(self._future_done)

    def _future_done(self, future: object) -> None:
        if future is self._waiting:
            self.step()

    def interrupt(self, error: BaseException) -> None:
        """Raise `error` at whatever the coroutine waits for; nothing happens while it runs or after it ended."""
        if self._coroutine is None or self._waiting is None:
            return
        if type(self._waiting) is Parked:
            self._waiting.drive = None
        self.step(error)
