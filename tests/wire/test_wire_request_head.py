"""The head that an upstream gets."""

import pytest
import strict
from messages import request

from gateway.exchange import Exchange, Identity
from gateway.wire.headers import HeaderPlan, parse_request
from gateway.wire.request_head import Destination, upstream_request

pytestmark = pytest.mark.usefixtures("loop_for_the_parser")

PLAN = HeaderPlan({"X-Set": "ours"}, [], forward_authorization=False)


def head(*lines: bytes, base: bytes = b"/v1", length: int = 0, line: bytes = b"POST /v1/llm/x?y HTTP/1.1") -> bytes:
    parsed = parse_request(request(*lines, line=line))
    exchange = Exchange(parsed, None, "", b"X-Forwarded-For: c\r\nX-Forwarded-Proto: p\r\nX-Forwarded-Host: h", length)  # type: ignore[arg-type]
    exchange.request_id, exchange.traceparent = b"id", b"trace"
    exchange.identity = Identity("alice", headers=b"X-Auth-Subject: alice\r\n")
    return upstream_request(exchange, PLAN, Destination(base, b"up:1"))


OURS = (
    b"X-Forwarded-For: c\r\nX-Forwarded-Proto: p\r\nX-Forwarded-Host: h\r\nX-Request-Id: id\r\ntraceparent: trace\r\n"
    b"Via: 1.1 ai-api-gateway\r\nX-Auth-Subject: alice\r\n"
)


def test_head_with_a_length_carries_the_length_of_this_exchange() -> None:
    """Not of the one whose head was remembered."""
    assert head(b"A: 1", b"Content-Length: 5", b"B: 2", length=77) == (
        b"POST /v1/x?y HTTP/1.1\r\nHost: up:1\r\nA: 1\r\nContent-Length: 77\r\nB: 2\r\nX-Set: ours\r\n" + OURS + b"\r\n"
    )


def test_head_without_a_body() -> None:
    assert head(b"A: 1") == b"POST /v1/x?y HTTP/1.1\r\nHost: up:1\r\nA: 1\r\nX-Set: ours\r\n" + OURS + b"\r\n"


def test_chunks_are_announced_in_our_own_words() -> None:
    made = head(b"transfer-encoding: CHUNKED")
    assert made.endswith(OURS + b"Transfer-Encoding: chunked\r\n\r\n")
    assert made.lower().count(b"chunked") == 1


def test_upgrade_is_announced_in_our_own_words() -> None:
    made = head(b"Connection: upgrade", b"Upgrade: WebSocket", line=b"GET /v1/llm/x HTTP/1.1")
    assert made.endswith(OURS + b"Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n")


@pytest.mark.parametrize(
    ("base", "rest", "target"),
    [
        (b"/v1", b"/x", b"/v1/x"),
        (b"/v1", b"", b"/v1"),
        (b"/v1", b"?q", b"/v1?q"),
        (b"", b"/x", b"/x"),
        (b"", b"", b"/"),
        (b"", b"?q", b"/?q"),
        (b"/a/b", b"/%2F//", b"/a/b/%2F//"),
    ],
)
def test_target_is_the_upstreams_path_and_the_rest_as_it_came(base: bytes, rest: bytes, target: bytes) -> None:
    made = strict.read_request(head(base=base, line=b"GET /v1/llm" + rest + b" HTTP/1.1"))
    assert made is not None
    assert made.target == target
