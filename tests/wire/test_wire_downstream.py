"""A client's connection: its deadlines, its back-pressure, and what happens when it leaves."""

from memory_gateway import MemoryGateway, got, in_memory
from messages import GOT_OK, OK, own, request

from gateway.wire.downstream import LARGEST_SURPLUS
from gateway.wire.downstream_socket import LINGER_SECONDS

TIMEOUTS = {"header_timeout": 10, "body_timeout": 5, "keepalive_timeout": 60}
TIMED_OUT = own(408, close=True)
UPLOAD = request(b"Content-Length: 100", line=b"POST /v1/llm/x HTTP/1.1")
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


# --- the time of a head ---


@in_memory(server=TIMEOUTS)
async def test_connection_without_a_byte_is_closed_after_the_header_timeout(gate: MemoryGateway) -> None:
    client = gate.connect()
    await gate.passes(9.8)
    assert not client.ended
    await gate.passes(0.3)
    assert (client.ended, got(client)) == ("closed", b"")


@in_memory(server=TIMEOUTS)
async def test_head_in_drips_is_refused_at_its_deadline_whatever_the_rate(gate: MemoryGateway) -> None:
    client = gate.connect()
    for byte in b"GET /v1/":
        await gate.sends(client, bytes((byte,)))
        await gate.passes(1.2)
    assert not client.ended
    await gate.passes(0.6)
    assert (client.ended, got(client)) == ("closed", TIMED_OUT)


