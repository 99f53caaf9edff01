"""Forwarding: another upstream only while nothing can be lost, and what the balancer hears of each attempt."""

from collections.abc import Callable

import pytest
from fakes import MemoryTransport
from memory_gateway import MemoryGateway, behind, got, in_memory, tally, upstreams

from gateway.attempt import FAST
from gateway.forward import FIRST_PAUSE

POLLED = 0.005  # what `until` sleeps
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
GOT_OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Request-Id: ID\r\n\r\nok"
BAD_GATEWAY, UNAVAILABLE = b"HTTP/1.1 502 Bad Gateway\r\n", b"HTTP/1.1 503 Service Unavailable\r\n"
TEN = b"Content-Length: 10"
BODY = b"0123456789"
RETRY = b"\r\nRetry-After: 1\r\n"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


def two(**keys: object) -> Callable[..., Callable[[], None]]:
    return in_memory(upstreams=2, service={"strategy": "round_robin", **keys})


def request(*lines: bytes, line: bytes = b"GET /v1/llm/x HTTP/1.1", body: bytes = b"") -> bytes:
    return b"\r\n".join((line, b"Host: gw", *lines, b"", body))


def is_turned_away(client: MemoryTransport) -> bool:
    return got(client).startswith(UNAVAILABLE) and RETRY in got(client)


def calls(method: bytes) -> bytes:
    """A request by `method`, with a body unless it is a GET."""
    line = method + b" /v1/llm/x HTTP/1.1"
    return request(line=line) if method == b"GET" else request(TEN, line=line, body=BODY)


def reply(status: int, *lines: bytes, body: bytes = b"") -> bytes:
    return b"\r\n".join((b"HTTP/1.1 %d Said" % status, *lines, b"Content-Length: %d" % len(body), b"", body))


async def begins(gate: MemoryGateway, method: bytes = b"GET") -> MemoryTransport:
    """A client that has sent a request."""
    client = gate.connect()
    await gate.sends(client, calls(method))
    return client


async def connections(gate: MemoryGateway, number: int) -> None:
    """So many attempts have connected; what is between two of them is a few real milliseconds."""
    await gate.until(lambda: len(gate.accepted) == number)
    await gate.quiet()


# --- when another one is tried ---


@in_memory(upstreams=3, service={"strategy": "round_robin", "retries": {"attempts": 3, "budget": 1}})
async def test_upstreams_that_refuse_cost_no_request_not_even_a_post(gate: MemoryGateway) -> None:
    for name in gate.names[1:]:
        gate.refuse_connections_to(name)
    for number in range(1, 4):
        client = await begins(gate, b"POST")
        await connections(gate, number)
        await gate.sends(gate.accepted[-1], reply(200, b"Connection: close"))
        assert b"200 Said" in got(client)
    assert tally(gate).retries.keys() == {"connect"}


@two()
async def test_get_answered_with_503_goes_to_another_and_the_client_sees_that_one_only(gate: MemoryGateway) -> None:
    client = await begins(gate)
    await gate.sends(gate.accepted[0], reply(503, body=b"busy"))
    await connections(gate, 2)
    assert got(client) == b""
    await gate.sends(gate.accepted[1], OK)
    assert got(client) == GOT_OK
    assert tally(gate).retries == {"status": 1}
    first, second = (tally(gate).upstreams[behind(gate, transport).name] for transport in gate.accepted)
    assert (first.statuses, second.statuses) == ({503: 1}, {200: 1})


@two()
async def test_repeatable_body_is_sent_again_whole(gate: MemoryGateway) -> None:
    client = await begins(gate, b"PUT")
    await gate.sends(gate.accepted[0], reply(502))
    await connections(gate, 2)
    assert gate.accepted[0].written.endswith(BODY)
    assert gate.accepted[1].written.endswith(BODY)
    await gate.sends(gate.accepted[1], OK)
    assert got(client) == GOT_OK


@two()
async def test_get_whose_upstream_resets_goes_to_another(gate: MemoryGateway) -> None:
    client = await begins(gate)
    gate.accepted[0].reset()
    await connections(gate, 2)
    await gate.sends(gate.accepted[1], OK)
    assert got(client) == GOT_OK
    assert tally(gate).retries == {"reset": 1}


@two()
async def test_pause_before_the_next_attempt_differs_each_time_and_is_short(gate: MemoryGateway) -> None:
    seen: list[float] = []
    call_later = gate._loop.call_later

    def noted(delay: float, *rest: object, **more: object) -> object:
        seen.append(delay)
        return call_later(delay, *rest, **more)  # type: ignore[arg-type]

    gate._loop.call_later = noted  # type: ignore[assignment,method-assign]
    for number in range(1, 4):
        await begins(gate)
        await gate.sends(gate.accepted[-1], b"nonsense\r\n\r\n")
        await connections(gate, 2 * number)
        await gate.sends(gate.accepted[-1], reply(200, b"Connection: close"))
    assert len({delay for delay in seen if delay < FIRST_PAUSE and delay != POLLED}) == 3
    assert tally(gate).retries == {"invalid_reply": 3}


