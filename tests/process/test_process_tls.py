"""TLS: to clients, with and without certificates of theirs, and to upstreams, whose names are checked."""

import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import trustme
from certificates import Certificates
from gateway_process import GatewayProcess
from kernel_sockets import unread_bytes
from places import SERVER_NAME, fetch, moves_no_more, reserved_port
from raw_wire import Clients, Origin, Wire

FULL = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
CALL = b"GET /v1/%b/x HTTP/1.1\r\nHost: gateway.example\r\n\r\n"


Serve = Callable[..., tuple[GatewayProcess, dict[str, int]]]


@pytest.fixture
def serve(tmp_path: Path, certificates: Certificates) -> Iterator[Serve]:
    """Starts a gateway with these `server` options, whose services are "plain", "verified" and "by_system"."""
    with ExitStack() as stack:

        def started(**server: Any) -> tuple[GatewayProcess, dict[str, int]]:
            ports = {name: reserved_port(stack) for name in ("plain", "verified", "by_system")}
            config = {
                "server": server,
                "auth": {"type": "none"},
                "ratelimit": {"enabled": False},
                "services": {
                    "plain": {"upstreams": [{"url": f"http://127.0.0.1:{ports['plain']}"}]},
                    "verified": {
                        "upstreams": [{"url": f"https://127.0.0.1:{ports['verified']}/base"}],
                        "upstream_ca": certificates.files["ca"],
                    },
                    "by_system": {"upstreams": [{"url": f"https://127.0.0.1:{ports['by_system']}"}]},
                },
            }
            return stack.enter_context(GatewayProcess.serving(config, tmp_path)), ports

        yield started


async def answer(upstream: Wire) -> None:
    while not upstream.ended:
        await upstream.until(lambda wire: b"\r\n\r\n" in wire.received or bool(wire.ended), within=60)
        if not upstream.ended:
            await upstream.head()
            upstream.send(FULL)


async def test_clients_over_tls_are_served_and_their_upstream_is_told(
    serve: Serve, certificates: Certificates, clients: Clients
) -> None:
    gateway, ports = serve(**certificates.server)
    async with Origin(ports["plain"]) as origin:
        client = await clients(gateway.port, certificates.trusting(), SERVER_NAME)
        session = client.transport.get_extra_info("ssl_object")
        assert session.version() in {"TLSv1.2", "TLSv1.3"}
        for _ in range(3):
            client.send(CALL % b"plain")
            upstream = origin.wires[0] if origin.wires else await origin.accepted()
            head = await upstream.head()
            assert head["x-forwarded-proto"] == "https"
            upstream.send(FULL)
            assert (await client.reply())[1] == b"ok"
    _, _, text = await fetch(gateway.port, "/health", certificates.trusting())
    assert '"ok"' in text


async def test_a_large_reply_over_tls_arrives_whole_and_one_that_is_cut_does_not_end_cleanly(
    serve: Serve, certificates: Certificates, clients: Clients
) -> None:
    gateway, ports = serve(**certificates.server)
    body = bytes(range(256)) * 40_000
    async with Origin(ports["plain"]) as origin:
        client = await clients(gateway.port, certificates.trusting(), SERVER_NAME)
        client.send(CALL % b"plain")
        upstream = await origin.accepted()
        await upstream.head()
        upstream.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        assert (await client.reply())[1] == body
        client.send(CALL % b"plain")
        await upstream.head()
        upstream.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + body[:50_000])
        await client.head()
        await client.until(lambda wire: len(wire.received) == 50_000)
        upstream.fin()
        await client.end()
        assert bytes(client.received) == body[:50_000]


async def test_an_idle_client_that_does_not_confirm_the_end_does_not_hold_up_the_drain(
    serve: Serve, certificates: Certificates, clients: Clients
) -> None:
    gateway, ports = serve(**certificates.server)
    async with Origin(ports["plain"], answer):
        client = await clients(gateway.port, certificates.trusting(), SERVER_NAME)
        client.send(CALL % b"plain")
        await client.reply()
        client.transport.pause_reading()
        gateway.signal(signal.SIGTERM)
        assert await gateway.exit_code(within=2) == 0
        client.transport.resume_reading()
        assert await client.end() == "fin"


