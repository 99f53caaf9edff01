"""Upstreams behind a name that changes (FT-06), in a running gateway."""

import socket
from typing import Any

from fakes import MemoryTransport
from harness import configuration
from memory_gateway import MemoryGateway, got, in_memory
from messages import GOT_OK, OK, request

from gateway.backend import FORGET_SECONDS, Backend


class Names:
    """The addresses of `models`, and connections to each that are noted."""

    def __init__(self, gate: MemoryGateway, *addresses: str) -> None:
        self.gate = gate
        self.addresses = list(addresses)
        gate._loop.getaddrinfo = self._getaddrinfo  # type: ignore[assignment,method-assign]
        for number in range(1, 5):
            gate._loop.upstreams[f"10.0.0.{number}:8000"] = gate.accepted.append

    async def _getaddrinfo(self, host: str, port: int, **options: Any) -> list[Any]:
        if host != "models" or not self.addresses:
            raise socket.gaierror(socket.EAI_NONAME, "unknown")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in self.addresses]

    async def change(self, *addresses: str) -> None:
        """The name server answers otherwise, and the gateway has noticed."""
        self.addresses = list(addresses)
        for found in self.backend._discoveries.values():
            if await found.look():
                self.backend._found_others()
        await self.gate.quiet()

    async def reload(self, url: str = "dns+http://models:8000/v1", **service: Any) -> None:
        tree = {"services": {"llm": {"upstreams": [{"url": url}], "strategy": "round_robin", **service}}}
        await self.gate.gateway.reload(configuration("unused.test", tree))

    @property
    def backend(self) -> Backend:
        return self.gate.gateway._parts._backends["llm"]

    @property
    def known(self) -> list[str]:
        return [upstream.name for upstream in self.backend.group.upstreams]


def host(transport: MemoryTransport) -> str:
    return str(transport.get_extra_info("peername")[0])


@in_memory()
async def test_every_address_gets_requests_under_the_name_it_was_found_by(gate: MemoryGateway) -> None:
    names = Names(gate, "10.0.0.2", "10.0.0.1")
    await names.reload()
    assert names.known == ["10.0.0.1:8000", "10.0.0.2:8000"]
    for _ in range(2):
        client = gate.connect()
        await gate.sends(client, request())
        assert b"\r\nHost: models:8000\r\n" in gate.accepted[-1].written
        await gate.sends(gate.accepted[-1], OK)
        assert got(client) == GOT_OK
    assert {host(transport) for transport in gate.accepted} == {"10.0.0.1", "10.0.0.2"}


@in_memory()
async def test_who_left_finishes_its_work_who_stays_keeps_what_is_known_who_came_is_used(
    gate: MemoryGateway,
) -> None:
    names = Names(gate, "10.0.0.1", "10.0.0.2")
    await names.reload()
    clients = [gate.connect() for _ in range(2)]
    for client in clients:
        await gate.sends(client, request())
    stays = names.backend.group.upstreams[1]
    stays.unit = 7.0
    await names.change("10.0.0.2", "10.0.0.3")
    after, newcomer = names.backend.group.upstreams
    assert (after, after.unit) == (stays, 7.0)
    assert newcomer.joined_at == gate.runtime.clock()
    for transport in gate.accepted[:2]:
        await gate.sends(transport, OK)
    assert [got(client) for client in clients] == [GOT_OK] * 2
    ended = {host(transport): bool(transport.ended) for transport in gate.accepted}
    assert ended == {"10.0.0.1": True, "10.0.0.2": False}
    client = gate.connect()
    for _ in range(4):
        await gate.sends(client, request())
        busy = next(one for one in gate.accepted[::-1] if one.written and not one.ended)
        await gate.sends(busy, OK)
        busy.written.clear()
    assert {host(transport) for transport in gate.accepted} == {"10.0.0.1", "10.0.0.2", "10.0.0.3"}
    assert got(client) == GOT_OK * 4


@in_memory()
async def test_one_of_two_addresses_is_dead_and_nobody_notices(gate: MemoryGateway) -> None:
    names = Names(gate, "10.0.0.1", "10.0.0.2")
    gate.refuse_connections_to("10.0.0.1:8000")
    await names.reload()
    client = gate.connect()
    for _ in range(8):
        await gate.sends(client, request())
        await gate.sends(gate.accepted[-1], OK)
    assert got(client) == GOT_OK * 8


@in_memory()
async def test_name_that_is_not_found_yet_is_a_503_and_then_is_not(gate: MemoryGateway) -> None:
    names = Names(gate)
    await names.reload()
    client = gate.connect()
    await gate.sends(client, request())
    assert b"503 Service Unavailable" in got(client)
    assert (True, "service llm: 0 of 0 upstreams available") in list(gate.gateway._parts.checks())
    await names.change("10.0.0.4")
    await gate.sends(client, request())
    await gate.sends(gate.accepted[-1], OK)
    assert got(client).endswith(GOT_OK)


@in_memory()
async def test_reload_keeps_the_names_it_knows_and_lets_go_of_others(gate: MemoryGateway) -> None:
    names = Names(gate, "10.0.0.1")
    await names.reload()
    [found] = names.backend._discoveries.values()
    [upstream] = names.backend.group.upstreams
    await names.reload(strategy="adaptive")
    assert names.backend._discoveries == {found.url: found}
    assert names.backend.group.upstreams == (upstream,)
    await names.reload(url="http://10.0.0.3:8000/v1")
    assert names.backend._discoveries == {}
    assert names.known == ["10.0.0.3:8000"]


@in_memory()
async def test_metrics_forget_an_upstream_some_time_after_it_left(gate: MemoryGateway) -> None:
    names = Names(gate, "10.0.0.1", "10.0.0.2")
    await names.reload()
    for _ in range(2):
        client = gate.connect()
        await gate.sends(client, request())
        await gate.sends(gate.accepted[-1], OK)
    counted = gate.gateway._pipeline._observer._tallies.service("llm").upstreams
    assert set(counted) == {"10.0.0.1:8000", "10.0.0.2:8000"}
    later: list[Any] = []
    gate._loop.call_later = lambda delay, *call: later.append((delay, call))  # type: ignore[assignment,method-assign]
    await names.change()
    await names.change("10.0.0.3")
    await names.change("10.0.0.3", "10.0.0.2")
    del gate._loop.call_later
    for delay, (call, *arguments) in later:
        assert delay == FORGET_SECONDS
        call(*arguments)
    assert set(counted) == {"10.0.0.2:8000"}, "it has come back"
