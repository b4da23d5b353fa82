"""Charts: lines over days, curves, estimates with intervals; each with its figures as a table."""

from __future__ import annotations

from collections.abc import Sequence

from campaign_automation.api.pages.kit.frame import Column, Markup, element, joined, paragraph, table
from campaign_automation.api.pages.kit.plot import HEIGHT, WIDTH, Axes, Mark, Plot, Series, Shown, path
from campaign_automation.api.pages.wording import say


def chart(title: str, about: str, series: Sequence[Series], axes: Axes) -> Markup:
    """Return a figure: its title, the picture, a legend, and the same figures as a table.

    `about` says in a sentence what is to be seen. Without a known figure it is that sentence alone.
    """
    known = [mark for item in series for mark in item.marks if mark.y is not None]
    if not known:
        return element("figure", element("figcaption", title), paragraph(say("chart.empty"), kind="quiet"))
    plot = Plot(known, axes)
    picture = joined(
        element("title", title),
        element("desc", about),
        plot.grid(),
        *(plot.drawn(item) for item in series),
    )
    svg = element("svg", picture, viewBox=f"0 0 {WIDTH} {HEIGHT}", role="img", aria_label=f"{title}. {about}")
    legend = element("ul", *(_key(item) for item in series), class_="legend")
    figures = element("details", element("summary", say("chart.figures")), _figures(title, series, axes))
    return element("figure", element("figcaption", title), svg, legend, figures)


def _key(series: Series) -> Markup:
    line = Markup("") if series.is_loose else path(f"line {series.look}", [(0, 6), (32, 6)])
    dot = element("circle", cx="16", cy="6", r="3", class_=f"dot {series.look}") if series.has_dots else None
    sample = element("svg", line, dot, viewBox="0 0 32 12", aria_hidden="true")
    return element("li", sample, series.name)


def _figures(title: str, series: Sequence[Series], axes: Axes) -> Markup:
    """Return the chart's figures: a row for each place on the x axis, a column for each series."""
    has_intervals = any(mark.low is not None for item in series for mark in item.marks)
    places = sorted({mark.x for item in series for mark in item.marks})
    by_place = [{mark.x: mark for mark in item.marks} for item in series]
    rows = [
        [_place(x, axes), *(_cell(marks.get(x), axes.y, has_intervals=has_intervals) for marks in by_place)]
        for x in places
    ]
    return table(title, [axes.x_name, *(Column(item.name, "number") for item in series)], rows)


def _place(x: float, axes: Axes) -> str | None:
    return axes.names[int(x)] if axes.names else axes.x(x)


def _cell(mark: Mark | None, shown: Shown, *, has_intervals: bool) -> str | None:
    if mark is None or mark.y is None:
        return None
    value = shown(mark.y)
    if not has_intervals or mark.low is None or mark.high is None:
        return value
    return f"{value} ({shown(mark.low)} – {shown(mark.high)})"
