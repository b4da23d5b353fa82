"""Google in tests: a sandbox process, the adapter on it, and whole creations as the manager makes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import SecretStr

from campaign_automation.adapters.base import Access, AdOrder, CreativeOrder, Outcome
from campaign_automation.adapters.google_adapter import GoogleAdapter
from campaign_automation.clients.media_client import MediaClient
from campaign_automation.managers.campaigns.planning import plan_campaign
from campaign_automation.models.campaign import Creation, ObjectEntry
from campaign_automation.models.campaigns import AdCopy, CampaignPlan, CreateCampaign, Creative
from campaign_automation.models.common import AdAccount, Context, Level
from campaign_automation.utils.validation import parse
from tests.support import builders
from tests.support.files import LOCAL_FILES

ROOT = Path(__file__).resolve().parents[2]
CUSTOMER, TOKEN = "1230000003", "sandbox-google-token-123"
ACCESS = Access(platform_account_id=CUSTOMER, token=SecretStr(TOKEN))
LINES = {"more_headlines": ["Take a look", "Find out more"], "more_descriptions": ["Have a look around"]}


class Created(NamedTuple):
    """What one creation asked and got: ids by tag."""

    plan: CampaignPlan
    account: AdAccount
    ids: dict[str, str]

    @property
    def campaign_id(self) -> str:
        return self.ids[self.plan.tag]


def adapter(
    google_port: int, accounts: Mapping[str, Any] | None = None, seconds: float = 20
) -> GoogleAdapter:
    return GoogleAdapter(
        lambda: {"accounts": accounts or {}},
        MediaClient(LOCAL_FILES),
        endpoint=f"http://127.0.0.1:{google_port}",
        timeout_seconds=seconds,
    )


def spec(**changes: Any) -> CreateCampaign:
    body = builders.request_body(special_ad_categories=["NONE"], eu_political_advertising=False)
    return parse(CreateCampaign, body | changes)


def copy(**changes: Any) -> AdCopy:
    return builders.copy(**{**LINES, **changes})


def planned(
    google: GoogleAdapter, asked: CreateCampaign, account: AdAccount, campaign_id: str = "cmp_1"
) -> CampaignPlan:
    """The plan as the manager makes it: ages fitted first."""
    fitted = asked.model_copy(update={"age_groups": google.fit_ages(asked.age_groups)})
    return plan_campaign(fitted, account, campaign_id)


def ad_orders(
    plan: CampaignPlan,
    ids: Mapping[str, str],
    creatives: Mapping[str, Creative] | None = None,
    words: AdCopy | None = None,
) -> list[AdOrder]:
    known = creatives or {}
    orders = {
        item.creative_id: CreativeOrder(
            item.tag,
            item.name,
            known.get(item.creative_id) or builders.creative(creative_id=item.creative_id),
            words or copy(),
            "",
        )
        for item in plan.creatives
    }
    return [AdOrder(ad.tag, ad.name, ids[ad.adset_tag], orders[ad.creative_id], None) for ad in plan.ads]


async def create_tree(
    google: GoogleAdapter,
    asked: CreateCampaign | None = None,
    *,
    access: Access = ACCESS,
    campaign_id: str = "cmp_1",
    creatives: Mapping[str, Creative] | None = None,
    words: AdCopy | None = None,
) -> Created:
    """Every step of a creation; each must succeed."""
    asked = asked or spec()
    account = await google.describe_account(access)
    google.check(asked, account)
    plan = planned(google, asked, account, campaign_id)
    ids = succeeded([await google.create_campaign(access, plan, account)])
    ids |= succeeded(await google.create_adsets(access, plan, account, ids[plan.tag], plan.adsets))
    orders = ad_orders(plan, ids, creatives, words)
    ids |= succeeded(await google.create_ads(access, plan, account, ids[plan.tag], orders))
    return Created(plan, account, ids)


def succeeded(outcomes: Sequence[Outcome]) -> dict[str, str]:
    """Ids by tag of outcomes that all are successes."""
    failures = [outcome.error.message for outcome in outcomes if outcome.error]
    assert not failures, failures
    return {outcome.tag: outcome.platform_id for outcome in outcomes if outcome.platform_id}


def journal(created: Created) -> Creation:
    """What the store knows of the creation."""
    objects = {
        tag: ObjectEntry(level=Level.CAMPAIGN, tag=tag, name=tag, state="created", platform_id=platform_id)
        for tag, platform_id in created.ids.items()
    }
    copies = {item.creative_id: copy() for item in created.plan.creatives}
    return Creation(
        tenant="user_123",
        campaign_id="cmp_1",
        state="creating",
        spec=spec(),
        context=Context(user_id="user_123"),
        created_at=0,
        updated_at=0,
        copies=copies,
        objects=objects,
    )
