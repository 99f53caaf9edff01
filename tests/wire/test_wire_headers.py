"""Request heads against h11: whatever the gateway takes, h11 takes too, and reads the same in it."""

from typing import Any

import h11
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from messages import request

from gateway.errors import BadRequest, GatewayError, LoopDetected
from gateway.exchange import Request
from gateway.wire.headers import HeaderPlan, join_lines, parse_request

pytestmark = pytest.mark.usefixtures("loop_for_the_parser")

SEEDS = [
    request(b"A: 1", b"B:\t2 ", b"a: 3"),
    request(b"Content-Length: 5", line=b"POST /v1/llm/x?y=%20 HTTP/1.1"),
    request(b"Transfer-Encoding: chunked", line=b"POST /v1/llm/x HTTP/1.1"),
    request(b"Connection: keep-alive, X", b"X: 1", line=b"GET /v1/llm/x HTTP/1.0"),
    request(b"Connection: Upgrade", b"Upgrade: websocket", b"Expect: 100-continue"),
]
CRUMBS = [
    b"\r\n",
    b"\r",
    b"\n",
    b" ",
    b"\t",
    b":",
    b",",
    b"\0",
    b"\x0b",
    b"\x7f",
    b"\x80",
    b"\xff",
    b"0",
    b"5",
    b"chunked",
]
CRUMBS += [b"Content-Length: 5\r\n", b"Transfer-Encoding: chunked\r\n", b"Host: b\r\n", b"HTTP/1.1", b"\r\n ", b"A"]


@st.composite
def mutants(draw: st.DrawFn) -> bytes:
    """A good head with a few bytes put in, left out or replaced, and its end where the gateway looks for it."""
    head = draw(st.sampled_from(SEEDS))[:-4]
    for _ in range(draw(st.integers(1, 3))):
        place = draw(st.integers(0, len(head)))
        head = head[:place] + draw(st.sampled_from([b"", *CRUMBS])) + head[place + draw(st.integers(0, 2)) :]
    return head.split(b"\r\n\r\n")[0] + b"\r\n\r\n"


def by_h11(head: bytes) -> h11.Request:
    connection = h11.Connection(our_role=h11.SERVER)
    connection.receive_data(head)
    event = connection.next_event()
    assert isinstance(event, h11.Request), event
    return event


def check_against_h11(request: Request, head: bytes) -> None:
    other = by_h11(head)
    assert (request.method.encode(), request.target) == (other.method, other.target)
    assert [(name, value) for name, value in request.fields] == list(other.headers)
    assert other.http_version == b"1.%d" % request.minor


@settings(max_examples=500)
@given(mutants())
def test_whatever_is_taken_h11_reads_the_same_in_it(head: bytes) -> None:
    try:
        request = parse_request(head)
    except GatewayError:
        return
    check_against_h11(request, head)
    assert not request.chunked or not request.has_length
    assert all(line in head for _, line in request.lines)


@pytest.mark.parametrize("head", SEEDS)
def test_seeds_are_good_to_begin_with(head: bytes) -> None:
    check_against_h11(parse_request(head), head)


@given(st.binary(max_size=300).map(lambda data: data.split(b"\r\n\r\n")[0] + b"\r\n\r\n"))
def test_garbage_is_refused_with_an_answer(data: bytes) -> None:
    with pytest.raises(GatewayError):
        parse_request(data)


def parsed(*lines: bytes, trusted: bool = False, **over: Any) -> Request:
    return parse_request(request(*lines, **over), trusted=trusted)


def test_fields_are_all_there_and_lines_those_that_pass() -> None:
    head = parsed(b"B: 2", b"Connection: C", b"C: 3", b"a_b: 4", b"D:5")
    assert [name for name, _ in head.fields] == [b"host", b"b", b"connection", b"c", b"a_b", b"d"]
    assert list(head.lines) == [(b"b", b"B: 2"), (b"d", b"D:5")]
    assert head.values(b"b") == [b"2"]
    assert head.values(b"nothing") == []


@pytest.mark.parametrize(
    ("lines", "minor", "keep_alive"),
    [
        ((), 1, True),
        ((b"Connection: close",), 1, False),
        ((b"Connection: Keep-Alive, CLOSE",), 1, False),
        ((b"Connection: x", b"Connection: close"), 1, False),
        ((), 0, False),
        ((b"Connection: keep-alive",), 0, True),
        ((b"Connection: keep-alive, close",), 0, False),
    ],
)
def test_keep_alive(lines: tuple[bytes, ...], minor: int, keep_alive: bool) -> None:
    assert parsed(*lines, line=b"GET /v1/llm/x HTTP/1.%d" % minor).keep_alive is keep_alive


