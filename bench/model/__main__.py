"""`python -m bench.model`: a model server that behaves like an inference engine, without a GPU."""

import argparse
import asyncio
import signal
from collections.abc import Callable
from dataclasses import fields

import uvloop

from bench.model.engine import Setting
from bench.model.server import ModelServer, serve

HELP = {
    "step": "seconds of a step with nothing in it",
    "decode": "seconds more for each sequence that decodes",
    "prefill": "seconds more for each prompt token that is computed",
    "batch": "sequences that run at once",
    "budget": "tokens computed in one step",
    "kv_tokens": "tokens that the KV memory holds",
    "block": "tokens of one block of it",
    "speed": "2 is twice as fast",
}


def main() -> None:
    """Read the arguments and serve until SIGTERM or SIGINT."""
    options = arguments()
    setting = Setting(**{each.name: getattr(options, each.name) for each in fields(Setting)})
    server = ModelServer(options.model, setting, options.tokens, late_head=options.late_head)
    uvloop.run(_until_stopped(server, options.host, options.port))


async def _until_stopped(server: ModelServer, host: str, port: int) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await serve(server, host, port, stop)


def arguments(given: list[str] | None = None) -> argparse.Namespace:
    """The command line; every field of `Setting` is an option."""
    formatter = argparse.ArgumentDefaultsHelpFormatter
    parser = argparse.ArgumentParser(prog="python -m bench.model", description=__doc__, formatter_class=formatter)
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--port", type=int, default=9101, help="port to listen on; 0 takes any free one")
    parser.add_argument("--model", default="demo", help="the model's name")
    parser.add_argument("--tokens", type=int, default=128, help="length of a reply to who does not say max_tokens")
    late = "send the head of a stream with its first token, and not at once as vLLM does"
    parser.add_argument("--late-head", action="store_true", help=late)
    for each in fields(Setting):
        name, kind = f"--{each.name.replace('_', '-')}", type(each.default)
        parser.add_argument(name, type=_positive(kind), default=each.default, help=HELP[each.name])
    options = parser.parse_args(given)
    if options.kv_tokens < options.block:
        parser.error(f"--kv-tokens {options.kv_tokens} is less than one block of {options.block} tokens")
    return options


def _positive(kind: type) -> Callable[[str], float]:
    def read(text: str) -> float:
        value: float = kind(text)
        if value <= 0:
            raise ValueError
        return value

    read.__name__ = f"positive {kind.__name__}"
    return read


if __name__ == "__main__":
    main()
