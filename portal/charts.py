"""Line charts as SVG, drawn by the server: no script, in the page's colours, with a table beside them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date

WIDTH, HEIGHT = 640, 220
LEFT, RIGHT, TOP, BOTTOM = 84, 12, 12, 36
LINES = 4  # as many as can be told apart by colour and by dashes

Value = float | None


@dataclass(frozen=True, slots=True)
class Series:
    """A line: a value for each day, None where there is none."""

    name: str
    values: Sequence[Value]


@dataclass(frozen=True, slots=True)
class Line:
    """A series as it is drawn: pieces of polylines, dots where a piece is one day long."""

    name: str
    pieces: Sequence[str]
    dots: Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Mark:
    """A text at an axis."""

    at: str
    text: str


@dataclass(frozen=True, slots=True)
class Chart:
    """What templates/admin/_chart.html draws. `head` and `rows` are the same as a table."""

    id: str
    title: str
    summary: str
    lines: Sequence[Line]
    levels: Sequence[Mark]
    days: Sequence[Mark]
    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    right: int = WIDTH - RIGHT
    bottom: int = HEIGHT - BOTTOM


def line_chart(
    *,
    id: str,
    title: str,
    days: Sequence[date],
    series: Sequence[Series],
    write: Callable[[float], str],
    highest: float | None = None,
) -> Chart | None:
    """A chart of at most four series over the days, from 0 to `highest` (else the largest value); None: there
    is no value. `write` makes text of a value.
    """
    series = series[:LINES]
    known = [value for one in series for value in one.values if value is not None]
    if not known:
        return None
    top = highest or max(known) or 1.0
    xs = [_x(place, len(days)) for place in range(len(days))]
    rows = [[day.isoformat(), *(_text(one.values[place], write) for one in series)]
            for place, day in enumerate(days)]  # fmt: skip
    return Chart(
        id=id,
        title=title,
        summary="; ".join(_summary(one, write) for one in series),
        lines=[_line(one, xs, top) for one in series],
        levels=[Mark(_number(_y(top * share, top)), write(top * share)) for share in (0.0, 0.5, 1.0)],
        days=[Mark(_number(xs[place]), f"{days[place]:%d %b}") for place in _places(len(days))],
        head=["Day", *(one.name for one in series)],
        rows=rows,
    )


def _summary(one: Series, write: Callable[[float], str]) -> str:
    known = [value for value in one.values if value is not None]
    if not known:
        return f"{one.name}: nothing"
    return f"{one.name}: {write(known[-1])} last, from {write(min(known))} to {write(max(known))}"


def _text(value: Value, write: Callable[[float], str]) -> str:
    return "–" if value is None else write(value)


def _line(one: Series, xs: Sequence[float], top: float) -> Line:
    pieces: list[list[tuple[float, float]]] = [[]]
    for x, value in zip(xs, one.values, strict=True):
        if value is None:
            pieces.append([])
        else:
            pieces[-1].append((x, _y(value, top)))
    return Line(
        one.name,
        [" ".join(f"{_number(x)},{_number(y)}" for x, y in piece) for piece in pieces if len(piece) > 1],
        [(_number(piece[0][0]), _number(piece[0][1])) for piece in pieces if len(piece) == 1],
    )


def _places(count: int) -> list[int]:
    """Which days are named: the first, the last, and some between."""
    step = max(1, -(-count // 4))
    return sorted({*range(0, count - step, step), count - 1})


def _x(place: int, count: int) -> float:
    return LEFT + (WIDTH - LEFT - RIGHT) * (place / (count - 1) if count > 1 else 0.5)


def _y(value: float, top: float) -> float:
    return HEIGHT - BOTTOM - (HEIGHT - BOTTOM - TOP) * min(max(value / top, 0.0), 1.0)


def _number(value: float) -> str:
    """With a point in every language."""
    return f"{value:.1f}"
