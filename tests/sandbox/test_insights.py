"""What the market delivers and how Meta's insights tell it."""

from datetime import date, timedelta
from decimal import Decimal

import pytest

from tests.sandbox.support import ACCOUNT, CAMPAIGN, Graph, Json, Sandbox, adset_params, link_story

FIELDS = "ad_id,adset_id,campaign_name,spend,impressions,clicks,ctr,actions,action_values,purchase_roas"
START = "2026-11-02T12:00:00+00:00"
PURCHASES = ("purchase", "omni_purchase", "offsite_conversion.fb_pixel_purchase")


@pytest.fixture
def running(graph: Graph, creative_id: str) -> list[str]:
    """Two running ad sets with one ad each; returns campaign, ad set and ad ids, the first set first."""
    campaign = graph.post(f"{ACCOUNT}/campaigns", **CAMPAIGN | {"status": "ACTIVE"})["id"]
    ids = [campaign]
    for budget in (5000, 20000):
        params = adset_params(campaign, daily_budget=budget, status="ACTIVE")
        adset = graph.post(f"{ACCOUNT}/adsets", **params)["id"]
        ad = {"name": "a", "adset_id": adset, "creative": {"creative_id": creative_id}, "status": "ACTIVE"}
        ids += [adset, graph.post(f"{ACCOUNT}/ads", **ad)["id"]]
    return ids


def _rows(graph: Graph, node: str, **params: object) -> list[Json]:
    rows: list[Json] = graph.get(f"{node}/insights", **{"fields": FIELDS, "limit": 500} | params)["data"]
    return rows


def _count(row: Json, action: str) -> int:
    return sum(int(entry["value"]) for entry in row.get("actions", []) if entry["action_type"] == action)


def test_nothing_delivered_is_no_row(graph: Graph, running: list[str]) -> None:
    assert graph.get(f"{running[0]}/insights", fields=FIELDS) == {"data": []}


def test_days_stay_near_the_budget_and_below_the_limit(
    graph: Graph, sandbox: Sandbox, running: list[str]
) -> None:
    sandbox.advance(advance_days=15)
    rows = _rows(graph, running[1], time_increment=1)
    spends = [Decimal(row["spend"]) for row in rows]

    assert len(rows) == 15  # the default last_30d ends yesterday
    assert rows
    assert all(row["date_start"] == row["date_stop"] for row in rows)
    assert max(spends) <= Decimal("62.50")
    assert Decimal(45) < sum(spends[1:]) / len(spends[1:]) < Decimal(55)
    assert len(set(spends)) > 5


def test_uneven_days_reach_beyond_the_half_more_and_stay_inside_the_week(
    graph: Graph, sandbox: Sandbox, running: list[str]
) -> None:
    """The daily budget is 50, so 87.50 on one day and 350 in a week are legal."""
    sandbox.patch_account(spend_bursts=True)
    sandbox.advance(advance_days=62)
    since, until = date(2026, 11, 9), date(2026, 12, 27)  # seven whole weeks
    window = {"since": since.isoformat(), "until": until.isoformat()}
    rows = _rows(graph, running[1], time_increment=1, time_range=window)
    spends = [Decimal(row["spend"]) for row in rows]
    assert len(spends) == 49
    assert Decimal(75) < max(spends) <= Decimal("87.50")
    assert max(sum(spends[start : start + 7]) for start in range(0, 49, 7)) <= Decimal(350)


def test_overlapping_actions_hold_the_same_purchases(
    graph: Graph, sandbox: Sandbox, running: list[str]
) -> None:
    sandbox.advance(advance_days=8)
    (row,) = _rows(graph, running[0])

    counts = {_count(row, action) for action in PURCHASES}
    assert len(counts) == 1
    assert 0 < counts.pop() < _count(row, "link_click")
    values = {entry["value"] for entry in row["action_values"]}
    assert len(values) == 1
    assert Decimal(row["purchase_roas"][0]["value"]) == pytest.approx(
        Decimal(values.pop()) / Decimal(row["spend"]), rel=Decimal("0.001")
    )
    assert all(isinstance(row[name], str) for name in ("spend", "impressions", "clicks", "ctr"))


