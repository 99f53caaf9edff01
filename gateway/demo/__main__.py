"""`python -m gateway.demo`: one demo model server by itself, as an upstream to try things with."""

import argparse
import asyncio
import signal

from gateway.demo.server import listening, model_app


async def serve(name: str, host: str, port: int) -> None:
    """Answer until SIGTERM or SIGINT."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with listening(model_app(name), host, port) as bound:
        print(f"{name} on {host} port {bound}", flush=True)
        await stop.wait()


def main() -> None:
    """Read the arguments and serve."""
    parser = argparse.ArgumentParser(prog="python -m gateway.demo", description=__doc__)
    parser.add_argument("--name", default="demo", help="shown in system_fingerprint (default: %(default)s)")
    parser.add_argument("--host", default="127.0.0.1", help="default: %(default)s")
    parser.add_argument("--port", type=int, default=8000, help="0 takes any free one (default: %(default)s)")
    options = parser.parse_args()
    asyncio.run(serve(options.name, options.host, options.port))


if __name__ == "__main__":
    main()
