"""Meta for tests: an adapter on a sandbox process, and a campaign made through it."""

from __future__ import annotations

from typing import Any

from pydantic import SecretStr

from campaign_automation.adapters.base import Access
from campaign_automation.adapters.meta import facts
from campaign_automation.adapters.meta_adapter import MetaAdapter
from campaign_automation.clients.media_client import MediaClient
from campaign_automation.managers.campaigns.planning import plan_campaign
from local.sandbox.seeds import META_APP_SECRET
from tests.support.builders import spec
from tests.support.files import LOCAL_FILES

ACCOUNT, TOKEN = "act_100000000000001", "sandbox-meta-token-123"
ACCESS = Access(platform_account_id=ACCOUNT, token=SecretStr(TOKEN))


def adapter(
    url: str, accounts: dict[str, Any] | None = None, version: str = facts.API_VERSION
) -> MetaAdapter:
    return MetaAdapter(
        lambda: {"app_id": "1", "app_secret": META_APP_SECRET, "accounts": accounts or {}},
        MediaClient(LOCAL_FILES),
        graph_url=f"{url}/meta",
        api_version=version,
        timeout_seconds=30,
    )


async def create_adsets(meta: MetaAdapter, **changes: Any) -> tuple[str, list[str]]:
    """Ids of a campaign and its ad sets."""
    account = await meta.describe_account(ACCESS)
    asked = spec(platform="meta", **changes)
    meta.check(asked, account)
    plan = plan_campaign(asked, account, "cmp_1")
    campaign = await meta.create_campaign(ACCESS, plan, account)
    assert campaign.platform_id is not None, campaign.error
    adsets = await meta.create_adsets(ACCESS, plan, account, campaign.platform_id, plan.adsets)
    ids = [item.platform_id for item in adsets if item.platform_id]
    assert len(ids) == len(plan.adsets)
    return campaign.platform_id, ids
