"""A chapter of the demo beside objects of colleagues, which are no part of what it shows."""

from __future__ import annotations

import pytest

from local.cloud import Cloud
from local.demo.main import Api as Caller
from local.demo.proposals import proposals
from tests.support.api import Api
from tests.support.builders import request_body


@pytest.mark.slow
def test_the_raise_that_its_owner_approves_is_read_back_beside_a_colleagues_budget(
    api: Api, cloud: Cloud
) -> None:
    created = api.create(request_body(platform="tiktok", daily_budget=100)).json()
    shown = api.status(created["campaign_id"], foreign=True).json()["adsets"]
    assert any(item["foreign"] and item["daily_budget"] for item in shown)
    with Caller(cloud) as caller:
        chapter = proposals(caller, cloud, created["campaign_id"], lambda _: None)
    assert chapter["ok"], chapter
