"""Small charts as SVG text: a reliability diagram, courses over dates, bars against limits.

Here: the drawing, the same bytes for the same numbers, without fonts, styles or scripts of others.
Not here: what is drawn of a model and where it is shown.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from xml.sax.saxutils import escape

from ml.calibration import Reliability

_WIDTH, _HEIGHT = 420, 260
_LEFT, _RIGHT, _TOP, _BOTTOM = 66, 404, 34, 212
_COLOURS = ("#2563a8", "#d2691e", "#4c8c4a", "#7a4fa3")
_GREY, _BAD = "#8a8a8a", "#b3261e"


@dataclass(frozen=True)
class Bar:
    """A value against what it should stay below."""

    name: str
    value: float
    limit: float


@dataclass(frozen=True)
class _Axis:
    """Numbers from `low` to `high` laid between two places of the picture."""

    low: float
    high: float
    start: float
    end: float

    def place(self, value: float) -> float:
        share = (value - self.low) / (self.high - self.low)
        return self.start + share * (self.end - self.start)


def reliability_chart(title: str, lines: Mapping[str, Reliability]) -> str:
    """What happened against what was predicted, a dot a group; on the dashes the two are alike.

    Args:
        title: above it.
        lines: groups by the name of who predicted; the area of a dot is its share of the people.

    Raises:
        ValueError: there is nothing to draw.
    """
    known = {name: one for name, one in lines.items() if len(one.counts)}
    if not known:
        raise ValueError(f"{title}: nothing to draw")
    most = max(float(max(one.predicted.max(), one.observed.max())) for one in known.values())
    high = _round_up(most)
    across, up = _Axis(0, high, _LEFT, _RIGHT), _Axis(0, high, _BOTTOM, _TOP)
    drawn = [_line([(_LEFT, _BOTTOM), (_RIGHT, _TOP)], _GREY, "4 4")]
    for (_, one), colour in zip(known.items(), _COLOURS, strict=False):
        places = [
            (across.place(p), up.place(o))
            for p, o in zip(one.predicted.tolist(), one.observed.tolist(), strict=True)
        ]
        drawn.append(_line(places, colour))
        shares = (one.counts / one.counts.sum()).tolist()
        drawn += [
            _dot(x, y, 1.5 + 9 * math.sqrt(share), colour)
            for (x, y), share in zip(places, shares, strict=True)
        ]
    ticks = _ticks_up(up) + _ticks_across(across, "predicted, upwards what happened")
    return _picture(title, ticks + drawn, list(known))


def course_chart(
    title: str,
    days: Sequence[date],
    lines: Mapping[str, Sequence[float | None]],
    marked: Sequence[bool] = (),
) -> str:
    """Values over partitions, by their dates.

    Args:
        title: above it.
        days: (n,) rising.
        lines: (n,) values by name; None breaks the line.
        marked: (n,) where a dashed upright stands; none if empty.

    Raises:
        ValueError: no line has a value.
    """
    values = [value for line in lines.values() for value in line if value is not None]
    if not values:
        raise ValueError(f"{title}: nothing to draw")
    low, high = min(values), max(values)
    margin = 0.08 * (high - low) or max(abs(high), 1.0) * 0.08
    up = _Axis(low - margin, high + margin, _BOTTOM, _TOP)
    numbers = [one.toordinal() for one in days]
    across = _Axis(numbers[0], max(numbers[-1], numbers[0] + 1), _LEFT, _RIGHT)
    drawn = _ticks_up(up)
    drawn.append(_text(_LEFT, _BOTTOM + 16, days[0].isoformat()))
    if len(days) > 1:
        drawn.append(_text(_RIGHT, _BOTTOM + 16, days[-1].isoformat(), "end"))
    drawn += [
        _line([(across.place(number), _TOP), (across.place(number), _BOTTOM)], _GREY, "2 3")
        for number, is_marked in zip(numbers, marked, strict=False)
        if is_marked
    ]
    for line, colour in zip(lines.values(), _COLOURS, strict=False):
        for run in _unbroken(numbers, line):
            places = [(across.place(number), up.place(value)) for number, value in run]
            drawn += [_line(places, colour), *(_dot(x, y, 2, colour) for x, y in places)]
    return _picture(title, drawn, list(lines))


def bar_chart(title: str, bars: Sequence[Bar]) -> str:
    """Bars with their limits as ticks; red is what is beyond.

    Raises:
        ValueError: there is no bar.
    """
    if not bars:
        raise ValueError(f"{title}: nothing to draw")
    start, height = 190, 18
    high = _round_up(max(max(bar.value, bar.limit) for bar in bars))
    across = _Axis(0, high, start, _RIGHT - 44)
    drawn = []
    for number, bar in enumerate(bars):
        y, colour = _TOP + number * height, _BAD if bar.value > bar.limit else _COLOURS[0]
        wide = across.place(max(bar.value, 0)) - start
        limit = across.place(bar.limit)
        drawn += [
            _text(start - 6, y + 11, bar.name, "end"),
            f'<rect x="{start}" y="{y + 2}" width="{wide:.1f}" height="12" fill="{colour}"/>',
            _line([(limit, y), (limit, y + 16)], "#222222"),
            _text(_RIGHT, y + 11, f"{bar.value:.2f}", "end"),
        ]
    return _picture(title, drawn, [], _TOP + len(bars) * height + 8)


def as_markdown(charts: Mapping[str, str]) -> str:
    """Charts as pictures within a page of Markdown, by what they are called without a picture."""
    return "\n\n".join(
        f"![{name}](data:image/svg+xml;base64,{base64.b64encode(svg.encode()).decode()})"
        for name, svg in charts.items()
    )


def _unbroken(
    numbers: Sequence[int], line: Sequence[float | None]
) -> list[list[tuple[int, float]]]:
    runs: list[list[tuple[int, float]]] = [[]]
    for number, value in zip(numbers, line, strict=True):
        if value is None:
            runs.append([])
        else:
            runs[-1].append((number, value))
    return [run for run in runs if run]


def _round_up(value: float) -> float:
    """The next of 1, 2, 5 times a power of ten; 1 for what is not above 0."""
    if value <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    return next(step * power for step in (1, 2, 5, 10) if step * power >= value)


def _ticks_up(axis: _Axis) -> list[str]:
    drawn = []
    for part in range(5):
        value = axis.low + (axis.high - axis.low) * part / 4
        y = axis.place(value)
        drawn += [_line([(_LEFT, y), (_RIGHT, y)], "#e2e2e2"),
                  _text(_LEFT - 6, y + 4, f"{value:.3g}", "end")]  # fmt: skip
    return drawn


def _ticks_across(axis: _Axis, said: str) -> list[str]:
    drawn = [_text(axis.place(v), _BOTTOM + 16, f"{v:.3g}", "middle") for v in (0, axis.high)]
    return [*drawn, _text((_LEFT + _RIGHT) / 2, _BOTTOM + 16, said, "middle")]


def _line(places: Sequence[tuple[float, float]], colour: str, dashes: str = "") -> str:
    points = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    dashed = f' stroke-dasharray="{dashes}"' if dashes else ""
    return f'<polyline points="{points}" fill="none" stroke="{colour}"{dashed}/>'


def _dot(x: float, y: float, radius: float, colour: str) -> str:
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius:.1f}" fill="{colour}" opacity=".7"/>'


def _text(x: float, y: float, said: str, anchor: str = "start", colour: str = "#222222") -> str:
    where = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"'
    return f'<text {where} fill="{colour}">{escape(said)}</text>'


def _picture(title: str, drawn: Sequence[str], names: Sequence[str], height: int = _HEIGHT) -> str:
    legend = [
        _text(_LEFT + 120 * number, height - 10, name, colour=colour)
        for number, (name, colour) in enumerate(zip(names, _COLOURS, strict=False))
    ]
    # A ground of its own, since the page may be dark.
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{height}"'
            ' font-family="sans-serif" font-size="11">',
            f'<rect width="{_WIDTH}" height="{height}" fill="#ffffff"/>',
            _text(12, 18, title),
            *drawn,
            *legend,
            "</svg>",
        ]
    )
