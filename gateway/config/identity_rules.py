"""What auth, jwt, oidc and the services must be to each other."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence

from gateway.config.fault import Fault
from gateway.config.identity import HMACS, Jwt
from gateway.config.mistake import KeyPath
from gateway.config.secret import GENERATE
from gateway.config.tree import Config

# RFC 7518, section 3.2: the secret is at least as long as the hash.
SHORTEST_SECRET = {"HS256": 32, "HS384": 48, "HS512": 64}


def asks_nobody(config: Config) -> bool:
    """Whether no caller is ever asked who they are."""
    return config.auth.type == "none" and config.auth.api_keys_file is None


def _token_key(config: Config) -> Iterator[Fault]:
    jwt = config.jwt
    if config.auth.type in {"jwt", "both"} and jwt.secret is None and jwt.public_key is None:
        yield Fault(("jwt", "secret"), "nothing", f"a secret, because auth.type is {config.auth.type}; {GENERATE}")
    if jwt.secret is not None and jwt.public_key is not None:
        remedy = "nothing, because jwt.secret is set; a gateway that knows both could take one for the other"
        yield Fault(("jwt", "public_key"), repr(jwt.public_key), remedy)
    elif jwt.previous_secret is not None and jwt.secret is None:
        yield Fault(("jwt", "previous_secret"), "***", "nothing while there is no jwt.secret; set that one")
    elif jwt.secret is not None:
        yield from _algorithms_of_secret(jwt)
    elif jwt.public_key is not None:
        yield from _algorithms_of_key(jwt, jwt.public_key)


def _algorithms_of_secret(jwt: Jwt) -> Iterator[Fault]:
    foreign = [algorithm for algorithm in jwt.algorithms if algorithm not in HMACS]
    if foreign:
        yield Fault(("jwt", "algorithms"), ", ".join(foreign), f"out of {', '.join(HMACS)}, because jwt.secret is set")
        return
    strictest = max(jwt.algorithms, key=SHORTEST_SECRET.__getitem__)
    for key, secret in (("secret", jwt.secret), ("previous_secret", jwt.previous_secret)):
        if secret is not None:
            length = len(secret.get_secret_value().encode("utf-8", "surrogateescape"))
            if length < SHORTEST_SECRET[strictest]:
                remedy = f"at least {SHORTEST_SECRET[strictest]} bytes for {strictest}, this has {length}; {GENERATE}"
                yield Fault(("jwt", key), "***", remedy)


def _algorithms_of_key(jwt: Jwt, path: str) -> Iterator[Fault]:
    from gateway.config.public_key import read_public_keys  # only those who need it pay for OpenSSL's bindings

    try:
        keys = read_public_keys(path)
    except ValueError as error:
        yield Fault(("jwt", "public_key"), repr(path), str(error))
        return
    for algorithm in jwt.algorithms:
        if not any(algorithm in algorithms for _, algorithms in keys):
            allowed = dict.fromkeys(name for _, algorithms in keys for name in algorithms)
            remedy = f"out of {', '.join(allowed)}, which are what the key in jwt.public_key is for"
            yield Fault(("jwt", "algorithms"), algorithm, remedy)


def _issuer_is_known(config: Config) -> Iterator[Fault]:
    if config.auth.type not in {"oidc", "both"}:
        return
    because = f"because auth.type is {config.auth.type}"
    if config.oidc.issuer is None:
        yield Fault(("oidc", "issuer"), "nothing", f"the URL that tokens have in `iss`, {because}")
    if config.oidc.audience is None:
        yield Fault(("oidc", "audience"), "nothing", f"what tokens for this gateway have in `aud`, {because}")


def _issuers_share_nothing(config: Config) -> Iterator[Fault]:
    if config.auth.type != "both":
        return
    if config.jwt.issuer is not None and config.jwt.issuer == config.oidc.issuer:
        remedy = "another issuer than oidc.issuer: it decides who verifies a token"
        yield Fault(("jwt", "issuer"), repr(config.jwt.issuer), remedy)
    shared = [algorithm for algorithm in config.jwt.algorithms if algorithm in config.oidc.algorithms]
    if shared:
        remedy = "none that oidc.algorithms has as well, because auth.type is both"
        yield Fault(("jwt", "algorithms"), ", ".join(shared), remedy)


def _api_keys(config: Config) -> Iterator[Fault]:
    path = config.auth.api_keys_file
    if path is None:
        return
    from gateway.config.api_keys import read_api_keys

    try:
        read_api_keys(path)
    except ValueError as error:
        yield Fault(("auth", "api_keys_file"), repr(path), str(error))


def _services_ask_who_is_known(config: Config) -> Iterator[Fault]:
    for name, service in config.services.items():
        path: KeyPath = ("services", name)
        if asks_nobody(config) and service.auth == "required" and "auth" in service.model_fields_set:
            yield Fault((*path, "auth"), "'required'", "none, because auth.type is none; or set auth.type")
        if asks_nobody(config) or service.auth == "none":
            because = "services.<name>.auth" if service.auth == "none" else "auth.type"
            for key, needed in (("scopes", service.scopes), ("claims", service.claims)):
                if needed:
                    yield Fault((*path, key), ", ".join(needed), f"nothing, because {because} is none: nobody has any")


def _claim_headers_differ(config: Config) -> Iterator[Fault]:
    names = Counter(name.lower() for name in config.auth.claim_headers)
    for name in config.auth.claim_headers:
        if names[name.lower()] > 1:
            yield Fault((*_CLAIM_HEADERS, name), "the name twice", "each name once, whatever its case")
    for service, options in config.services.items():
        for name in options.request_headers.set:
            if name.lower() in names:
                remedy = "another name: auth.claim_headers has this one"
                yield Fault(("services", service, "request_headers", "set", name), "a value", remedy)


_TYPE: KeyPath = ("auth", "type")
_JWT_KEYS: Sequence[KeyPath] = [("jwt", key) for key in ("secret", "previous_secret", "public_key", "algorithms")]
_CLAIM_HEADERS: KeyPath = ("auth", "claim_headers")

RULES: Sequence[tuple[Sequence[KeyPath], Callable[[Config], Iterator[Fault]]]] = (
    ((_TYPE, *_JWT_KEYS), _token_key),
    ((_TYPE, ("oidc", "issuer"), ("oidc", "audience")), _issuer_is_known),
    ((_TYPE, ("jwt", "issuer"), ("jwt", "algorithms"), ("oidc",)), _issuers_share_nothing),
    ((("auth", "api_keys_file"),), _api_keys),
    ((_TYPE, ("auth", "api_keys_file")), _services_ask_who_is_known),
    ((_CLAIM_HEADERS,), _claim_headers_differ),
)
