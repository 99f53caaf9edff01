"""The kinds of scalars in the tree that are not measured in a unit."""

import re
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Annotated

from gateway.config.kind import Kind

_DIGITS = re.compile(r"[0-9]{1,18}")
_HOST_NAME = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_.-]{0,252}[A-Za-z0-9_])?\.?")
_FLAGS = dict.fromkeys(("true", "yes", "on", "1"), True) | dict.fromkeys(("false", "no", "off", "0"), False)


def whole(least: int, most: int) -> Kind:
    """Whole numbers from `least` to `most`, in decimal digits."""

    def read(value: object) -> int:
        if isinstance(value, str) and _DIGITS.fullmatch(value):
            value = int(value)
        if type(value) is not int or not least <= value <= most:
            raise ValueError(f"a whole number from {least} to {most}")
        return value

    schema = {"type": "integer", "minimum": least, "maximum": most, "x-type": f"{least} to {most}"}
    return Kind(read, schema, int)


def read_flag(value: object) -> bool:
    """True or false; the other words that YAML or an environment uses for them count as well."""
    if isinstance(value, str):
        value = _FLAGS.get(value.lower())
    if value is True or value is False:
        return value
    raise ValueError("true or false")


def read_text(value: object) -> str:
    """Text of at least one character; YAML's numbers and the like are not taken for one."""
    if not isinstance(value, str) or not value or not value.isprintable():
        raise ValueError("text without control characters, in quotes where YAML would see a number")
    return value


def is_host(host: str) -> bool:
    """Whether `host` is an IP address or can be a host name."""
    try:
        ip_address(host)
    except ValueError:
        return _HOST_NAME.fullmatch(host) is not None and not re.fullmatch(r"[0-9.]+", host)
    return True


def read_host(value: object) -> str:
    if not isinstance(value, str) or not is_host(value):
        raise ValueError("an IP address or host name without a port; 0.0.0.0 or :: is every address")
    return value


def read_network(value: object) -> IPv4Network | IPv6Network:
    if isinstance(value, IPv4Network | IPv6Network):
        return value
    allowed = "an address range such as 10.0.0.0/8, 192.168.1.7 or fd00::/8"
    try:
        return ip_network(value if isinstance(value, str) else "")
    except ValueError:
        pass
    try:
        meant = ip_network(value if isinstance(value, str) else "", strict=False)
    except ValueError:
        raise ValueError(allowed) from None
    raise ValueError(f"{allowed}; bits are set after the prefix, perhaps {meant} is meant")


Flag = Annotated[bool, Kind(read_flag, {"type": "boolean", "x-type": "true or false"}, bool)]
Text = Annotated[str, Kind(read_text, {"type": "string", "minLength": 1, "x-type": "text"})]
Host = Annotated[str, Kind(read_host, {"type": "string", "minLength": 1, "x-type": "address or name"})]
Port = Annotated[int, whole(0, 65535)]
Path = Annotated[str, Kind(read_text, {"type": "string", "minLength": 1, "x-type": "path"})]
Network = Annotated[IPv4Network | IPv6Network, Kind(read_network, {"type": "string", "x-type": "CIDR"})]
