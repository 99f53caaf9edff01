"""What it costs to ask the kernel about a connection, and to make one: python -m bench.micro.sockets

Over the loopback, on uvloop; prints the best round in microseconds of CPU. The peer's share of making a connection is
this process', too.
"""

import asyncio

import uvloop

from bench.micro.stopwatch import Stopwatch
from gateway.balance.probe import connect_probe
from gateway.balance.upstream import Upstream
from gateway.wire.socket_state import has_arrived, keep_alive, peer_has_left, silent_for

ROUNDS = 20
CALLS = 2_000
CONNECTIONS = 200


async def connection() -> tuple[Upstream, asyncio.Transport]:
    """A listening peer, and a connection to it."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(asyncio.Protocol, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    transport, _ = await loop.create_connection(asyncio.Protocol, "127.0.0.1", port)
    return Upstream(f"http://127.0.0.1:{port}"), transport


def main() -> None:
    watch = Stopwatch.asked(__doc__, ROUNDS)
    loop = uvloop.new_event_loop()
    upstream, transport = loop.run_until_complete(connection())
    calls, connections = watch.calls(CALLS), watch.calls(CONNECTIONS)

    async def connect() -> None:
        for _ in range(connections):
            assert await connect_probe(upstream)

    def ask() -> None:
        for _ in range(calls):
            keep_alive(transport, 5)

    watch.best("how long it has been silent", calls, lambda: [silent_for(transport) for _ in range(calls)])
    watch.best("whether the peer has left", calls, lambda: [peer_has_left(transport) for _ in range(calls)])
    watch.best("whether all has arrived", calls, lambda: [has_arrived(transport) for _ in range(calls)])
    watch.best("to have signs of life asked for", calls, ask)
    watch.best("a check that makes a connection", connections, lambda: loop.run_until_complete(connect()))


if __name__ == "__main__":
    main()
