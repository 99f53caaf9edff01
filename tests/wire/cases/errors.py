"""The gateway's own answers of every kind that a request can bring about (ED-13: none echoes what was sent)."""

import re

from messages import GOT_OK, OK, own, refused, request, seen
from table import Row, Seen, Turn

SECRET = "0123456789abcdef0123456789abcdef"
CHALLENGE = b'WWW-Authenticate: Bearer realm="ai-api-gateway"'
INVALID = b', error="invalid_token", error_description="The access token is invalid or expired"'
JWT = {"auth": {"type": "jwt"}, "jwt": {"secret": SECRET}}
ONE = {"ratelimit": {"enabled": True, "bucket_size": 1, "refill_rate": "1/h"}}
LIMITED = (
    rb"RateLimit-Policy: [^\r]+\r\nRateLimit: [^\r]+\r\n"
    rb"X-RateLimit-Limit: 1\r\nX-RateLimit-Remaining: 0\r\nX-RateLimit-Reset: 3600\r\n"
)
REFUSED = re.escape(own(429, rule=b"default", extra=b"LIMITS")).replace(b"LIMITS", LIMITED + rb"Retry-After: 3600\r\n")
GOT_LIMITED = re.escape(GOT_OK).replace(b"X\\-Request", LIMITED + b"X\\-Request")

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
    Row(
        "429 names the rule, and every reply says what is left",
        request() * 2,
        (Turn(seen(), OK),),
        (Seen(re.compile(GOT_LIMITED + REFUSED)),),
        ONE,
    ),
    refused("ED-16 request that comes round again", request(b"Via: 1.1 ai-api-gateway"), 508),
    refused("ED-16 also through another proxy", request(b"Via: 1.1 ai-api-gateway, 1.0 fred"), 508),
]
