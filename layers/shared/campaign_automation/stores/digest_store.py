"""The store of digests: each holds a campaign as a rule last read it.

| pk                            | sk     | holds                                                            |
|-------------------------------|--------|------------------------------------------------------------------|
| <tenant>#digest#<campaign_id> | digest | the campaign, its latest changes, its conversions by day and age |

A rule looks at every campaign of an account at each tick, and few of them change in between. Digests are read
by the hundred in place of the campaigns' partitions, as long as a campaign's own row has the mark that it had
then: each change of a campaign begins and ends with a write of that row. A digest that is old, odd or gone
costs a read, so digests are written without conditions, and go when nobody renews them.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from typing import NamedTuple

from campaign_automation.models.budget_problem import MaturitySnapshot
from campaign_automation.models.campaign import Campaign, ObjectEntry
from campaign_automation.models.changes import AuditRecord
from campaign_automation.models.common import AdAccount, Record
from campaign_automation.stores.campaign_rows import RUN, partition
from campaign_automation.stores.lease import machine_now
from campaign_automation.stores.table import MAX_ROW_BYTES, VERSION_ATTRIBUTE, Key, Put, Row, Table
from campaign_automation.utils.error_handler import StoreError
from campaign_automation.utils.observability import logger

_KEPT_FOR = timedelta(days=8)
_BESIDE = 1_000  # bytes of a row beside its content
# A version of the module whose shapes have other fields reads the campaigns anew.
_SHAPES = (Campaign, ObjectEntry, AdAccount, AuditRecord, MaturitySnapshot)
_FORM = (
    f"{zlib.crc32(' '.join(name for shape in _SHAPES for name in sorted(shape.model_fields)).encode()):08x}"
)


class Digest(Record):
    """A campaign with its changes since `trail_from` (epoch milliseconds) and its conversions by age.

    `counted_on` is the account's day whose report the conversions include; None where that was not made yet.
    """

    campaign: Campaign
    trail_from: int
    trail: list[AuditRecord]
    counts: list[MaturitySnapshot]
    counted_on: date | None


class Kept(NamedTuple):
    """A digest with the mark that its campaign's row had."""

    mark: str
    digest: Digest


class DigestStore:
    def __init__(self, table: Table) -> None:
        self._table = table

    async def marks(self, tenant: str, campaign_ids: Iterable[str]) -> dict[str, str]:
        """Return the marks of campaigns by id; none for one that a change has, or had when it died."""
        keys = {Key(partition(tenant, item), "campaign"): item for item in campaign_ids}
        rows = await self._rows(keys, ["tenant", "updated_at", VERSION_ATTRIBUTE, RUN.holder])
        return {
            keys[key]: f"{row.get('updated_at', '')}.{row.get(VERSION_ATTRIBUTE, 0)}"
            for key, row in rows.items()
            if row.get("tenant") == tenant and RUN.holder not in row
        }

    async def read(self, tenant: str, campaign_ids: Iterable[str]) -> dict[str, Kept]:
        """Return the digests of campaigns by id, without those that cannot be read."""
        keys = {_key(tenant, item): item for item in campaign_ids}
        rows = await self._rows(keys, ["form", "mark", "packed"])
        kept = {keys[key]: _kept(row) for key, row in rows.items() if row.get("form") == _FORM}
        return {name: item for name, item in kept.items() if item is not None and _is_of(item, tenant, name)}

    async def _rows(self, keys: Iterable[Key], names: Iterable[str]) -> Mapping[Key, Row]:
        """Return rows, none when they cannot be read: a rule that stops spend reads the campaigns then."""
        try:
            return await self._table.get_many(keys, names)
        except (StoreError, ValueError) as error:
            logger.warning("digests not read", reason=str(error))
            return {}

    async def keep(self, tenant: str, digests: Mapping[str, Kept]) -> None:
        """Store digests by campaign. One that is too long for a row is left out, and so is all that fails."""
        rows = [_row(tenant, name, item) for name, item in digests.items()]
        fitting = [row for row in rows if len(row["packed"]) + _BESIDE <= MAX_ROW_BYTES]
        try:
            await self._table.write_in_groups(Put(row) for row in fitting)
        except StoreError as error:
            logger.warning("digests not kept", count=len(fitting), reason=error.message)


def _is_of(kept: Kept, tenant: str, campaign_id: str) -> bool:
    """Return whether all that is in a digest is of this campaign and tenant."""
    parts: Sequence[Campaign | AuditRecord] = [kept.digest.campaign, *kept.digest.trail]
    return all((part.tenant, part.campaign_id) == (tenant, campaign_id) for part in parts)


def _kept(row: Row) -> Kept | None:
    try:
        return Kept(row["mark"], Digest.model_validate_json(zlib.decompress(row["packed"])))
    except (KeyError, TypeError, ValueError, zlib.error):
        return None


def _row(tenant: str, campaign_id: str, kept: Kept) -> Row:
    return {
        **_key(tenant, campaign_id)._asdict(),
        "form": _FORM,
        "mark": kept.mark,
        "packed": zlib.compress(kept.digest.model_dump_json().encode(), 1),
        "expires_at": machine_now() + _KEPT_FOR // timedelta(seconds=1),
    }


def _key(tenant: str, campaign_id: str) -> Key:
    return Key(f"{tenant}#digest#{campaign_id}", "digest")
