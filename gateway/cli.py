"""The command `ai-api-gateway`: serve, demo, check, token, limits, schema."""

import argparse
import json
import os
import sys
from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from typing import Any

from gateway import __version__
from gateway.config.kinds import read_host, whole
from gateway.config.load import FILE_VARIABLE, load, load_jwt
from gateway.config.mistake import ConfigError
from gateway.config.units import parse_duration

FAILED = 1
BAD_CONFIG = 2
INTERRUPTED = 130  # 128 + SIGINT, as shells report it


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command in `arguments` (None: the process's own) and give its exit code."""
    options = _parser().parse_args(arguments)
    try:
        code: int = options.run(options)
    except ConfigError as error:
        for mistake in error.mistakes:
            print(mistake, file=sys.stderr)
        return BAD_CONFIG
    except KeyboardInterrupt:
        return INTERRUPTED
    return code


def serve(options: argparse.Namespace) -> int:
    """Run the gateway until it is told to stop."""
    config = load(options.config, os.environ)
    from gateway import app

    again = partial(load, options.config, os.environ)
    source = app.Source(again, options.config or os.environ.get(FILE_VARIABLE))
    return _run(app.serve(config, source=source))


def demo(options: argparse.Namespace) -> int:
    """Run the gateway with everything embedded."""
    from gateway import app
    from gateway.demo import run

    return _run(run.demo(options.host, options.port, app.serve))


def check(options: argparse.Namespace) -> int:
    """Say whether the configuration could be served."""
    config = load(options.config, os.environ)
    count = sum(len(service.upstreams) for service in config.services.values())
    print(f"OK: services {', '.join(config.services)}; upstreams {count}")
    return 0


def token(options: argparse.Namespace) -> int:
    """Print a token that a gateway with this configuration accepts."""
    section = load_jwt(options.config, os.environ)
    from gateway.auth.jwt import mint
    from gateway.runtime import Runtime

    assert section.secret is not None
    secret = section.secret.get_secret_value().encode()
    try:
        minted = mint(
            secret,
            options.sub,
            now=Runtime().wall(),
            ttl=options.ttl,
            scopes=options.scope,
            issuer=section.issuer,
            audience=section.audience,
            algorithm=section.algorithms[0],
            claims=dict(options.claim),
        )
    except ValueError as error:
        print(error, file=sys.stderr)
        return BAD_CONFIG
    print(minted)
    return 0


def schema(options: argparse.Namespace) -> int:
    """Print the JSON Schema of the configuration file."""
    from gateway.config.schema import published

    print(json.dumps(published(), indent=2))
    return 0


def limits(options: argparse.Namespace) -> int:
    """Show or reset what the shared store counts of one key, such as subject:alice."""
    config = load(options.config, os.environ)
    import asyncio

    from gateway.limit.operate import Unanswerable, operate

    try:
        lines = asyncio.run(operate(config, options.action, options.key))
    except Unanswerable as error:
        print(error, file=sys.stderr)
        return FAILED
    for line in lines:
        print(line)
    return 0


def _run(work: Coroutine[Any, Any, int]) -> int:
    import uvloop

    from gateway.installation import UnsafeInstallationError

    try:
        return uvloop.run(work)
    except (OSError, UnsafeInstallationError) as error:  # a port that is taken, an address that is not ours
        print(f"ai-api-gateway: {error}", file=sys.stderr)
        return FAILED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="ai-api-gateway", description="An edge gateway for AI services.")
    parser.add_argument("--version", action=_Version, nargs=0, help="show the version, and whether it is compiled")
    parser.set_defaults(run=serve)
    _add_config(parser, None)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", description="without one: serve")
    for run in (serve, check, token, limits):
        command = commands.add_parser(run.__name__, help=run.__doc__, description=run.__doc__)
        command.set_defaults(run=run)
        _add_config(command, argparse.SUPPRESS)  # what stands before the command counts as well
        if run is token:
            _add_token_options(command)
        if run is limits:
            command.add_argument("action", choices=("show", "reset"), help="what to do")
            command.add_argument(
                "key", metavar="KEY", help="subject:NAME, address:IP, service:NAME, header:NAME=VALUE, .."
            )
    command = commands.add_parser("demo", help=demo.__doc__, description=demo.__doc__)
    command.set_defaults(run=demo)
    command.add_argument("--host", default="127.0.0.1", type=_reader(read_host), help="address (default: %(default)s)")
    command.add_argument("--port", default=8080, type=_reader(whole(0, 65535).read), help="port (default: %(default)s)")
    command = commands.add_parser("schema", help=schema.__doc__, description=schema.__doc__)
    command.set_defaults(run=schema)
    return parser


class _Version(argparse.Action):
    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from gateway.installation import is_compiled

        print(f"{parser.prog} {__version__}{' (compiled)' if is_compiled() else ''}")
        parser.exit()


def _add_config(parser: argparse.ArgumentParser, default: str | None) -> None:
    parser.add_argument("--config", metavar="FILE", default=default, help="YAML file (default: $GATEWAY_CONFIG)")


def _add_token_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--sub", required=True, help="whom the token is for")
    parser.add_argument("--scope", nargs="*", default=[], help="scopes it grants, separated by spaces")
    parser.add_argument(
        "--claim", type=_claim, action="append", default=[], metavar="NAME=VALUE", help="a claim it has besides, a text"
    )
    parser.add_argument("--ttl", type=_reader(parse_duration), default=3600.0, help="its lifetime (default: 1h)")


def _claim(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise argparse.ArgumentTypeError(f"{text!r}: NAME=VALUE")
    return name, value


def _reader(read: Callable[[object], object]) -> Callable[[str], object]:
    """What argparse calls for a value: `read`, with its ValueError as the message."""

    def convert(text: str) -> object:
        try:
            return read(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(f"{text!r}: {error}") from None

    return convert
