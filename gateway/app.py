"""The composition root: a configuration becomes a running gateway; opens and closes everything, once."""

import asyncio
import gc
import logging
import resource
import signal
import sys
from collections.abc import Callable, Coroutine, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from aiohttp import ClientSession, DummyCookieJar, web

from gateway import __version__
from gateway.admin import HEALTH, METRICS, READY, Admin
from gateway.assembly import Assembly, server_tls
from gateway.config.tree import Config
from gateway.forward import Forward
from gateway.installation import check_installation
from gateway.observe import lag, logs
from gateway.observe.access_log import AccessLog
from gateway.observe.metrics import Metrics
from gateway.observe.process import add_process
from gateway.observe.record import Observer
from gateway.observe.sink import Sink
from gateway.observe.tallies import Tallies
from gateway.pipeline import Pipeline
from gateway.reload import Reload
from gateway.runtime import Runtime
from gateway.shown import show_parts, show_reloads
from gateway.wire.front import Front
from gateway.wire.listener import Listener
from gateway.wire.tls import expect_leavers

if TYPE_CHECKING:
    from gateway.observe.tracing import Tracing

log = logging.getLogger(__name__)

BACKLOG = 4096
# Files that are no connections: the listeners, logs, a collector, the reloads.
OTHER_FILES = 64
DRAIN_ENDS = "When a drain under way cuts what is still in flight, in Unix seconds; 0 before one."
SPANS = "Spans that a collector took, that it did not take, and that were dropped before it could."
# Nothing on the path makes cycles: look for them each 50,000 allocations instead of 700.
GC_THRESHOLD = (50_000, 20, 50)


# What takes a restart when it changes.
FIXED = ("server", "admin", "log", "tracing")
# How long a request may still be at work in the stages of a configuration that is not in force any more.
RETIRE_SECONDS = 15.0


class Source(NamedTuple):
    """Where a configuration comes from: how it is read again, and the file to watch, if there is one."""

    load: Callable[[], Config]
    file: str | None


class Gateway:
    """A gateway is built, started, drained and closed, once each; `port` is the bound one after `start`.

    With a `source`, its configuration is reloaded when `ask_reload` asks for it or the file has changed.
    """

    def __init__(
        self, config: Config, sink: Sink, runtime: Runtime | None = None, source: Source | None = None
    ) -> None:
        check_installation()
        self._config = config
        self._sink = sink
        self._runtime = runtime or Runtime()
        self._reload = Reload(source.load, self.reload, self._runtime, source.file) if source is not None else None
        self._retiring: list[Assembly] = []
        self._draining = False
        self._drain_ends = 0.0  # Unix seconds
        self._listener: Listener | None = None
        self._runners: list[web.AppRunner] = []
        self.port = 0
        self.admin_port = 0

    async def start(self) -> None:
        """Build the parts and listen."""
        config, runtime = self._config, self._runtime
        tallies = Tallies()
        access_log = AccessLog(config.log, self._sink, runtime) if config.log.access else None
        self._tracing = tracing = _tracing(config, runtime)
        self._observer = observer = Observer(runtime, tallies, access_log, tracing)
        # For key sets and the like: no proxy of the environment, no cookies; each use says how long, and no redirects.
        traces = [tracing.client_trace()] if tracing is not None else None
        self._client = ClientSession(trust_env=False, cookie_jar=DummyCookieJar(), trace_configs=traces)
        self._forget = tallies.forget
        self._parts = Assembly(config, runtime, self._client, tallies.forget)
        await self._parts.start()
        self._pipeline = pipeline = Pipeline(self._parts.routes, Forward(runtime, observer), observer)
        metrics = self._metrics(tallies)
        runtime.spawn(lag.watch(runtime, tallies.lag), "event loop lag")
        self._admin = Admin(self._checks, metrics.exposition)
        operators = await self._runner(metrics=config.admin.port is None)
        assert operators.server is not None
        paths = {HEALTH, READY} | ({METRICS} if config.admin.port is None else set())
        self._front = Front(
            config.server,
            runtime,
            pipeline.handle,
            pipeline.reject,
            operators.server,
            frozenset(path.encode() for path in paths),
        )
        await self._listen()
        if self._reload is not None:
            self._reload.start()

    async def reload(self, config: Config) -> None:
        """Put `config` into force at once; requests under way finish as they began.

        Raises ConfigError or ValueError, and has changed nothing then.
        """
        for section in FIXED:
            if getattr(config, section) != getattr(self._config, section):
                log.warning("the section %s has changed, which takes a restart", section)
        before = self._parts
        after = Assembly(config, self._runtime, self._client, self._forget, before)
        try:
            await after.start()
        except BaseException:
            after.abandon()
            raise
        self._parts = after
        self._pipeline.routes = after.routes
        self._retiring.append(before)
        asyncio.get_running_loop().call_later(RETIRE_SECONDS, self._retire)

    def _retire(self) -> None:
        if self._retiring:
            self._retiring.pop(0).retire(self._parts)

    def ask_reload(self) -> None:
        """Read the configuration again, soon."""
        if self._reload is not None:
            self._reload.ask()

    def _metrics(self, tallies: Tallies) -> Metrics:
        metrics = Metrics(tallies, __version__)
        metrics.add_dropped_lines(lambda: self._sink.dropped)
        add_process(metrics, self._runtime.wall())
        name = "gateway_drain_ends_timestamp_seconds"
        metrics.add("gauge", name, DRAIN_ENDS, (), lambda: [((), self._drain_ends)])
        if self._tracing is not None:
            metrics.add("counter", "trace_spans_total", SPANS, ("result",), self._tracing.results)
        show_parts(metrics, lambda: self._parts)
        if self._reload is not None:
            show_reloads(metrics, self._reload)
        return metrics

    async def _runner(self, *, metrics: bool) -> web.AppRunner:
        runner = web.AppRunner(self._admin.application(metrics=metrics), access_log=None, handle_signals=False)
        await runner.setup()
        self._runners.append(runner)
        return runner

    async def _listen(self) -> None:
        config = self._config
        if config.admin.port is not None:
            site = web.TCPSite(await self._runner(metrics=True), config.admin.host, config.admin.port)
            await site.start()
            self.admin_port = self._runners[-1].addresses[0][1]
        tls = server_tls(config.server)
        if tls is not None:
            expect_leavers(asyncio.get_running_loop())
        self._listener = Listener(self._front, self._runtime, backlog=BACKLOG, tls=tls)
        await self._listener.open(config.server.host, config.server.port)
        self.port = self._listener.port

    def _checks(self) -> Iterator[tuple[bool, str]]:
        yield not self._draining, "draining" if self._draining else "accepting requests"
        if self._reload is not None:
            yield from self._reload.checks()
        yield from self._parts.checks()

    async def drain(self) -> None:
        """Turn readiness red, accept for `drain_delay` more, then finish what is in flight within `drain_timeout`."""
        options = self._config.server
        self._draining = True
        self._drain_ends = self._runtime.wall() + options.drain_delay + options.drain_timeout
        await asyncio.sleep(options.drain_delay)
        assert self._listener is not None
        self._listener.close()
        self._front.drain()
        try:
            async with asyncio.timeout(options.drain_timeout):
                await self._front.empty()
        except TimeoutError:
            log.warning("%d connections outlived server.drain_timeout and are cut", len(self._front))

    async def close(self) -> None:
        """Close everything now."""
        if self._listener is not None:
            self._listener.close()
            self._front.abort()
        while self._retiring:
            self._retire()
        self._parts.close()
        for runner in self._runners:
            await runner.cleanup()
        await self._runtime.close()
        await self._client.close()
        self._observer.close()
        if self._tracing is not None:
            self._tracing.close()


