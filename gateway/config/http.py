"""The kinds of scalars that travel in HTTP or say where it goes: upstream URLs and header fields."""

import re
from ipaddress import ip_address
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import SecretStr

from gateway.config.kind import Kind
from gateway.config.kinds import is_host, whole
from gateway.config.secret import secret

URL = "http://HOST[:PORT][/PATH] or https://..., without user info, query or fragment"
LOOKED_UP = ("dns+http://", "dns+https://", "srv+http://", "srv+https://")
SERVICE_NAME = r"[a-z0-9][a-z0-9_-]{0,62}"

_SERVICE_NAME = re.compile(SERVICE_NAME)
_URL_PATH = re.compile(r"(/(%[0-9A-Fa-f]{2}|[A-Za-z0-9._~!$&'()*+,;=:@-])*)*")  # RFC 3986, section 3.3
_QUERY = re.compile(r"(%[0-9A-Fa-f]{2}|[A-Za-z0-9._~!$&'()*+,;=:@/?-])*")
_DOT_SEGMENT = re.compile(r"(?:^|/)(?:\.|%2e){1,2}(?:/|$)", re.IGNORECASE)
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110, section 5.6.2
_VALUE = re.compile(r"(?! )[ -~]*(?<! )")

# RFC 9110, section 7.6.1, and the older ones that still travel.
HOP_BY_HOP = frozenset(
    (
        *("connection", "keep-alive", "proxy-connection", "proxy-authenticate", "proxy-authorization"),
        *("te", "trailer", "transfer-encoding", "upgrade"),
    )
)
FRAMING = frozenset(("content-length", "host", "expect"))
OWN = frozenset(
    (
        *("x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "via"),
        *("x-request-id", "traceparent", "x-auth-subject"),
    )
)


def read_service_name(value: object) -> str:
    if not isinstance(value, str) or not _SERVICE_NAME.fullmatch(value):
        raise ValueError("a service's name has 1 to 63 of a-z, 0-9, - and _, the first one a letter or digit")
    return value


def read_url(value: object) -> str:
    """The URL as written; ValueError says what is wrong with it."""
    if not isinstance(value, str) or not value.isascii() or not value.isprintable() or " " in value:
        raise ValueError(URL)
    try:
        parts = urlsplit(value)
        port = parts.port
    except ValueError:
        raise ValueError(URL) from None
    if parts.scheme not in {"http", "https"} or not is_host(parts.hostname or ""):
        raise ValueError(URL)
    if "@" in parts.netloc or "?" in value or "#" in value:
        raise ValueError(f"{URL}; send credentials with request_headers")
    if port == 0 or parts.netloc.endswith(":"):
        raise ValueError(f"{URL}; a port is from 1 to 65535")
    if not _URL_PATH.fullmatch(parts.path) or _DOT_SEGMENT.search(parts.path):
        raise ValueError(f"{URL}; a path is percent-encoded and has no dot segments")
    return value


def is_loopback(host: str) -> bool:
    """Whether `host` is this machine, however DNS answers."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def read_secure_url(value: object) -> str:
    """The URL of an issuer or its keys, as written; ValueError says what is wrong with it."""
    url = read_url(value)
    parts = urlsplit(url)
    if parts.scheme != "https" and not is_loopback(parts.hostname or ""):
        raise ValueError("https://HOST[:PORT][/PATH]; without TLS only on this machine, for tests")
    return url


def read_upstream_url(value: object) -> str:
    """Like `read_url`, or one whose name is looked up again and again."""
    if isinstance(value, str) and value.startswith(LOOKED_UP):
        kind, _, plain = value.partition("+")
        host = urlsplit(read_url(plain))
        if kind == "srv" and host.port is not None:
            raise ValueError("srv+http://NAME[/PATH] without a port: the records say which")
        return value
    return read_url(value)


def read_path(value: object) -> str:
    """A path with its query; ValueError says what may stand here."""
    path, _, query = value.partition("?") if isinstance(value, str) else ("", "", "")
    if path.startswith("/") and _URL_PATH.fullmatch(path) and _QUERY.fullmatch(query):
        return path + ("?" + query if query else "")
    raise ValueError("a path such as /health, percent-encoded")


def read_header_name(value: object) -> str:
    """A name that an operator may set or remove; ValueError says why not."""
    if not isinstance(value, str) or not _TOKEN.fullmatch(value):
        raise ValueError("a header's name, such as X-Api-Key")
    name = value.lower()
    if name in HOP_BY_HOP or name in FRAMING:
        raise ValueError(f"not {value}: it belongs to one connection, where the gateway decides it")
    if name in OWN:
        raise ValueError(f"not {value}: the gateway writes it itself")
    return value


def read_hash_key(value: object) -> str:
    """Whose requests stay together; ValueError says what may stand here."""
    text = value if isinstance(value, str) else ""
    kind, colon, name = text.partition(":")
    if text in {"client", "subject", "address"} or (kind == "header" and colon and _TOKEN.fullmatch(name)):
        return text
    raise ValueError("client, subject, address or header:NAME")


def check_header_value(text: str) -> None:
    """ValueError unless `text` can be sent as it is (RFC 9110, section 5.5)."""
    if not _VALUE.fullmatch(text):
        raise ValueError("a header's value: printable ASCII, no line ends or other control characters, no outer spaces")


ServiceName = Annotated[
    str, Kind(read_service_name, {"type": "string", "pattern": f"^{SERVICE_NAME}$", "x-type": "service"})
]
Url = Annotated[str, Kind(read_url, {"type": "string", "pattern": "^https?://", "x-type": "URL"})]
UpstreamUrl = Annotated[
    str, Kind(read_upstream_url, {"type": "string", "pattern": r"^((dns|srv)\+)?https?://", "x-type": "URL"})
]
UrlPath = Annotated[str, Kind(read_path, {"type": "string", "pattern": "^/", "x-type": "path"})]
SecureUrl = Annotated[str, Kind(read_secure_url, {"type": "string", "pattern": "^https?://", "x-type": "https URL"})]
HeaderName = Annotated[str, Kind(read_header_name, {"type": "string", "pattern": f"^{_TOKEN.pattern}$"})]
HashKey = Annotated[
    str, Kind(read_hash_key, {"type": "string", "pattern": "^(client|subject|address|header:.+)$", "x-type": "key"})
]
RetryableStatus = Annotated[int, whole(500, 599)]
HeaderValue = Annotated[SecretStr, secret(check_header_value)]
