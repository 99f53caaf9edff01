"""What an active check does: ask for a path that costs no tokens, or only connect."""

import asyncio
import os
import ssl
from collections.abc import Mapping

import aiohttp

from gateway.balance.upstream import Upstream
from gateway.errors import lacks_descriptors


class PathProbe:
    """Good is a status from 200 to 399 for `path`, which is below the upstream's host, not below its base.

    None without a descriptor to ask with.
    """

    def __init__(
        self, client: aiohttp.ClientSession, path: str, headers: Mapping[str, str], tls: ssl.SSLContext | None
    ) -> None:
        self._client = client
        self._path = path
        self._headers = headers
        self._tls = tls

    async def __call__(self, upstream: Upstream) -> bool | None:
        scheme = "https" if upstream.tls else "http"
        try:
            async with self._client.get(
                f"{scheme}://{upstream.name}{self._path}",
                headers={"User-Agent": "ai-api-gateway", **self._headers, "Host": upstream.authority.decode("ascii")},
                allow_redirects=False,
                auto_decompress=False,
                ssl=self._tls if self._tls is not None else True,
                server_hostname=upstream.server_name if upstream.tls else None,
            ) as reply:
                return 200 <= reply.status < 400
        except (aiohttp.ClientError, OSError) as error:
            return _unanswered(error)


async def connect_probe(upstream: Upstream) -> bool | None:
    """Good is who accepts a connection; nothing is sent. None without a descriptor to ask with."""
    try:
        transport, _ = await asyncio.get_running_loop().create_connection(
            asyncio.Protocol, upstream.host, upstream.port
        )
    except OSError as error:
        return _unanswered(error)
    transport.close()
    return True


def _unanswered(error: Exception) -> bool | None:
    """Bad, unless it may be this process that is out of descriptors: then nothing is known."""
    if lacks_descriptors(error):
        return None
    try:
        os.close(os.open(os.devnull, os.O_RDONLY))
    except OSError as other:  # a name that could not be looked up for lack of one does not say so
        return None if lacks_descriptors(other) else False
    return False
