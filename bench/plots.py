"""Results as SVG: bars with their intervals for each scenario, percentiles for the open loop."""

from collections.abc import Mapping, Sequence
from math import log10
from xml.sax.saxutils import escape

from bench.figures import Estimate
from bench.results import Outcome
from bench.simulator.plot import percentiles

WIDTH, LEFT, RIGHT, TOP, ROW = 760, 190, 150, 44, 26
OURS, OTHERS = "#c0392b", "#7f8c8d"
LOGARITHMIC = 30.0  # times the smallest: beyond, a linear bar would be a dot
SUBJECTS = ("gateway", "compiled")
SHARES = {"p50_ms": 0.5, "p90_ms": 0.9, "p99_ms": 0.99, "p999_ms": 0.999}


def drawn(outcome: Outcome) -> str | None:
    """The picture of a scenario; None when nothing was measured."""
    if outcome.kind == "latency":
        return _latencies(outcome)
    costs = {label: cost for label in outcome.samples if (cost := outcome.estimate(label, outcome.cost))}
    return bars(f"{outcome.title}: {outcome.unit}", costs) if costs else None


def _latencies(outcome: Outcome) -> str | None:
    curves = {
        label: [(share, cost.value / 1e3) for name, share in SHARES.items() if (cost := outcome.estimate(label, name))]
        for label in outcome.samples
    }
    drawable = {label: points for label, points in curves.items() if points and all(y > 0 for _, y in points)}
    return percentiles(outcome.title, drawable) if drawable else None


def bars(title: str, costs: Mapping[str, Estimate]) -> str:
    """Horizontal bars in the order given, the interval as a whisker; logarithmic when they differ too much."""
    height = TOP + ROW * len(costs) + 16
    scale, note = _scale([cost.value for cost in costs.values()])
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="sans-serif">',
        f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>',
        _text(12, 24, f"{title}{note}", size=14),
    ]
    for place, (label, cost) in enumerate(costs.items()):
        parts += _bar(label, cost, TOP + ROW * place, scale)
    return "\n".join([*parts, "</svg>"]) + "\n"


class _Scale:
    """From values to pixels right of the labels."""

    def __init__(self, low: float, high: float, *, logarithmic: bool) -> None:
        self._low, self._high, self._logarithmic = low, high, logarithmic

    def x(self, value: float) -> float:
        room = WIDTH - LEFT - RIGHT
        if not self._logarithmic:
            return LEFT + room * max(value, 0.0) / self._high
        share = (log10(max(value, self._low)) - log10(self._low)) / (log10(self._high) - log10(self._low))
        return LEFT + room * share


def _scale(values: Sequence[float]) -> tuple[_Scale, str]:
    high, low = max(*values, 1e-9, 0.0), min(values)
    if low > 0 and high / low > LOGARITHMIC:
        return _Scale(low / 2, high, logarithmic=True), " (logarithmic)"
    return _Scale(0.0, high, logarithmic=False), ""


def _bar(label: str, cost: Estimate, y: float, scale: _Scale) -> list[str]:
    end = scale.x(cost.value)
    colour = OURS if label.partition(",")[0] in SUBJECTS else OTHERS
    parts = [
        _text(LEFT - 8, y + 15, label, anchor="end"),
        f'<rect x="{LEFT}" y="{y + 3}" width="{end - LEFT:.1f}" height="{ROW - 10}" fill="{colour}"/>',
    ]
    whisker = end
    if cost.low is not None and cost.high is not None:
        low, whisker = scale.x(cost.low), min(scale.x(cost.high), WIDTH - RIGHT + 20.0)
        parts.append(f'<path d="M{low:.1f} {y + 11} H{whisker:.1f}" stroke="#222222" stroke-width="1.5"/>')
    shown = f"{cost.value:,.1f}" if cost.value < 1000 else f"{cost.value:,.0f}"
    return [*parts, _text(max(end, whisker) + 6, y + 15, shown)]


def _text(x: float, y: float, text: str, *, anchor: str = "start", size: int = 12) -> str:
    where = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"'
    return f'<text {where} font-size="{size}" fill="#222222">{escape(text)}</text>'
