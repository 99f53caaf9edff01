"""An upstream's connection: its timeouts, its back-pressure, and whether it is used again."""

from memory_gateway import MemoryGateway, got, in_memory
from messages import GOT_OK, OK, own, request

TIMEOUTS = {"timeouts": {"first_byte": 10, "idle": 5, "total": 0}}
TIMED_OUT = own(504)
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
UPLOAD = request(b"Content-Length: 100", line=b"POST /v1/llm/x HTTP/1.1")


@in_memory(service=TIMEOUTS)
async def test_reply_that_does_not_begin_is_a_504(gate: MemoryGateway) -> None:
    client = gate.connect()
    await gate.sends(client, request())
    await gate.passes(9.8)
    assert got(client) == b""
    await gate.passes(0.3)
    assert (client.ended, got(client)) == ("", TIMED_OUT)
    assert gate.accepted[0].ended


@in_memory(service=TIMEOUTS)
async def test_half_a_reply_head_does_not_count_as_its_beginning(gate: MemoryGateway) -> None:
    client = gate.connect()
    await gate.sends(client, request())
    await gate.passes(6)
    await gate.sends(gate.accepted[0], OK[:30])
    await gate.passes(4.1)
    assert got(client) == TIMED_OUT


@in_memory(service=TIMEOUTS)
async def test_time_to_answer_begins_when_the_request_is_whole(gate: MemoryGateway) -> None:
    client = gate.connect()
    await gate.sends(client, UPLOAD)
    for _ in range(10):
        await gate.passes(4)
        await gate.sends(client, b"x" * 10)
    await gate.passes(9.8)
    assert got(client) == b""
    await gate.passes(0.3)
    assert got(client) == TIMED_OUT


@in_memory(service=TIMEOUTS)
async def test_stream_that_falls_silent_is_cut(gate: MemoryGateway) -> None:
    client = gate.connect()
    await gate.sends(client, request())
    upstream = gate.accepted[0]
    await gate.sends(upstream, CHUNKED)
    for _ in range(4):
        await gate.passes(4.8)
        await gate.sends(upstream, b"1\r\nx\r\n")
    assert not client.ended
    await gate.passes(5.1)
    assert (client.ended, upstream.ended) == ("closed", "closed")
    assert got(client).endswith(b"1\r\nx\r\n")


@in_memory(service=TIMEOUTS)
async def test_stream_whose_client_reads_nothing_is_cut_too(gate: MemoryGateway) -> None:
    client = gate.connect()
    await gate.sends(client, request())
    await gate.sends(gate.accepted[0], CHUNKED)
    client.stall()
    await gate.passes(5.2)
    assert (client.ended, gate.accepted[0].ended) == ("closed", "closed")


@in_memory(service={"timeouts": {"first_byte": 60, "idle": 60, "total": 20}})
async def test_whole_exchange_has_a_time_too(gate: MemoryGateway) -> None:
    client = gate.connect()
    await gate.sends(client, request())
    await gate.sends(gate.accepted[0], CHUNKED)
    for _ in range(19):
        await gate.passes(1)
        await gate.sends(gate.accepted[0], b"1\r\nx\r\n")
    assert not client.ended
    await gate.passes(1.1)
    assert client.ended == "closed"


@in_memory(service={"timeouts": {"first_byte": 0, "idle": 0, "total": 0}})
async def test_timeouts_of_zero_are_none(gate: MemoryGateway) -> None:
    client = gate.connect()
    await gate.sends(client, request())
    await gate.passes(10000)
    await gate.sends(gate.accepted[0], CHUNKED)
    await gate.passes(10000)
    await gate.sends(gate.accepted[0], b"0\r\n\r\n")
    assert got(client).endswith(b"\r\n\r\n0\r\n\r\n")


@in_memory()
async def test_connection_is_used_again_and_its_bytes_are_the_next_reply(gate: MemoryGateway) -> None:
    client = gate.connect()
    for _ in range(3):
        await gate.sends(client, request())
        await gate.sends(gate.accepted[-1], OK)
    assert len(gate.accepted) == 1
    assert got(client) == GOT_OK * 3


