"""Campaigns that were made elsewhere: one (platform, account, campaign) belongs to one tenant.

The rows stand beside the tags of the account (tags.py), which are those of all its tenants.
"""

from __future__ import annotations

from decimal import Decimal
from functools import partial

from campaign_automation.models.campaign import Campaign
from campaign_automation.stores.campaign_rows import (
    RUN,
    adopted_rows,
    campaign_key,
    commitment_write,
    list_key,
    object_row,
    partition,
    pointer_key,
)
from campaign_automation.stores.table import (
    Absent,
    AnyOf,
    Delete,
    Equals,
    Key,
    Operation,
    Put,
    Row,
    Table,
    in_groups,
)

IMPORTED = "imported#"


class AdoptionStore:
    def __init__(self, table: Table) -> None:
        self._table = table

    async def adopt(self, campaign: Campaign, committed: Decimal) -> bool:
        """Store a campaign that was made elsewhere, with the daily budget that it commits. Return False when
        another tenant has it.

        What does not fit one write is complete once the campaign's own row is there, which is written last;
        the commitment comes first then, so that the account's cap misses no campaign that is ours.
        """
        commits = partial(
            commitment_write, campaign.tenant, campaign.account.platform_account_id, campaign.campaign_id
        )
        objects = [Put(object_row(campaign, item)) for item in campaign.objects.values()]
        head, *others = adopted_rows(campaign)
        last: list[Operation] = [_owner_put(campaign), Put(head, when=Absent()), *map(Put, others)]
        first, *more = in_groups([commits(committed or None), *objects, *last])
        if not more:
            return await self._table.try_write(*first)
        await self._table.write_in_groups([commits(committed or None), *objects])
        if await self._table.try_write(*last):
            return True
        await self._table.write(commits(None))
        return False

    async def forget(self, campaign: Campaign) -> bool:
        """Remove a campaign that was made elsewhere. Return False while a change of it goes on."""
        head = Delete(campaign_key(campaign), when=RUN.free_for(campaign.campaign_id))
        pointer = Delete(pointer_key(campaign.tenant, campaign.root_id))
        others = pointer, Delete(list_key(campaign)), Delete(_key(campaign))
        if not await self._table.try_write(head, *others):
            return False
        rows = await self._table.query(partition(campaign.tenant, campaign.campaign_id))
        await self._table.write_in_groups(Delete(Key(row["pk"], row["sk"])) for row in rows)
        return True


def owners_pk(platform: str, account: str) -> str:
    return f"tags#{platform}:{account}"


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


def _owner_put(campaign: Campaign) -> Put:
    """Return the operation that takes a campaign for its tenant, unless another has it."""
    ours = {"tenant": campaign.tenant, "campaign_id": campaign.campaign_id}
    free = AnyOf(Absent(), Equals("tenant", campaign.tenant))
    return Put({**_key(campaign)._asdict(), **ours}, when=free)
