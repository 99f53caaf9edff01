"""Curves as SVG, readable on white and on black."""

from collections.abc import Mapping, Sequence
from math import log10

WIDTH, HEIGHT = 720, 360
LEFT, RIGHT, TOP, BOTTOM = 64, 190, 36, 44
COLOURS = ("#c0392b", "#2471a3", "#239b56", "#b7950b", "#7d3c98", "#707b7c")

Points = Sequence[tuple[float, float]]


def percentiles(title: str, curves: Mapping[str, Points]) -> str:
    """Seconds (logarithmic) over shares such as 0.99, stretched so that each further nine takes as much room."""
    ticks = [(share, _nines(share)) for share in (0.5, 0.9, 0.99, 0.999)]
    bent = {name: [(_nines(share), seconds) for share, seconds in points] for name, points in curves.items()}
    return _chart(title, "of the requests took no longer", [(f"{share * 100:g} %", x) for share, x in ticks], bent)


def timeline(title: str, curves: Mapping[str, Points]) -> str:
    """Seconds (logarithmic) over the second in which requests were sent."""
    xs = [x for points in curves.values() for x, _ in points]
    ticks = [(f"{x} s", float(x)) for x in range(int(min(xs)), int(max(xs)) + 2, 5)]
    return _chart(title, "when sent", ticks, curves)


def _nines(share: float) -> float:
    return -log10(1 - share)


def _chart(title: str, under: str, ticks: Sequence[tuple[str, float]], curves: Mapping[str, Points]) -> str:
    ys = [y for points in curves.values() for _, y in points if y > 0]
    xs = [x for points in curves.values() for x, _ in points] + [x for _, x in ticks]
    low, high = log10(min(ys)) - 0.05, log10(max(ys)) + 0.05
    first, last = min(xs), max(xs)

    def x_of(x: float) -> float:
        return LEFT + (x - first) / (last - first) * (WIDTH - LEFT - RIGHT)

    def y_of(seconds: float) -> float:
        return HEIGHT - BOTTOM - (log10(max(seconds, 10**low)) - low) / (high - low) * (HEIGHT - TOP - BOTTOM)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
        _text(LEFT, 22, title, size=14),
        _text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 8, under, anchor="middle"),
    ]
    for label, x in ticks:
        parts += [_line(x_of(x), TOP, x_of(x), HEIGHT - BOTTOM), _text(x_of(x), HEIGHT - 26, label, anchor="middle")]
    for seconds in _round_seconds(10**low, 10**high):
        parts += [
            _line(LEFT, y_of(seconds), WIDTH - RIGHT, y_of(seconds)),
            _text(LEFT - 6, y_of(seconds) + 4, f"{seconds * 1000:g} ms", anchor="end"),
        ]
    for place, (name, points) in enumerate(curves.items()):
        colour = COLOURS[place % len(COLOURS)]
        path = " ".join(f"{x_of(x):.1f},{y_of(y):.1f}" for x, y in points)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts.append(_text(WIDTH - RIGHT + 12, TOP + 14 + 18 * place, name, colour=colour))
    return "\n".join([*parts, "</svg>"]) + "\n"


def _round_seconds(low: float, high: float) -> list[float]:
    rounds = [step * 10.0**power for power in range(-4, 2) for step in (1, 2, 5)]
    return [seconds for seconds in rounds if low <= seconds <= high]


def _text(x: float, y: float, text: str, *, anchor: str = "start", size: int = 12, colour: str = "#222222") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}" fill="{colour}">{text}</text>'


def _line(x: float, y: float, to_x: float, to_y: float) -> str:
    return f'<line x1="{x:.1f}" y1="{y:.1f}" x2="{to_x:.1f}" y2="{to_y:.1f}" stroke="#dddddd"/>'
