"""API keys out of a file, accepted beside whatever `auth.type` says. The file has their digests only."""

import asyncio
import hashlib
import hmac
import logging
import os
from collections.abc import Sequence

from gateway.auth.base import Proof, Scheme, Trust
from gateway.auth.claims import subject_line
from gateway.auth.scheme_tools import Tools
from gateway.config.api_keys import ApiKey, read_api_keys
from gateway.config.tree import Config
from gateway.exchange import Identity
from gateway.runtime import Runtime

log = logging.getLogger(__name__)

INTERVAL = 2.0  # between two looks at the file
Stamp = tuple[int, ...] | None

FOREVER = float("inf")


class ApiKeys(Scheme):
    """Proves by a key whose SHA-256 is in the file at `path`; a changed file counts 2 s later.

    A file that cannot be read changes nothing: the keys of before stay. Raises ValueError when there are none yet.
    """

    name = "api_keys"
    field = b"x-api-key"

    def __init__(self, path: str, runtime: Runtime) -> None:
        super().__init__()
        self._path = path
        self._runtime = runtime
        self._task: asyncio.Task[None] | None = None
        self._stamp = _stamp(path)
        self._known: dict[bytes, tuple[ApiKey, Proof]] = {}
        self._accept(read_api_keys(path))

    async def prove(self, token: bytes) -> Proof | None:
        """Whom the key speaks for; None when nobody gave it out."""
        digest = hashlib.sha256(token).digest()
        found = self._known.get(digest)
        # How long the look-up takes may tell of a digest, and nothing of the keys that make one.
        if found is None or not hmac.compare_digest(found[0].sha256, digest):
            return None
        return found[1]

    def start(self) -> None:
        """Begin to look after the file."""
        self._task = self._runtime.spawn(self._watch(), "api keys")

    def close(self) -> None:
        """Stop looking."""
        if self._task is not None:
            self._task.cancel()

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(INTERVAL)
            await self.look()

    async def look(self) -> None:
        """Read the file again if it is another one, or changed, since the last look."""
        stamp = await asyncio.to_thread(_stamp, self._path)
        if stamp == self._stamp:
            return
        self._stamp = stamp
        try:
            keys = await asyncio.to_thread(read_api_keys, self._path)
        except ValueError as error:
            log.error("auth.api_keys_file: the keys of before stay: %s", error)
            self._count("failure")
            return
        self._accept(keys)
        self._count("success")
        log.info("auth.api_keys_file: %d keys", len(keys))

    def _accept(self, keys: Sequence[ApiKey]) -> None:
        before, self._known = self._known, {}
        for key in keys:
            same = before.get(key.sha256)
            self._known[key.sha256] = same if same is not None and same[0] == key else (key, _proof(key))
        for digest, entry in before.items():
            entry[1].trust.holds = self._known.get(digest) is entry

    def __repr__(self) -> str:
        return f"<ApiKeys {len(self._known)}>"


def build(config: Config, tools: Tools) -> Scheme | None:
    """The scheme, where there is a file; ValueError if it cannot be read."""
    path = config.auth.api_keys_file
    return None if path is None else ApiKeys(path, tools.runtime)


def _proof(key: ApiKey) -> Proof:
    identity = Identity(key.subject, scopes=frozenset(key.scopes), headers=subject_line(key.subject))
    return Proof(identity, Trust(), FOREVER)


def _stamp(path: str) -> Stamp:
    """What changes with the file, also when a link on the way to it is swapped; None while there is none."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_dev, status.st_ino, status.st_mtime_ns, status.st_size