@two()
async def test_dropped_reply_leaves_its_connection_usable_when_it_was_whole(gate: MemoryGateway) -> None:
    await begins(gate)
    await gate.sends(gate.accepted[0], reply(503, body=b"busy"))
    await connections(gate, 2)
    await gate.sends(gate.accepted[1], OK)
    assert not gate.accepted[0].ended


@two()
async def test_dropped_reply_that_goes_on_ends_its_connection(gate: MemoryGateway) -> None:
    await begins(gate)
    await gate.sends(gate.accepted[0], b"HTTP/1.1 503 Busy\r\nContent-Length: 100\r\n\r\nbu")
    assert gate.accepted[0].ended
    await connections(gate, 2)
    await gate.sends(gate.accepted[1], OK)


# --- when nobody else is ---


@two()
async def test_post_is_never_sent_twice_once_its_bytes_are_out(gate: MemoryGateway) -> None:
    for spoil, expected in (
        (lambda transport: transport.reset(), BAD_GATEWAY),
        (lambda transport: transport.feed(reply(502)), b"502 Said"),
        (lambda transport: transport.feed(reply(504)), b"504 Said"),
        (lambda transport: transport.feed(b"nonsense\r\n\r\n"), BAD_GATEWAY),
    ):
        before = len(gate.accepted)
        client = await begins(gate, b"POST")
        busy = next(transport for transport in gate.accepted[::-1] if not transport.ended)
        spoil(busy)
        await gate.until(lambda expected=expected, client=client: expected in got(client))
        assert len(gate.accepted) - before <= 1
        busy.reset()
    assert tally(gate).retries == {}


@two()
async def test_reply_that_has_begun_is_cut_not_begun_again(gate: MemoryGateway) -> None:
    client = await begins(gate)
    await gate.sends(gate.accepted[0], CHUNKED + b"1\r\nx\r\n")
    gate.accepted[0].reset()
    await gate.quiet()
    assert client.ended
    assert len(gate.accepted) == 1


@two()
async def test_body_that_is_not_all_here_is_not_sent_again(gate: MemoryGateway) -> None:
    client = gate.connect()
    await gate.sends(client, request(TEN, line=b"PUT /v1/llm/x HTTP/1.1", body=b"01234"))
    gate.accepted[0].reset()
    await gate.quiet()
    assert BAD_GATEWAY in got(client)
    assert len(gate.accepted) == 1


@two(retries={"attempts": 1})
async def test_attempts_are_counted(gate: MemoryGateway) -> None:
    client = await begins(gate)
    await gate.sends(gate.accepted[0], reply(503))
    assert b"503 Said" in got(client)


@in_memory(upstreams=3, service={"strategy": "round_robin", "retries": {"attempts": 2}})
async def test_last_attempts_reply_reaches_the_client_as_it_is(gate: MemoryGateway) -> None:
    client = await begins(gate)
    await gate.sends(gate.accepted[0], reply(503, body=b"one"))
    await connections(gate, 2)
    await gate.sends(gate.accepted[1], reply(502, body=b"two"))
    assert got(client).startswith(b"HTTP/1.1 502 Said")
    assert got(client).endswith(b"two")


@in_memory()
async def test_only_upstream_is_not_asked_again(gate: MemoryGateway) -> None:
    client = await begins(gate)
    await gate.sends(gate.accepted[0], reply(503, body=b"busy"))
    assert got(client).endswith(b"busy")


@two(retries={"statuses": [502]})
async def test_statuses_are_the_operators_choice(gate: MemoryGateway) -> None:
    client = await begins(gate)
    await gate.sends(gate.accepted[0], reply(503))
    assert b"503 Said" in got(client)


@two(retries={"budget": 0})
async def test_without_a_budget_nobody_is_asked_twice(gate: MemoryGateway) -> None:
    client = await begins(gate)
    gate.accepted[0].reset()
    await gate.quiet()
    assert BAD_GATEWAY in got(client)


@two(retries={"budget": 0})
async def test_dead_connection_of_the_pool_costs_no_budget_and_no_pause(gate: MemoryGateway) -> None:
    clients = [await begins(gate) for _ in gate.names]
    for transport in gate.accepted[:2]:
        await gate.sends(transport, OK)
    again = gate.connect()
    await gate.sends(again, request())
    used = next(transport for transport in gate.accepted if transport.written.count(b"GET") == 2)
    used.reset()
    await gate.quiet()
    assert len(gate.accepted) == 3
    await gate.sends(gate.accepted[2], OK)
    assert [got(client) for client in (*clients, again)] == [GOT_OK] * 3
    assert not any(upstream.standing.faults for upstream in upstreams(gate))


