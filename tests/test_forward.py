"""Retries: only while nothing can be lost, and never twice to the same upstream if there is another."""

from fakes import MemoryTransport
from memory_gateway import MemoryGateway, got, in_memory
from messages import GOT_OK, OK, own, request

POST = request(b"Content-Length: 2", line=b"POST /v1/llm/x HTTP/1.1", body=b"hi")
PUT = POST.replace(b"POST", b"PUT")
HALF = request(b"Content-Length: 4", line=b"PUT /v1/llm/x HTTP/1.1", body=b"hi")
IN_TURNS = {"strategy": "round_robin"}


def name(upstream: MemoryTransport) -> str:
    host, port = upstream.get_extra_info("peername")
    return f"{host}:{port}"


def in_flight(gate: MemoryGateway) -> dict[str, int]:
    """How many exchanges each upstream is working on; only those that have any."""
    upstreams = gate.gateway._parts._backends["llm"].group.upstreams
    return {upstream.name: upstream.in_flight for upstream in upstreams if upstream.in_flight}


async def connections(gate: MemoryGateway, number: int) -> None:
    """So many attempts have connected: before each further one there is a pause of a few real milliseconds."""
    await gate.until(lambda: len(gate.accepted) == number)
    await gate.quiet()


# --- what is tried again ---


@in_memory(upstreams=2, service=IN_TURNS)
async def test_refused_connection_goes_to_the_other_upstream_whatever_the_method(gate: MemoryGateway) -> None:
    gate.refuse_connections_to(gate.names[0])
    client = gate.connect()
    for message in (request(), POST, HALF + b"hi") * 2:
        await gate.sends(client, message)
        await gate.sends(gate.accepted[-1], OK)
    assert got(client) == GOT_OK * 6
    assert {name(upstream) for upstream in gate.accepted} == {gate.names[1]}


@in_memory(upstreams=2, service=IN_TURNS)
async def test_half_a_body_goes_to_the_other_upstream_too_while_none_of_it_was_sent(gate: MemoryGateway) -> None:
    gate.refuse_connections_to(gate.names[0])
    for _ in gate.names:
        client = gate.connect()
        await gate.sends(client, HALF)
        await gate.sends(client, b"ho")
        assert got(gate.accepted[-1]).endswith(b"hiho")
        await gate.sends(gate.accepted[-1], OK)
        assert got(client) == GOT_OK


@in_memory(upstreams=2, service=IN_TURNS)
async def test_idempotent_request_whose_upstream_resets_goes_to_the_other_one(gate: MemoryGateway) -> None:
    client = gate.connect()
    await gate.sends(client, PUT)
    gate.accepted[0].reset()
    await connections(gate, 2)
    first, second = gate.accepted
    assert name(first) != name(second)
    assert got(second).replace(name(second).encode(), b"UP") == got(first).replace(name(first).encode(), b"UP")
    await gate.sends(second, OK)
    assert got(client) == GOT_OK


@in_memory(upstreams=2, service=IN_TURNS)
async def test_invalid_reply_to_an_idempotent_request_is_tried_elsewhere(gate: MemoryGateway) -> None:
    client = gate.connect()
    await gate.sends(client, request())
    await gate.sends(gate.accepted[0], b"NONSENSE\r\n\r\n")
    await connections(gate, 2)
    await gate.sends(gate.accepted[1], OK)
    assert got(client) == GOT_OK


@in_memory()
async def test_dead_pooled_connection_says_nothing_about_the_only_upstream(gate: MemoryGateway) -> None:
    """H1-53: an idle connection that was closed just before its reuse."""
    client = gate.connect()
    await gate.sends(client, request())
    await gate.sends(gate.accepted[0], OK)
    await gate.sends(client, request())
    gate.accepted[0].reset()
    await gate.quiet()
    assert len(gate.accepted) == 2
    await gate.sends(gate.accepted[1], OK)
    assert got(client) == GOT_OK * 2


@in_memory(upstreams=2, service=IN_TURNS)
async def test_every_attempt_is_counted_where_it_was_made(gate: MemoryGateway) -> None:
    client = gate.connect()
    await gate.sends(client, request())
    assert in_flight(gate) == {name(gate.accepted[0]): 1}
    gate.accepted[0].reset()
    await connections(gate, 2)
    assert in_flight(gate) == {name(gate.accepted[1]): 1}
    await gate.sends(gate.accepted[1], OK)
    assert in_flight(gate) == {}


