"""What client connections share: the cap, the drain, the operators' paths, the known heads."""

from memory_gateway import MemoryGateway, got, in_memory
from messages import GOT_OK, OK, own, request

from gateway.wire.front import UNREADABLE, Front

TRUSTING = {"trusted_proxies": ["10.0.0.0/8"]}


def front(gate: MemoryGateway) -> Front:
    return gate.gateway._front


@in_memory()
async def test_connections_are_counted_and_forgotten(gate: MemoryGateway) -> None:
    clients = [gate.connect() for _ in range(3)]
    assert len(front(gate)) == 3
    clients[0].reset()
    clients[1].feed_eof()
    await gate.quiet()
    assert len(front(gate)) == 1
    clients[2].reset()


@in_memory()
async def test_drain_closes_the_idle_and_lets_the_busy_finish(gate: MemoryGateway) -> None:
    idle, half, busy = gate.connect(), gate.connect(), gate.connect()
    await gate.sends(half, b"GET /v1/llm/x HTTP/1.1\r\n")
    await gate.sends(busy, request())
    front(gate).drain()
    await gate.quiet()
    assert (idle.ended, half.ended, busy.ended) == ("closed", "", "")
    await gate.sends(half, b"Host: gw\r\n\r\n")
    for upstream in gate.accepted:
        await gate.sends(upstream, OK)
    closing = GOT_OK.replace(b"ID\r\n", b"ID\r\nConnection: close\r\n")
    assert (got(half), got(busy)) == (closing, closing)
    await front(gate).empty()


@in_memory()
async def test_drain_is_over_when_the_last_connection_is(gate: MemoryGateway) -> None:
    client = gate.connect()
    await gate.sends(client, request())
    front(gate).drain()
    over = gate.runtime.spawn(front(gate).empty(), "empty")
    await gate.quiet()
    assert not over.done()
    await gate.sends(gate.accepted[0], OK)
    assert over.done()


@in_memory()
async def test_abort_closes_everything_now(gate: MemoryGateway) -> None:
    client = gate.connect()
    await gate.sends(client, request())
    front(gate).abort()
    await gate.quiet()
    assert (client.lost, gate.accepted[0].ended) == (True, "closed")


@in_memory()
async def test_operators_paths_are_answered_by_their_own_application(gate: MemoryGateway) -> None:
    client = gate.connect()
    await gate.sends(client, b"GET /health?x HTTP/1.1\r\nHost: gw\r\n\r\n")
    await gate.until(lambda: bool(client.ended))
    assert got(client).startswith(b"HTTP/1.1 200 OK\r\n")
    assert b'{"status": "ok"' in got(client)
    assert len(front(gate)) == 0


@in_memory()
async def test_path_like_an_operators_one_is_not_theirs(gate: MemoryGateway) -> None:
    client = gate.connect()
    for path in (b"/healthy", b"/health/", b"/v1/health", b"//health"):
        before = len(got(client))
        await gate.sends(client, request(line=b"GET " + path + b" HTTP/1.1"))
        assert got(client)[before:] == own(404)


@in_memory(server=TRUSTING)
async def test_heads_of_trusted_peers_are_remembered_apart(gate: MemoryGateway) -> None:
    """The same bytes mean one thing from a proxy and another from a stranger."""
    head = request(b"X-Forwarded-For: 6.6.6.6")
    sees = []
    for address in ("10.0.0.1", "192.0.2.1") * 3:
        client = gate.connect(address)
        await gate.sends(client, head)
        sees.append(got(gate.accepted[0]).split(b"X-Forwarded-For: ")[-1].split(b"\r\n")[0])
        await gate.sends(gate.accepted[0], OK)
        client.feed_eof()
    assert sees == [b"6.6.6.6, 10.0.0.1", b"192.0.2.1"] * 3


@in_memory()
async def test_request_ids_are_new_each_time(gate: MemoryGateway) -> None:
    ids = {front(gate).new_request_id() for _ in range(100)}
    assert len(ids) == 100
    assert all(len(one) == 32 for one in ids)


def test_what_did_not_become_a_request_has_every_field_of_one() -> None:
    assert all(hasattr(UNREADABLE, name) for name in type(UNREADABLE).__slots__)
    assert not UNREADABLE.keep_alive