@pytest.mark.parametrize(
    ("field", "attribute", "good", "bad"),
    [
        (b"X-Request-Id", "request_id", b"a-B.9_" * 21, b"a b"),
        (b"traceparent", "traceparent", b"00-" + b"a" * 32 + b"-" + b"b" * 16 + b"-01", b"00-0-0-01"),
    ],
)
def test_correlation_is_the_clients_when_it_is_well_formed(
    field: bytes, attribute: str, good: bytes, bad: bytes
) -> None:
    assert getattr(parsed(field + b": " + good), attribute) == good
    assert getattr(parsed(field + b": " + bad), attribute) is None
    assert getattr(parsed(), attribute) is None


def test_what_proxies_say_counts_only_when_they_are_trusted() -> None:
    lines = (b"X-Forwarded-For: 1.1.1.1", b"X-Forwarded-For: 2.2.2.2", b"X-Forwarded-Proto: HTTPS")
    stranger, proxy = parsed(*lines), parsed(*lines, trusted=True)
    assert (stranger.forwarded_for, stranger.proto, list(stranger.lines)) == (b"", b"", [])
    assert (proxy.forwarded_for, proxy.proto, list(proxy.lines)) == (b"1.1.1.1, 2.2.2.2", b"https", [])


@pytest.mark.parametrize(
    "via", [b"1.1 ai-api-gateway", b"1.0 fred, 1.1 AI-API-Gateway (x), 1.1 p", b"HTTP/1.1 ai-api-gateway"]
)
def test_request_that_comes_round_again_is_a_loop(via: bytes) -> None:
    with pytest.raises(LoopDetected):
        parsed(b"Via: " + via)
    with pytest.raises(LoopDetected):
        parsed(b"Via: 1.1 a", b"Via: " + via)


@pytest.mark.parametrize("via", [b"1.1 not-ai-api-gateway", b"1.1 ai-api-gateway-2", b"1.1 a (1.1 ai-api-gateway-ish)"])
def test_other_proxies_of_like_names_are_none(via: bytes) -> None:
    assert parsed(b"Via: " + via).service == "llm"


@pytest.mark.parametrize("field", [b"Host", b"Authorization", b"Expect", b"Content-Length", b"Transfer-Encoding"])
def test_fields_that_can_be_there_only_once(field: bytes) -> None:
    with pytest.raises(BadRequest):
        parsed(field + b": 5", field + b": 5", host=b"" if field == b"Host" else b"Host: gw")


# --- what a service adds and takes away ---


def test_lines_are_cut_where_the_digits_of_the_length_stood() -> None:
    lines = parsed(b"A: 1", b"Content-Length: 5", b"B: 2").lines
    assert join_lines(lines, frozenset()) == (b"A: 1\r\nContent-Length: ", b"\r\nB: 2\r\n")
    assert join_lines(lines, frozenset((b"a",))) == (b"Content-Length: ", b"\r\nB: 2\r\n")
    assert join_lines(parsed(b"A: 1").lines, frozenset()) == (b"A: 1\r\n", b"")


@pytest.mark.parametrize("lines", [(b"Content-Length: 5",), ()])
def test_plan_adds_and_removes(lines: tuple[bytes, ...]) -> None:
    plan = HeaderPlan({"X-Set": "ours", "Authorization": "Bearer key"}, ["X-Gone"], forward_authorization=False)
    head = parsed(b"A: 1", b"x-set: theirs", b"X-GONE: 1", b"Authorization: Bearer theirs", *lines)
    joined = b"5".join(part for part in plan.lines(head) if part)
    assert joined == b"".join(
        line + b"\r\n" for line in (b"A: 1", *lines, b"X-Set: ours", b"Authorization: Bearer key")
    )


def test_authorization_passes_when_the_service_says_so() -> None:
    head = parsed(b"Authorization: Bearer x")
    assert HeaderPlan({}, [], forward_authorization=True).lines(head) == (b"Authorization: Bearer x\r\n", b"")
    assert HeaderPlan({}, [], forward_authorization=False).lines(head) == (b"", b"")


def test_plan_is_made_once_for_each_head_and_anew_for_another_plan() -> None:
    """Equal heads share one Request, and a reload brings new plans."""
    head = parsed(b"A: 1")
    plan = HeaderPlan({}, [], forward_authorization=False)
    before, _ = plan.lines(head)
    assert plan.lines(head)[0] is before
    assert HeaderPlan({"B": "2"}, [], forward_authorization=False).lines(head) == (b"A: 1\r\nB: 2\r\n", b"")
