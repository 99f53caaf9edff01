"""The gateway's own answers of every kind that a request can bring about (ED-13: none echoes what was sent)."""

from messages import own, request
from table import Row, Seen

SECRET = "0123456789abcdef0123456789abcdef"
CHALLENGE = b'WWW-Authenticate: Bearer realm="ai-api-gateway"'
INVALID = b', error="invalid_token", error_description="The access token is invalid or expired"'
JWT = {"auth": {"type": "jwt"}, "jwt": {"secret": SECRET}}
ONE = {"ratelimit": {"enabled": True, "bucket_size": 1, "refill_rate": "1/h"}}
LIMITED = (
    b'RateLimit-Policy: "default";q=1;w=3600\r\n'
    b'RateLimit: "default";r=0;t=3600\r\n'
    b"X-RateLimit-Limit: 1\r\nX-RateLimit-Remaining: 0\r\nX-RateLimit-Reset: 3600\r\n"
)

ROWS = [
    Row("ED-13 404", request(line=b"GET /v1/<script>/x HTTP/1.1"), (), (Seen(own(404)),)),
    Row("401 without a token", request(), (), (Seen(own(401, extra=CHALLENGE + b"\r\n")),), JWT),
    Row(
        "401 with a bad token",
        request(b"Authorization: Bearer x.y.z"),
        (),
        (Seen(own(401, extra=CHALLENGE + INVALID + b"\r\n")),),
        JWT,
    ),
    Row(
        "502 of a refused connection, 404 beside it",
        request(line=b"GET /v1/gone/x HTTP/1.1") + request(line=b"GET /v1/nope HTTP/1.1"),
        (),
        (Seen(own(502) + own(404)),),
        {"services": {"gone": {"upstreams": [{"url": "http://127.0.0.1:1"}]}}},
    ),
]
