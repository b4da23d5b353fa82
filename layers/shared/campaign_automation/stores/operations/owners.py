"""Campaigns that were made elsewhere: one (platform, account, campaign) belongs to one tenant.

The rows stand beside the tags of the account (tags.py), which are those of all its tenants.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Iterable, Iterator, Sequence
from decimal import Decimal
from typing import NamedTuple, TypeAlias

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
    MAX_BYTES,
    MAX_OPERATIONS,
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
from campaign_automation.utils.error_handler import StoreError

IMPORTED = "imported#"


class Adoption(NamedTuple):
    """A campaign that was made elsewhere, and the daily budget that it commits."""

    campaign: Campaign
    committed: Decimal


class _Rows(NamedTuple):
    """The writes of an adoption, in order: those before the campaign's own row, and that with its like."""

    first: list[Operation]
    last: list[Operation]

    @property
    def all(self) -> list[Operation]:
        return [*self.first, *self.last]


_Pack: TypeAlias = Sequence[tuple[Adoption, _Rows]]


class AdoptionStore:
    def __init__(self, table: Table) -> None:
        self._table = table

    async def adopt(self, adoptions: Sequence[Adoption]) -> list[bool | StoreError]:
        """Store campaigns; False stands for one that another tenant has, and the error of the store for one
        that could not be written.

        As many as fit go in one write; where a condition of one does not hold, each goes on its own.
        """
        packs = _packs([(item, _rows_of(item)) for item in adoptions])
        stored = await asyncio.gather(*map(self._adopt_pack, packs))
        return list(itertools.chain.from_iterable(stored))

    async def _adopt_pack(self, pack: _Pack) -> list[bool | StoreError]:
        if len(pack) > 1:
            together = itertools.chain.from_iterable(rows.all for _, rows in pack)
            stored = await _outcome(self._table.try_write(*together))
            if stored is not False:
                return [stored] * len(pack)
        return [await _outcome(self._adopt_one(item.campaign, rows)) for item, rows in pack]

    async def _adopt_one(self, campaign: Campaign, rows: _Rows) -> bool:
        """Store one campaign. Return False when another tenant has it.

        What does not fit one write is complete once the campaign's own row is there, which is written last;
        the commitment comes first then, so that the account's cap misses no campaign that is ours. One that
        an import beside this one took in for the same tenant stays as that one stored it.
        """
        whole, *more = in_groups(rows.all)
        if not more:
            return await self._table.try_write(*whole) or await self._is_ours(campaign)
        if await self._is_ours(campaign):
            return True
        await self._table.write_in_groups(rows.first)
        if await self._table.try_write(*rows.last) or await self._is_ours(campaign):
            return True
        await self._table.write(_commitment(campaign, None))
        return False

    async def _is_ours(self, campaign: Campaign) -> bool:
        """Return whether our tenant has taken the campaign in already."""
        return await self._table.get(campaign_key(campaign)) is not None

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


async def _outcome(write: Awaitable[bool]) -> bool | StoreError:
    try:
        return await write
    except StoreError as error:
        return error


def _rows_of(adoption: Adoption) -> _Rows:
    campaign = adoption.campaign
    objects = [Put(object_row(campaign, item)) for item in campaign.objects.values()]
    head, *others = adopted_rows(campaign)
    last: list[Operation] = [_owner_put(campaign), Put(head, when=Absent()), *map(Put, others)]
    return _Rows([_commitment(campaign, adoption.committed or None), *objects], last)


def _commitment(campaign: Campaign, amount: Decimal | None) -> Operation:
    account = campaign.account.platform_account_id
    return commitment_write(campaign.tenant, account, campaign.campaign_id, amount)


def _packs(adoptions: Iterable[tuple[Adoption, _Rows]]) -> Iterator[_Pack]:
    """Cut adoptions into packs, each of which fits one write unless it is a single large one."""
    pack: list[tuple[Adoption, _Rows]] = []
    room, space = MAX_OPERATIONS, MAX_BYTES
    for item in adoptions:
        count, size = len(item[1].all), sum(operation.size for operation in item[1].all)
        if pack and (count > room or size > space):
            yield pack
            pack, room, space = [], MAX_OPERATIONS, MAX_BYTES
        pack.append(item)
        room, space = room - count, space - size
    if pack:
        yield pack