@two(timeouts={"first_byte": 60})
async def test_failure_that_took_long_is_not_repeated(gate: MemoryGateway) -> None:
    client = await begins(gate)
    await gate.passes(FAST + 0.1)
    gate.accepted[0].reset()
    await gate.quiet()
    assert BAD_GATEWAY in got(client)


@two(timeouts={"first_byte": 1})
async def test_silence_is_not_repeated_but_counts(gate: MemoryGateway) -> None:
    client = await begins(gate)
    await gate.passes(1.1)
    assert b"504 Gateway Timeout" in got(client)
    assert behind(gate, gate.accepted[0]).standing.faults == 1


@two()
async def test_client_that_leaves_during_the_pause_is_not_served_further(gate: MemoryGateway) -> None:
    client = await begins(gate)
    gate.accepted[0].reset()
    client.reset()
    await gate.quiet()
    assert tally(gate).requests == {("GET", 499): 1}
    assert not any(upstream.in_flight for upstream in upstreams(gate))
    assert len(gate.accepted) == 1


# --- what the balancer hears ---


@in_memory(service={"outlier": {"consecutive_failures": 3}})
async def test_faults_eject_and_anything_below_500_does_not(gate: MemoryGateway) -> None:
    [upstream] = upstreams(gate)
    for status in (400, 401, 404, 422, 429, 503, 500, 501, 404, 500, 502):
        await begins(gate)
        await gate.sends(gate.accepted[-1], reply(status, b"Connection: close"))
    assert upstream.standing.faults == 2
    assert upstream.standing.ejections == 0
    await begins(gate)
    await gate.sends(gate.accepted[-1], reply(500, b"Connection: close"))
    assert upstream.standing.ejections == 1


@two()
async def test_who_asks_for_rest_gets_it_and_is_not_ejected(gate: MemoryGateway) -> None:
    for status, lines, rest in (
        (429, (b"Retry-After: 7",), 7.0),
        (503, (b"Retry-After: 9",), 9.0),
        (503, (b"Retry-After: Wed, 15 Nov 2023 00:00:00 GMT",), 60.0),
    ):
        client = await begins(gate, b"POST")
        await gate.sends(gate.accepted[-1], reply(status, b"Connection: close", *lines))
        assert b" %d Said" % status in got(client)
        rested = behind(gate, gate.accepted[-1])
        assert rested.standing.resting_until == gate.runtime.clock() + rest
        assert not rested.standing.faults
        for _ in range(2):
            await begins(gate)
            assert behind(gate, gate.accepted[-1]) is not rested
            await gate.sends(gate.accepted[-1], reply(200, b"Connection: close"))
        await gate.passes(61.0)


@two()
async def test_503_without_a_time_rests_a_second_and_429_not_at_all(gate: MemoryGateway) -> None:
    for status, rest in ((503, 1.0), (429, 0.0), (429, 0.0)):
        await begins(gate, b"POST")
        await gate.sends(gate.accepted[-1], reply(status, b"Connection: close", b"Retry-After: soon"))
        resting_until = behind(gate, gate.accepted[-1]).standing.resting_until
        assert max(0.0, resting_until - gate.runtime.clock()) == rest
        await gate.passes(2.0)


@in_memory()
async def test_first_byte_teaches_while_the_stream_goes_on(gate: MemoryGateway) -> None:
    [upstream] = upstreams(gate)
    await begins(gate)
    await gate.passes(0.5)
    await gate.sends(gate.accepted[0], CHUNKED)
    await gate.passes(30.0)
    await gate.sends(gate.accepted[0], b"0\r\n\r\n")
    assert upstream.unit == pytest.approx(0.5)


@in_memory()
async def test_time_that_a_client_needs_to_send_its_body_is_not_the_upstreams(gate: MemoryGateway) -> None:
    [upstream] = upstreams(gate)
    client = gate.connect()
    await gate.sends(client, request(TEN, line=b"PUT /v1/llm/x HTTP/1.1", body=b"01234"))
    await gate.passes(5.0)
    await gate.sends(client, b"56789")
    await gate.sends(gate.accepted[0], OK)
    assert got(client) == GOT_OK
    assert upstream.unit == 0.0


@in_memory(service={"timeouts": {"idle": 5}})
async def test_client_that_does_not_read_is_no_fault_of_the_upstream_but_silence_is(gate: MemoryGateway) -> None:
    [upstream] = upstreams(gate)
    client = await begins(gate)
    await gate.sends(gate.accepted[0], CHUNKED)
    client.stall()
    await gate.passes(6.0)
    assert client.ended
    assert upstream.standing.faults == 0
    client = await begins(gate)
    await gate.sends(gate.accepted[1], CHUNKED)
    await gate.passes(6.0)
    assert client.ended
    assert upstream.standing.faults == 1


