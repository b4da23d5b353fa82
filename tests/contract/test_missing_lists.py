"""Lists that are missing from an answer, or are none: an error or an issue, and never "there is nothing"."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Coroutine
from datetime import date
from typing import Any, TypeVar

import pytest

from campaign_automation.models.common import Level
from campaign_automation.utils.error_handler import PlatformUnavailableError
from tests.support import meta, tiktok
from tests.support.sandbox import Sandbox

T = TypeVar("T")
CAMPAIGN = {"id": "7", "name": "Shoes", "status": "ACTIVE", "effective_status": "ACTIVE"}
EDGES = {"adsets": {"data": []}, "ads": {"data": []}}
TIKTOK_ID = "1700000000000001"
DAY = date(2026, 11, 20)
NO_LISTS: list[Any] = [None, {}, "hello", 7]


def run(work: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(work)


def raw(control: Sandbox, platform: str, operation: str, body: Any) -> None:
    control.reset()
    control.fault(platform, operation, "raw", body=json.dumps(body), times=0)


@pytest.mark.parametrize("edge", [None, {}, {"data": None}, {"data": {}}, {"data": "hello"}, "hello", []])
def test_meta_that_shows_no_ad_sets_has_not_none(control: Sandbox, process: str, edge: Any) -> None:
    raw(control, "meta", "*", CAMPAIGN | EDGES | {"adsets": edge})
    tree = run(meta.adapter(process).read_tree(meta.ACCESS, "7", "USD"))
    assert (tree.campaign.status, tree.adsets, tree.lost) == ("active", [], [Level.ADSET])
    assert tree.campaign.issues == ["the ad sets were not shown"]


def test_an_edge_that_meta_leaves_out_is_asked_for(control: Sandbox, process: str) -> None:
    control.reset()
    for nth, body in enumerate((CAMPAIGN, {"data": []}, {"data": []}), 1):
        control.fault("meta", "*", "raw", body=json.dumps(body), nth=nth)
    tree = run(meta.adapter(process).read_tree(meta.ACCESS, "7", "USD"))
    assert (tree.adsets, tree.lost, tree.campaign.issues) == ([], [], [])


@pytest.mark.parametrize("rows", [*NO_LISTS, "(missing)"])
def test_a_list_of_metas_account_that_is_none_is_an_error(control: Sandbox, process: str, rows: Any) -> None:
    body = {} if rows == "(missing)" else {"data": rows}
    adapter = meta.adapter(process)
    for operation, reading in (
        ("list_campaigns", lambda: adapter.find(meta.ACCESS, Level.CAMPAIGN, ["A", "B"], None)),
        ("insights", lambda: adapter.read_daily(meta.ACCESS, Level.CAMPAIGN, ["7"], DAY, DAY, "sales")),
    ):
        raw(control, "meta", operation, body)
        with pytest.raises(PlatformUnavailableError):
            run(reading())


def listed(rows: Any, count: int | None) -> dict[str, Any]:
    info = {} if count is None else {"page_info": {"total_page": 1, "total_number": count, "page": 1}}
    data = info if rows == "(missing)" else {"list": rows, **info}
    return {"code": 0, "message": "OK", "request_id": "1", "data": data}


@pytest.mark.parametrize(
    ("rows", "count"),
    [(None, 5), ("(missing)", 5), ([], 5), (None, None), ("hello", 5), ("hello", 0), ({}, 0), (7, None)],
)
def test_tiktok_that_shows_none_of_what_it_counts_is_an_error(
    control: Sandbox, process: str, rows: Any, count: int | None
) -> None:
    bench = tiktok.Bench(process, options={"family": "manual"})
    for operation, reading in (
        ("read_campaign", lambda: bench.adapter.read_tree(bench.access, TIKTOK_ID, "USD")),
        ("list_campaigns", lambda: bench.adapter.find(bench.access, Level.CAMPAIGN, ["A"], None)),
        (
            "insights",
            lambda: bench.adapter.read_daily(bench.access, Level.CAMPAIGN, [TIKTOK_ID], DAY, DAY, "sales"),
        ),
    ):
        raw(control, "tiktok", operation, listed(rows, count))
        with pytest.raises(PlatformUnavailableError):
            run(reading())


@pytest.mark.parametrize("rows", [None, "(missing)", []])
def test_an_empty_list_of_tiktok_is_one_when_it_counts_none(
    control: Sandbox, process: str, rows: Any
) -> None:
    bench = tiktok.Bench(process, options={"family": "manual"})
    raw(control, "tiktok", "list_campaigns", listed(rows, 0))
    assert run(bench.adapter.find(bench.access, Level.CAMPAIGN, ["A"], None)) == {}


def tiktok_row(campaign_id: str, **more: Any) -> dict[str, Any]:
    told = {"campaign_name": "Shoes", "operation_status": "ENABLE", "budget_mode": "BUDGET_MODE_INFINITE"}
    return {"campaign_id": campaign_id, **told, **more}


def test_another_campaign_is_never_shown_under_the_id_that_was_asked_for(
    control: Sandbox, process: str
) -> None:
    bench = tiktok.Bench(process, options={"family": "manual"})
    others = [tiktok_row("1700000000000099"), tiktok_row("1700000000000098")]
    raw(control, "tiktok", "read_campaign", listed(others, 2))
    with pytest.raises(PlatformUnavailableError, match="another campaign was shown"):
        run(bench.adapter.read_tree(bench.access, TIKTOK_ID, "USD"))

    raw(control, "tiktok", "read_campaign", listed([*others, tiktok_row(TIKTOK_ID, campaign_name="Hats")], 3))
    groups = [{"adgroup_id": "1", "campaign_id": "1700000000000099"}, {"adgroup_id": "2"}]
    control.fault("tiktok", "list_adsets", "raw", body=json.dumps(listed(groups, 2)))
    tree = run(bench.adapter.read_tree(bench.access, TIKTOK_ID, "USD"))
    assert (tree.campaign.platform_id, tree.campaign.name) == (TIKTOK_ID, "Hats")
    assert [item.platform_id for item in tree.adsets] == ["2"]

    raw(control, "meta", "*", CAMPAIGN | EDGES | {"id": "8"})
    with pytest.raises(PlatformUnavailableError, match="another campaign was shown"):
        run(meta.adapter(process).read_tree(meta.ACCESS, "7", "USD"))


@pytest.mark.parametrize(
    ("row", "is_removed"),
    [
        (tiktok_row(TIKTOK_ID, secondary_status="CAMPAIGN_STATUS_DELETE"), True),
        (tiktok_row(TIKTOK_ID, secondary_status="CAMPAIGN_STATUS_ENABLE"), False),
        (tiktok_row("1700000000000099", secondary_status="CAMPAIGN_STATUS_DELETE"), False),
    ],
)
def test_a_removal_that_was_refused_is_one_only_where_the_object_is_shown_as_deleted(
    control: Sandbox, process: str, row: dict[str, Any], is_removed: bool
) -> None:
    bench = tiktok.Bench(process, options={"family": "manual"})
    raw(control, "tiktok", "delete_campaign", {"code": 40002, "message": "Not allowed.", "request_id": "1"})
    control.fault("tiktok", "read_campaign", "raw", body=json.dumps(listed([row], 1)), times=0)
    (outcome,) = run(bench.adapter.remove(bench.access, Level.CAMPAIGN, [TIKTOK_ID]))
    assert (outcome.error is None) == is_removed
