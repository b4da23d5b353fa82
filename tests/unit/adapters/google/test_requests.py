"""What is sent to Google: ages, words, keywords, money, places, pictures."""

from __future__ import annotations

import struct
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaign_automation.adapters.base import CreativeOrder
from campaign_automation.adapters.common.text import display_width
from campaign_automation.adapters.google import facts
from campaign_automation.adapters.google.options.texts import descriptions, headlines
from campaign_automation.adapters.google.pictures import check_picture, frame_of, size_of
from campaign_automation.adapters.google.queries import by_name
from campaign_automation.adapters.google.requests import excluded_ages, fit_ages, keywords, reached_ages
from campaign_automation.models.common import COUNTRIES, AgeGroup, Level
from campaign_automation.utils.error_handler import AccountError, InvalidRequestError, PlatformRejectedError
from tests.support import builders

STARTS = [low for low, _ in facts.AGE_BUCKETS.values()]
ENDS = [high for _, high in facts.AGE_BUCKETS.values()]


@pytest.mark.parametrize(
    ("asked", "fitted"),
    [
        ([(18, 35), (36, 50), (51, 65)], [(18, 34), (35, 54), (55, 65)]),
        ([(18, 65)], [(18, 65)]),
        ([(13, 65)], [(18, 65)]),
        ([(18, 24), (25, 34)], [(18, 24), (25, 34)]),
        ([(18, 29), (30, 65)], [(18, 34), (35, 65)]),  # of two with five years each, the first
        ([(18, 25)], [(18, 24)]),  # one year of ten is not reason enough to reach the other nine
        ([(18, 65), (25, 34)], [(18, 65), (25, 34)]),  # an overlap that was asked for
        ([(65, 65)], [(65, 65)]),
    ],
)
def test_ages_are_fitted_to_googles_ranges(asked: list[AgeGroup], fitted: list[AgeGroup]) -> None:
    assert fit_ages(asked) == fitted


@pytest.mark.parametrize("group", [(13, 17), (26, 28)])
def test_group_without_a_range_is_refused_by_name(group: AgeGroup) -> None:
    with pytest.raises(InvalidRequestError, match=str(list(group)).replace("[", r"\[")):
        fit_ages([group, (35, 65)])


@given(st.sets(st.integers(19, 65), max_size=4))
def test_groups_that_join_never_overlap_and_leave_nobody_out(cuts: set[int]) -> None:
    edges = [18, *sorted(cuts), 66]
    groups = [(low, high - 1) for low, high in pairwise(edges)]
    try:
        fitted = fit_ages(groups)
    except InvalidRequestError:
        return
    assert fitted[0][0] == 18
    assert fitted[-1][1] == 65
    assert all(after[0] == before[1] + 1 for before, after in pairwise(fitted))


@given(st.sampled_from(STARTS), st.sampled_from(ENDS))
def test_ages_come_back_as_they_were_asked(low: int, high: int) -> None:
    if low <= high:
        assert reached_ages(excluded_ages((low, high))) == (low, high)


def test_whole_span_excludes_nobody_and_a_part_excludes_the_unknown() -> None:
    assert excluded_ages((18, 65)) == []
    assert facts.AGE_UNKNOWN in excluded_ages((18, 34))


def test_holes_do_not_look_like_the_whole_span() -> None:
    assert reached_ages(["AGE_RANGE_35_44"]) == (18, 34)
    assert reached_ages(facts.AGE_BUCKETS) == (0, 0)


@given(st.decimals(min_value=Decimal("0.01"), max_value=10**11, places=2))
def test_micros_lose_nothing(amount: Decimal) -> None:
    assert facts.from_micros(facts.to_micros(amount)) == amount


def test_steps_of_currencies() -> None:
    whole = {currency for currency in ("USD", "EUR", "JPY", "HUF", "TWD") if facts.budget_step(currency) == 1}
    assert whole == {"JPY", "HUF", "TWD"}
    assert facts.budget_step("XTS") is None
    assert not facts.WHOLE_UNIT_CURRENCIES & facts.CENT_CURRENCIES


def test_every_country_but_the_sanctioned_has_a_place() -> None:
    assert COUNTRIES - facts.GEO_TARGETS.keys() == {"CU", "IR", "KP", "SY"}
    assert len(facts.COUNTRY_OF_GEO_TARGET) == len(facts.GEO_TARGETS)
    known = {"US": "2840", "GB": "2826", "DE": "2276", "JP": "2392", "AF": "2004", "BR": "2076"}
    assert {code: facts.GEO_TARGETS[code].rpartition("/")[2] for code in known} == known


def test_east_asian_characters_count_two() -> None:
    assert display_width("Été 26") == 6
    assert display_width("夏の靴") == 6


