"""Would this installation be as safe as the one that was tested? Start-up fails if it is not."""

import logging
from importlib.machinery import EXTENSION_SUFFIXES
from importlib.metadata import version
from importlib.util import find_spec

from aiohttp.http import HttpRequestParser

from gateway import __version__

log = logging.getLogger(__name__)

# The first versions without a published hole that reaches this gateway.
FLOORS = {"aiohttp": (3, 14, 4), "PyJWT": (2, 15, 0), "joserfc": (1, 7, 6), "redis": (4, 5, 4)}


class UnsafeInstallationError(Exception):
    """The gateway would run, but not as it was tested; the message says what to install."""


def is_compiled() -> bool:
    """Whether the hot path is the one that `make compiled` makes; of its modules, `exchange` stands for all."""
    spec = find_spec("gateway.exchange")
    return spec is not None and str(spec.origin).endswith(tuple(EXTENSION_SUFFIXES))


def check_installation() -> None:
    """Log what this is.

    Raises UnsafeInstallationError without aiohttp's C parser, and for a library below its safe version.
    """
    log.info("version %s", __version__, extra={"compiled": is_compiled()})
    if HttpRequestParser.__module__ != "aiohttp._http_parser":
        raise UnsafeInstallationError(
            "aiohttp's C parser is missing: install aiohttp from a wheel, and unset AIOHTTP_NO_EXTENSIONS"
        )
    for name, floor in FLOORS.items():
        installed = version(name)
        if _numbers(installed) < floor:
            wanted = ".".join(map(str, floor))
            raise UnsafeInstallationError(f"{name} {installed} has known holes: install {name}>={wanted}")


def _numbers(text: str) -> tuple[int, ...]:
    numbers: list[int] = []
    for part in text.split(".")[:3]:
        digits = part[: len(part) - len(part.lstrip("0123456789"))]
        numbers.append(int(digits or 0))
        if digits != part:
            break
    return tuple(numbers)
