"""Hypothesis strategies for requests of create_campaign."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from hypothesis import strategies as st

COUNTRIES = ["US", "CA", "GB", "DE", "FR", "JP", "BR", "AU", "IN", "MX"]
NAMES = st.text(
    st.characters(codec="utf-8", categories=["L", "N", "P", "Zs", "So"]), min_size=1, max_size=60
).filter(lambda name: bool(name.strip()))


@st.composite
def age_groups(draw: st.DrawFn) -> list[list[int]]:
    """One to five groups that follow each other, between 18 and 65."""
    edges = draw(st.lists(st.integers(19, 64), max_size=4, unique=True).map(sorted))
    bounds = [18, *edges, 66]
    return [[low, high - 1] for low, high in pairwise(bounds)]


@st.composite
def requests(
    draw: st.DrawFn,
    objectives: tuple[str, ...] = ("sales", "traffic", "awareness", "leads", "engagement"),
    splits: tuple[str, ...] = ("age", "country", "country_age"),
    minimum: int = 1,
) -> dict[str, Any]:
    """A request that the platform can carry out: its budget covers `minimum` for every cell."""
    countries = draw(st.lists(st.sampled_from(COUNTRIES), min_size=1, max_size=3, unique=True))
    groups = draw(age_groups())
    split_by = draw(st.sampled_from(splits))
    cells = {"age": len(groups), "country": len(countries), "country_age": len(groups) * len(countries)}
    cents = draw(st.integers(cells[split_by] * minimum * 100, 10_000_000))
    creatives = draw(st.lists(st.integers(1, 20), min_size=1, max_size=3, unique=True))
    return {
        "objective": draw(st.sampled_from(objectives)),
        "daily_budget": cents / 100,
        "target_countries": countries,
        "age_groups": groups,
        "split_by": split_by,
        "creative_ids": [str(number) for number in creatives],
        "name": draw(NAMES),
        "special_ad_categories": ["NONE"],
    }


def cell_count(request: dict[str, Any]) -> int:
    ages, countries = len(request["age_groups"]), len(request["target_countries"])
    return {"age": ages, "country": countries, "country_age": ages * countries}[request["split_by"]]
