"""Whom a connection speaks for."""

from ipaddress import ip_network

import pytest
from fakes import MemoryTransport
from messages import request

from gateway.exchange import Request
from gateway.wire.headers import parse_request
from gateway.wire.peer import Peer, address_of

pytestmark = pytest.mark.usefixtures("loop_for_the_parser")

TRUSTED = [ip_network("10.0.0.0/8"), ip_network("fd00::/8")]


def peer(address: str, *, tls: bool = False) -> Peer:
    return Peer(address, tls=tls, networks=TRUSTED)


def said(*lines: bytes, trusted: bool = True) -> Request:
    return parse_request(request(*lines), trusted=trusted)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("10.0.0.1", "10.0.0.1"),
        (" 10.0.0.1 ", "10.0.0.1"),
        ("::ffff:10.0.0.1", "10.0.0.1"),
        ("[fd00::1]", "fd00::1"),
        ("fe80::1%eth0", "fe80::1"),
        ("unknown", "None"),
        ("10.0.0.1:80", "None"),
        ("", "None"),
    ],
)
def test_addresses(text: str, address: str) -> None:
    assert str(address_of(text)) == address


@pytest.mark.parametrize(
    ("address", "trusted"),
    [("10.1.2.3", True), ("::ffff:10.1.2.3", True), ("fd00::5", True), ("11.0.0.1", False), ("unknown", False)],
)
def test_trust_is_by_network(address: str, trusted: bool) -> None:
    assert peer(address).trusted is trusted


@pytest.mark.parametrize(
    ("forwarded_for", "client"),
    [
        (b"", "10.0.0.1"),
        (b"6.6.6.6", "6.6.6.6"),
        (b"1.1.1.1, 6.6.6.6, 10.0.0.2", "6.6.6.6"),
        (b"6.6.6.6, nonsense", "10.0.0.1"),
        (b"6.6.6.6, nonsense, 10.0.0.2", "10.0.0.2"),
        (b"10.0.0.3, 10.0.0.2", "10.0.0.3"),
        (b"6.6.6.6,, 10.0.0.2", "10.0.0.2"),
    ],
)
def test_client_is_the_right_most_address_nobody_vouches_for(forwarded_for: bytes, client: str) -> None:
    lines = (b"X-Forwarded-For: " + forwarded_for,) if forwarded_for else ()
    assert peer("10.0.0.1").client(said(*lines)) == client


def test_strangers_claims_do_not_count() -> None:
    lines = (b"X-Forwarded-For: 6.6.6.6", b"X-Forwarded-Proto: https", b"X-Forwarded-Host: evil")
    stranger = peer("192.0.2.1")
    assert stranger.client(said(*lines, trusted=False)) == "192.0.2.1"
    assert stranger.forwarded(said(*lines, trusted=False)) == (
        b"X-Forwarded-For: 192.0.2.1\r\nX-Forwarded-Proto: http\r\nX-Forwarded-Host: gw"
    )


def test_proxys_claims_are_extended() -> None:
    lines = (b"X-Forwarded-For: 6.6.6.6", b"X-Forwarded-Proto: https", b"X-Forwarded-Host: public")
    assert peer("::ffff:10.0.0.1").forwarded(said(*lines)) == (
        b"X-Forwarded-For: 6.6.6.6, 10.0.0.1\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: public"
    )


@pytest.mark.parametrize("address", ["10.0.0.1", "192.0.2.1"])
def test_tls_is_told_to_the_upstream(address: str) -> None:
    assert b"X-Forwarded-Proto: https\r\n" in peer(address, tls=True).forwarded(said())


def test_peer_is_read_off_its_transport() -> None:
    class Silent:
        def __getattr__(self, name: str) -> object:
            return lambda *arguments: None

    transport = MemoryTransport(Silent(), ("::ffff:10.0.0.9", 1))  # type: ignore[arg-type]
    assert (Peer.of(transport, TRUSTED).address, Peer.of(transport, TRUSTED).trusted) == ("10.0.0.9", True)