@in_memory(service={"timeouts": {"total": 5}})
async def test_time_for_the_whole_is_no_fault_of_the_upstream(gate: MemoryGateway) -> None:
    client = await begins(gate)
    await gate.sends(gate.accepted[0], CHUNKED)
    await gate.passes(6.0)
    assert client.ended
    assert upstreams(gate)[0].standing.faults == 0


# --- when all are full ---

FULL = in_memory(service={"max_connections": 1, "queue": {"size": 2, "timeout": 1}})


@FULL
async def test_request_waits_for_room_and_is_served_in_turn(gate: MemoryGateway) -> None:
    clients = [await begins(gate, b"POST") for _ in range(3)]
    assert len(gate.accepted) == 1
    for client in clients:
        assert got(client) == b""
        await gate.sends(gate.accepted[0], OK)
        assert got(client) == GOT_OK
    assert len(gate.accepted) == 1


@FULL
async def test_one_too_many_is_a_503_at_once_with_retry_after(gate: MemoryGateway) -> None:
    *others, last = [await begins(gate) for _ in range(4)]
    assert is_turned_away(last)
    assert [got(client) for client in others] == [b""] * 3
    for _ in others:
        await gate.sends(gate.accepted[0], OK)


@FULL
async def test_who_waited_too_long_gets_a_503(gate: MemoryGateway) -> None:
    served, waited = [await begins(gate) for _ in range(2)]
    await gate.passes(1.1)
    assert is_turned_away(waited)
    await gate.sends(gate.accepted[0], OK)
    assert got(served) == GOT_OK
    assert tally(gate).upstreams.keys() == {gate.names[0]}


@FULL
async def test_client_that_leaves_while_queued_costs_nothing(gate: MemoryGateway) -> None:
    served, left, next_one = [await begins(gate) for _ in range(3)]
    left.reset()
    await gate.quiet()
    await gate.sends(gate.accepted[0], OK)
    await gate.sends(gate.accepted[0], OK)
    assert [got(client) for client in (served, next_one)] == [GOT_OK] * 2
    assert gate.accepted[0].written.count(b"GET") == 2
    assert tally(gate).requests[("GET", 499)] == 1


@FULL
async def test_nobody_overtakes_those_who_wait(gate: MemoryGateway) -> None:
    first, second = [await begins(gate) for _ in range(2)]
    gate.accepted[0].feed(OK)  # there is room now, but the queue has not moved yet
    third = gate.connect()
    third.feed(request())
    await gate.quiet()
    await gate.sends(gate.accepted[0], OK)
    assert [got(client) for client in (first, second, third)] == [GOT_OK, GOT_OK, b""]
    await gate.sends(gate.accepted[0], OK)
    assert got(third) == GOT_OK


@in_memory(upstreams=2, service={"max_connections": 1, "queue": {"size": 0}, "strategy": "round_robin"})
async def test_full_upstream_is_passed_by_and_no_retry_waits_in_the_queue(gate: MemoryGateway) -> None:
    await begins(gate)
    client = await begins(gate)
    assert behind(gate, gate.accepted[0]) is not behind(gate, gate.accepted[1])
    await gate.sends(gate.accepted[1], reply(503, body=b"busy"))
    assert got(client).endswith(b"busy")
    await gate.sends(gate.accepted[0], OK)


@in_memory(service={"max_connections": 1})
async def test_dead_connection_does_not_count_against_the_limit(gate: MemoryGateway) -> None:
    client = await begins(gate)
    await gate.sends(gate.accepted[0], OK)
    await gate.sends(client, request())
    gate.accepted[0].feed_eof()
    await gate.quiet()
    await gate.sends(gate.accepted[1], OK)
    assert got(client) == GOT_OK * 2


@two()
async def test_event_stream_is_as_fast_as_its_first_event_not_as_its_head(gate: MemoryGateway) -> None:
    """Engines such as vLLM send the head at once and the first token when the prompt is read."""
    client = await begins(gate)
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
    await gate.sends(gate.accepted[0], head)
    assert got(client).startswith(b"HTTP/1.1 200 OK")
    upstream = behind(gate, gate.accepted[0])
    assert not upstream.unit
    await gate.passes(0.5)
    await gate.sends(gate.accepted[0], b"5\r\nhello\r\n")
    await gate.passes(3)
    await gate.sends(gate.accepted[0], b"5\r\nhello\r\n")
    assert upstream.unit == pytest.approx(0.5)
    client.reset()
    await gate.quiet()
