"""The gateway's own answers: JSON, complete, and nothing in them that came from outside."""

import json

import h11
import pytest

from gateway.errors import ANSWERS, GatewayError, MethodNotAllowed, NotFound, NoUpstream, RateLimited, Unauthenticated
from gateway.wire.replies import REASONS, error_body, options_reply, own_reply

NOW = 1_700_000_000.5


def read(data: bytes, method: str = "GET") -> tuple[int, dict[str, str], bytes]:
    """By h11, which sees to it that the reply ends where its length says."""
    connection = h11.Connection(our_role=h11.CLIENT)
    connection.send(h11.Request(method=method, target="/", headers=[("Host", "a")]))
    connection.send(h11.EndOfMessage())
    connection.receive_data(data)
    head, body = connection.next_event(), b""
    assert isinstance(head, h11.Response)
    while isinstance(event := connection.next_event(), h11.Data):
        body += event.data
    assert isinstance(event, h11.EndOfMessage)
    assert connection.trailing_data[0] == b""
    return head.status_code, {name.decode(): value.decode() for name, value in head.headers}, body


def reply(
    error: GatewayError, *, keep: bool = True, minor: int = 1, limits: bytes = b"", head_only: bool = False
) -> bytes:
    return own_reply(error, b"the-id", NOW, keep=keep, minor=minor, limits=limits, head_only=head_only)


@pytest.mark.parametrize("kind", ANSWERS)
def test_every_error_has_a_whole_reply(kind: type[GatewayError]) -> None:
    status, fields, body = read(reply(kind("a secret detail")))
    answer = ANSWERS[kind]
    assert status == answer.status
    assert status in REASONS
    assert json.loads(body) == {
        "error": {"type": answer.type, "code": status, "message": answer.message, "request_id": "the-id"}
    }
    assert fields["content-type"] == "application/json"
    assert fields["x-request-id"] == "the-id"
    assert fields["date"] == "Tue, 14 Nov 2023 22:13:20 GMT"
    assert b"secret" not in body
    assert "server" not in fields


@pytest.mark.parametrize(
    ("keep", "minor", "connection"),
    [(True, 1, None), (False, 1, "close"), (True, 0, "keep-alive"), (False, 0, "close")],
)
def test_connection_is_said_where_it_is_not_the_default(keep: bool, minor: int, connection: str | None) -> None:
    for data in (reply(NotFound(), keep=keep, minor=minor), options_reply(b"id", NOW, keep=keep, minor=minor)):
        assert read(data, "OPTIONS")[1].get("connection") == connection


def test_reply_to_head_is_the_same_without_its_body() -> None:
    whole, head = reply(NotFound()), reply(NotFound(), head_only=True)
    assert whole.startswith(head)
    assert head.endswith(b"\r\n\r\n")


def test_refusals_that_pass_say_when_to_come_again() -> None:
    assert read(reply(NoUpstream()))[1]["retry-after"] == "1"
    assert read(reply(RateLimited(headers=b"Retry-After: 7\r\n")))[1]["retry-after"] == "7"
    assert "retry-after" not in read(reply(NotFound()))[1]


def test_errors_headers_and_the_limits_are_in_the_reply() -> None:
    fields = read(reply(Unauthenticated(headers=b"WWW-Authenticate: Bearer\r\n"), limits=b"RateLimit: x\r\n"))[1]
    assert (fields["www-authenticate"], fields["ratelimit"]) == ("Bearer", "x")
    assert "GET" in read(reply(MethodNotAllowed()))[1]["allow"]


def test_rule_that_refused_is_named() -> None:
    assert json.loads(error_body(RateLimited(rule="default"), b"id"))["error"]["rule"] == "default"


def test_options_reply_says_what_the_gateway_can_do() -> None:
    status, fields, body = read(options_reply(b"id", NOW, keep=True, minor=1), "OPTIONS")
    assert (status, body, fields["x-request-id"]) == (204, b"", "id")
    assert fields["allow"] == "GET, HEAD, POST, PUT, DELETE, OPTIONS, PATCH"
