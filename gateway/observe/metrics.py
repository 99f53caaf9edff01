"""The tallies as Prometheus metrics, written when somebody asks, a little at a time."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from functools import partial
from itertools import accumulate
from typing import Any

from aioprometheus.collectors import Collector, Counter, Gauge, Histogram, Registry
from aioprometheus.formats.text import TextFormatter
from aioprometheus.negotiator import negotiate

from gateway.observe.families import FAMILIES, Row, Source
from gateway.observe.tallies import Durations, Tallies

# About the lines that are written before other work has its turn, and how long that is: 16,000 lines take a third of a
# second. measured, bench.seen: in one go they are felt at the 99th percentile, which this way stays where it was
LINES_AT_ONCE = 100
PAUSE_SECONDS = 0.001
# Of one metric, above which those that left are forgotten with the rest; about 2 KiB for each histogram.
MOST_PATTERNS = 10_000
# The lines # HELP and # TYPE.
HEADINGS = 2


class Page(Collector):
    """A collector that shows `rows` in place of what it counted itself."""

    labels: tuple[str, ...] = ()
    rows: Sequence[Row] = ()

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._patterns: dict[tuple[str, ...], str] = {}

    def get_all(self) -> list[tuple[dict[str, str], Any]]:
        """The rows as the formatter wants them."""
        return [
            (
                {label: _escaped(value) for label, value in zip(self.labels, values, strict=True)},
                _buckets(value) if isinstance(value, Durations) else value,
            )
            for values, value in self.rows
        ]

    def written(self, rows: Sequence[Row], formatter: TextFormatter) -> str:
        """`rows` as lines, as `formatter` writes them."""
        if len(self._patterns) > MOST_PATTERNS:
            self._patterns.clear()
        return "".join([self._pattern(row, formatter) % _numbers(row[1]) for row in rows])

    def _pattern(self, row: Row, formatter: TextFormatter) -> str:
        # What the formatter wrote for these labels once, with gaps for the numbers.
        # measured, bench/micro/observe.py: 0.2 us a line instead of 2.5; 41,439 lines take 12 ms instead of 119
        pattern = self._patterns.get(row[0])
        if pattern is None:
            self.rows = (row,)
            lines = formatter.marshall_lines(self)[HEADINGS:]
            texts = [line.rpartition(" ")[0].replace("%", "%%") for line in lines]
            pattern = self._patterns[row[0]] = "".join([f"{text} %s\n" for text in texts])
        return pattern


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

    def exposition(self, accept: str = "") -> tuple[AsyncIterator[bytes], str]:
        """All metrics in the format that `accept`, the header's value, asks for, piece by piece; and its content type.

        What belongs to one histogram is of one moment. Between pieces other work has its turn, for a moment at least.
        """
        formatter = negotiate([accept])()
        assert isinstance(formatter, TextFormatter)
        return self._pieces(formatter), formatter.get_headers()["Content-Type"]

    async def _pieces(self, formatter: TextFormatter) -> AsyncIterator[bytes]:
        texts: list[str] = []
        lines = 0
        for collector, source in self._shown:
            collector.rows = ()
            texts += [f"{line}\n" for line in formatter.marshall_lines(collector)]
            rows = list(source())
            step = LINES_AT_ONCE // _lines_of(rows[0]) if rows else 1
            for start in range(0, len(rows), step):
                some = rows[start : start + step]
                texts.append(collector.written(some, formatter))
                lines += len(some) * _lines_of(some[0])
                if lines >= LINES_AT_ONCE:
                    yield "".join(texts).encode()
                    texts.clear()
                    lines = 0
                    await asyncio.sleep(PAUSE_SECONDS)
        yield "".join(texts).encode()


def _lines_of(row: Row) -> int:
    _, value = row
    return len(value.counts) + 2 if isinstance(value, Durations) else 1


def _buckets(durations: Durations) -> dict[float | str, float]:
    bounds = (*map(float, durations.bounds), float("inf"))
    cumulated = list(accumulate(durations.counts))
    return dict(zip(bounds, cumulated, strict=True)) | {"count": cumulated[-1], "sum": durations.total}


def _numbers(value: float | Durations) -> tuple[float, ...]:
    """What `value` has a line each for, in the formatter's order."""
    if isinstance(value, Durations):
        cumulated = list(accumulate(value.counts))
        return (*cumulated, cumulated[-1], value.total)
    return (value,)


def _escaped(value: str) -> str:
    # The formatter writes label values as they are.
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
