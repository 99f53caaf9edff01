"""An aiohttp server that says in a header what it was asked: `python aiohttp_origin.py PORT`."""

import base64
import hashlib
import json
import sys

from aiohttp import web


async def answer(request: web.Request) -> web.Response:
    seen = {
        "method": request.method,
        "target": request.raw_path,
        "body": hashlib.sha256(await request.read()).hexdigest(),
        "fields": [(name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in request.raw_headers],
    }
    return web.Response(text="ok", headers={"X-Echo": base64.b64encode(json.dumps(seen).encode()).decode()})


app = web.Application(client_max_size=1 << 24)
app.router.add_route("*", "/{path:.*}", answer)
if __name__ == "__main__":
    web.run_app(
        app,
        host="127.0.0.1",
        port=int(sys.argv[1]),
        print=None,
        access_log=None,
        max_line_size=1 << 16,
        max_field_size=1 << 16,
        max_headers=1000,
        auto_decompress=False,
    )
