"""The tallies as Prometheus metrics, written when somebody asks, a little at a time."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from itertools import accumulate
from typing import Any

from aioprometheus.collectors import Counter, Gauge, Histogram, Registry
from aioprometheus.formats.text import TextFormatter
from aioprometheus.negotiator import negotiate

from gateway.observe.families import FAMILIES, Row, Source
from gateway.observe.tallies import Durations, Tallies

# The lines that are written before other work has its turn.
LINES_AT_ONCE = 100


class Page:
    """Mixed into a collector, it shows `rows` in place of what the collector counted itself."""

    labels: tuple[str, ...] = ()
    rows: Sequence[Row] = ()

    def get_all(self) -> list[tuple[dict[str, str], Any]]:
        """The rows as the formatter wants them."""
        return [
            (
                {label: _escaped(value) for label, value in zip(self.labels, values, strict=True)},
                _buckets(value) if isinstance(value, Durations) else value,
            )
            for values, value in self.rows
        ]


class Counters(Page, Counter): ...


class Gauges(Page, Gauge): ...


class Histograms(Page, Histogram): ...


KINDS: dict[str, type[Counters | Gauges | Histograms]] = {
    "counter": Counters,
    "gauge": Gauges,
    "histogram": Histograms,
}


class Metrics:
    """What a scrape shows; other parts may `add` what they have counted themselves."""

    def __init__(self, tallies: Tallies, version: str) -> None:
        self._registry = Registry()
        self._shown: list[tuple[Counters | Gauges | Histograms, Source]] = []
        for kind, name, doc, labels, rows in FAMILIES:
            self.add(kind, name, doc, labels, partial(rows, tallies))
        self.add(
            "gauge", "gateway_build_info", "Always 1; its label is the news.", ("version",), lambda: [((version,), 1)]
        )

    def add(self, kind: str, name: str, doc: str, labels: tuple[str, ...], source: Source) -> None:
        """Show a metric of `kind` counter, gauge or histogram, whose rows `source` finds at each scrape.

        Label values come from the configuration or from closed sets. Raises ValueError for a name that is taken.
        """
        collector = KINDS[kind](name, doc, registry=self._registry)
        collector.labels = labels
        self._shown.append((collector, source))

    def add_connections(self, source: Callable[[], Iterable[tuple[str, str, str, int]]]) -> None:
        """Show `upstream_connections`, of which `source` yields (service, upstream, "idle" or "active", how many)."""
        self.add(
            "gauge",
            "upstream_connections",
            "Open connections to an upstream.",
            ("service", "upstream", "state"),
            lambda: [((service, upstream, state), number) for service, upstream, state, number in source()],
        )

    def add_dropped_lines(self, source: Callable[[], int]) -> None:
        """Show `log_lines_dropped_total`, which `source` tells."""
        self.add(
            "counter",
            "log_lines_dropped_total",
            "Log lines given up because nobody read them in time.",
            (),
            lambda: [((), source())],
        )

    async def exposition(self, accept: str = "") -> tuple[bytes, str]:
        """All metrics in the format that `accept`, the header's value, asks for, and their content type.

        Other work has its turn after every `LINES_AT_ONCE` lines; what belongs to one histogram is of one moment.
        """
        # measured: 2.5 us a line, so 1,000 lines cost 2.5 ms of CPU and hold the loop 0.3 ms, bench/micro/observe.py
        formatter = negotiate([accept])()
        assert isinstance(formatter, TextFormatter)
        pages: list[bytes] = []
        for collector, source in self._shown:
            rows = list(source())
            step = LINES_AT_ONCE // _lines_of(rows[0]) if rows else 1
            for start in range(0, len(rows) or 1, step):
                collector.rows = rows[start : start + step]
                lines = formatter.marshall_lines(collector)[2 if start else 0 :]
                pages.append("\n".join([*lines, ""]).encode())
                await asyncio.sleep(0)
        return b"".join(pages), formatter.get_headers()["Content-Type"]


def _lines_of(row: Row) -> int:
    _, value = row
    return len(value.counts) + 2 if isinstance(value, Durations) else 1


def _buckets(durations: Durations) -> dict[float | str, float]:
    bounds = (*map(float, durations.bounds), float("inf"))
    cumulated = list(accumulate(durations.counts))
    return dict(zip(bounds, cumulated, strict=True)) | {"count": cumulated[-1], "sum": durations.total}


def _escaped(value: str) -> str:
    # The formatter writes label values as they are.
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