def test_levels_add_up(graph: Graph, sandbox: Sandbox, running: list[str]) -> None:
    sandbox.advance(advance_days=5)
    totals = {
        level: sum(Decimal(row["spend"]) for row in _rows(graph, ACCOUNT, level=level))
        for level in ("account", "campaign", "adset", "ad")
    }
    assert len(set(totals.values())) == 1
    by_ad = _rows(graph, ACCOUNT, level="ad")
    assert {row["ad_id"] for row in by_ad} == {running[2], running[4]}
    assert "ad_id" not in _rows(graph, ACCOUNT, level="adset")[0]


def test_more_money_brings_less_for_each_dollar(graph: Graph, sandbox: Sandbox, running: list[str]) -> None:
    sandbox.advance(advance_days=60)
    period = {"since": "2026-11-03", "until": "2026-12-31"}
    small, large = (_rows(graph, adset, time_range=period)[0] for adset in (running[1], running[3]))

    gained = [_count(row, "purchase") for row in (small, large)]
    cost = [Decimal(row["spend"]) / count for row, count in zip((small, large), gained, strict=True)]
    assert gained[1] > gained[0]
    assert cost[1] > cost[0]


def test_a_large_budget_step_starts_learning_anew(graph: Graph, sandbox: Sandbox, running: list[str]) -> None:
    def stage() -> str:
        read = graph.get(running[1], fields="learning_stage_info")
        return str(read["learning_stage_info"]["status"])

    assert stage() == "LEARNING"
    sandbox.advance(advance_days=8)
    learnt = stage()
    assert learnt in ("SUCCESS", "FAIL")
    graph.post(running[1], daily_budget=6000)
    assert stage() == learnt
    graph.post(running[1], daily_budget=9000)
    assert stage() == "LEARNING"


def test_time_range_limits_the_days(graph: Graph, sandbox: Sandbox, running: list[str]) -> None:
    sandbox.advance(advance_days=10)
    period = {"since": "2026-11-04", "until": "2026-11-06"}
    days = _rows(graph, running[1], time_range=period, time_increment=1)
    assert [row["date_start"] for row in days] == ["2026-11-04", "2026-11-05", "2026-11-06"]
    (whole,) = _rows(graph, running[1], time_range=period)
    assert (whole["date_start"], whole["date_stop"]) == ("2026-11-04", "2026-11-06")
    assert Decimal(whole["spend"]) == sum(Decimal(day["spend"]) for day in days)


def test_old_campaign_looks_empty_by_default(graph: Graph, sandbox: Sandbox, running: list[str]) -> None:
    sandbox.advance(advance_days=3)
    graph.post(running[0], status="PAUSED")
    sandbox.advance(advance_days=40)
    assert _rows(graph, running[0]) == []
    assert len(_rows(graph, running[0], date_preset="maximum")) == 1


def test_paused_and_unreviewed_ads_deliver_nothing(
    graph: Graph, sandbox: Sandbox, running: list[str]
) -> None:
    graph.post(running[1], status="PAUSED")
    sandbox.advance(advance_hours=1)
    assert sandbox.state()["meta"]["records"] == []
    sandbox.advance(advance_days=2)
    assert {row["adset_id"] for row in _rows(graph, ACCOUNT, level="ad")} == {running[3]}


def test_review_hour_is_not_paid_for(graph: Graph, sandbox: Sandbox, running: list[str]) -> None:
    sandbox.advance(advance_hours=2)
    (row,) = _rows(graph, running[1], date_preset="today")
    one_hour = Decimal(50) / 24
    assert Decimal("0.7") * one_hour < Decimal(row["spend"]) < Decimal("1.3") * one_hour