@in_memory(server=TIMEOUTS)
async def test_deadline_of_a_later_head_runs_from_its_first_byte(gate: MemoryGateway) -> None:
    client = gate.connect()
    await gate.sends(client, b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n")
    await gate.passes(30)
    await gate.sends(client, b"GET")
    await gate.passes(9.8)
    await gate.sends(client, b" /v1")
    assert not client.ended
    await gate.passes(0.3)
    assert (client.ended, got(client)[-len(TIMED_OUT) :]) == ("closed", TIMED_OUT)


@in_memory(server=TIMEOUTS)
async def test_idle_connection_is_closed_without_a_word(gate: MemoryGateway) -> None:
    client = gate.connect()
    await gate.sends(client, b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n")
    before = got(client)
    await gate.passes(59.8)
    assert not client.ended
    await gate.passes(0.3)
    assert (client.ended, got(client)) == ("closed", before)


@in_memory(server=TIMEOUTS)
async def test_no_deadline_of_the_client_runs_while_it_waits_for_its_reply(gate: MemoryGateway) -> None:
    client = gate.connect()
    await gate.sends(client, request())
    await gate.passes(59)
    await gate.sends(gate.accepted[0], OK)
    assert (client.ended, got(client)) == ("", GOT_OK)


# --- the time of a body ---


@in_memory(server=TIMEOUTS)
async def test_body_that_falls_silent_is_a_408_and_its_upstream_is_let_go(gate: MemoryGateway) -> None:
    client = gate.connect()
    await gate.sends(client, UPLOAD)
    for _ in range(3):
        await gate.passes(4.8)
        await gate.sends(client, b"x")
    assert not client.ended
    await gate.passes(5.1)
    assert (client.ended, got(client)) == ("closed", TIMED_OUT)
    assert gate.accepted[0].ended


@in_memory(server=TIMEOUTS)
async def test_body_that_the_upstream_does_not_take_is_not_the_clients_fault(gate: MemoryGateway) -> None:
    client = gate.connect()
    await gate.sends(client, UPLOAD)
    gate.accepted[0].stall()
    await gate.passes(30)
    assert not client.ended
    assert not client.reading
    gate.accepted[0].drain()
    await gate.passes(4.8)
    assert client.reading
    assert not client.ended
    await gate.passes(0.4)
    assert (client.ended, got(client)) == ("closed", TIMED_OUT)


# --- leaving ---


@in_memory()
async def test_client_that_leaves_takes_its_upstream_request_along(gate: MemoryGateway) -> None:
    client = gate.connect()
    await gate.sends(client, request())
    client.reset()
    await gate.quiet()
    assert gate.accepted[0].ended
    assert got(client) == b""


@in_memory()
async def test_client_that_ends_its_side_has_left(gate: MemoryGateway) -> None:
    """ED-21: a half-closed connection is taken for a client that gave up, as with HAProxy's abortonclose."""
    client = gate.connect()
    await gate.sends(client, request())
    client.feed_eof()
    await gate.quiet()
    assert gate.accepted[0].ended
    assert (client.ended, got(client)) == ("closed", b"")


@in_memory()
async def test_client_that_leaves_within_a_stream_takes_its_upstream_along(gate: MemoryGateway) -> None:
    client = gate.connect()
    await gate.sends(client, request())
    await gate.sends(gate.accepted[0], CHUNKED + b"5\r\nhello\r\n")
    client.feed_eof()
    await gate.quiet()
    assert gate.accepted[0].ended


@in_memory()
async def test_client_that_leaves_within_its_body_takes_its_upstream_along(gate: MemoryGateway) -> None:
    client = gate.connect()
    await gate.sends(client, UPLOAD + b"half")
    client.reset()
    await gate.quiet()
    assert gate.accepted[0].ended


@in_memory()
async def test_client_that_leaves_before_its_head_is_whole_is_nobody(gate: MemoryGateway) -> None:
    client = gate.connect()
    await gate.sends(client, b"GET /")
    client.feed_eof()
    await gate.quiet()
    assert (client.ended, got(client), gate.accepted) == ("closed", b"", [])


@in_memory()
async def test_client_that_leaves_unread_is_noticed_all_the_same(gate: MemoryGateway) -> None:
    """Its upstream takes no more of the body, so nothing is read from it."""
    client = gate.connect()
    await gate.sends(client, UPLOAD)
    gate.accepted[0].stall()
    client.feed_eof()
    await gate.until(lambda: bool(gate.accepted[0].ended))


# --- back-pressure ---


@in_memory()
async def test_slow_client_stops_its_upstream_and_starts_it_again(gate: MemoryGateway) -> None:
    client = gate.connect()
    await gate.sends(client, request())
    upstream = gate.accepted[0]
    await gate.sends(upstream, CHUNKED)
    client.stall()
    assert not upstream.reading
    await gate.sends(upstream, b"5\r\nhello\r\n0\r\n\r\n")
    assert not got(client).endswith(b"0\r\n\r\n")
    client.drain()
    await gate.quiet()
    assert got(client).endswith(b"5\r\nhello\r\n0\r\n\r\n")


@in_memory()
async def test_slow_upstream_stops_the_body_and_starts_it_again(gate: MemoryGateway) -> None:
    client = gate.connect()
    await gate.sends(client, UPLOAD)
    upstream = gate.accepted[0]
    upstream.stall()
    assert not client.reading
    await gate.sends(client, b"x" * 100)
    assert not got(upstream).endswith(b"x")
    upstream.drain()
    await gate.quiet()
    assert got(upstream).endswith(b"\r\n\r\n" + b"x" * 100)


@in_memory()
async def test_what_is_pipelined_ahead_is_bounded(gate: MemoryGateway) -> None:
    """ED-07: beyond 64 KiB, nothing is read until the reply is there."""
    client = gate.connect()
    await gate.sends(client, request())
    many = request() * (LARGEST_SURPLUS // len(request()) + 1)
    await gate.sends(client, many)
    assert not client.reading
    for _ in range(1 + len(many) // len(request())):
        await gate.sends(gate.accepted[0], OK)
    assert client.reading
    assert got(client) == GOT_OK * (1 + len(many) // len(request()))


@in_memory()
async def test_ED_07_what_is_answered_here_is_no_reason_to_read_ever_more(gate: MemoryGateway) -> None:
    """Requests that need no upstream are answered a few a turn; meanwhile, no more than 64 KiB wait."""
    client = gate.connect()
    options = b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n"
    times = 2 * LARGEST_SURPLUS // len(options)
    client.feed(options * times)
    assert not client.reading
    await gate.quiet()
    assert client.reading
    assert got(client).count(b"HTTP/1.1 204 ") == times


@in_memory(server=TIMEOUTS)
async def test_client_that_pipelines_and_never_reads_is_let_go(gate: MemoryGateway) -> None:
    client = gate.connect()
    options = b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n"
    await gate.sends(client, options)
    client.stall()
    await gate.sends(client, options * (LARGEST_SURPLUS // len(options) + 1))
    assert not client.reading
    await gate.passes(60.1)
    await gate.passes(LINGER_SECONDS + 0.1)
    assert client.lost


@in_memory()
async def test_ED_11_tiny_chunks_are_taken_a_piece_a_millisecond(gate: MemoryGateway) -> None:
    client = gate.connect()
    await gate.sends(client, request(b"Transfer-Encoding: chunked", line=b"POST /v1/llm/x HTTP/1.1"))
    upstream = gate.accepted[0]
    before = len(upstream.written)
    body = b"1\r\nx\r\n" * 20_000 + b"0\r\n\r\n"
    await gate.sends(client, body + request())
    taken = len(upstream.written) - before
    assert 0 < taken < len(body) / 20
    assert not client.reading
    await gate.until(lambda: client.reading)
    await gate.quiet()
    assert bytes(upstream.written[before:]) == body
    await gate.sends(upstream, OK)
    await gate.sends(upstream, OK)
    assert got(client) == GOT_OK * 2


@in_memory()
async def test_ED_11_tiny_chunks_right_behind_their_head_are_no_exception(gate: MemoryGateway) -> None:
    body = b"1\r\nx\r\n" * 20_000 + b"0\r\n\r\n"
    client = gate.connect()
    await gate.sends(client, request(b"Transfer-Encoding: chunked", line=b"POST /v1/llm/x HTTP/1.1") + body)
    upstream = gate.accepted[0]
    assert len(upstream.written) < len(body) / 20
    await gate.until(lambda: bytes(upstream.written).endswith(b"\r\n\r\n" + body))
    await gate.sends(upstream, OK)
    assert got(client) == GOT_OK


@in_memory()
async def test_a_client_that_leaves_amid_its_tiny_chunks_is_noticed(gate: MemoryGateway) -> None:
    client = gate.connect()
    await gate.sends(client, request(b"Transfer-Encoding: chunked", line=b"POST /v1/llm/x HTTP/1.1"))
    body = b"1\r\nx\r\n" * 80_000
    client.feed(body)
    client.feed_eof()
    await gate.until(lambda: bool(gate.accepted[0].ended))
    assert len(gate.accepted[0].written) < len(body) / 2


@in_memory()
async def test_the_rest_of_a_read_goes_before_what_comes_after_it(gate: MemoryGateway) -> None:
    """An upstream that stalls, and takes more again, does not let the client's next bytes overtake."""
    client = gate.connect()
    await gate.sends(client, request(b"Transfer-Encoding: chunked", line=b"POST /v1/llm/x HTTP/1.1"))
    upstream = gate.accepted[0]
    before = len(upstream.written)
    body = b"".join(b"1\r\n%c\r\n" % (65 + place % 26) for place in range(20_000))
    client.feed(body)
    upstream.stall()
    upstream.drain()
    assert not client.reading
    await gate.until(lambda: client.reading)
    client.feed(b"3\r\nend\r\n0\r\n\r\n")
    await gate.until(lambda: bytes(upstream.written).endswith(b"0\r\n\r\n"))
    assert bytes(upstream.written[before:]) == body + b"3\r\nend\r\n0\r\n\r\n"


@in_memory()
async def test_tiny_chunks_that_turn_out_bad_are_refused_once(gate: MemoryGateway) -> None:
    client = gate.connect()
    await gate.sends(client, request(b"Transfer-Encoding: chunked", line=b"POST /v1/llm/x HTTP/1.1"))
    client.feed(b"1\r\nx\r\n" * 8_000 + b"zz\r\n" * 8_000)
    await gate.until(lambda: bool(client.ended))
    await gate.quiet()
    assert got(client) == own(400, close=True)
    assert gate.accepted[0].lost


@in_memory()
async def test_client_that_reads_nothing_gets_no_further_request_answered(gate: MemoryGateway) -> None:
    client = gate.connect()
    await gate.sends(client, request())
    client.stall()
    await gate.sends(gate.accepted[0], OK)
    await gate.sends(client, request() * 2)
    assert len(got(gate.accepted[0]).split(b"\r\n\r\n")) == 2
    client.drain()
    await gate.quiet()
    await gate.sends(gate.accepted[0], OK)
    await gate.sends(gate.accepted[0], OK)
    assert got(client) == GOT_OK * 3


@in_memory(server=TIMEOUTS)
async def test_client_that_never_reads_its_last_reply_is_let_go(gate: MemoryGateway) -> None:
    """Closing waits for what is still to be written, and who never reads would stay for ever."""
    client = gate.connect()
    client.slow_to_close = True
    await gate.sends(client, request(b"Connection: close"))
    await gate.sends(gate.accepted[0], OK)
    assert client.ended == "closed"
    assert not client.lost
    await gate.passes(60.1)
    assert client.lost


# --- the end ---


@in_memory()
async def test_refused_connection_throws_away_what_still_comes_and_ends_soon(gate: MemoryGateway) -> None:
    client = gate.connect()
    await gate.sends(client, b"NONSENSE\r\n\r\n")
    refusal = own(400, close=True)
    assert (client.ended, got(client), client.lost) == ("closed", refusal, False)
    await gate.sends(client, request() * 3)
    assert (got(client), gate.accepted) == (refusal, [])
    await gate.passes(LINGER_SECONDS + 0.1)
    assert client.lost


@in_memory(server={"max_connections": 1})
async def test_connection_too_many_is_told_so_and_the_others_live_on(gate: MemoryGateway) -> None:
    first, second = gate.connect(), gate.connect()
    await gate.quiet()
    assert (second.ended, got(second)) == ("closed", own(503, close=True, extra=b"Retry-After: 1\r\n"))
    second.feed_eof()
    await gate.sends(first, request())
    await gate.sends(gate.accepted[0], OK)
    assert got(first) == GOT_OK
    first.feed_eof()
    await gate.quiet()
    third = gate.connect()
    await gate.sends(third, request())
    await gate.sends(gate.accepted[0], OK)
    assert got(third) == GOT_OK
