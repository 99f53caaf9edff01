"""What observing one exchange costs: python -m bench.micro.observe

Prints the best round in microseconds of CPU: the calls on the path, the access log's lines in batches, and a scrape.
"""

import asyncio
import os
import time

from bench.micro.stopwatch import Stopwatch
from gateway.config.tree import Log
from gateway.exchange import Exchange, Identity, Request
from gateway.observe import metrics as metrics_module
from gateway.observe.access_log import AccessLog
from gateway.observe.metrics import Metrics
from gateway.observe.notation import Stamp
from gateway.observe.record import Observer
from gateway.observe.sink import Sink
from gateway.observe.tallies import EXCHANGE_SECONDS, Durations, Tallies
from gateway.runtime import Runtime

ROUNDS = 10
EXCHANGES = 20_000


class Nowhere:
    def refuse(self, exchange: Exchange, error: Exception) -> None: ...
    def invite_body(self) -> None: ...


def exchange() -> Exchange:
    request = Request()
    request.method, request.target = "POST", b"/v1/llm/chat/completions?stream=true"
    request.request_id = request.traceparent = None
    made = Exchange(request, Nowhere(), "192.0.2.1", b"", 1024)
    made.service, made.upstream, made.identity, made.status, made.attempts = (
        "llm",
        "10.0.0.1:8000",
        Identity("al"),
        200,
        1,
    )
    return made


def path(watch: Stopwatch, name: str, observer: Observer) -> None:
    made, number = exchange(), watch.calls(EXCHANGES)

    def whole() -> None:
        for _ in range(number):
            observer.begin(made)
            observer.routed(made)
            made.sent_at = made.first_byte_at = made.started_at
            observer.finish(made)

    def begin() -> None:
        for _ in range(number):
            observer.begin(made)

    watch.best(f"begin, {name}", number, begin)
    watch.best(f"begin + routed + finish, {name}", number, whole)


def line_costs(watch: Stopwatch, log: AccessLog) -> None:
    made, number = exchange(), watch.calls(EXCHANGES)
    for size in (1, 64, 512):
        ended = [made] * size

        def batches(ended: list[Exchange] = ended) -> None:
            for _ in range(0, number, len(ended)):
                log.add(ended)
            log.flush()

        watch.best(f"an access log line, {size} at a time", number, batches)


async def scrape(services: int, upstreams: int) -> None:
    tallies = Tallies()
    for service in range(services):
        tally = tallies.service(f"service-{service}")
        for status in (200, 404, 429, 499, 502):
            tally.requests["POST", status] = 1000
        for upstream in range(upstreams):
            tally.upstream(f"10.0.0.{upstream}:8000").statuses[200] = 100
    metrics_module.PAUSE_SECONDS = 0.0  # or the other work would fill the pauses
    metrics = Metrics(tallies, "0")
    longest = 0.0

    async def other_work() -> None:
        nonlocal longest
        while True:
            before = time.process_time()
            await asyncio.sleep(0)
            longest = max(longest, time.process_time() - before)

    other = asyncio.get_running_loop().create_task(other_work())
    for what in ("first", "later"):
        longest = 0.0
        started = time.process_time()
        pieces = [piece async for piece in metrics.exposition()[0]]
        took = time.process_time() - started
        lines = sum(piece.count(b"\n") for piece in pieces)
        print(f"a {what} scrape, {lines} lines: {took * 1e3:.1f} ms, holds the loop {longest * 1e3:.2f} ms at a time")
    other.cancel()


async def main() -> None:
    watch = Stopwatch.asked(__doc__, ROUNDS)
    number = watch.calls(EXCHANGES)
    sink = Sink(os.open(os.devnull, os.O_WRONLY), 1 << 30)
    runtime = Runtime()
    durations, stamp = Durations(EXCHANGE_SECONDS), Stamp()

    def add() -> None:
        for _ in range(number):
            durations.add(0.012)

    watch.best("Durations.add", number, add)
    watch.best("Stamp", number, lambda: [stamp.at(1790000000.5) for _ in range(number)])
    path(watch, "no access log", Observer(runtime, Tallies()))
    path(watch, "access log written", Observer(runtime, Tallies(), AccessLog(Log(), sink, runtime)))
    line_costs(watch, AccessLog(Log(), sink, runtime))
    await scrape(3, 4)
    await scrape(10, 10)
    await scrape(10, 100)
    sink.close()


if __name__ == "__main__":
    asyncio.run(main())