def test_lines_are_different_fit_and_are_not_cut() -> None:
    copy = builders.copy(
        headline="Trail shoe",
        more_headlines=["trail shoe", "x" * 31, "Look", "See"],
        more_descriptions=["Run further.", "y" * 91],
    )
    assert headlines(copy, facts.SEARCH) == ["Trail shoe", "Look", "See"]
    assert descriptions(copy, facts.SEARCH) == ["Run further.", "See it"]


def test_no_more_lines_than_an_ad_takes() -> None:
    copy = builders.copy(more_headlines=[f"Line {n}" for n in range(20)])
    assert len(headlines(copy, facts.SEARCH)) == 15
    assert len(headlines(copy, facts.DEMAND_GEN)) == 5


def test_too_few_lines_are_refused() -> None:
    with pytest.raises(PlatformRejectedError) as refused:
        headlines(builders.copy(more_headlines=["Look"]), facts.SEARCH)
    assert (refused.value.code, refused.value.details["field"]) == ("6003", "headlines")


def order(**changes: object) -> CreativeOrder:
    return CreativeOrder("ca-1", "n", builders.creative(**changes), builders.copy(), "")


@pytest.mark.parametrize(
    ("name", "tags", "found"),
    [
        ("Trail Shoe", ["running", "Running"], ["trail shoe", "running"]),
        ("Shoe! (50% off)*", [], ["shoe 50 off"]),
        ("a_b", ["🎉", "--"], ["a b"]),
        ("夏の靴", [], ["夏の靴"]),
        (" ".join("abcdefghijklm"), [], ["a b c d e f g h i j"]),
        ("word " * 5 + "x" * 60, [], ["word word word word word"]),
        ("x" * 81, [], []),
    ],
)
def test_keywords_are_names_and_tags_as_google_takes_them(
    name: str, tags: list[str], found: list[str]
) -> None:
    assert keywords(builders.creative(name=name, tags=tags)) == found


def test_quotes_in_names_cannot_leave_the_query() -> None:
    query = by_name(Level.CAMPAIGN, ["it's \\ 'x'"], None)
    assert r"IN ('it\'s \\ \'x\'')" in query


def png(width: int, height: int) -> bytes:
    return b"\x89PNG\r\n\x1a\n" + b"\0\0\0\rIHDR" + struct.pack(">II", width, height) + b"\x08"


def jpeg(width: int, height: int) -> bytes:
    comment = b"\xff\xfe" + struct.pack(">H", 6) + b"abcd"
    frame = b"\xff\xc0" + struct.pack(">HBHH", 11, 8, height, width)
    return b"\xff\xd8" + comment + frame + b"\x01"


@pytest.mark.parametrize(
    ("content", "size"),
    [
        (png(600, 314), (600, 314)),
        (jpeg(300, 400), (300, 400)),
        (b"GIF89a" + struct.pack("<HH", 5, 7), (5, 7)),
        (b"<html>", None),
        (b"\xff\xd8\xff", None),
        (b"\x89PNG\r\n\x1a\n", None),
    ],
)
def test_size_is_read_from_the_head(content: bytes, size: tuple[int, int] | None) -> None:
    assert size_of(content) == size


@pytest.mark.parametrize(
    ("size", "field"),
    [
        ((1200, 628), "marketing_images"),
        ((600, 314), "marketing_images"),
        ((300, 300), "square_marketing_images"),
        ((960, 1200), "portrait_marketing_images"),
        ((1080, 1920), "tall_portrait_marketing_images"),
        ((299, 299), None),
        ((800, 600), None),
    ],
)
def test_shape_decides_the_field(size: tuple[int, int], field: str | None) -> None:
    frame = frame_of(*size)
    assert (frame and frame.field) == field


@pytest.mark.parametrize(
    ("content", "is_logo", "problem"),
    [
        (png(800, 600), False, "800 x 600"),
        (png(300, 200), True, "logo must be square"),
        (b"%PDF", False, "no PNG, JPEG or GIF"),
        (png(300, 300) + b"\0" * facts.IMAGE_BYTES, False, "larger than"),
    ],
)
def test_picture_that_no_ad_can_show_is_refused(content: bytes, is_logo: bool, problem: str) -> None:
    with pytest.raises(AccountError, match=problem) as refused:
        check_picture(content, "https://cdn.example/1.png", is_logo=is_logo)
    assert refused.value.code == "6003"


def test_good_pictures_pass() -> None:
    check_picture(png(128, 128), "https://cdn.example/logo.png", is_logo=True)
    check_picture(png(600, 600), "https://cdn.example/1.png", is_logo=False)
