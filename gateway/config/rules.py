"""What keys must be to each other: a gateway that could not be safe, or could not work, does not start."""

import ssl
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from urllib.parse import urlsplit

from gateway.config import identity_rules, limit_rules
from gateway.config.draft import Draft
from gateway.config.fault import Fault
from gateway.config.mistake import KeyPath
from gateway.config.service import Service
from gateway.config.tree import Config


def check(draft: Draft, config: Config) -> None:
    """Note every broken rule; one that reads a key with a mistake already is left alone."""
    for reads, rule in RULES:
        if not any(draft.touches_mistake(path) for path in reads):
            for fault in rule(config):
                draft.wrong(fault.path, fault.remedy, fault.shown)


def _some_service(config: Config) -> Iterator[Fault]:
    if not config.services:
        yield Fault(("services",), "nothing", "at least one service, such as {llm: {upstreams: [{url: ...}]}}")


def _tls(config: Config) -> Iterator[Fault]:
    server = config.server
    if server.tls_cert and not server.tls_key:
        yield Fault(("server", "tls_key"), "nothing", "the path of the key, because server.tls_cert is set")
    if not server.tls_cert and (server.tls_key or server.tls_client_ca):
        because = "server.tls_key" if server.tls_key else "server.tls_client_ca"
        yield Fault(("server", "tls_cert"), "nothing", f"the path of the certificate, because {because} is set")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    if server.tls_cert and server.tls_key:
        cert, key = server.tls_cert, server.tls_key
        # Without a password, OpenSSL would ask for one on the terminal.
        problem = _problem(lambda: context.load_cert_chain(cert, key, password=""))
        if problem:
            remedy = f"a PEM certificate with its unencrypted key in server.tls_key: {problem}"
            yield Fault(("server", "tls_cert"), repr(cert), remedy)
    yield from _authorities(("server", "tls_client_ca"), server.tls_client_ca)


def _ports_differ(config: Config) -> Iterator[Fault]:
    server, admin = config.server, config.admin
    shared = admin.host == server.host or bool({admin.host, server.host} & {"0.0.0.0", "::"})  # noqa: S104
    if admin.port and admin.port == server.port and shared:
        remedy = f"another port than server.port, which is {server.port}"
        yield Fault(("admin", "port"), str(admin.port), remedy)


def _redis_authorities(config: Config) -> Iterator[Fault]:
    yield from _authorities(("redis", "tls_ca"), config.redis.tls_ca)


def _services_are_sound(config: Config) -> Iterator[Fault]:
    for name, service in config.services.items():
        path: KeyPath = ("services", name)
        yield from _upstreams_differ(path, service)
        yield from _headers_agree(path, service)
        yield from _authorities((*path, "upstream_ca"), service.upstream_ca)


def _upstreams_differ(path: KeyPath, service: Service) -> Iterator[Fault]:
    seen = Counter[tuple[object, ...]]()
    for index, upstream in enumerate(service.upstreams):
        parts = urlsplit(upstream.url)
        port = parts.port or (443 if upstream.is_secure else 80)
        place = (parts.scheme, parts.hostname, port, parts.path.rstrip("/"))
        seen[place] += 1
        if seen[place] > 1:
            yield Fault((*path, "upstreams", index, "url"), repr(upstream.url), "each upstream once; use its weight")


def _headers_agree(path: KeyPath, service: Service) -> Iterator[Fault]:
    path = (*path, "request_headers")
    names = Counter(name.lower() for name in service.request_headers.set)
    removed = {name.lower() for name in service.request_headers.remove}
    for name in service.request_headers.set:
        if names[name.lower()] > 1:
            yield Fault((*path, "set", name), "the name twice", "each name once, whatever its case")
        if name.lower() in removed:
            yield Fault((*path, "set", name), "a name to remove as well", "set it, which replaces it, or remove it")
    if "authorization" in names and service.forward_authorization:
        remedy = "false, because request_headers.set has an Authorization of its own"
        yield Fault((*path[:-1], "forward_authorization"), "true", remedy)


def _authorities(path: KeyPath, file: str | None) -> Iterator[Fault]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    problem = _problem(lambda: context.load_verify_locations(file)) if file else None
    if problem:
        yield Fault(path, repr(file), f"a PEM file of certificates: {problem}")


def _problem(load: Callable[[], None]) -> str | None:
    try:
        load()
    except ssl.SSLError as error:
        return (error.reason or "not PEM").replace("_", " ").lower()
    except OSError as error:
        return error.strerror or "it cannot be read"
    return None


RULES: Sequence[tuple[Sequence[KeyPath], Callable[[Config], Iterator[Fault]]]] = (
    ((("services",),), _some_service),
    *identity_rules.RULES,
    ((("server", "tls_cert"), ("server", "tls_key"), ("server", "tls_client_ca")), _tls),
    ((("server",), ("admin",)), _ports_differ),
    ((("redis", "tls_ca"),), _redis_authorities),
    *limit_rules.RULES,
    ((), _services_are_sound),
)