async def serve(config: Config, on_ready: Callable[[int], None] | None = None, source: Source | None = None) -> int:
    """Run until SIGTERM or SIGINT, drain, and return the exit code; a second signal ends it at once (exit 1).

    With a `source`, SIGHUP reloads.
    """
    sink = Sink(sys.stdout.fileno())
    logs.setup(config.log, sink)
    _allow_files(config.server.max_connections)
    gateway = Gateway(config, sink, source=source)
    await gateway.start()
    if source is not None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, gateway.ask_reload)
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLD)
    stop, at_once = _signals()
    log.info("listening on %s port %d", config.server.host, gateway.port)
    if on_ready is not None:
        on_ready(gateway.port)
    await stop.wait()
    log.info("draining")
    drained = await _first(gateway.drain(), at_once.wait()) == 0
    await gateway.close()
    sink.close()
    return 0 if drained else 1


def _tracing(config: Config, runtime: Runtime) -> "Tracing | None":
    if not config.tracing.enabled:
        return None
    # The SDK is loaded only where it is used: it takes a third of a second and 6 MB.
    from gateway.observe.tracing import Tracing

    return Tracing(config.tracing, __version__, runtime)


def _allow_files(connections: int) -> None:
    """Raise the limit of open files to what that many clients and the upstreams they wait for need.

    Short of it, new connections have to wait.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    unlimited = resource.RLIM_INFINITY
    wanted = 2 * connections + OTHER_FILES
    allowed = wanted if hard == unlimited else min(wanted, hard)
    if soft != unlimited and soft < allowed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
    if allowed < connections + OTHER_FILES:
        log.warning("%d open files are allowed, too few for server.max_connections: raise ulimit -n", allowed)


def _signals() -> tuple[asyncio.Event, asyncio.Event]:
    """Set by the first and by the second SIGTERM or SIGINT."""
    first, second = asyncio.Event(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, lambda: second.set() if first.is_set() else first.set())
    return first, second


async def _first(*works: Coroutine[Any, Any, object]) -> int:
    """Which of `works` ended first; the others are cancelled."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(work) for work in works]
        done, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in pending:
            task.cancel()
    return min(tasks.index(task) for task in done)
