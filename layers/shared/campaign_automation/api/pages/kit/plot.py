"""The drawing of charts as SVG by hand: scales, axes, lines, dots and intervals.

Plotting libraries were weighed: those of Python bring numpy or megabytes into a Lambda, those of browsers
need script. No line is drawn through a figure that is unknown.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from itertools import groupby
from typing import Literal, NamedTuple

from campaign_automation.api.pages.kit.frame import Markup, element, joined

WIDTH, HEIGHT = 400, 230
_LEFT, _RIGHT, _TOP, _BOTTOM = 58, 22, 10, 28
_LONGEST_NAME = 12  # characters of a name below an axis; the table has it in full
_MOST_NAMES = 6
_FEWEST_TICKS = 3

Look = Literal["first", "second", "third"]
Shown = Callable[[float], str | None]


class Mark(NamedTuple):
    """A point of a chart, with its interval where it has one; a `y` of None is unknown."""

    x: float
    y: float | None
    low: float | None = None
    high: float | None = None


class Series(NamedTuple):
    """Marks under one name, joined by a line unless they are `loose`; `look` sets colour and dashes."""

    name: str
    marks: Sequence[Mark]
    look: Look = "first"
    is_loose: bool = False
    has_dots: bool = True


class Axes(NamedTuple):
    """The axes: `names` stand below x 0, 1, 2 ..., else `x` writes its numbers; `bound` is a drawn level."""

    y: Shown
    x: Shown = str
    names: Sequence[str] = ()
    ticks: Sequence[str] = ()  # the names in short
    bound: float | None = None
    from_zero: bool = True
    is_whole: bool = False  # only whole numbers stand on the y axis
    x_name: str = ""


class Plot:
    """The scales of one chart, and what is drawn by them."""

    def __init__(self, known: Sequence[Mark], axes: Axes) -> None:
        self._axes = axes
        ys = [y for mark in known for y in (mark.y, mark.low, mark.high) if y is not None]
        ys += [axes.bound] if axes.bound is not None else []
        low = min(0.0, *ys) if axes.from_zero else min(ys)
        self._ys = _steps(low, max(ys), least=1.0 if axes.is_whole else 0.0)
        first, last = (0.0, len(axes.names) - 1.0) if axes.names else (0.0, max(mark.x for mark in known))
        # One day alone stands in the middle.
        self._x_span = (first - 0.5, last + 0.5) if axes.names else (first, last or 1.0)

    def x(self, value: float) -> float:
        first, last = self._x_span
        return round(_LEFT + (value - first) / (last - first) * (WIDTH - _LEFT - _RIGHT), 1)

    def y(self, value: float) -> float:
        low, high = self._ys[0], self._ys[-1]
        return round(HEIGHT - _BOTTOM - (value - low) / (high - low) * (HEIGHT - _TOP - _BOTTOM), 1)

    def grid(self) -> Markup:
        parts: list[Markup] = []
        for level in self._ys:
            y = self.y(level)
            parts.append(path("axis", [(_LEFT, y), (WIDTH - _RIGHT, y)]))
            parts.append(_label(_LEFT - 6, y + 4, self._axes.y(level) or "", "end"))
        parts += [_label(self.x(x), HEIGHT - 10, name, "middle") for x, name in self._below()]
        if (bound := self._axes.bound) is not None:
            parts.append(path("bound", [(_LEFT, self.y(bound)), (WIDTH - _RIGHT, self.y(bound))]))
        return joined(*parts)

    def _below(self) -> Iterable[tuple[float, str]]:
        """Return the places on the x axis that are named: so many that the names do not meet."""
        if names := self._axes.names:
            step, ticks = math.ceil(len(names) / _MOST_NAMES), self._axes.ticks or names
            return [(at, _short(ticks[at])) for at in range(0, len(names), step)]
        last = self._x_span[1]
        return [(at, self._axes.x(at) or "") for at in _steps(0.0, last) if at <= last]

    def drawn(self, series: Series) -> Markup:
        places = [(mark, (self.x(mark.x), self.y(mark.y))) for mark in series.marks if mark.y is not None]
        parts = [] if series.is_loose else [*map(self._line(series), self._unbroken(series))]
        for mark, (x, y) in places:
            if mark.low is not None and mark.high is not None:
                ends = [(x, self.y(mark.low)), (x, self.y(mark.high))]
                parts.append(path(f"whisker {series.look}", ends))
            if series.has_dots:
                parts.append(element("circle", cx=str(x), cy=str(y), r="3", class_=f"dot {series.look}"))
        return joined(*parts)

    def _line(self, series: Series) -> Callable[[Sequence[Mark]], Markup]:
        def line(run: Sequence[Mark]) -> Markup:
            return path(f"line {series.look}", [(self.x(mark.x), self.y(mark.y or 0.0)) for mark in run])

        return line

    def _unbroken(self, series: Series) -> Iterable[list[Mark]]:
        """Return the runs of known figures: a line has a gap where one is unknown."""
        runs = groupby(series.marks, key=lambda mark: mark.y is not None)
        return (list(run) for is_known, run in runs if is_known)


def _steps(low: float, high: float, least: float = 0.0) -> list[float]:
    """Return round levels from at most `low` to at least `high`, three to seven of them."""
    span = (high - low) or abs(high) or 1.0
    size = 10.0 ** math.floor(math.log10(span / _FEWEST_TICKS))
    step = next(size * factor for factor in (1, 2, 5, 10) if span / (size * factor) <= _FEWEST_TICKS + 2)
    step = max(step, least)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    # Twelve digits: 3 * 0.1 is 0.3 on an axis.
    return [float(f"{at * step:.12g}") for at in range(first, max(last, first + 1) + 1)]


def path(kind: str, points: Sequence[tuple[float, float]]) -> Markup:
    return element("polyline", points=" ".join(f"{x},{y}" for x, y in points), class_=kind)


def _label(x: float, y: float, words: str, anchor: str) -> Markup:
    return element("text", words, x=str(x), y=str(y), text_anchor=anchor)


def _short(name: str) -> str:
    return name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 1]}…"
