"""The unkind switch: colleagues in the lists, optional fields missing, small pages, all from a seed."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import pytest

from local.sandbox.unkind import CUT_NAME, NAME
from tests.sandbox.google_client import GoogleClient, tree
from tests.sandbox.support import ACCOUNT, Graph, Sandbox, adset_params


@pytest.fixture(autouse=True)
def unkind(sandbox: Sandbox) -> Iterator[None]:
    sandbox.admin("PUT", "/unkind", {"seed": 1})
    yield
    sandbox.admin("PUT", "/unkind", {"seed": None})


def _pages(graph: Graph, path: str, **params: Any) -> list[list[dict[str, Any]]]:
    pages, after = [], None
    while True:
        answer = graph.get(path, fields="id,name,targeting", **params, **({"after": after} if after else {}))
        pages.append(answer["data"])
        if "next" not in answer.get("paging", {}):
            return pages
        after = answer["paging"]["cursors"]["after"]


def test_lists_on_meta_end_with_a_colleagues_object_and_have_small_pages(
    graph: Graph, campaign_id: str
) -> None:
    made = [graph.post(f"{ACCOUNT}/adsets", **adset_params(campaign_id))["id"] for _ in range(8)]
    pages = _pages(graph, f"{campaign_id}/adsets", limit=200)
    assert len(pages) > 1
    # Each page begins with the last row of the one before.
    assert all(later[0] == earlier[-1] for earlier, later in itertools.pairwise(pages))
    rows = pages[0] + [row for page in pages[1:] for row in page[1:]]
    assert [row["id"] for row in rows if row["name"] != CUT_NAME] == made[::-1]
    assert rows[-1]["name"] == CUT_NAME
    assert "age_min" not in rows[-1]["targeting"]
    assert _pages(graph, f"{campaign_id}/adsets", limit=200) == pages  # the same seed, the same answers


def test_it_is_kind_again_without_a_seed(graph: Graph, sandbox: Sandbox, campaign_id: str) -> None:
    sandbox.admin("PUT", "/unkind", {"seed": None})
    graph.post(f"{ACCOUNT}/adsets", **adset_params(campaign_id))
    ((row,),) = _pages(graph, f"{campaign_id}/adsets", limit=200)
    assert row["name"] != CUT_NAME


def test_a_search_by_name_finds_no_colleagues_object(graph: Graph, campaign_id: str) -> None:
    wish = [{"field": "name", "operator": "CONTAIN", "value": "nobody"}]
    assert graph.get(f"{campaign_id}/adsets", filtering=wish)["data"] == []


def test_google_lists_a_colleagues_ad_group(google: GoogleClient) -> None:
    google.mutate(*tree())
    (campaign,) = google.rows("SELECT campaign.id FROM campaign")
    query = f"SELECT ad_group.name, ad_group.status FROM ad_group WHERE campaign.id = {campaign.campaign.id}"
    names = [row.ad_group.name for row in google.rows(query)]
    assert names.count(NAME) == 1
    assert len(names) > 1


def test_google_lists_a_colleagues_campaign(google: GoogleClient) -> None:
    google.mutate(*tree())
    rows = google.rows("SELECT campaign.id, campaign.name FROM campaign WHERE campaign.status != 'REMOVED'")
    assert [row.campaign.name for row in rows].count(NAME) == 1


def test_google_leaves_computed_fields_empty(google: GoogleClient, sandbox: Sandbox) -> None:
    google.mutate(*tree())
    told = set()
    for seed in range(20):
        sandbox.admin("PUT", "/unkind", {"seed": seed})
        (row,) = google.rows("SELECT campaign.primary_status FROM campaign")
        told.add(bool(row.campaign.primary_status))
    assert told == {True, False}


def test_meta_lists_a_colleagues_campaign_in_the_account(graph: Graph, campaign_id: str) -> None:
    rows = graph.get(f"{ACCOUNT}/campaigns", fields="id,name")["data"]
    assert [row["name"] for row in rows].count(CUT_NAME) == 1
