"""What the kind of token costs a request, once it is remembered: python -m bench.identities

CPU time per JSON request under wrk, all four stages on, 64 connections: nginx, which asks for no token, the gateway
with `auth.type: jwt` and HS256, and with `both` and an issuer's RS256 tokens. All take turns, round by round; what is
printed is the median of the rounds and of their ratios to nginx. The issuer is a thread of the bench.
"""

import argparse
import json
import statistics
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from joserfc import jwt
from joserfc.jwk import RSAKey

from bench.clients.request import Shape, request
from bench.clients.wrk import Drive, run_wrk
from bench.contenders import CONTENDERS
from bench.contenders.base import Job, Running
from bench.nginx import constant_upstream
from bench.stage import Stage
from bench.token import TOKEN
from bench.tools import missing

AUDIENCE = "bench"
KEY = RSAKey.generate_key(2048, {"kid": "bench", "use": "sig"})


class Issuer(BaseHTTPRequestHandler):
    """Discovery and the key set."""

    def do_GET(self) -> None:
        name = f"http://{self.headers['Host']}"
        keys = {"keys": [KEY.as_dict(private=False)]}
        said = {"issuer": name, "jwks_uri": f"{name}/keys"} if self.path.startswith("/.well-known") else keys
        body = json.dumps(said).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None: ...


@contextmanager
def issuer() -> Iterator[str]:
    """Its name, while it is there."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Issuer) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def token(name: str) -> str:
    now = int(time.time())
    claims = {"iss": name, "aud": AUDIENCE, "sub": "bench", "iat": now, "exp": now + 3600}
    return jwt.encode({"alg": "RS256", "kid": "bench"}, claims, KEY)


def cost(stage: Stage, running: Running, bearer: str, seconds: float) -> float:
    """Microseconds of CPU for each request."""
    assert running.process is not None
    file = stage.file("request", request(running, Shape(token=bearer)))
    before = running.process.cpu()
    seen = run_wrk(stage, Drive([file]), running.port, seconds)
    return float((running.process.cpu() - before) / seen["requests"] * 1e6)


Way = tuple[str, dict[str, dict[str, str]], str]


def forms() -> list[str]:
    """The forms of the gateway that can run here; why another one cannot is said."""
    found = ["gateway"]
    if absent := CONTENDERS["compiled"].absent():
        print(f"without the compiled form: {absent}")
    else:
        CONTENDERS["compiled"].prepare()
        found.append("compiled")
    return found


def ways(name: str, contenders: Sequence[str]) -> dict[str, Way]:
    """The contender, its options and the token that it gets."""
    both = {"auth": {"type": "both"}, "oidc": {"issuer": name, "audience": AUDIENCE}}
    found: dict[str, Way] = {"nginx": ("nginx", {}, TOKEN)}
    for contender in contenders:
        found[f"{contender}, jwt, HS256"] = (contender, {}, TOKEN)
        found[f"{contender}, both, RS256"] = (contender, both, token(name))
    return found


def measure(contenders: Sequence[str], rounds: int, seconds: float) -> dict[str, list[float]]:
    """The cost of each way, round by round; one more round goes first, to warm up."""
    with Stage.set() as stage, issuer() as name:
        upstreams = tuple(constant_upstream(stage, 4))
        all_ways = ways(name, contenders)
        running = {
            way: CONTENDERS[contender].start(stage, Job(upstreams, options=over))
            for way, (contender, over, _) in all_ways.items()
        }
        taken: dict[str, list[float]] = {way: [] for way in all_ways}
        for turn in range(rounds + 1):
            for way, (_, _, bearer) in all_ways.items():
                spent = cost(stage, running[way], bearer, seconds)
                taken[way] += [spent] if turn else []
    return taken


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3.0)
    options = parser.parse_args()
    if absent := missing(["nginx", "wrk"]):
        raise SystemExit(absent)
    taken = measure(forms(), options.rounds, options.seconds)
    for way, costs in taken.items():
        ratio = statistics.median(cost / base for cost, base in zip(costs, taken["nginx"], strict=True))
        print(f"{way:28}{statistics.median(costs):>8.1f} us{min(costs):>10.1f}-{max(costs):.1f}{ratio:>8.2f} x nginx")


if __name__ == "__main__":
    main()
