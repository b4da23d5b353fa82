"""The owners of campaigns that were made elsewhere: one (platform, account, campaign) belongs to one tenant.

The rows stand beside the tags of the account (tags.py), which are those of all its tenants.
"""

from __future__ import annotations

from campaign_automation.models.campaign import Campaign
from campaign_automation.stores.table import Absent, AnyOf, Delete, Equals, Key, Put, Row

IMPORTED = "imported#"


def owners_pk(platform: str, account: str) -> str:
    return f"tags#{platform}:{account}"


def owner_put(campaign: Campaign) -> Put:
    """Return the operation that takes a campaign for its tenant, unless another has it."""
    ours = {"tenant": campaign.tenant, "campaign_id": campaign.campaign_id}
    free = AnyOf(Absent(), Equals("tenant", campaign.tenant))
    return Put({**_key(campaign)._asdict(), **ours}, when=free)


def owner_delete(campaign: Campaign) -> Delete:
    return Delete(_key(campaign))


def imported_of(rows: list[Row]) -> dict[str, tuple[str, str]]:
    """Return tenant and campaign of those that were taken in, by the platform's ids."""
    return {
        row["sk"].removeprefix(IMPORTED): (row["tenant"], row["campaign_id"])
        for row in rows
        if row["sk"].startswith(IMPORTED)
    }


def _key(campaign: Campaign) -> Key:
    pk = owners_pk(campaign.platform, campaign.account.platform_account_id)
    return Key(pk, f"{IMPORTED}{campaign.root_id}")
