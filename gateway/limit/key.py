"""Who is counted: an exchange and an identity -> the key of a bucket.

A key is a kind, a colon, and the rest as it is. No kind contains a colon, so no subject, address or service name,
however it is spelt, can be read as another kind or another caller.
"""

from collections.abc import Callable
from ipaddress import IPv6Address, ip_address

from gateway.exchange import Exchange, Identity
from gateway.limit.base import KeyOf
from gateway.runtime import Memory

ADDRESSES = 10_000
"""How many client addresses are remembered with their keys; the others are parsed again."""


def client() -> KeyOf:
    """The verified subject; the address of a caller without one."""
    address = _Addresses()

    def key(exchange: Exchange, identity: Identity) -> str:
        return "subject:" + identity.subject if identity.subject else address(exchange, identity)

    return key


def subject() -> KeyOf:
    """The verified subject; all callers without one are one."""
    return lambda exchange, identity: "subject:" + identity.subject


def address() -> KeyOf:
    """The client's IPv4 address, or the /64 of its IPv6 address."""
    return _Addresses()


def service() -> KeyOf:
    """The service: all its callers are one."""
    return lambda exchange, identity: "service:" + exchange.request.service


KEYS: dict[str, Callable[[], KeyOf]] = {
    "client": client,
    "subject": subject,
    "address": address,
    "service": service,
}


class _Addresses:
    # measured: parsing an address costs 7 us, remembering it 0.15 us; python -m bench.micro.limit, 2026-11-24

    __slots__ = ("_known",)

    def __init__(self) -> None:
        self._known: Memory[str, str] = Memory(ADDRESSES)

    def __call__(self, exchange: Exchange, identity: Identity) -> str:
        key = self._known.get(exchange.client)
        if key is None:
            key = "address:" + network(exchange.client)
            self._known.put(exchange.client, key)
        return key


def network(text: str) -> str:
    """The part of an address that one customer holds: a whole IPv4 address, the first 64 bits of an IPv6 address.

    An IPv4 address written as IPv6 (`::ffff:192.0.2.1`) is the IPv4 address. What is no address stays as it is.
    """
    try:
        parsed = ip_address(text)
    except ValueError:
        return text
    if not isinstance(parsed, IPv6Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return f"{IPv6Address(int(parsed) >> 64 << 64)}/64"