@pytest.mark.parametrize("version", ["1.0", "1.1"])
async def test_a_last_reply_over_tls_reaches_a_client_that_reads_late(
    serve: Serve, certificates: Certificates, clients: Clients, version: str
) -> None:
    gateway, ports = serve(**certificates.server)
    body = bytes(range(256)) * 24_000
    async with Origin(ports["plain"]) as origin:
        client = await clients(gateway.port, certificates.trusting(), SERVER_NAME)
        client.transport.pause_reading()
        head = f"GET /v1/plain/x HTTP/{version}\r\nHost: gateway.example\r\nConnection: close\r\n\r\n"
        client.send(head.encode())
        upstream = await origin.accepted()
        await upstream.head()
        upstream.send(b"HTTP/1.1 200 OK\r\n\r\n" + body)
        upstream.fin()
        port = client.transport.get_extra_info("sockname")[1]
        await moves_no_more(lambda: unread_bytes(port, gateway.port))
        client.transport.resume_reading()
        assert await client.end() == "fin"
    assert bytes(client.received).count(b"\xff") == 24_000


async def test_mutual_tls_serves_only_who_shows_a_certificate_of_the_authority(
    serve: Serve, certificates: Certificates, clients: Clients
) -> None:
    gateway, ports = serve(**certificates.server, tls_client_ca=certificates.files["ca"])
    stranger = trustme.CA().issue_cert("alice@example.org")
    async with Origin(ports["plain"], answer) as origin:
        client = await clients(
            gateway.port, certificates.trusting(certificates.authority.issue_cert("alice@example.org")), SERVER_NAME
        )
        client.send(CALL % b"plain")
        assert (await client.reply())[1] == b"ok"
        for certificate in (None, stranger):
            refused = await clients(gateway.port, certificates.trusting(certificate), SERVER_NAME)
            refused.send(CALL % b"plain")
            await refused.end()
            assert not refused.received
        assert len(origin.wires) == 1


async def test_an_upstream_over_tls_is_called_when_its_certificate_names_it(
    serve: Serve, certificates: Certificates, clients: Clients
) -> None:
    gateway, ports = serve()
    good = certificates.serving("127.0.0.1")
    async with Origin(ports["verified"], tls=good) as origin:
        client = await clients(gateway.port)
        client.send(CALL % b"verified")
        upstream = await origin.accepted()
        head = await upstream.head()
        assert head.line == "GET /base/x HTTP/1.1"
        upstream.send(FULL)
        assert (await client.reply())[1] == b"ok"


@pytest.mark.parametrize("service", ["verified", "by_system"])
async def test_ED_27_an_upstream_whose_certificate_does_not_hold_is_502_and_sees_no_request(
    serve: Serve, certificates: Certificates, clients: Clients, service: str
) -> None:
    gateway, ports = serve()
    # The right authority and the wrong name; the right name and an authority that the system does not know.
    name = "other.example" if service == "verified" else "127.0.0.1"
    async with Origin(ports[service], tls=certificates.serving(name)) as origin:
        client = await clients(gateway.port)
        client.send(CALL % service.encode())
        head, body = await client.reply()
        assert head.status == 502
        assert b'"upstream_error"' in body
        assert b"ertificate" not in body
        assert not origin.wires
    line = await gateway.logged(service=service)
    assert line["error"] == "upstream_error: connect: SSLCertVerificationError"


async def test_plain_http_to_the_tls_port_gets_nothing(
    serve: Serve, certificates: Certificates, clients: Clients
) -> None:
    gateway, _ = serve(**certificates.server)
    client = await clients(gateway.port)
    client.send(CALL % b"plain")
    await client.end()
    assert b"HTTP/1.1" not in client.received
    with pytest.raises(aiohttp.ClientError):
        await fetch(gateway.port, "/health")
