"""An issuer's keys, kept fresh in the background: requests look them up and never wait for the network."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping

from gateway.auth.issuer import FetchError
from gateway.auth.key_set import KeySet, read_key_set
from gateway.runtime import Runtime

log = logging.getLogger(__name__)

COOL_DOWN = 30.0  # between two fetches that unknown keys ask for
# With nothing to verify with, soon; with old keys, patiently.
EMPTY_RETRY = (0.5, 2.0)
STALE_RETRY = (1.0, 60.0)
JITTER = 0.1


class KeySource:
    """The keys that `fetch` brings, one fetch at a time.

    They are fetched again `refresh_interval` seconds after each success, up to a tenth sooner, so that replicas do not
    ask together. While fetching fails, the keys live on for `max_stale` seconds after the last success and no longer.
    What is not in a document that came is not trusted any more.
    """

    def __init__(
        self,
        fetch: Callable[[], Awaitable[Mapping[str, object]]],
        runtime: Runtime,
        *,
        refresh_interval: float,
        max_stale: float,
    ) -> None:
        self._fetch = fetch
        self._runtime = runtime
        self._refresh_interval = refresh_interval
        self._max_stale = max_stale
        self.keys = KeySet()
        self.updates: dict[str, int] = {}
        self.expires_at = self.watched_until = float("inf")
        self._users = 0
        self._task: asyncio.Task[None] | None = None
        self._landing: asyncio.Future[None] | None = None  # done when the fetch under way has ended, however it did
        self._failures = 0
        self._failure = "not fetched yet"
        self._learned_at = float("-inf")
        self._refetched_at = float("-inf")

    def start(self) -> None:
        """Begin to fetch; each `start` wants a `close`."""
        self._users += 1
        if self._users == 1:
            self._begin()

    def close(self) -> None:
        """Stop fetching, when nobody needs the keys any more."""
        self._users -= 1
        if self._users == 0:
            self.expires_at = float("inf")
            if self._task is not None:
                self._task.cancel()

    def expire(self) -> None:
        """It is time to fetch."""
        self._begin()

    def refetch(self) -> "asyncio.Future[None] | None":
        """A key is missing: done when the fetch that may bring it has ended; None when it is too soon for one.

        Others wait for it too: await it behind a shield.
        """
        now = self._runtime.clock()
        if self._landing is None and now - self._refetched_at >= COOL_DOWN:
            self._refetched_at = now
            self._begin()
        return self._landing

    def check(self) -> tuple[bool, str]:
        """For `/ready`: whether there are keys, how many and how old."""
        trouble = f" ({self._failure})" if self._failure else ""
        if not self.keys:
            return False, f"key set: no keys{trouble}"
        age = self._runtime.clock() - self._learned_at
        return True, f"key set: {len(self.keys)} keys, {age:.0f} s old{trouble}"

    def _begin(self) -> None:
        if self._landing is None and self._users:
            self._landing = asyncio.get_running_loop().create_future()
            self._task = self._runtime.spawn(self._update(), "key set")
            self._task.add_done_callback(self._land)

    def _land(self, _: "asyncio.Task[None]") -> None:
        landing, self._landing = self._landing, None
        if landing is not None:
            landing.set_result(None)

    async def _update(self) -> None:
        try:
            keys = read_key_set(await self._fetch(), self.keys.keys)
        except FetchError as error:
            self._fail(str(error), error.detail)
        except ValueError as error:
            self._fail("the issuer did not answer with a key set", str(error))
        except Exception as bug:  # whatever it was, the next attempt must come
            log.exception("fetching the key set failed")
            self._fail(type(bug).__name__, "")
        else:
            self._learn(keys)
        if self._users:
            self._runtime.deadlines.watch(self, self._runtime.clock() + self._pause())

    def _learn(self, keys: KeySet) -> None:
        if self._failures:
            log.info("key set: fetched again after %d failures", self._failures)
        before = self.keys
        self._replace(keys)
        self._learned_at = self._runtime.clock()
        self._failures = 0
        self._failure = "" if keys else "the issuer's key set has none that can be used"
        self._count("success")
        if before.keys != keys.keys or before.ignored != keys.ignored:
            names = ", ".join(repr(key.kid) for key in keys.keys)
            log.info("key set: %d keys: %.500s", len(keys), names)
            for reason, number in keys.ignored.items():
                log.warning("key set: %d keys ignored: %s", number, reason)

    def _fail(self, reason: str, detail: str) -> None:
        if reason != self._failure:
            log.warning("key set: %s: %.500s", reason, detail)
        self._failures += 1
        self._failure = reason
        self._count("failure")
        if self.keys and self._runtime.clock() - self._learned_at >= self._max_stale:
            log.error("key set: given up, the issuer could not be reached for oidc.max_stale")
            self._replace(KeySet())

    def _count(self, result: str) -> None:
        self.updates[result] = self.updates.get(result, 0) + 1

    def _replace(self, keys: KeySet) -> None:
        kept = set(keys.keys)
        for key in self.keys.keys:
            key.holds = key in kept
        self.keys = keys

    def _pause(self) -> float:
        """Seconds until the next fetch."""
        spread = 1.0 - JITTER * self._runtime.rng.random()
        if self.keys and not self._failures:
            return self._refresh_interval * spread
        first, longest = STALE_RETRY if self.keys else EMPTY_RETRY
        pause = min(first * 2.0 ** min(self._failures, 10), longest) * spread
        if self.keys:
            pause = min(pause, self._learned_at + self._max_stale - self._runtime.clock())
        return pause