@in_memory()
async def test_bytes_that_nobody_asked_for_end_an_idle_connection(gate: MemoryGateway) -> None:
    """Else they would be the reply to whoever comes next."""
    client = gate.connect()
    await gate.sends(client, request())
    await gate.sends(gate.accepted[0], OK)
    await gate.sends(gate.accepted[0], OK.replace(b"ok", b"no"))
    assert gate.accepted[0].ended
    await gate.sends(client, request())
    assert len(gate.accepted) == 2
    await gate.sends(gate.accepted[1], OK)
    assert got(client) == GOT_OK * 2


@in_memory()
async def test_early_reply_ends_the_connection_whose_request_is_not_whole(gate: MemoryGateway) -> None:
    """H1-50: the reply passes, the client is told to stop, and neither side's connection carries another request."""
    client = gate.connect()
    await gate.sends(client, UPLOAD + b"half")
    await gate.sends(gate.accepted[0], OK)
    assert gate.accepted[0].ended
    assert got(client) == GOT_OK.replace(b"ID\r\n", b"ID\r\nConnection: close\r\n")
    assert client.ended == "closed"
    client.feed_eof()


@in_memory()
async def test_early_reply_that_streams_lets_the_rest_of_the_request_pass(gate: MemoryGateway) -> None:
    client = gate.connect()
    await gate.sends(client, UPLOAD + b"half")
    await gate.sends(gate.accepted[0], CHUNKED + b"1\r\nx\r\n")
    await gate.sends(client, b"y" * 96)
    assert got(gate.accepted[0]).endswith(b"half" + b"y" * 96)
    await gate.sends(gate.accepted[0], b"0\r\n\r\n")
    assert got(client).endswith(b"1\r\nx\r\n0\r\n\r\n")
    client.feed_eof()


@in_memory()
async def test_request_head_and_a_small_body_leave_in_one_write(gate: MemoryGateway) -> None:
    client = gate.connect()
    await gate.sends(client, request(b"Content-Length: 2", line=b"POST /v1/llm/x HTTP/1.1", body=b"hi"))
    assert gate.accepted[0].writes == 1
    await gate.sends(gate.accepted[0], OK)
    assert client.writes == 1


@in_memory()
async def test_events_leave_one_by_one_as_they_come(gate: MemoryGateway) -> None:
    """ED-25: nothing is gathered, nothing is held back."""
    client = gate.connect()
    await gate.sends(client, request())
    await gate.sends(gate.accepted[0], CHUNKED)
    for number in range(5):
        event = b"9\r\ndata: %d\n\n\r\n" % number
        await gate.sends(gate.accepted[0], event)
        assert client.writes == number + 2
        assert got(client).endswith(event)
    await gate.sends(gate.accepted[0], b"0\r\n\r\n")


@in_memory()
async def test_ED_11_tiny_chunks_of_a_reply_give_way_to_the_others_after_each_read(gate: MemoryGateway) -> None:
    client = gate.connect()
    await gate.sends(client, request())
    upstream = gate.accepted[0]
    await gate.sends(upstream, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    upstream.feed(b"1\r\nx\r\n" * 10_000)
    assert not upstream.reading
    upstream.feed(b"0\r\n\r\n")
    assert not got(client).endswith(b"0\r\n\r\n")
    await gate.quiet()
    assert upstream.reading
    assert got(client).endswith(b"1\r\nx\r\n" * 10_000 + b"0\r\n\r\n")


@in_memory()
async def test_connections_say_what_they_are_about(gate: MemoryGateway) -> None:
    client = gate.connect()
    await gate.sends(client, request(b"X-Request-Id: me"))
    upstream = gate.accepted[0].protocol
    assert repr(upstream) == f"<UpstreamConnection {gate.names[0]} busy with {client.protocol._exchange!r}>"  # type: ignore[attr-defined]
    await gate.sends(gate.accepted[0], OK)
    assert repr(upstream) == f"<UpstreamConnection {gate.names[0]} idle>"
    gate.accepted[0].feed_eof()
    await gate.quiet()
    assert repr(upstream) == f"<UpstreamConnection {gate.names[0]} lost>"
