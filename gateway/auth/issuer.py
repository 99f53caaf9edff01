"""An OpenID provider's documents over HTTP: discovery (OpenID Connect Discovery 1.0, section 4) and the key set."""

from collections.abc import Mapping
from urllib.parse import SplitResult, urlsplit

import aiohttp

from gateway.auth.strict_json import read_object
from gateway.config.http import is_loopback

WELL_KNOWN = "/.well-known/openid-configuration"
LARGEST_DOCUMENT = 512 << 10
TIMEOUT = aiohttp.ClientTimeout(total=5.0, sock_connect=2.0)
HEADERS = {"Accept": "application/json", "Accept-Encoding": "identity", "User-Agent": "ai-api-gateway"}


class FetchError(Exception):
    """Why there is no document, in words that name no address; `detail` is for the log, and may."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(reason)
        self.detail = detail


class Issuer:
    """Where `name` publishes its keys: at `jwks_uri`, or where the discovery document below `name` says.

    The discovered address counts only on the issuer's own host: a document that somebody slipped in cannot make the
    gateway call elsewhere. It is remembered until it fails.
    """

    def __init__(self, client: aiohttp.ClientSession, name: str, jwks_uri: str | None = None) -> None:
        self._client = client
        self.name = name
        self._given = jwks_uri
        self._found: str | None = None

    async def fetch_keys(self) -> Mapping[str, object]:
        """The key set document, of at most 512 KiB, within 5 s for each of two requests. Raises FetchError."""
        uri = self._given or self._found or await self._discover()
        self._found = None
        document = await self._get(uri)
        self._found = uri
        return document

    async def _discover(self) -> str:
        # RFC 8414, section 3.1 and Discovery, section 4.1: a terminating slash goes before the path is appended.
        document = await self._get(self.name.removesuffix("/") + WELL_KNOWN)
        if document.get("issuer") != self.name:
            raise FetchError("the discovery document is another issuer's", f"it says {document.get('issuer')!r:.200}")
        uri = document.get("jwks_uri")
        if not isinstance(uri, str):
            raise FetchError("the discovery document has no jwks_uri")
        _check_place(uri, self.name)
        return uri

    async def _get(self, url: str) -> Mapping[str, object]:
        try:
            async with self._client.get(
                url, allow_redirects=False, auto_decompress=False, timeout=TIMEOUT, headers=HEADERS
            ) as reply:
                if reply.status != 200:
                    raise FetchError(f"the issuer answered {reply.status}", url)
                return read_object(await _read(reply.content))
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise FetchError("the issuer cannot be reached", f"{url}: {error or type(error).__name__}") from error
        except ValueError as error:
            raise FetchError("the issuer did not answer with a JSON object", f"{url}: {error}") from error


async def _read(content: aiohttp.StreamReader) -> bytes:
    data = bytearray()
    async for chunk in content.iter_any():
        data += chunk
        if len(data) > LARGEST_DOCUMENT:
            raise ValueError(f"more than {LARGEST_DOCUMENT} bytes")
    return bytes(data)


def _check_place(uri: str, issuer: str) -> None:
    try:
        place, home = urlsplit(uri), urlsplit(issuer)
        same = place.hostname == home.hostname and _port(place) == _port(home)
    except ValueError:
        raise FetchError("the discovered jwks_uri is no URL", f"{uri!r:.200}") from None
    secure = place.scheme == "https" or (place.scheme == "http" and is_loopback(place.hostname or ""))
    if not secure or "@" in place.netloc:
        raise FetchError("the discovered jwks_uri is not https", f"{uri!r:.200}")
    if not same:
        remedy = "set oidc.jwks_uri if that is right"
        raise FetchError("the discovered jwks_uri is on another host", f"{uri!r:.200}; {remedy}")


def _port(url: SplitResult) -> int:
    return url.port or {"http": 80}.get(url.scheme, 443)
