"""The configuration, read again: when somebody asks, and when its file has changed."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator

from gateway.config.mistake import ConfigError
from gateway.config.tree import Config
from gateway.config.watch import Watch
from gateway.runtime import Runtime

log = logging.getLogger(__name__)

LOOK_SECONDS = 1.0
OK, FAILED = "ok", "failed"


class Reload:
    """Reads with `load`, which may take its time, and puts into force with `apply`. What is broken changes nothing.

    `file` is watched when there is one. One reload at a time; those asked for meanwhile are one more.
    """

    def __init__(
        self,
        load: Callable[[], Config],
        apply: Callable[[Config], Awaitable[None]],
        runtime: Runtime,
        file: str | None = None,
    ) -> None:
        self._load = load
        self._apply = apply
        self._runtime = runtime
        self._watch = Watch(file) if file is not None else None
        self._asked = asyncio.Event()
        self._failure = ""
        self.counts = {OK: 0, FAILED: 0}

    def start(self) -> None:
        """Begin to listen, and to look at the file."""
        self._runtime.spawn(self._run(), "reload")
        if self._watch is not None:
            self._runtime.spawn(self._look(self._watch), "configuration file")

    def ask(self) -> None:
        """Read the configuration again, soon."""
        self._asked.set()

    async def _look(self, watch: Watch) -> None:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            if await asyncio.to_thread(watch.has_changed):
                self.ask()

    async def _run(self) -> None:
        while True:
            await self._asked.wait()
            self._asked.clear()
            await self.now()

    async def now(self) -> None:
        """Read it, and put it into force or say why not."""
        try:
            # Reading and checking take milliseconds, and files may be far away.
            await self._apply(await asyncio.to_thread(self._load))
        except ConfigError as error:
            self._failed(f"{len(error.mistakes)} mistakes", [str(mistake) for mistake in error.mistakes])
        except ValueError as error:
            self._failed("1 mistake", [str(error)])
        except Exception as bug:
            log.exception("the reload failed")
            self._failed("a bug", [type(bug).__name__])
        else:
            self.counts[OK] += 1
            self._failure = ""
            log.info("the configuration was reloaded")

    def _failed(self, short: str, lines: list[str]) -> None:
        self.counts[FAILED] += 1
        self._failure = short
        for line in lines:
            log.error("the configuration was not reloaded: %s", line)

    def results(self) -> Iterator[tuple[tuple[str], int]]:
        """((result,), how often) for the metrics."""
        for result, number in self.counts.items():
            yield (result,), number

    def checks(self) -> Iterator[tuple[bool, str]]:
        """For `/ready`: a broken file is told, and is no reason to take away what works."""
        state = (
            f"the last reload failed ({self._failure}), the one before stays in force" if self._failure else "loaded"
        )
        yield True, f"configuration: {state}"
