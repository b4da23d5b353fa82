"""Settings of a campaign are changed, and it is copied elsewhere, through routes, Lambdas and sandboxes."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest

from tests.support.api import Api
from tests.support.builders import request_body
from tests.support.cuts import cut
from tests.support.sandbox import Sandbox

AGES = [[18, 34], [35, 54]]
ELSEWHERE = {"meta": "tiktok", "tiktok": "google", "google": "meta"}


SETTINGS = {"name", "end_time", "bid_strategy", "target_cpa"}


def creation(platform: str) -> dict[str, Any]:
    return request_body(
        platform=platform,
        name="Spring",
        age_groups=AGES,
        creative_ids=["1", "3"],
        bid_strategy="target_cpa",
        target_cpa=5,
        eu_political_advertising=False,
        special_ad_categories=["NONE"],
    )


def ends(status: dict[str, Any]) -> set[str | None]:
    """Return the ends of the ad sets, or of the campaign that has one for all of them."""
    return {item["ends_at"] or status["campaign"]["ends_at"] for item in status["adsets"]}


@pytest.mark.parametrize("platform", cut(ELSEWHERE, "meta"))
@pytest.mark.slow
def test_settings_are_changed_undone_and_copied(api: Api, sandbox: Sandbox, platform: str) -> None:
    made = api.create(creation(platform)).json()
    path = f"/v1/campaigns/{made['campaign_id']}"
    status = api.status(made["campaign_id"]).json()
    assert ends(status) == {None}
    day = (datetime.now(UTC) + timedelta(days=20)).date()
    # The last second of a day of the account, which is in New York, in winter or in summer.
    moments = [datetime.combine(day, time(hour, 59, 59), UTC).isoformat() for hour in (4, 3)]
    asked: dict[str, Any] = {"name": "Autumn", "bid_strategy": "target_cpa", "target_cpa": 6}
    changed = next(
        answer
        for end in moments
        if (answer := api.http.patch(path, json={**asked, "end_time": end})).status_code == 200
    ).json()
    assert {item["field"] for item in changed["changed"]} == {
        "name",
        "end_time",
        "bid_strategy",
        "target_cpa",
    }
    status = api.status(made["campaign_id"]).json()
    assert status["campaign"]["name"].startswith("Autumn ca-")
    assert None not in ends(status)
    assert {(item["bid_strategy"], item["bid_target"]) for item in status["adsets"]} == {("target_cpa", 6)}

    copied = api.http.post(f"{path}/duplicate", json={"platform": ELSEWHERE[platform], "end_time": "none"})
    assert copied.status_code == 201, copied.text
    copy = copied.json()
    assert (copy["platform"], copy["duplicated_from"]) == (ELSEWHERE[platform], made["campaign_id"])
    assert copy["campaign_status"] == "paused"
    assert copy["name"].startswith("Autumn ca-")
    assert {(item["bid_strategy"], item["bid_target"]) for item in copy["adsets"]} == {("target_cpa", 6)}

    undone = api.undo(made["campaign_id"], changed["run_id"]).json()
    assert undone["not_restored"] == []
    status = api.status(made["campaign_id"]).json()
    assert (status["campaign"]["name"], ends(status)) == (made["name"], {None})
    assert {item["bid_target"] for item in status["adsets"]} == {5}
