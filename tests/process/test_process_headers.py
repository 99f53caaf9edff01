"""What of a head passes the gateway, over real sockets."""

import pytest
from places import Place
from raw_wire import Clients, Head, Wire

FULL = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
FORGED = "X-Forwarded-For: 203.0.113.7\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: shop.example\r\n"
TRUSTED, UNTRUSTED = "127.0.0.2", "127.0.0.3"


async def seen(place: Place, client: Wire, request: bytes, reply: bytes = FULL) -> tuple[Head, Head]:
    """The head that the upstream gets, and the head that the client gets."""
    async with place.origin() as origin:
        client.send(request)
        upstream = await origin.accepted()
        head = await upstream.head()
        upstream.send(reply)
        return head, await client.head()


async def test_ED_39_hop_by_hop_fields_and_those_that_connection_names_stay_on_their_hop(
    place: Place, clients: Clients
) -> None:
    hop = "Connection: keep-alive, X-Drop, x-auth-subject, content-length\r\nX-Drop: 1\r\nKeep-Alive: timeout=9\r\n"
    more = "Proxy-Connection: keep-alive\r\nProxy-Authorization: Basic eDp5\r\nTE: gzip\r\nTrailer: X\r\nX-Keep: 1\r\n"
    reply = (
        b"HTTP/1.1 200 OK\r\nConnection: X-Gone\r\nX-Gone: 1\r\nKeep-Alive: timeout=5\r\nProxy-Connection: a\r\n"
        b"Trailer: X\r\nX-Kept: 1\r\nContent-Length: 2\r\n\r\nok"
    )
    client = await clients(place.gateway.port)
    request, answered = await seen(place, client, place.request("POST", fields=hop + more, body=b"hi"), reply)
    names = {name for name, _ in request.fields}
    assert not names & {
        "connection",
        "x-drop",
        "keep-alive",
        "proxy-connection",
        "proxy-authorization",
        "te",
        "trailer",
    }
    assert (request["x-keep"], request["content-length"], request["via"]) == ("1", "2", "1.1 ai-api-gateway")
    names = {name for name, _ in answered.fields}
    assert not names & {"connection", "x-gone", "keep-alive", "proxy-connection", "trailer"}
    assert answered["x-kept"] == "1"


async def test_ED_37_an_untrusted_peer_is_believed_nothing(place: Place, clients: Clients) -> None:
    client = await clients(place.gateway.port, source=UNTRUSTED)
    request, _ = await seen(place, client, place.request(fields=FORGED + "X-Real-IP: 1.1.1.1\r\nForwarded: for=1\r\n"))
    assert request.values("x-forwarded-for") == [UNTRUSTED]
    assert request.values("x-forwarded-proto") == ["http"]
    assert request.values("x-forwarded-host") == ["gateway.example"]
    assert request["x-real-ip"] is None
    assert request["forwarded"] is None
    assert (await place.gateway.logged(service=place.service))["client"] == UNTRUSTED


async def test_ED_37_a_trusted_peer_s_word_is_passed_on_and_extended(place: Place, clients: Clients) -> None:
    client = await clients(place.gateway.port, source=TRUSTED)
    request, _ = await seen(place, client, place.request(fields=FORGED))
    assert request.values("x-forwarded-for") == [f"203.0.113.7, {TRUSTED}"]
    assert request.values("x-forwarded-proto") == ["https"]
    assert request.values("x-forwarded-host") == ["shop.example"]
    assert (await place.gateway.logged(service=place.service))["client"] == "203.0.113.7"


async def test_ED_37_the_client_is_the_right_most_address_nobody_trusted_vouches_for(
    place: Place, clients: Clients
) -> None:
    client = await clients(place.gateway.port, source=TRUSTED)
    fields = f"X-Forwarded-For: 6.6.6.6, 203.0.113.9\r\nX-Forwarded-For: {TRUSTED}\r\n"
    request, _ = await seen(place, client, place.request(fields=fields))
    assert request.values("x-forwarded-for") == [f"6.6.6.6, 203.0.113.9, {TRUSTED}, {TRUSTED}"]
    assert (await place.gateway.logged(service=place.service))["client"] == "203.0.113.9"


@pytest.mark.parametrize(
    ("path", "sent"),
    [
        ("/a%2Fb", "/a%2Fb"),
        ("/%7Euser/%e2%82%ac", "/%7Euser/%e2%82%ac"),
        ("/x?q=a+b%20c&x=%26", "/x?q=a+b%20c&x=%26"),
        ("/x?", "/x?"),
        ("//x//y", "//x//y"),
        ("", "/"),
        ("?q=1", "/?q=1"),
    ],
)
async def test_ED_33_targets_arrive_as_they_were_sent(place: Place, clients: Clients, path: str, sent: str) -> None:
    request, _ = await seen(place, await clients(place.gateway.port), place.request(path=path))
    assert request.line == f"GET {sent} HTTP/1.1"


async def test_fields_keep_their_bytes_and_their_order(place: Place, clients: Clients) -> None:
    fields = "accept-ENCODING:  gzip \r\nA: 1\r\nB: 2\r\nA: 3\r\nCookie: a=1; b=2\r\n"
    request, _ = await seen(place, await clients(place.gateway.port), place.request(fields=fields))
    assert fields.encode() in request.raw
    assert request["host"] == f"127.0.0.1:{place.upstream_port}"
    assert request["user-agent"] is None
