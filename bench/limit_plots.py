"""What passes of a burst, by algorithm, drawn into docs/: python -m bench.limit_plots

One caller, who may send 10 requests in 5 seconds: one a second at first, then a burst, then 8 a second. The shipped
arithmetic decides in virtual time. A panel shows what was sent and what went on, in each quarter of a second, and how
much has gone on in the last 5 seconds.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TypeAlias

from gateway.limit.algorithm import SECOND, Algorithm
from gateway.limit.approximate_window import ApproximateWindow
from gateway.limit.leaky_bucket import LeakyBucket
from gateway.limit.sliding_window import SlidingWindow
from gateway.limit.token_bucket import TokenBucket

FILE = Path(__file__).parent.parent / "docs" / "rate-limits.svg"
LIMIT, WINDOW, END, BIN = 10, 5, 25, 0.25
PANEL_WIDTH, PANEL_HEIGHT, COLUMNS, GAP = 330, 190, 2, 24
LEFT, TOP, BOTTOM = 30, 26, 22
HIGHEST = 22.0  # requests

Times: TypeAlias = Sequence[float]

PANELS: dict[str, Algorithm] = {
    "token bucket, 10 and 2/s": TokenBucket(LIMIT, 2),
    "leaky bucket as meter, 10 and 2/s": LeakyBucket(LIMIT, 2),
    "leaky bucket as queue, 2/s, max_delay 4s": LeakyBucket(LIMIT, 2, 4 * SECOND),
    "sliding window, strict, 10 in 5s": SlidingWindow(LIMIT, WINDOW * SECOND),
    "sliding window, log, 10 in 5s": SlidingWindow(LIMIT, WINDOW * SECOND, log=True),
    "sliding window, approximate, 10 in 5s": ApproximateWindow(LIMIT, WINDOW * SECOND),
}


def sent() -> list[float]:
    """When the caller sends, in seconds."""
    calm = [float(second) for second in range(9)]
    burst = [9.5 + number / 100 for number in range(30)]
    pressing = [10 + number / 8 for number in range((END - 10) * 8)]
    return [*calm, *burst, *pressing]


def gone_on(algorithm: Algorithm) -> list[float]:
    """When the requests that are not refused go on."""
    state, times = algorithm.fresh(0), []
    for at in sent():
        now = round(at * SECOND)
        verdict, state = algorithm.take(state, now)
        if verdict.allowed:
            times.append((now + verdict.delay_us) / SECOND)
    return times


def drawn() -> str:
    """The whole figure."""
    rows = -(-len(PANELS) // COLUMNS)
    width, height = COLUMNS * (PANEL_WIDTH + GAP) + GAP, rows * (PANEL_HEIGHT + GAP) + GAP + 20
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif">',
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
        _text(GAP, 20, "sent (grey) and gone on (blue) in each quarter of a second; line: gone on in the last 5 s", 12),
    ]
    for place, (title, algorithm) in enumerate(PANELS.items()):
        x = GAP + place % COLUMNS * (PANEL_WIDTH + GAP)
        y = 30 + place // COLUMNS * (PANEL_HEIGHT + GAP)
        parts += [f'<g transform="translate({x} {y})">', *_panel(title, gone_on(algorithm)), "</g>"]
    return "\n".join([*parts, "</svg>"]) + "\n"


def _panel(title: str, passed: Times) -> Iterator[str]:
    yield _text(LEFT, 14, title, 13)
    for count in (0, 10, 20):
        yield _line(_x(0), _y(count), _x(END), _y(count), "#dddddd")
        yield _text(LEFT - 6, _y(count) + 4, str(count), 11, "end")
    for second in range(0, END + 1, 5):
        yield _text(_x(second), PANEL_HEIGHT - 6, f"{second} s", 11, "middle")
    yield from _bars(sent(), "#cccccc")
    yield from _bars(passed, "#2471a3")
    steps = [step / 40 for step in range(END * 40 + 1)]
    line = [(at, sum(at - WINDOW < each <= at for each in passed)) for at in steps]
    corners = [here for before, here, after in zip(line, line[1:], line[2:], strict=False) if before[1] != after[1]]
    points = " ".join(f"{_x(at):.1f},{_y(count):.1f}" for at, count in (line[0], *corners, line[-1]))
    yield f'<polyline points="{points}" fill="none" stroke="#c0392b" stroke-width="1.5"/>'
    yield _line(_x(0), _y(LIMIT), _x(END), _y(LIMIT), "#222222", dashed=True)
    yield _text(_x(0) + 4, TOP + 10, f"at most {max(count for _, count in line)} in 5 s", 11, colour="#c0392b")


def _bars(times: Times, colour: str) -> Iterator[str]:
    for number in range(int(END / BIN)):
        count = sum(number * BIN <= at < (number + 1) * BIN for at in times)
        if count:
            left, top = _x(number * BIN), _y(min(count, HIGHEST))
            size = f'width="{_x(BIN) - _x(0) - 0.5:.1f}" height="{_y(0) - top:.1f}"'
            yield f'<rect x="{left:.1f}" y="{top:.1f}" {size} fill="{colour}"/>'


def _x(second: float) -> float:
    return LEFT + second / END * (PANEL_WIDTH - LEFT)


def _y(count: float) -> float:
    return PANEL_HEIGHT - BOTTOM - count / HIGHEST * (PANEL_HEIGHT - TOP - BOTTOM)


def _text(x: float, y: float, text: str, size: int, anchor: str = "start", colour: str = "#222222") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}" fill="{colour}">{text}</text>'


def _line(x: float, y: float, to_x: float, to_y: float, colour: str, *, dashed: bool = False) -> str:
    dashes = ' stroke-dasharray="4 3"' if dashed else ""
    return f'<line x1="{x:.1f}" y1="{y:.1f}" x2="{to_x:.1f}" y2="{to_y:.1f}" stroke="{colour}"{dashes}/>'


if __name__ == "__main__":
    FILE.write_text(drawn(), encoding="utf-8")
    print(FILE)
