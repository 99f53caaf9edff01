"""The gateway before real OpenID providers: discovery, a token, a request, rotation; and before one that is away."""

import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from gateway_process import GatewayProcess
from places import Place, fetch, metric, open_service, reserved_port
from raw_wire import Wire
from real_issuers import ISSUERS, START_SECONDS, RealIssuer

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
HEALS_WITHIN = 5.0
IDLE = START_SECONDS + HEALS_WITHIN  # a kept connection waits while a provider starts and the gateway finds it


async def answer(wire: Wire) -> None:
    """The upstream says yes to everything."""
    while not wire.ended:
        await wire.head()
        wire.send(OK)
        await wire.until(lambda wire: bool(wire.received) or bool(wire.ended), within=IDLE)


@pytest.fixture(params=ISSUERS)
async def issuer(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[RealIssuer]:
    """A provider that does not run yet."""
    with ExitStack() as stack:
        port = reserved_port(stack)
        async with request.param(port, tmp_path) as issuer:
            yield issuer


@pytest.fixture
def place(issuer: RealIssuer, tmp_path: Path) -> Iterator[Place]:
    """A gateway that believes its tokens and asks for keys every second."""
    with ExitStack() as stack:
        port = reserved_port(stack)
        config = {
            "auth": {"type": "oidc"},
            "oidc": {"issuer": issuer.url, "audience": issuer.audience, "refresh_interval": "1s"},
            "ratelimit": {"enabled": False},
            "log": {"level": "debug"},
            "services": {"llm": open_service(port), "public": open_service(port, auth="none")},
        }
        yield Place(stack.enter_context(GatewayProcess.serving(config, tmp_path)), "llm", port)


async def status(place: Place, token: str, service: str = "llm") -> int:
    headers = {"Authorization": f"Bearer {token}"}
    return (await fetch(place.gateway.port, f"/v1/{service}/x", headers=headers))[0]


async def ready(place: Place) -> tuple[int, str]:
    code, _, text = await fetch(place.gateway.port, "/ready")
    [line] = [line for line in text.splitlines() if "key set" in line]
    return code, line


async def test_JW_20_22_discovery_token_request_and_rotation(
    issuer: RealIssuer, place: Place, figure: Callable[[str], None]
) -> None:
    async with place.origin(answer) as origin:
        assert await ready(place) == (503, "not ok: key set: no keys (the issuer cannot be reached)")
        assert await status(place, "e30.e30.AA", "public") == 200
        await issuer.start()
        back = time.monotonic()
        while (await ready(place))[0] != 200:
            assert time.monotonic() - back < HEALS_WITHIN
        figure(f"healed {time.monotonic() - back:.2f} s after the issuer was back")
        first = await issuer.token()
        assert await status(place, first) == 200
        head = origin.wires[-1].arrivals[-1][1]
        assert f"X-Auth-Subject: {issuer.subject}\r\n".encode() in head
        assert b"Bearer" not in head

        await issuer.rotate()
        second = await issuer.token()
        assert await status(place, second) == 200
        began = time.monotonic()
        while await status(place, first) != 401:
            assert time.monotonic() - began < HEALS_WITHIN
        assert await status(place, second) == 200
        assert await metric(place.gateway.port, "auth_key_updates_total", scheme="oidc", result="success") >= 2
        assert await metric(place.gateway.port, "auth_key_updates_total", scheme="oidc", result="failure") >= 1
        log = "\n".join(map(str, place.gateway.lines))
        for token in (first, second):
            assert not any(part in log for part in token.split("."))
