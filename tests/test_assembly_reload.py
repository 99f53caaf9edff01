"""A new configuration in a running gateway: what survives, what changes at once, and what finishes as it began."""

from typing import Any

import pytest
from fakes import MemoryTransport
from harness import configuration
from memory_gateway import MemoryGateway, got, in_memory
from messages import GOT_OK, OK, own, request

from gateway.app import RETIRE_SECONDS
from gateway.balance.upstream import Upstream
from gateway.config.tree import Config

RETRY = b"Retry-After: 1\r\n"


def config(*names: str, service: dict[str, Any] | None = None, **over: Any) -> Config:
    """One service, `llm`, with upstreams of these names."""
    urls = [{"url": f"http://{name}/v1"} for name in names]
    return configuration(names[0], {"services": {"llm": {"upstreams": urls, **(service or {})}}, **over})


def upstreams(gate: MemoryGateway, service: str = "llm") -> tuple[Upstream, ...]:
    return gate.gateway._parts._backends[service].group.upstreams


def serves(gate: MemoryGateway, name: str) -> None:
    gate._loop.upstreams[name] = gate.accepted.append


async def answered(gate: MemoryGateway, client: MemoryTransport) -> MemoryTransport:
    """A request was answered with OK; by whom."""
    await gate.sends(client, request())
    busy = [transport for transport in gate.accepted if transport.written and not transport.ended]
    await gate.sends(busy[-1], OK)
    busy[-1].written.clear()
    return busy[-1]


@in_memory()
async def test_unchanged_upstreams_keep_connections_and_what_was_learned(gate: MemoryGateway) -> None:
    client = gate.connect()
    await answered(gate, client)
    [before] = upstreams(gate)
    before.unit = 7.0
    await gate.gateway.reload(config(gate.names[0], "new.test:1", service={"strategy": "round_robin"}))
    after, newcomer = upstreams(gate)
    assert after is before
    assert after.unit == 7.0
    assert newcomer.joined_at == gate.runtime.clock()
    serves(gate, "new.test:1")
    for _ in range(4):
        await answered(gate, client)
    assert len(gate.accepted) == 2, "the one pooled connection, and one to the newcomer"
    assert got(client) == GOT_OK * 5


@in_memory()
async def test_request_in_flight_finishes_where_it_began_while_new_ones_go_elsewhere(gate: MemoryGateway) -> None:
    first, second = gate.connect(), gate.connect()
    await gate.sends(first, request())
    serves(gate, "new.test:1")
    await gate.gateway.reload(config("new.test:1"))
    await answered(gate, second)
    assert gate.accepted[1].get_extra_info("peername") == ("new.test", 1)
    await gate.sends(gate.accepted[0], OK)
    assert [got(first), got(second)] == [GOT_OK, GOT_OK]
    await gate.quiet()
    assert gate.accepted[0].ended, "nobody will use that connection again"


@in_memory()
async def test_idle_connections_of_an_upstream_that_left_are_closed(gate: MemoryGateway) -> None:
    await answered(gate, gate.connect())
    await gate.gateway.reload(config("new.test:1"))
    await gate.quiet()
    assert gate.accepted[0].ended


@in_memory()
async def test_other_timeouts_need_other_connections_but_not_other_knowledge(gate: MemoryGateway) -> None:
    client = gate.connect()
    await answered(gate, client)
    [before] = upstreams(gate)
    await gate.gateway.reload(config(gate.names[0], service={"timeouts": {"first_byte": 1}, "max_connections": 7}))
    [after] = upstreams(gate)
    assert after is before
    assert after.limit == 7
    await gate.quiet()
    assert gate.accepted[0].ended
    await gate.sends(client, request())
    await gate.passes(1.1)
    assert got(client).endswith(own(504))


@in_memory(service={"keepalive_timeout": 30})
async def test_an_idle_connection_is_kept_as_long_as_configured_and_made_anew_when_that_changes(
    gate: MemoryGateway,
) -> None:
    client = gate.connect()
    await answered(gate, client)
    await gate.passes(29)
    await answered(gate, client)
    assert len(gate.accepted) == 1
    await gate.gateway.reload(config(gate.names[0], service={"keepalive_timeout": 2}))
    await gate.quiet()
    assert gate.accepted[0].ended
    await answered(gate, client)
    await gate.passes(2.1)
    assert gate.accepted[1].ended


@in_memory(service={"max_connections": 1})
async def test_who_waits_for_room_goes_on_waiting(gate: MemoryGateway) -> None:
    first, second = gate.connect(), gate.connect()
    await gate.sends(first, request())
    await gate.sends(second, request())
    await gate.gateway.reload(config(gate.names[0], service={"max_connections": 1, "strategy": "round_robin"}))
    await gate.sends(gate.accepted[0], OK)
    await gate.sends(gate.accepted[0], OK)
    assert [got(first), got(second)] == [GOT_OK, GOT_OK]


