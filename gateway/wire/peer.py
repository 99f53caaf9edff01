"""Who is at the other end of a client connection, and whom it speaks for (X-Forwarded-*)."""

import asyncio
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

from gateway.exchange import Request

Network = IPv4Network | IPv6Network


def address_of(text: str) -> IPv4Address | IPv6Address | None:
    """The address in `text`, IPv4 also when it is mapped into IPv6; None when there is none."""
    try:
        address = ip_address(text.strip().strip("[]").partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


class Peer:
    """The peer of one connection; `trusted` when it is one of the configured proxies, whose word then counts."""

    __slots__ = ("_forwarded", "_networks", "address", "trusted")

    def __init__(self, address: str, *, tls: bool, networks: Sequence[Network]) -> None:
        parsed = address_of(address)
        self.address = str(parsed) if parsed is not None else address
        self._networks = networks
        self.trusted = self._is_trusted(parsed)
        proto = b"https" if tls else b"http"
        self._forwarded = (
            b"X-Forwarded-For: %b\r\nX-Forwarded-Proto: %b\r\nX-Forwarded-Host: " % (self.address.encode(), proto),
            proto,
        )

    @classmethod
    def of(cls, transport: asyncio.BaseTransport, networks: Sequence[Network]) -> "Peer":
        name = transport.get_extra_info("peername")
        address = str(name[0]) if isinstance(name, tuple) else "unknown"
        return cls(address, tls=transport.get_extra_info("sslcontext") is not None, networks=networks)

    def _is_trusted(self, address: IPv4Address | IPv6Address | None) -> bool:
        return address is not None and any(address in network for network in self._networks)

    def client(self, request: Request) -> str:
        """The right-most address that no trusted proxy vouches for."""
        if not request.forwarded_for:
            return self.address
        client = self.address
        for hop in reversed(request.forwarded_for.decode("latin-1").split(",")):
            address = address_of(hop)
            if address is None:
                break
            client = str(address)
            if not self._is_trusted(address):
                break
        return client

    def forwarded(self, request: Request) -> bytes:
        """The X-Forwarded-* lines for the upstream, without the last CRLF: extended for a trusted peer, else new."""
        if not self.trusted:
            return self._forwarded[0] + request.host
        hops = request.forwarded_for + b", " if request.forwarded_for else b""
        host = b"".join(request.values(b"x-forwarded-host")) or request.host
        return b"X-Forwarded-For: %b%b\r\nX-Forwarded-Proto: %b\r\nX-Forwarded-Host: %b" % (
            hops,
            self.address.encode(),
            request.proto or self._forwarded[1],
            host,
        )
