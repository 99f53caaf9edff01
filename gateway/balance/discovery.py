"""A name that stands for many addresses, looked up again and again."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence

from gateway.balance.lookup import LookupFailedError
from gateway.balance.place import Place
from gateway.runtime import Runtime

log = logging.getLogger(__name__)

# Less than any time to live that names of changing services have; a resolver answers from its cache meanwhile.
INTERVAL = 5.0
# A lookup that takes longer has failed; a gateway that starts, or reloads, waits no longer for its names.
PATIENCE = 2.0

Lookup = Callable[[str], Awaitable[Sequence[Place]]]


class Discovery:
    """The `places` behind `url`; while a lookup fails, those found before. Empty until the first `look` finds some."""

    def __init__(self, url: str, look_up: Lookup, runtime: Runtime) -> None:
        self.url = url
        self.places: Sequence[Place] = ()
        self._look_up = look_up
        self._runtime = runtime
        self._failing = False
        self._task: asyncio.Task[None] | None = None

    async def look(self) -> bool:
        """Look it up once; whether the places have changed."""
        try:
            async with asyncio.timeout(PATIENCE):
                places = await self._look_up(self.url)
        except (LookupFailedError, TimeoutError) as error:
            if not self._failing:
                log.warning("%s: %s", self.url, error or "no answer")
            self._failing = True
            return False
        if self._failing:
            log.info("%s is found again", self.url)
        self._failing = False
        before, self.places = self.places, places
        return places != before

    def start(self, changed: Callable[[], None]) -> None:
        """Look it up again and again, and call `changed` whenever that finds other places."""
        if self._task is None:
            self._task = self._runtime.spawn(self._run(changed), f"addresses of {self.url}")

    def close(self) -> None:
        if self._task is not None:
            self._task.cancel()

    async def _run(self, changed: Callable[[], None]) -> None:
        while True:
            # Sooner while there is nothing; never in step with other gateways.
            seconds = INTERVAL if self.places else INTERVAL / 5
            await asyncio.sleep(seconds * self._runtime.rng.uniform(0.75, 1.25))
            if await self.look():
                changed()