@in_memory(service={"max_connections": 1})
async def test_newcomer_has_room_for_who_waits(gate: MemoryGateway) -> None:
    first, second = gate.connect(), gate.connect()
    await gate.sends(first, request())
    await gate.sends(second, request())
    serves(gate, "new.test:1")
    await gate.gateway.reload(config(gate.names[0], "new.test:1", service={"max_connections": 1}))
    await gate.quiet()
    await gate.sends(gate.accepted[1], OK)
    assert [got(first), got(second)] == [b"", GOT_OK]
    await gate.sends(gate.accepted[0], OK)


@in_memory(ratelimit={"enabled": True, "bucket_size": 2, "refill_rate": "1/h"})
async def test_limits_go_on_counting(gate: MemoryGateway) -> None:
    limited = {"ratelimit": {"enabled": True, "bucket_size": 2, "refill_rate": "1/h"}}
    client = gate.connect()
    await answered(gate, client)
    await gate.gateway.reload(config(gate.names[0], **limited))
    await answered(gate, client)
    await gate.gateway.reload(config(gate.names[0], **limited))
    await gate.sends(client, request())
    assert b"429 Too Many Requests" in got(client)


@in_memory()
async def test_service_that_went_is_not_found_and_one_that_came_is(gate: MemoryGateway) -> None:
    client = gate.connect()
    await gate.gateway.reload(
        configuration(gate.names[0], {"services": {"new": {"upstreams": [{"url": f"http://{gate.names[0]}/v1"}]}}})
    )
    await gate.sends(client, request())  # `configuration` has a service llm of its own, at the same place
    await gate.sends(client, request(line=b"GET /v1/new/x HTTP/1.1"))
    assert set(gate.gateway._parts._backends) == {"llm", "root", "own", "new"}
    await gate.sends(gate.accepted[0], OK)
    await gate.sends(gate.accepted[-1], OK)
    assert got(client) == GOT_OK * 2


@in_memory(service={"health": {"interval": 5}})
async def test_upstream_that_is_not_checked_any_more_is_not_down_for_ever(gate: MemoryGateway) -> None:
    gate.gateway._parts._backends["llm"].group.checked(upstreams(gate)[0], healthy=False)
    await gate.gateway.reload(config(gate.names[0], service={"health": {"interval": 0}}))
    assert upstreams(gate)[0].standing.healthy


@in_memory()
async def test_what_cannot_be_used_changes_nothing(gate: MemoryGateway) -> None:
    client = gate.connect()
    await answered(gate, client)
    parts = gate.gateway._parts
    broken = config("new.test:1").model_copy(update={"auth": config("a").auth.model_copy(update={"type": "oidc"})})
    with pytest.raises(ValueError, match=r"oidc\.issuer"):
        await gate.gateway.reload(broken)
    assert gate.gateway._parts is parts
    assert [upstream.name for upstream in upstreams(gate)] == gate.names
    await answered(gate, client)
    assert got(client) == GOT_OK * 2
    assert len(gate.accepted) == 1


@in_memory()
async def test_sections_that_take_a_restart_say_so(gate: MemoryGateway) -> None:
    with pytest.MonkeyPatch.context() as patch:
        told: list[str] = []
        patch.setattr("gateway.app.log.warning", lambda text, *values: told.append(text % values))
        await gate.gateway.reload(config(gate.names[0], server={"keepalive_timeout": 7}))
    assert told == ["the section server has changed, which takes a restart"]


@in_memory()
async def test_parts_that_are_not_in_force_any_more_are_closed_after_a_while(gate: MemoryGateway) -> None:
    later: list[tuple[float, Any]] = []
    gate._loop.call_later = lambda delay, call, *rest: later.append((delay, call))  # type: ignore[assignment,method-assign]
    await gate.gateway.reload(config(gate.names[0]))
    del gate._loop.call_later
    [retire] = [call for delay, call in later if delay == RETIRE_SECONDS]
    assert len(gate.gateway._retiring) == 1
    retire()
    assert gate.gateway._retiring == []
    await answered(gate, gate.connect())


@in_memory()
async def test_signs_of_life_are_asked_for_where_a_connection_outlives_the_interval_of_checks(
    gate: MemoryGateway,
) -> None:
    for kept, health, asked in (
        (60, {"interval": 7}, 7),
        (60, {"interval": 7, "path": "/health"}, 0),
        (60, {"interval": 8.1}, 9),
        (60, {"interval": 0.9}, 0),
        (60, {"interval": 0}, 0),
        (9, {"interval": 9}, 0),
    ):
        await gate.gateway.reload(config(gate.names[0], service={"keepalive_timeout": kept, "health": health}))
        [pool] = gate.gateway._parts._backends["llm"].pools()
        assert pool.tcp_keepalive == asked
