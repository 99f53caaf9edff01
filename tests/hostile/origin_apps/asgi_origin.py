"""An ASGI application that says in a header what it was asked: for uvicorn and hypercorn."""

import base64
import hashlib
import json
from typing import Any


async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
    if scope["type"] != "http":
        return
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    query = scope["query_string"]
    seen = {
        "method": scope["method"],
        "target": (scope["raw_path"] + (b"?" + query if query else b"")).decode("latin-1"),
        "body": hashlib.sha256(body).hexdigest(),
        "fields": [(name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]],
    }
    echo = base64.b64encode(json.dumps(seen).encode())
    await send(
        {"type": "http.response.start", "status": 200, "headers": [(b"x-echo", echo), (b"content-length", b"2")]}
    )
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else b"ok"})
