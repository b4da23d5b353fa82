"""Hypothesis strategies for requests of create_campaign."""

from __future__ import annotations

from itertools import pairwise
from typing import Any, NamedTuple

from hypothesis import strategies as st

COUNTRIES = ["US", "CA", "GB", "DE", "FR", "JP", "BR", "AU", "MX"]
NAMES = st.text(st.characters(categories=["L", "N", "P", "Zs", "So"]), min_size=1, max_size=60).filter(
    lambda name: bool(name.strip())
)


# Latin text without symbols: TikTok takes no emoji. Named by code points, as Hypothesis needs seconds to try
# what a codec can write.
PLAIN_NAMES = st.text(
    st.characters(max_codepoint=0xFF, categories=["Lu", "Ll", "Nd"]), min_size=1, max_size=60
).filter(lambda name: bool(name.strip()))


class Kind(NamedTuple):
    """What a platform's requests may hold so that it can carry them out."""

    splits: tuple[str, ...]
    age_edges: tuple[int, ...]  # where one age group may end and the next begin
    floor: int  # of one ad set, in the major unit
    total_floor: int
    names: st.SearchStrategy[str]
    image_objectives: tuple[str, ...] = ()  # those that cannot show a video


BUCKET_EDGES = (25, 35, 45, 55)
KINDS = {
    "meta": Kind(("age", "country", "country_age"), tuple(range(19, 65)), 1, 1, NAMES),
    "tiktok": Kind(("age", "country", "country_age"), BUCKET_EDGES, 20, 50, PLAIN_NAMES),
    "google": Kind(("age",), BUCKET_EDGES, 5, 5, PLAIN_NAMES, ("awareness", "engagement")),
}
OBJECTIVES = ("sales", "traffic", "awareness", "leads", "engagement")


@st.composite
def age_groups(draw: st.DrawFn, edges: tuple[int, ...], most: int = 5) -> list[list[int]]:
    """One to `most` groups that follow each other, between 18 and 65."""
    inner = draw(st.lists(st.sampled_from(edges), max_size=most - 1, unique=True).map(sorted))
    bounds = [18, *inner, 66]
    return [[low, high - 1] for low, high in pairwise(bounds)]


@st.composite
def requests(draw: st.DrawFn, platform: str = "meta", *, is_small: bool = False) -> dict[str, Any]:
    """A request that the platform can carry out for user_123; a small one makes at most eight ads."""
    kind = KINDS[platform]
    most = 2 if is_small else 3
    countries = draw(st.lists(st.sampled_from(COUNTRIES), min_size=1, max_size=most, unique=True))
    groups = draw(age_groups(kind.age_edges, 2 if is_small else 5))
    request = {
        "platform": platform,
        "objective": draw(st.sampled_from(OBJECTIVES)),
        "target_countries": countries,
        "age_groups": groups,
        "split_by": draw(st.sampled_from(kind.splits)),
        "name": draw(kind.names),
        "special_ad_categories": ["NONE"],
    }
    cents = max(cell_count(request) * kind.floor, kind.total_floor) * 100
    numbers = st.integers(1, 20)
    if request["objective"] in kind.image_objectives:
        numbers = numbers.map(lambda number: 2 * number - 1)  # odd creatives are images
    creatives = draw(st.lists(numbers, min_size=1, max_size=most, unique=True))
    return request | {
        "daily_budget": draw(st.integers(cents, 10_000_000)) / 100,
        "creative_ids": [str(number) for number in creatives],
    }


def cell_count(request: dict[str, Any]) -> int:
    ages, countries = len(request["age_groups"]), len(request["target_countries"])
    return {"age": ages, "country": countries, "country_age": ages * countries}[request["split_by"]]
