"""Split tests: what the platforms take and what they refuse."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.sandbox.support import ACCOUNT, Graph, Json, Sandbox, adset_params
from tests.support.tiktok import TikTokApi, adgroup_body, campaign_body

BUSINESS = "500000000000001"
DAY = 86_400
START = 1_793_620_800  # 2 November 2026, noon in UTC


@pytest.fixture
def adsets(graph: Graph, campaign_id: str) -> list[str]:
    return [str(graph.post(f"{ACCOUNT}/adsets", **adset_params(campaign_id))["id"]) for _ in range(3)]


def _study(adsets: list[str], **changes: Any) -> Json:
    shares = {2: [50, 50], 3: [34, 33, 33]}.get(len(adsets), [100])
    cells = [
        {"name": item, "treatment_percentage": share, "adsets": [item]}
        for item, share in zip(adsets, shares, strict=False)
    ]
    times = {"start_time": START, "end_time": START + 7 * DAY}
    return {"name": "Shoes", "type": "SPLIT_TEST", "cells": cells, **times, **changes}


def test_a_study_is_listed_under_its_business_and_read_with_its_cells(
    graph: Graph, adsets: list[str]
) -> None:
    study = graph.post(f"{BUSINESS}/ad_studies", **_study(adsets))["id"]
    fields = "id,name,type,start_time,end_time,cells"
    (listed,) = graph.get(f"{BUSINESS}/ad_studies", fields=fields)["data"]
    assert (listed["id"], listed["start_time"]) == (study, "2026-11-02T12:00:00+0000")
    assert [cell["adsets"] for cell in listed["cells"]["data"]] == [[item] for item in adsets]
    assert graph.get(f"{ACCOUNT}/ad_studies", fields="id")["data"] == [{"id": study}]
    assert graph.post(study, end_time=START + DAY) == {"success": True}
    assert graph.get(study, fields="end_time")["end_time"] == "2026-11-03T12:00:00+0000"


@pytest.mark.parametrize(
    "changes",
    [
        {"type": "LIFT"},
        {"end_time": START},
        {"start_time": "soon"},
        {"cells": []},
        {"name": ""},
        {
            "cells": [
                {"treatment_percentage": 50, "adsets": ["1"]},
                {"treatment_percentage": 50, "adsets": ["2"]},
            ]
        },
    ],
)
def test_a_study_is_checked(graph: Graph, adsets: list[str], changes: Json) -> None:
    assert graph.refused("POST", f"{BUSINESS}/ad_studies", **_study(adsets, **changes))["code"] == 100


def test_cells_share_the_audience_whole_and_no_ad_set(graph: Graph, adsets: list[str]) -> None:
    one, other = _study(adsets[:2])["cells"]
    for cells in (
        [one | {"treatment_percentage": 40}, other],
        [one, other | {"adsets": one["adsets"]}],
        [one, other | {"campaigns": ["1"]}],
        [one],
    ):
        assert graph.refused("POST", f"{BUSINESS}/ad_studies", **_study(adsets, cells=cells))["code"] == 100
    graph.post(f"{BUSINESS}/ad_studies", **_study(adsets[:2]))
    refused = graph.refused("POST", f"{BUSINESS}/ad_studies", **_study(adsets[1:]))
    assert "another test" in refused["error_user_msg"]
    later = {"start_time": START + 8 * DAY, "end_time": START + 9 * DAY}
    assert graph.post(f"{BUSINESS}/ad_studies", **_study(adsets[1:], **later))["id"]


def test_somebody_elses_business_is_not_seen(graph: Graph, adsets: list[str]) -> None:
    refused = graph.refused("POST", "500000000000002/ad_studies", **_study(adsets))
    assert (refused["code"], refused["error_subcode"]) == (100, 33)
    assert graph.refused("POST", f"{ACCOUNT}/ad_studies", **_study(adsets))["code"] == 100


# --- TikTok


@pytest.fixture
def api(sandbox: Sandbox, client: httpx.Client) -> TikTokApi:
    return TikTokApi(sandbox.url, client)


@pytest.fixture
def groups(api: TikTokApi) -> list[str]:
    campaign = api.post("campaign/create", **campaign_body())["campaign_id"]
    bodies = (adgroup_body(campaign, adgroup_name=name, operation_status="ENABLE") for name in ("a", "b"))
    return [str(api.post("adgroup/create", **body)["adgroup_id"]) for body in bodies]


def _split(groups: list[str], **changes: Any) -> Json:
    times = {"start_time": "2026-11-03 00:00:00", "end_time": "2026-11-10 00:00:00"}
    return {
        "object_ids": groups,
        "test_variable": "CREATIVE",
        "key_metric": "CONVERT_RATE",
        "budget": 120,
    } | {
        **times,
        **changes,
    }


def _group(api: TikTokApi, group: str) -> Json:
    item: Json = api.get("adgroup/get", filtering={"adgroup_ids": [group]})["list"][0]
    return item


def test_a_test_divides_its_budget_and_shows_in_both_ad_groups(
    api: TikTokApi, sandbox: Sandbox, groups: list[str]
) -> None:
    split = api.post("split_test/create", **_split(groups))["split_test_group_id"]
    shown = [_group(api, group) for group in groups]
    assert [(item["budget"], item["split_test_group_id"]) for item in shown] == [(60, split)] * 2
    for status in ("NOT_STARTED", "IN_PROGRESS", "COMPLETED"):
        result = api.get("split_test/result/get", split_test_group_id=split)
        assert result["split_test_status"] == status
        sandbox.advance(advance_days=5)


def test_a_test_that_ends_stops_both_ad_groups(api: TikTokApi, groups: list[str]) -> None:
    split = api.post("split_test/create", **_split(groups))["split_test_group_id"]
    api.post("split_test/end", split_test_group_id=split)
    assert {_group(api, group)["operation_status"] for group in groups} == {"DISABLE"}
    assert "split_test_group_id" not in _group(api, groups[0])
    assert api.get("split_test/result/get", split_test_group_id=split)["split_test_status"] == "CANCELLED"
    assert "already ended" in api.refused("POST", "split_test/end", split_test_group_id=split)["message"]


def test_splits_are_checked(api: TikTokApi, groups: list[str]) -> None:
    def code(**changes: Any) -> int:
        return int(api.refused("POST", "split_test/create", **_split(groups, **changes))["code"])

    assert code(object_ids=groups[:1]) == 40002
    assert code(object_ids=[groups[0], "1850000000009999"]) == 40007
    assert code(test_variable="PRICE") == 40002
    assert code(budget=30) == 40002
    assert code(end_time="2026-11-02 00:00:00") == 40002
    assert code(split_test_level="CAMPAIGN") == 40113
    assert api.refused("POST", "split_test/end", split_test_group_id="1850000000009999")["code"] == 40007
    api.post("split_test/create", **_split(groups))
    assert code() == 40002
