"""The page kit: escaping, the frame, tables, forms and the two schemes of colours."""

from __future__ import annotations

import base64
import hashlib
import re
from itertools import product

import pytest

from campaign_automation.api.pages.kit.figures import (
    amount,
    bare,
    moment,
    number,
    percent,
    probability,
    share,
)
from campaign_automation.api.pages.kit.frame import (
    Column,
    choice,
    facts,
    field,
    form,
    link,
    note,
    page,
    paragraph,
    response,
    section,
    table,
    with_links,
)
from campaign_automation.api.pages.kit.style import DARK, HEADERS, LIGHT, STYLE
from tests.support.pages import read

HOSTILE = "<script>alert(1)</script>\"'&<img src=x onerror=alert(1)>"


def test_every_part_escapes_what_it_is_given() -> None:
    document = page(
        HOSTILE,
        section(HOSTILE, paragraph(HOSTILE), note(HOSTILE), facts([(HOSTILE, HOSTILE)])),
        table(HOSTILE, [HOSTILE, Column(HOSTILE, "number")], [[HOSTILE, HOSTILE]]),
        form(
            f"?token={HOSTILE}",
            field("name", HOSTILE, HOSTILE),
            choice("one", HOSTILE, [(HOSTILE, HOSTILE)], HOSTILE),
            buttons=[("decision", HOSTILE, HOSTILE)],
        ),
        link(f"?q={HOSTILE}", HOSTILE),
        about=HOSTILE,
        links=[(f"{HOSTILE}.html", HOSTILE)],
    )
    found = read(document)
    assert found.words.count(HOSTILE) == 19
    assert {item["value"] for item in found.all("option")} == {HOSTILE}


@pytest.mark.parametrize(
    "address", ["javascript:alert(1)", "data:text/html,x", "JavaScript:x", "\x01javascript:x"]
)
def test_a_link_leads_to_pages_alone(address: str) -> None:
    with pytest.raises(ValueError, match="no address"):
        link(address, "here")


def test_an_unknown_value_is_told_and_a_zero_is_a_figure() -> None:
    document = page(
        "t", facts([("Spend", None), ("Clicks", number(0))]), table("c", ["a", "b"], [["x", None]])
    )
    words = read(document).words
    assert words.count("unknown") == 3  # the third is the footer's
    assert re.search(r"Clicks\s+0\b", words)


def test_a_page_is_kept_nowhere_and_loads_nothing() -> None:
    answer = response(200, page("t", paragraph("x")))
    policy = answer["headers"]["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "script" not in policy
    (style,) = re.findall(r"<style>(.*?)</style>", answer["body"], re.S)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in policy
    assert HEADERS["Cache-Control"] == "no-store"


def test_links_are_put_into_a_page_that_has_none() -> None:
    document = page("t", paragraph("x"))
    assert read(document).links == ["#content"]
    assert read(with_links(document, [("index.html", "All pages")])).links == ["#content", "index.html"]


def test_a_table_without_rows_says_so() -> None:
    assert "Changes: nothing" in read(page("t", table("Changes", ["a"], []))).words


def test_figures_are_read_as_people_write_them() -> None:
    assert amount(1234.5, "USD") == "1,234.50 USD"
    assert amount(1234, "JPY") == "1,234 JPY"
    assert bare(1234.5, "KWD") == "1,234.500"
    assert (number(1200), number(3.5), number(100), number(0)) == ("1,200", "3.5", "100", "0")
    assert (percent(2.8), share(0.028)) == ("2.8 %", "2.8 %")
    assert probability(9.69e-61) == "9.7e-61"
    assert moment("2026-11-28T14:05:33Z") == "2026-11-28 14:05 UTC"
    assert [each(None) for each in (number, percent, share, probability, moment)] == [None] * 5
    assert amount(None, "USD") is None


# --- colours ---------------------------------------------------------------------------------------------


def luminance(colour: str) -> float:
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (
        value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in channels
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """WCAG 2.2: (lighter + 0.05) / (darker + 0.05)."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("scheme", [LIGHT, DARK])
def test_colours_can_be_told_apart_by_everybody(scheme: dict[str, str]) -> None:
    words = ("text", "quiet", "link", "good", "bad")
    faint = [
        (name, ground, round(contrast(scheme[name], scheme[ground]), 2))
        for name, ground in product(words, ("ground", "raised"))
        if contrast(scheme[name], scheme[ground]) < 4.5
    ]
    marks = ("first", "second", "third", "control")
    faint += [
        (name, "ground", round(contrast(scheme[name], scheme["ground"]), 2))
        for name in marks
        if contrast(scheme[name], scheme["ground"]) < 3
    ]
    assert faint == []
    assert set(LIGHT) == set(DARK)


def test_the_style_sheet_uses_no_colour_of_its_own() -> None:
    body = STYLE.partition("*{box-sizing")[2]
    assert re.findall(r"#[0-9a-f]{3,8}\b|rgb|hsl", body) == []
    assert set(re.findall(r"var\(--(\w+)\)", body)) <= set(LIGHT)
    assert "prefers-color-scheme:dark" in STYLE
    assert "@media print" in STYLE
