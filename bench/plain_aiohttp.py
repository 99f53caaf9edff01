"""A proxy on aiohttp as everybody writes it: `python -m bench.plain_aiohttp PORT UPSTREAM_PORT...`."""

import itertools
import logging
import sys
from collections.abc import AsyncIterator
from typing import Any

from aiohttp import ClientSession, ClientTimeout, TCPConnector, web

DROPPED = {"host", "connection", "content-length", "transfer-encoding", "keep-alive", "te", "trailer", "upgrade"}
UPSTREAMS: web.AppKey[Any] = web.AppKey("upstreams")
SESSION = web.AppKey("session", ClientSession)


async def forward(request: web.Request) -> web.StreamResponse:
    url = f"http://127.0.0.1:{next(request.app[UPSTREAMS])}/v1/{request.match_info['path']}"
    headers = {name: value for name, value in request.headers.items() if name.lower() not in DROPPED}
    body = await request.read()
    async with request.app[SESSION].request(request.method, url, headers=headers, data=body or None) as upstream:
        kept = {name: value for name, value in upstream.headers.items() if name.lower() not in DROPPED}
        response = web.StreamResponse(status=upstream.status, headers=kept)
        response.content_length = upstream.content_length
        await response.prepare(request)
        async for data in upstream.content.iter_any():
            await response.write(data)
        await response.write_eof()
        return response


async def session(app: web.Application) -> AsyncIterator[None]:
    connector = TCPConnector(limit=0)
    async with ClientSession(connector=connector, timeout=ClientTimeout(total=None), auto_decompress=False) as session:
        app[SESSION] = session
        yield


def main() -> None:
    port, *upstreams = map(int, sys.argv[1:])
    logging.basicConfig(level=logging.INFO, stream=sys.stdout)  # the access log, as the others write theirs
    app = web.Application(client_max_size=0)
    app[UPSTREAMS] = itertools.cycle(upstreams)
    app.cleanup_ctx.append(session)
    app.router.add_route("*", "/v1/llm/{path:.*}", forward)
    web.run_app(app, host="127.0.0.1", port=port, print=None, backlog=4096, keepalive_timeout=600)


if __name__ == "__main__":
    main()
