"""What authentication costs: python -m bench.micro.auth

Prints the best of twenty rounds in microseconds of CPU: a remembered token, in its usual and in an odd spelling and
where a service asks for more, a first sight by each scheme, and what a stranger's garbage makes the gateway work.
"""

import base64
import contextlib
import hashlib
import json
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from joserfc import jwt as jose
from joserfc.jwk import ECKey, RSAKey

from bench.micro.stopwatch import Stopwatch
from gateway.auth import registry
from gateway.auth.base import Authenticator, Proof, Scheme
from gateway.auth.bearer import LONGEST_TOKEN
from gateway.auth.gate import Gate
from gateway.auth.jwt import mint
from gateway.auth.key_set import read_key_set
from gateway.auth.oidc import Oidc
from gateway.auth.scheme_tools import Tools
from gateway.config.service import Service
from gateway.config.tree import Config
from gateway.errors import Unauthenticated
from gateway.exchange import Request
from gateway.runtime import Runtime

ROUNDS = 20
SECRET = os.urandom(32).hex()
ISSUER = "https://issuer.example"
# The openai client sends this many fields.
FIELDS = 16
KEYS: dict[str, RSAKey | ECKey] = {
    "RS256": RSAKey.generate_key(2048, {"kid": "RS256"}),
    "ES256": ECKey.generate_key("P-256", {"kid": "ES256"}),
}


def request(name: bytes, value: bytes) -> Request:
    request = Request()
    request.authorization = value if name == b"authorization" else None
    others = tuple((b"x-field-%d" % number, b"value") for number in range(FIELDS - 1))
    request.fields = (*others, (name, value))
    return request


def bearer(token: bytes, scheme: bytes = b"Bearer ") -> Request:
    return request(b"authorization", scheme + token)


def of_issuer(algorithm: str, **header: object) -> bytes:
    claims = {"iss": ISSUER, "aud": "ai", "sub": "alice", "exp": time.time() + 3600, "scope": "chat", "tenant": "red"}
    return jose.encode({"alg": algorithm, "kid": algorithm, **header}, claims, KEYS[algorithm]).encode()


@contextlib.contextmanager
def gate(key: str) -> Iterator[Gate]:
    """A gate with everything on: both kinds of tokens, an API key, a claim header; the issuer's keys are there."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "keys.yaml")
        entry = {"name": "a", "sha256": hashlib.sha256(key.encode()).hexdigest(), "subject": "alice"}
        file.write_text(json.dumps([entry]))
        auth = {"type": "both", "api_keys_file": str(file), "claim_headers": {"X-Tenant": "tenant"}}
        oidc = {"issuer": ISSUER, "audience": "ai"}
        config = Config.model_validate({"auth": auth, "jwt": {"secret": SECRET}, "oidc": oidc})
        built = registry.build(config, Tools(Runtime(), client=object()))  # type: ignore[arg-type]
    for scheme in built.schemes:
        if isinstance(scheme, Oidc):
            scheme.source.keys = read_key_set({"keys": [key.as_dict(private=False) for key in KEYS.values()]})
    yield built


def drive(authenticator: Authenticator, call: Request) -> None:
    with contextlib.suppress(StopIteration, Unauthenticated):
        if authenticator.recall(call.authorization) is None:
            authenticator.authenticate(call).send(None)


def prove(schemes: list[Scheme], token: bytes) -> Proof | None:
    """The first sight of a token, without the memory."""
    for scheme in schemes:
        try:
            scheme.prove(token).send(None)
        except StopIteration as proof:
            if proof.value is not None:
                value: Proof = proof.value
                return value
        except Unauthenticated:
            return None
    raise AssertionError("nobody's token")


def best(watch: Stopwatch, name: str, work: Callable[[], object], calls: int) -> None:
    number = watch.calls(calls)

    def repeated() -> None:
        for _ in range(number):
            work()

    watch.best(name, number, repeated)


def main() -> None:
    watch = Stopwatch.asked(__doc__, ROUNDS)
    key = os.urandom(24).hex()
    with gate(key) as entrance:
        known(entrance, key, watch)
        first_sight(entrance, watch)
        strangers(entrance, watch)


def known(entrance: Gate, key: str, watch: Stopwatch) -> None:
    token = of_issuer("RS256")
    usual, odd, by_key = bearer(token), bearer(token, b"bearer  "), request(b"x-api-key", key.encode())
    upstreams = [{"url": "http://127.0.0.1:1"}]
    service = Service.model_validate(
        {"upstreams": upstreams, "scopes": ["chat"], "claims": {"tenant": ["red", "blue"]}}
    )
    strict = entrance.authenticator(service)
    drive(entrance, usual)
    assert entrance.cache.recall(usual.authorization) is not None
    print(f"auth.type both, RS256 token of {len(token)} bytes")
    best(watch, "recall", lambda: entrance.cache.recall(usual.authorization), 20_000)
    best(watch, "authenticate, remembered", lambda: drive(entrance, usual), 20_000)
    best(watch, "authenticate, remembered, scopes and claims asked", lambda: drive(strict, usual), 20_000)
    best(watch, "authenticate, remembered, odd spelling", lambda: drive(entrance, odd), 10_000)
    best(watch, "authenticate, X-API-Key", lambda: drive(entrance, by_key), 10_000)


def first_sight(entrance: Gate, watch: Stopwatch) -> None:
    schemes = list(entrance.schemes)
    hs256 = mint(SECRET.encode(), "alice", now=time.time(), scopes=("chat",)).encode()
    for name, token in {"RS256": of_issuer("RS256"), "ES256": of_issuer("ES256"), "HS256": hs256}.items():
        assert prove(schemes, token) is not None
        best(watch, f"first sight, {name}", partial(prove, schemes, token), 300)


def strangers(entrance: Gate, watch: Stopwatch) -> None:
    token = mint(os.urandom(32), "alice", now=time.time()).encode()
    filler = b"A" * ((LONGEST_TOKEN - len(token)) // 4 * 4)
    nested = b'{"a":' * 1000 + b"1" + b"}" * 1000
    signed = of_issuer("RS256")
    calls = {
        "wrong signature, HS256": bearer(token),
        "wrong signature, RS256": bearer(signed[:-10] + b"A" * 10),
        "unknown kid": bearer(of_issuer("RS256", kid="other")),
        "wrong signature, 8 KiB": bearer(token.replace(b".", b"." + filler, 1)),
        "a thousand nested objects": bearer(base64.urlsafe_b64encode(nested).rstrip(b"=") + b".e30.AA"),
        "ten thousand dots": bearer(b"." * 10_000),
        "1 MiB": bearer(b"A" * (1 << 20)),
        "Basic": request(b"authorization", b"Basic YTpi"),
    }
    for name, call in calls.items():
        best(watch, f"refused: {name}", partial(drive, entrance, call), 300)


if __name__ == "__main__":
    main()
