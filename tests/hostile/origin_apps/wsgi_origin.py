"""A WSGI application that says in a header what it was asked: for gunicorn and waitress."""

import base64
import hashlib
import json
from collections.abc import Iterable
from typing import Any


def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    query = environ["QUERY_STRING"]
    fields = [(key[5:].replace("_", "-").lower(), value) for key, value in environ.items() if key.startswith("HTTP_")]
    seen = {
        "method": environ["REQUEST_METHOD"],
        "target": environ.get("RAW_URI") or environ["PATH_INFO"] + ("?" + query if query else ""),
        "decoded": "RAW_URI" not in environ,
        "body": hashlib.sha256(environ["wsgi.input"].read()).hexdigest(),
        "fields": fields,
    }
    echo = base64.b64encode(json.dumps(seen).encode()).decode()
    start_response("200 OK", [("X-Echo", echo), ("Content-Length", "2")])
    return [b"" if environ["REQUEST_METHOD"] == "HEAD" else b"ok"]
