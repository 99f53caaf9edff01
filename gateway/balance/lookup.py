"""From a name to the addresses behind it, by the system's resolver or by SRV records (RFC 2782)."""

import asyncio
import socket
from collections.abc import Sequence
from typing import Protocol
from urllib.parse import urlsplit

from gateway.balance.place import Place

DEFAULT_PORTS = {"http": 80, "https": 443}
# What SRV weights, which go up to 65,535, are brought down to.
HEAVIEST = 100


class LookupFailedError(Exception):
    """There is no answer, or none that helps; it says why."""


class Service(Protocol):
    """One SRV record."""

    @property
    def target(self) -> object: ...
    @property
    def port(self) -> int: ...
    @property
    def weight(self) -> int: ...
    @property
    def priority(self) -> int: ...


async def look_up(url: str) -> Sequence[Place]:
    """The places behind a `dns+http(s)` or `srv+http(s)` URL, sorted, at least one. Raises LookupFailedError."""
    kind, _, plain = url.partition("+")
    return sorted(set(await KINDS[kind](plain)))


async def _by_address(url: str) -> Sequence[Place]:
    parts = urlsplit(url)
    port = parts.port or DEFAULT_PORTS[parts.scheme]
    return [Place(url, address, port) for address in await addresses(parts.hostname or "", port)]


async def _by_service(url: str) -> Sequence[Place]:
    parts = urlsplit(url)
    records = await services(parts.hostname or "")
    heaviest = max(record.weight for record in records) or 1
    found = []
    for record in records:
        target = str(record.target).rstrip(".")
        named = f"{parts.scheme}://{target}:{record.port}{parts.path}"
        weight = max(1, round(HEAVIEST * record.weight / heaviest))
        for address in await addresses(target, record.port):
            found.append(Place(named, address, record.port, weight, record.priority))
    return found


KINDS = {"dns": _by_address, "srv": _by_service}


async def addresses(host: str, port: int) -> Sequence[str]:
    """The IPv4 addresses of `host`; those of IPv6 if it has no others, for both lead to the same servers."""
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise LookupFailedError(f"{host}: {error.strerror or error}") from None
    by_family = {family: [str(place[0]) for kind, *_, place in found if kind == family] for family in FAMILIES}
    best = by_family[socket.AF_INET] or by_family[socket.AF_INET6]
    if not best:
        raise LookupFailedError(f"{host}: no address")
    return best


FAMILIES = (socket.AF_INET, socket.AF_INET6)


async def services(name: str) -> Sequence[Service]:
    """The SRV records of `name`, at least one that leads somewhere."""
    # Loaded where it is used only: it takes 60 ms and 8 MB.
    from dns.asyncresolver import resolve
    from dns.exception import DNSException

    try:
        answer = await resolve(name, "SRV", search=True)
    except DNSException as error:
        raise LookupFailedError(f"{name}: {error}") from None
    found = [record for record in answer if str(record.target) != "."]  # "decidedly not available at this domain"
    if not found:
        raise LookupFailedError(f"{name}: no service")
    return found
