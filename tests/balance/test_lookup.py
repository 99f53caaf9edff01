"""Names to places: by the system's resolver, and by SRV records from a name server that the test plays."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from typing import Any, cast

import dns.asyncresolver
import dns.message
import dns.rcode
import dns.rrset
import pytest

from gateway.balance.lookup import LookupFailedError, look_up
from gateway.balance.place import Place

Hosts = dict[str, list[str]]


@pytest.fixture
async def hosts(monkeypatch: pytest.MonkeyPatch) -> Hosts:
    """What the system's resolver knows."""
    known: Hosts = {}

    async def getaddrinfo(host: str, port: int, **options: object) -> list[tuple[Any, ...]]:
        if host not in known:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        family = {True: socket.AF_INET6, False: socket.AF_INET}
        return [(family[":" in one], socket.SOCK_STREAM, 6, "", (one, port)) for one in known[host]]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", getaddrinfo)
    return known


class NameServer(asyncio.DatagramProtocol):
    """Answers SRV questions with `records`: priority, weight, port, target."""

    def __init__(self) -> None:
        self.records: dict[str, list[str]] = {}

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, address: tuple[str, int]) -> None:
        question = dns.message.from_wire(data)
        reply = dns.message.make_response(question)
        name = question.question[0].name
        records = self.records.get(str(name).rstrip("."))
        if records is None:
            reply.set_rcode(dns.rcode.NXDOMAIN)
        elif records:
            reply.answer.append(dns.rrset.from_text(name, 5, "IN", "SRV", *records))
        self._transport.sendto(reply.to_wire(), address)


@pytest.fixture
async def name_server(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[NameServer]:
    loop = asyncio.get_running_loop()
    transport, server = await loop.create_datagram_endpoint(NameServer, local_addr=("127.0.0.1", 0))
    resolver = dns.asyncresolver.Resolver(configure=False)
    resolver.nameservers, resolver.port = ["127.0.0.1"], transport.get_extra_info("sockname")[1]
    monkeypatch.setattr(dns.asyncresolver, "default_resolver", resolver)
    yield server
    transport.close()


async def failure(url: str) -> str:
    with pytest.raises(LookupFailedError) as failed:
        await look_up(url)
    return str(failed.value)


async def test_every_address_behind_the_name_is_a_place(hosts: Hosts) -> None:
    hosts["models"] = ["10.0.0.2", "10.0.0.1", "10.0.0.2"]
    assert await look_up("dns+http://models:8000/v1") == [
        Place("http://models:8000/v1", "10.0.0.1", 8000),
        Place("http://models:8000/v1", "10.0.0.2", 8000),
    ]
    assert [place.port for place in await look_up("dns+https://models")] == [443, 443]


async def test_ipv6_counts_where_there_is_no_ipv4(hosts: Hosts) -> None:
    hosts["both"], hosts["six"] = ["fd00::1", "10.0.0.1"], ["fd00::2", "fd00::1"]
    assert [place.host for place in await look_up("dns+http://both")] == ["10.0.0.1"]
    assert [place.host for place in await look_up("dns+http://six")] == ["fd00::1", "fd00::2"]


async def test_unknown_name_says_so(hosts: Hosts) -> None:
    assert await failure("dns+http://models") == "models: Name or service not known"
    hosts["models"] = []
    assert await failure("dns+http://models") == "models: no address"


async def test_srv_records_say_where_how_much_and_what_comes_first(hosts: Hosts, name_server: NameServer) -> None:
    hosts["a.example"], hosts["b.example"] = ["10.0.0.1"], ["10.0.0.2", "10.0.0.3"]
    name_server.records["_llm._tcp.example"] = ["0 300 8001 a.example.", "0 100 8002 b.example.", "5 0 8003 a.example."]
    assert await look_up("srv+http://_llm._tcp.example/v1") == [
        Place("http://a.example:8001/v1", "10.0.0.1", 8001, 100, 0),
        Place("http://a.example:8003/v1", "10.0.0.1", 8003, 1, 5),
        Place("http://b.example:8002/v1", "10.0.0.2", 8002, 33, 0),
        Place("http://b.example:8002/v1", "10.0.0.3", 8002, 33, 0),
    ]


@pytest.mark.parametrize(
    ("records", "why"),
    [(None, "does not exist"), ([], "does not contain an answer"), (["0 0 0 ."], "no service")],
)
async def test_without_records_it_says_why(records: list[str] | None, why: str, name_server: NameServer) -> None:
    if records is not None:
        name_server.records["_llm._tcp.example"] = records
    assert why in await failure("srv+http://_llm._tcp.example")


async def test_one_target_that_cannot_be_found_fails_the_whole(hosts: Hosts, name_server: NameServer) -> None:
    """Half an answer would take the other half's upstreams away."""
    hosts["a.example"] = ["10.0.0.1"]
    name_server.records["_llm._tcp.example"] = ["0 1 80 a.example.", "0 1 80 b.example."]
    assert "b.example" in await failure("srv+http://_llm._tcp.example")


def test_resolver_of_srv_records_is_loaded_only_where_it_is_used(run_python: Callable[[str], str]) -> None:
    assert run_python("import sys, gateway.app; print('dns' in sys.modules)") == "False"
