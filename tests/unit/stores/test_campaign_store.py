"""Campaigns whose documents are longer than a row."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from campaign_automation.managers.campaigns.planning import plan_campaign
from campaign_automation.models.campaign import Creation
from campaign_automation.models.campaigns import CampaignPlan, CreateCampaign
from campaign_automation.models.common import Context
from campaign_automation.stores.campaign_store import CampaignStore
from campaign_automation.stores.table import MAX_ROW_BYTES
from tests.support.builders import account, request_body
from tests.support.memory_table import MemoryTable

T = TypeVar("T")


def run(call: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(call)


def large() -> CreateCampaign:
    """Describe the largest campaign in the widest characters."""
    countries = "US CA GB DE FR IT ES NL BE AT CH SE NO DK FI PL PT IE CZ GR".split()
    creatives = [
        {
            "creative_id": f"{number}",
            "file_url": "https://shop.example/" + "x" * 1000,
            "file_type": "image",
            "product_url": "https://shop.example/" + "x" * 1000,
            "name": "\U0001f45f" * 200,
        }
        for number in range(50)
    ]
    body = request_body(
        name="\U0001f45f" * 200,
        target_countries=countries,
        split_by="country",
        creatives=creatives,
        daily_budget=10_000,
    )
    body.pop("creative_ids")
    return CreateCampaign.model_validate(body)


def opened(store: CampaignStore) -> Creation:
    parts: dict[str, Any] = {"spec": large(), "context": Context(user_id="u")}
    creation = Creation(
        tenant="u", campaign_id="cmp_1", state="creating", created_at=1, updated_at=1, **parts
    )
    run(store.open_creation(creation, None))
    return creation


def loaded(store: CampaignStore) -> Creation:
    creation = run(store.load("u", "cmp_1"))
    assert creation is not None
    return creation


def plan_of(spec: CreateCampaign) -> CampaignPlan:
    return plan_campaign(spec, account(), "cmp_1")


def test_a_request_and_a_plan_beyond_a_row_are_read_as_they_were_stored() -> None:
    store = CampaignStore(MemoryTable())
    creation = opened(store)
    plan = plan_of(creation.spec)
    assert len(plan.model_dump_json().encode()) > MAX_ROW_BYTES
    assert len(plan.ads) == 1000
    run(store.update(creation, account=account(), plan=plan, warnings=["w"]))
    found = loaded(store)
    assert (found.spec, found.plan, found.warnings) == (creation.spec, plan, ["w"])


def test_a_document_that_is_replaced_leaves_nothing_of_the_one_before() -> None:
    store = CampaignStore(MemoryTable())
    creation = opened(store)
    plan = plan_of(creation.spec)
    run(store.update(creation, plan=plan))
    shorter = plan.model_copy(update={"ads": plan.ads[:500]})
    run(store.update(creation, plan=shorter))
    assert loaded(store).plan == shorter
    small = plan.model_copy(update={"ads": plan.ads[:1], "creatives": plan.creatives[:1], "adsets": []})
    run(store.finish(creation, "rolled_back", plan=small, failure={"left_behind": ["x" * 100] * 1000}))
    found = loaded(store)
    assert (found.plan, found.state) == (small, "rolled_back")
    assert found.failure == {"left_behind": ["x" * 100] * 1000}
