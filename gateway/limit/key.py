"""Who is counted: an exchange and an identity -> the key of a state.

A key is a kind and the rest as it is, or, where the rest is long or may be a secret, its SHA-256. The kind of a rule is
fixed and says where it ends, so no subject, address, header or claim, however it is spelt, can be read as another kind
or another caller.
"""

import json
from collections.abc import Callable
from hashlib import sha256
from socket import AF_INET, AF_INET6, inet_ntop, inet_pton

from gateway.exchange import Exchange, Identity
from gateway.limit.base import KeyOf
from gateway.runtime import Memory

ADDRESSES = 10_000
"""How many client addresses are remembered with their keys; the others are parsed again."""

LONGEST = 128
"""Characters of a subject or claim that are kept as they are."""

_MAPPED = bytes(10) + b"\xff\xff"  # ::ffff:0:0/96, IPv4 written as IPv6
_HALF = bytes(8)


def client() -> KeyOf:
    """The verified subject; the address of a caller without one."""
    address = _Addresses()

    def key(exchange: Exchange, identity: Identity) -> str:
        return text("subject", identity.subject) if identity.subject else address(exchange, identity)

    return key


def subject() -> KeyOf:
    """The verified subject; all callers without one are one."""
    return lambda exchange, identity: text("subject", identity.subject)


def address() -> KeyOf:
    """The client's IPv4 address, or the /64 of its IPv6 address."""
    return _Addresses()


def service() -> KeyOf:
    """The service: all its callers are one."""
    return lambda exchange, identity: "service:" + exchange.request.service


def header(name: str) -> KeyOf:
    """The value of a header, several of them in order; all requests without it are one."""
    wanted = name.lower().encode()
    kind = f"header {name.lower()}"

    def key(exchange: Exchange, identity: Identity) -> str:
        return secret(kind, b",".join(exchange.request.values(wanted)))

    return key


def claim(name: str) -> KeyOf:
    """A claim of the verified token, as JSON unless it is text; all callers without it are one."""
    kind = f"claim {name}"

    def key(exchange: Exchange, identity: Identity) -> str:
        value = identity.claims.get(name, "")
        return text(kind, value if isinstance(value, str) else json.dumps(value, sort_keys=True))

    return key


KEYS: dict[str, Callable[[], KeyOf]] = {
    "client": client,
    "subject": subject,
    "address": address,
    "service": service,
}

NAMED: dict[str, Callable[[str], KeyOf]] = {
    "header": header,
    "claim": claim,
}


def key_of(spelled: str) -> KeyOf:
    """The key that the configuration spells `client`, or `header:X-Tenant`."""
    kind, _, name = spelled.partition(":")
    return NAMED[kind](name) if name else KEYS[kind]()


def spelled(kind: str, written: str) -> str | None:
    """The key of what an operator writes, for rules that count by `kind`; None when they count no such thing.

    Written are `subject:NAME`, `address:IP`, `service:NAME`, `header:NAME=VALUE` and `claim:NAME=VALUE`.
    """
    what, colon, value = written.partition(":")
    if not colon:
        return None
    if kind in {what, "client"}:
        if what == "subject":
            return text("subject", value)
        if what == "address":
            return "address:" + network(value)
        return written if what == kind == "service" else None
    named, _, value = value.partition("=")
    if what == "header" and kind.lower() == f"header:{named.lower()}":
        return secret(f"header {named.lower()}", value.encode())
    return text(f"claim {named}", value) if what == "claim" and kind == f"claim:{named}" else None


def text(kind: str, value: str) -> str:
    """The key of a value that may be seen."""
    return f"{kind}:{value}" if len(value) <= LONGEST else secret(kind, value.encode("utf-8", "surrogatepass"))


def secret(kind: str, value: bytes) -> str:
    """The key of a value that may be a credential, or is long."""
    return f"{kind}#{sha256(value).hexdigest()[:32]}"


class _Addresses:
    # measured: parsing an address costs 0.6 us, remembering it 0.15 us; python -m bench.micro.limit, 2026-11-25

    __slots__ = ("_known",)

    def __init__(self) -> None:
        self._known: Memory[str, str] = Memory(ADDRESSES)

    def __call__(self, exchange: Exchange, identity: Identity) -> str:
        key = self._known.get(exchange.client)
        if key is None:
            key = "address:" + network(exchange.client)
            self._known.put(exchange.client, key)
        return key


def network(spelled: str) -> str:
    """The part of an address that one customer holds: a whole IPv4 address, the first 64 bits of an IPv6 address.

    An IPv4 address written as IPv6 (`::ffff:192.0.2.1`) is the IPv4 address. What is no address stays as it is.
    """
    plain = spelled.partition("%")[0]  # without the interface of a link-local address
    try:
        if ":" not in plain:
            return inet_ntop(AF_INET, inet_pton(AF_INET, plain))
        packed = inet_pton(AF_INET6, plain)
    except (OSError, ValueError):
        return spelled
    if packed.startswith(_MAPPED):
        return inet_ntop(AF_INET, packed[12:])
    return inet_ntop(AF_INET6, packed[:8] + _HALF) + "/64"
