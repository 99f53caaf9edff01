"""What operators ask: /health, /ready, /metrics; an ordinary aiohttp application, on the public port or its own."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable

from aiohttp import hdrs, web

from gateway import __version__
from gateway.errors import GatewayError, InternalError, MethodNotAllowed, NotFound
from gateway.wire.replies import error_body

Check = Callable[[], Iterable[tuple[bool, str]]]
Exposition = Callable[[str], tuple[AsyncIterator[bytes], str]]

HEALTH = "/health"
READY = "/ready"
METRICS = "/metrics"


class Admin:
    """The operators' endpoints.

    `checks` yields (good, what) for each dependency; `exposition` gets the Accept header and returns the metrics, piece
    by piece, and their content type.
    """

    def __init__(self, checks: Check, exposition: Exposition) -> None:
        self._checks = checks
        self._exposition = exposition

    def application(self, *, metrics: bool) -> web.Application:
        """The endpoints as an application, with `/metrics` or without."""
        app = web.Application(middlewares=[_own_errors])
        app.router.add_get(HEALTH, self.health)
        app.router.add_get(READY, self.ready)
        if metrics:
            app.router.add_get(METRICS, self.metrics)
        app.on_response_prepare.append(_plain)
        return app

    async def health(self, request: web.Request) -> web.Response:
        """The process lives; asks nobody else."""
        return web.json_response({"status": "ok", "version": __version__})

    async def ready(self, request: web.Request) -> web.Response:
        """One line a dependency; 503 when one of them is not there."""
        checks = list(self._checks())
        text = "".join(f"{'ok' if good else 'not ok'}: {what}\n" for good, what in checks)
        return web.Response(text=text, status=200 if all(good for good, _ in checks) else 503)

    async def metrics(self, request: web.Request) -> web.StreamResponse:
        """The Prometheus exposition; a page of megabytes leaves as it is written, not all at once."""
        pieces, content_type = self._exposition(request.headers.get("Accept", ""))
        response = web.StreamResponse(headers={"Content-Type": content_type})
        await response.prepare(request)
        if request.method != hdrs.METH_HEAD:
            async for piece in pieces:
                await response.write(piece)
        return response


@web.middleware
async def _own_errors(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    error: GatewayError
    try:
        return await handler(request)
    except web.HTTPMethodNotAllowed:
        error = MethodNotAllowed()
    except web.HTTPNotFound:
        error = NotFound()
    except web.HTTPException as other:
        error = InternalError(str(other.status))
    headers = {"Allow": "GET, HEAD"} if isinstance(error, MethodNotAllowed) else {}
    body = error_body(error, b"")
    return web.Response(body=body, status=error.answer.status, content_type="application/json", headers=headers)


async def _plain(request: web.Request, response: web.StreamResponse) -> None:
    # No banner; and the connection ends here, so that the next request on it is not taken for an operator's.
    response.headers.popall("Server", None)
    response.force_close()
