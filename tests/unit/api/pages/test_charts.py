"""Charts: what is drawn stays within the picture, gaps are gaps, and the table holds the figures."""

from __future__ import annotations

import re

import pytest

from campaign_automation.api.pages.kit.charts import chart
from campaign_automation.api.pages.kit.figures import number
from campaign_automation.api.pages.kit.frame import page
from campaign_automation.api.pages.kit.plot import HEIGHT, WIDTH, Axes, Mark, Series
from tests.support.pages import read

DAYS = Axes(y=number, names=["2026-11-01", "2026-11-02", "2026-11-03"], x_name="Day")


def drawn(values: list[float | None], axes: Axes = DAYS, **more: object) -> str:
    marks = [Mark(at, value) for at, value in enumerate(values)]
    return chart("Spend", "Spend by day.", [Series("Spend", marks, **more)], axes)  # type: ignore[arg-type]


def numbers(picture: str) -> list[tuple[float, float]]:
    """Every point that is drawn on the picture itself, not in its legend."""
    svg = picture.partition("</svg>")[0]
    lines = [point.split(",") for points in re.findall(r'points="([^"]+)"', svg) for point in points.split()]
    dots = re.findall(r'cx="([^"]+)" cy="([^"]+)"', svg)
    return [(float(x), float(y)) for x, y in (*lines, *dots)]


@pytest.mark.parametrize(
    "values",
    [
        [1, 2, 3],
        [0, 0, 0],
        [5, 5, 5],
        [-3, 0, 4],
        [1e12, 1, 1e12],
        [1e-9, 3e-9, 2e-9],
        [7, None, None],
        [0.1, 0.30000000000000004, 0.2],
    ],
)
def test_everything_is_drawn_within_the_picture(values: list[float | None]) -> None:
    picture = drawn(values)
    assert all(0 <= x <= WIDTH and 0 <= y <= HEIGHT for x, y in numbers(picture))
    assert len(numbers(picture)) > len(values)
    read(page("t", picture))


def test_a_line_has_a_gap_where_a_figure_is_unknown() -> None:
    picture = drawn([1, None, 3])
    lines = re.findall(r'points="([^"]+)" class="line', picture.partition("</svg>")[0])
    assert [len(points.split()) for points in lines] == [1, 1]
    words = read(page("t", picture)).words
    assert re.search(r"2026-11-02\s+unknown", words)
    assert re.search(r"2026-11-03\s+3\b", words)


def test_without_a_known_figure_there_is_no_empty_picture() -> None:
    picture = drawn([None, None, None])
    assert "<svg" not in picture
    assert "No figure is known yet" in picture


def test_an_interval_is_drawn_and_told() -> None:
    marks = [Mark(0, 2.0, 1.0, 4.0), Mark(1, 3.0)]
    picture = chart("Rates", "With intervals.", [Series("Rate", marks, is_loose=True)], DAYS)
    assert picture.count('class="whisker first"') == 1
    assert "2 (1 – 4)" in read(page("t", picture)).words
    assert '"line first"' not in picture


def test_a_bound_is_part_of_the_picture() -> None:
    picture = drawn([1, 2, 1], DAYS._replace(bound=9.0))
    assert 'class="bound"' in picture
    assert all(0 <= y <= HEIGHT for _, y in numbers(picture))


def test_numbers_below_an_axis_are_round_and_names_are_shortened() -> None:
    curve = [Mark(x, x / (x + 50)) for x in range(0, 121, 10)]
    picture = chart("Curve", "A curve.", [Series("Fit", curve, has_dots=False)], Axes(y=number, x=number))
    below = re.findall(r'text-anchor="middle">([^<]+)<', picture)
    assert below == ["0", "50", "100"]
    long = drawn([1, 2], Axes(y=number, names=["a name that is too long for it", "b"], x_name="Ad set"))
    assert "a name that…" in long
    assert "a name that is too long for it" in read(page("t", long)).words


def test_every_series_has_its_own_look_and_name() -> None:
    looks = ("first", "second", "third")
    series = [Series(f"S{look}", [Mark(0, 1.0)], look) for look in looks]
    picture = chart("Many", "All.", series, DAYS)
    for look in looks:
        assert f'class="line {look}"' in picture
        assert f"S{look}" in read(page("t", picture)).words