# --- what is not ---


@in_memory(upstreams=2, service=IN_TURNS)
async def test_post_that_was_sent_is_never_sent_again(gate: MemoryGateway) -> None:
    client = gate.connect()
    await gate.sends(client, POST)
    gate.accepted[0].reset()
    await gate.quiet()
    assert len(gate.accepted) == 1
    assert got(client) == own(502)


@in_memory()
async def test_post_on_a_dead_pooled_connection_is_not_sent_again_either(gate: MemoryGateway) -> None:
    client = gate.connect()
    await gate.sends(client, POST)
    await gate.sends(gate.accepted[0], OK)
    await gate.sends(client, POST)
    gate.accepted[0].reset()
    await gate.quiet()
    assert len(gate.accepted) == 1
    assert got(client) == GOT_OK + own(502)


@in_memory(upstreams=2, service=IN_TURNS)
async def test_body_that_is_no_longer_whole_in_hand_is_not_sent_again(gate: MemoryGateway) -> None:
    client = gate.connect()
    await gate.sends(client, HALF)
    gate.accepted[0].reset()
    await gate.quiet()
    assert len(gate.accepted) == 1
    assert (got(client), client.ended) == (own(502, close=True), "closed")


@in_memory(upstreams=2, service=IN_TURNS)
async def test_reply_that_has_begun_is_not_begun_again(gate: MemoryGateway) -> None:
    client = gate.connect()
    await gate.sends(client, request())
    await gate.sends(gate.accepted[0], OK[:-1])
    gate.accepted[0].reset()
    await gate.quiet()
    assert len(gate.accepted) == 1
    assert (got(client), client.ended) == (GOT_OK[:-1], "closed")


@in_memory(upstreams=2, service={**IN_TURNS, "timeouts": {"first_byte": 5}})
async def test_timeout_has_cost_the_client_its_patience_already(gate: MemoryGateway) -> None:
    client = gate.connect()
    await gate.sends(client, request())
    await gate.passes(5.1)
    assert len(gate.accepted) == 1
    assert got(client) == own(504)


async def fails_after(gate: MemoryGateway, attempts: int) -> None:
    """So many upstreams reset a request, and then the client hears of it."""
    client = gate.connect()
    await gate.sends(client, request())
    for number in range(attempts):
        await connections(gate, number + 1)
        gate.accepted[number].reset()
    await gate.quiet()
    assert len(gate.accepted) == attempts
    assert got(client) == own(502)


@in_memory()
async def test_fresh_connection_of_the_only_upstream_is_not_tried_again(gate: MemoryGateway) -> None:
    await fails_after(gate, 1)


@in_memory(upstreams=3, service={**IN_TURNS, "retries": {"attempts": 2}})
async def test_attempts_are_as_many_as_the_configuration_says(gate: MemoryGateway) -> None:
    await fails_after(gate, 2)


@in_memory(upstreams=2, service={**IN_TURNS, "retries": {"attempts": 1}})
async def test_one_attempt_is_no_retry(gate: MemoryGateway) -> None:
    await fails_after(gate, 1)


@in_memory(upstreams=2, service={**IN_TURNS, "retries": {"attempts": 9}})
async def test_no_upstream_is_tried_twice(gate: MemoryGateway) -> None:
    await fails_after(gate, 2)
    assert len({name(upstream) for upstream in gate.accepted}) == 2


@in_memory(upstreams=2, service=IN_TURNS)
async def test_client_that_left_between_attempts_ends_them(gate: MemoryGateway) -> None:
    client = gate.connect()
    await gate.sends(client, request())
    client.reset()
    gate.accepted[0].reset()
    await gate.quiet()
    assert len(gate.accepted) == 1
    assert in_flight(gate) == {}


@in_memory(upstreams=2, service=IN_TURNS)
async def test_refused_body_lets_its_upstream_go(gate: MemoryGateway) -> None:
    client = gate.connect()
    await gate.sends(client, request(b"Transfer-Encoding: chunked", line=b"PUT /v1/llm/x HTTP/1.1", body=b"1\r\nx\r\n"))
    await gate.sends(client, b"zz\r\n")
    assert len(gate.accepted) == 1
    assert gate.accepted[0].ended
    assert (got(client), in_flight(gate)) == (own(400, close=True), {})
    client.feed_eof()