def test_traffic_ad_has_clicks_but_no_purchases(graph: Graph, sandbox: Sandbox, creative_id: str) -> None:
    traffic = CAMPAIGN | {"objective": "OUTCOME_TRAFFIC", "status": "ACTIVE"}
    campaign = graph.post(f"{ACCOUNT}/campaigns", **traffic)["id"]
    params = adset_params(campaign, optimization_goal="LINK_CLICKS", promoted_object=None, status="ACTIVE")
    adset = graph.post(f"{ACCOUNT}/adsets", **params)["id"]
    ad = {"name": "a", "adset_id": adset, "creative": {"creative_id": creative_id}, "status": "ACTIVE"}
    graph.post(f"{ACCOUNT}/ads", **ad)
    sandbox.advance(advance_days=2)

    (row,) = _rows(graph, adset)

    actions = {entry["action_type"]: int(entry["value"]) for entry in row["actions"]}
    assert actions.keys() == {"link_click", "landing_page_view", "post_engagement", "page_engagement"}
    assert actions["landing_page_view"] < actions["link_click"] < actions["post_engagement"]
    assert "action_values" not in row


def test_same_seed_brings_the_same_days(graph: Graph, sandbox: Sandbox) -> None:
    def run(seed: int) -> Json:
        sandbox.admin("POST", "/reset", {"seed": seed, "now": START})
        picture = sandbox.http.get(f"{sandbox.url}/web_platform/files/creative_1.png").content
        upload = sandbox.http.post(
            f"{sandbox.url}/meta/v26.0/{ACCOUNT}/adimages",
            params={"access_token": graph.token},
            files={"filename": ("1.png", picture)},
        )
        assert upload.status_code == 200
        story = link_story(upload.json()["images"]["1.png"]["hash"])
        creative = graph.post(f"{ACCOUNT}/adcreatives", name="c", object_story_spec=story)["id"]
        campaign = graph.post(f"{ACCOUNT}/campaigns", **CAMPAIGN | {"status": "ACTIVE"})["id"]
        adset = graph.post(f"{ACCOUNT}/adsets", **adset_params(campaign, status="ACTIVE"))["id"]
        ad = {"name": "a", "adset_id": adset, "creative": {"creative_id": creative}, "status": "ACTIVE"}
        graph.post(f"{ACCOUNT}/ads", **ad)
        sandbox.advance(advance_days=4)
        return _rows(graph, adset)[0]

    first, again, other = run(7), run(7), run(8)
    sandbox.admin("POST", "/reset", {"seed": 1})
    assert first == again
    assert first != other


@pytest.mark.parametrize(
    "params",
    [
        {"level": "creative"},
        {"date_preset": "last_year"},
        {"time_range": {"since": "2026-11-05", "until": "2026-11-01"}},
        {"time_range": {"since": "2026-11-05"}},
        {"time_increment": "0"},
        {"fields": "profit"},
        {"breakdowns": "age"},
        {"action_attribution_windows": ["7d_view"]},
    ],
)
def test_wrong_query_is_refused(graph: Graph, sandbox: Sandbox, running: list[str], params: Json) -> None:
    sandbox.advance(advance_days=2)
    assert graph.refused("GET", f"{ACCOUNT}/insights", **params)["code"] == 100


def test_windows_split_clicks_from_views(graph: Graph, sandbox: Sandbox, running: list[str]) -> None:
    sandbox.advance(advance_days=20)
    (row,) = _rows(graph, running[0], action_attribution_windows=["7d_click", "1d_view"])
    purchase = next(entry for entry in row["actions"] if entry["action_type"] == "purchase")
    assert int(purchase["7d_click"]) + int(purchase["1d_view"]) == int(purchase["value"])


def test_account_day_is_the_account_zones_day(graph: Graph, sandbox: Sandbox, running: list[str]) -> None:
    # 12:00 UTC is 07:00 in New York; 18 hours on it is 01:00 of the next day there.
    sandbox.advance(advance_hours=18)
    rows = _rows(graph, running[1], date_preset="yesterday")
    assert [row["date_start"] for row in rows] == ["2026-11-02"]
    today = _rows(graph, running[1], date_preset="today")
    assert [row["date_start"] for row in today] == [(date(2026, 11, 2) + timedelta(days=1)).isoformat()]
