"""What authentication costs: python -m bench.micro.auth

Prints the best of twenty rounds in microseconds of CPU: a remembered token, in its usual and in an odd spelling, a
first sight, and what a stranger's garbage makes the gateway work.
"""

import contextlib
import os
import time
from collections.abc import Callable

from gateway.auth.bearer import LONGEST_TOKEN
from gateway.auth.jwt import Jwt, mint
from gateway.errors import Unauthenticated
from gateway.exchange import Request
from gateway.runtime import Runtime

ROUNDS = 20
SECRET = os.urandom(32)
# The openai client sends this many fields.
FIELDS = 16


def request(authorization: bytes) -> Request:
    request = Request()
    request.authorization = authorization
    others = tuple((b"x-field-%d" % number, b"value") for number in range(FIELDS - 1))
    request.fields = (*others, (b"authorization", authorization))
    return request


def drive(jwt: Jwt, call: Request) -> None:
    with contextlib.suppress(StopIteration, Unauthenticated):
        jwt.authenticate(call).send(None)


def best(name: str, work: Callable[[], object], calls: int) -> None:
    took = []
    for _ in range(ROUNDS):
        started = time.thread_time()
        for _ in range(calls):
            work()
        took.append(time.thread_time() - started)
    print(f"{name:48}{min(took) / calls * 1e6:8.2f} us")


def main() -> None:
    jwt = Jwt(SECRET, Runtime())
    token = mint(SECRET, "alice", now=time.time(), scopes=("chat", "embed")).encode()
    known, odd = request(b"Bearer " + token), request(b"bearer  " + token)
    drive(jwt, known)
    forged = request(b"Bearer " + mint(os.urandom(32), "alice", now=time.time()).encode())
    filler = b"A" * ((LONGEST_TOKEN - len(token)) // 4 * 4)
    long = request(b"Bearer " + token.replace(b".", b"." + filler, 1))
    dots, basic = request(b"Bearer " + b"." * 10_000), request(b"Basic YTpi")
    print(f"token of {len(token)} bytes")
    best("recall", lambda: jwt.cache.recall(known.authorization), 20_000)
    best("authenticate, remembered", lambda: drive(jwt, known), 20_000)
    best("authenticate, remembered, odd spelling", lambda: drive(jwt, odd), 10_000)
    best("verify, first sight", lambda: jwt.verify(token), 1_000)
    best("authenticate, wrong signature", lambda: drive(jwt, forged), 1_000)
    best("authenticate, wrong signature, 8 KiB", lambda: drive(jwt, long), 100)
    best("authenticate, ten thousand dots", lambda: drive(jwt, dots), 1_000)
    best("authenticate, Basic", lambda: drive(jwt, basic), 1_000)


if __name__ == "__main__":
    main()
