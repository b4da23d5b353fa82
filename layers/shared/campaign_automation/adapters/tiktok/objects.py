"""Objects that exist on TikTok: found, read, switched on and off, removed, in both families of endpoints.

Source: platforms.md sections 3.3 and 3.5, after "Get campaigns", "Update the statuses of campaigns" and their
like for ad groups, ads and Upgraded Smart+.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Literal

from campaign_automation.adapters.base import Access, Outcome, failed
from campaign_automation.adapters.common.listings import chunks, found_campaigns, names_by_id
from campaign_automation.adapters.common.outcomes import (
    Looked,
    is_gone,
    looked_up,
    with_gone_removed,
)
from campaign_automation.adapters.common.reading import UNREADABLE, id_or_none, tree_of
from campaign_automation.adapters.common.refusals import another_campaign, gone
from campaign_automation.adapters.tiktok import facts
from campaign_automation.adapters.tiktok.answers import (
    ad_node,
    adset_node,
    campaign_node,
    found,
    id_field,
    ids_by_name,
)
from campaign_automation.adapters.tiktok.echo import Echoes
from campaign_automation.adapters.tiktok.errors import is_nothing_to_update, unavailable
from campaign_automation.adapters.tiktok.facts import PLATFORM
from campaign_automation.adapters.tiktok.outcomes import change_outcomes
from campaign_automation.adapters.tiktok.requests import setting_body
from campaign_automation.adapters.tiktok.wire import TikTokWire
from campaign_automation.adapters.tree import Depth, Tree, Trees, each_tree
from campaign_automation.models.accounts import FoundCampaign
from campaign_automation.models.common import Level, Objective
from campaign_automation.models.creation.settings import CampaignSetting
from campaign_automation.utils.error_handler import (
    PlatformAuthError,
    PlatformError,
    PlatformRejectedError,
)
from campaign_automation.utils.observability import logger

FamilySetting = Literal["auto", "manual", "smart_plus"]
Entry = tuple[facts.Family, facts.Params]

_OPERATION_STATUS = {"active": "ENABLE", "paused": "DISABLE"}


@dataclass
class Stored:
    """Family and fields of objects by id, and the families that showed rows without a readable id.

    Of an object that is not among the others it is not known whether such a row is its own.
    """

    found: dict[str, Entry] = field(default_factory=dict)
    lost: list[facts.Family] = field(default_factory=list)

    def family_of(self, item: str) -> facts.Family:
        """Return the family of an object; of one that was not shown the likeliest."""
        return self.found[item][0] if item in self.found else next(iter(self.lost), "manual")

    def refusal(self, level: Level, item: str) -> PlatformError:
        """Return the refusal of an object that is not among those found: gone, unless a row has no id."""
        if not self.lost:
            return gone(PLATFORM, f"the {level} {item} does not exist")
        problem = f"the {level} {item} was not shown, and a row was answered without an id"
        return unavailable(f"{PLATFORM}: {problem}")

    def looked(self, ids: Sequence[str], is_done: Callable[[facts.Params], bool]) -> Looked:
        """Return the ids of which `is_done` says so by their fields, and those of which nothing is read."""
        done: list[str] = []
        unread = [item for item in ids if item not in self.found] if self.lost else []
        for item, (_, data) in self.found.items():
            try:
                done += [item] if is_done(data) else []
            except UNREADABLE:
                unread.append(item)
        return Looked(done, unread)


class TikTokObjects:
    """Campaigns, ad groups and ads of an account; `setting` "manual" leaves Smart+ out."""

    def __init__(self, wire: TikTokWire, echoes: Echoes, setting: FamilySetting) -> None:
        self._wire = wire
        self._echoes = echoes
        self._setting = setting

    # --- reading ---------------------------------------------------------------------------------------

    async def find(
        self, access: Access, level: Level, names: Sequence[str], campaign_id: str | None
    ) -> dict[str, list[str]]:
        """Return the ids of live objects of both families by exact name."""
        filtering: facts.Params = {}
        if level is not Level.CAMPAIGN and campaign_id:
            filtering["campaign_ids"] = [campaign_id]
        if level is Level.CAMPAIGN and len(names) == 1:
            # TikTok's search is fuzzy, and our tag is the part of a name that no other has.
            filtering["campaign_name"] = names[0].rsplit(" ", 1)[-1]
        found: dict[str, list[str]] = {}
        for family, items in await self._list_both(access, level, filtering):
            for name, ids in ids_by_name(items, level, family, set(names)).items():
                found.setdefault(name, []).extend(ids)
        return found

    async def campaigns(self, access: Access) -> list[FoundCampaign]:
        """Return the live campaigns of both families."""
        listed = await self._list_both(access, Level.CAMPAIGN, {})
        rows = [(item, family) for family, items in listed for item in items]
        return found_campaigns(rows, lambda row: found(*row))

    async def campaign_names(self, access: Access) -> dict[str, str]:
        """Return the names of the live campaigns of both families, by id."""
        listed = await self._list_both(access, Level.CAMPAIGN, {})
        items = itertools.chain.from_iterable(items for _, items in listed)
        return names_by_id(items, lambda item: (item["campaign_id"], item["campaign_name"]))

    async def adsets(self, access: Access) -> list[facts.Params]:
        """Return the fields of all live manual ad groups of the account."""
        return await self._list(access, "list_adsets", Level.ADSET, "manual", {})

    async def read_tree(self, access: Access, campaign_id: str, *, depth: Depth = "whole") -> Tree:
        """Read a campaign with its ad groups and, unless the depth ends there, its ads; of a deleted one the
        campaign alone.

        Raises PlatformRejectedError (5000) when TikTok shows it neither among the live nor the deleted ones.
        Right after its creation campaign and ads are those of the answers, and only the ad groups, which hold
        money and targeting, are read.
        """
        echo = self._echoes.take(campaign_id)
        if echo is not None:
            adsets = await self._children(access, Level.ADSET, echo.family, campaign_id)
            return _tree(campaign_id, echo.family, echo.campaign, adsets, echo.ads)
        for family in self._likely_families([campaign_id]):
            tree = await self._read_family(access, family, campaign_id, with_ads=depth != "adsets")
            if tree is not None:
                return tree
        deleted = await self._deleted(access, Level.CAMPAIGN, [campaign_id])
        if campaign_id in deleted.found:
            family, data = deleted.found[campaign_id]
            return _tree(campaign_id, family, {**data, "operation_status": "DELETE"}, [], [])
        if deleted.lost:
            raise deleted.refusal(Level.CAMPAIGN, campaign_id)
        raise gone(PLATFORM, f"the campaign {campaign_id} does not exist, or cannot be seen with this token")

    async def read_trees(self, access: Access, campaign_ids: Sequence[str]) -> Trees:
        """Read campaigns as `read_tree` does: those of a family together, and the others one by one."""
        found: Trees = {}
        for family in self._likely_families(campaign_ids) if len(campaign_ids) > 1 else ():
            left = [item for item in campaign_ids if item not in found]
            for some in chunks(left, facts.IDS_PER_FILTER):
                found |= await self._read_several(access, family, some)
        alone = [item for item in campaign_ids if item not in found]
        found |= await each_tree(partial(self.read_tree, access), alone)
        return {item: found[item] for item in campaign_ids}

    async def _deleted(self, access: Access, level: Level, ids: Sequence[str]) -> Stored:
        """Return those of the objects that TikTok shows as deleted."""
        stored = await self.stored(access, level, ids, primary_status="STATUS_DELETE")
        found = {item: entry for item, entry in stored.found.items() if _may_be_deleted(entry[1])}
        return Stored(found, stored.lost)

    async def stored(self, access: Access, level: Level, ids: Sequence[str], **more: str) -> Stored:
        """Return the objects that exist: lists hide deleted ones, unless `more` asks for them."""
        stored = Stored()
        for family in self._likely_families(ids) if ids else []:
            missing = [item for item in ids if item not in stored.found]
            for some in chunks(missing, facts.IDS_PER_FILTER):
                await self._add(stored, access, level, family, some, more)
        return stored

    async def _add(
        self,
        stored: Stored,
        access: Access,
        level: Level,
        family: facts.Family,
        ids: Sequence[str],
        more: Mapping[str, str],
    ) -> None:
        """Add what one family shows of the objects."""
        field = id_field(level, family)
        items = await self._list(access, f"list_{level}s", level, family, {f"{field}s": ids, **more})
        for item in items:
            item_id = id_or_none(item, field)
            if item_id is not None:
                stored.found |= {item_id: (family, item)} if item_id in ids else {}
            elif family not in stored.lost:
                logger.warning("row without an id", platform=PLATFORM, operation=f"list_{level}s")
                stored.lost.append(family)

    async def by_family(
        self, access: Access, campaign_ids: Sequence[str], objective: Objective
    ) -> dict[facts.Family, list[str]]:
        """Divide campaigns by family; deleted ones, which have no row in a report of either, are left out."""
        if (
            self._setting == "manual"
            or objective not in facts.SMART_PLUS_OBJECTIVES  # Smart+ has these three objectives only
            or not campaign_ids
        ):
            return {"manual": list(campaign_ids)}
        if all(map(self._echoes.is_smart_plus, campaign_ids)):
            return {"smart_plus": list(campaign_ids)}
        stored = await self.stored(access, Level.CAMPAIGN, campaign_ids)
        # A report says nothing of a campaign of the other family, so that asking for it there does no harm.
        return {
            family: members
            for family in self._families()
            if (members := [item for item in campaign_ids if _may_be_of(item, family, stored)])
        }

    async def _list_both(
        self, access: Access, level: Level, filtering: facts.Params
    ) -> list[tuple[facts.Family, list[facts.Params]]]:
        families = self._families()
        lists = await asyncio.gather(
            *(self._list(access, f"list_{level}s", level, family, filtering) for family in families)
        )
        return list(zip(families, lists, strict=True))

    def _families(self) -> list[facts.Family]:
        return ["manual"] if self._setting == "manual" else ["manual", "smart_plus"]

    def _likely_families(self, ids: Sequence[str]) -> list[facts.Family]:
        return self._echoes.likely_families(ids, self._families())

    async def _list(
        self, access: Access, operation: str, level: Level, family: facts.Family, filtering: facts.Params
    ) -> list[facts.Params]:
        """Live objects of one family."""
        if family == "manual":
            # Only this field tells the families apart in a list. Source: "Smart+ data retrieval".
            filtering = {**filtering, "campaign_automation_type": "MANUAL"}
        path = path_of(level, family, "get")
        try:
            items = await self._wire.get_all(access, operation, path, {"filtering": filtering})
        except PlatformAuthError as error:
            # An account that may not use Smart+ has no objects there.
            if family == "smart_plus" and error.code == "1004":
                return []
            raise
        if family == "smart_plus":
            ids = (id_or_none(item, id_field(level, family)) for item in items)
            self._echoes.remember_smart_plus(item for item in ids if item)
        return items

    async def _read_family(
        self, access: Access, family: facts.Family, campaign_id: str, *, with_ads: bool
    ) -> Tree | None:
        levels = [Level.ADSET, Level.AD] if with_ads else [Level.ADSET]
        campaigns, adsets, *more = await asyncio.gather(
            self._list(access, "read_campaign", Level.CAMPAIGN, family, {"campaign_ids": [campaign_id]}),
            *(self._children(access, level, family, campaign_id) for level in levels),
        )
        field = id_field(Level.CAMPAIGN, family)
        asked = [item for item in campaigns if id_or_none(item, field) == campaign_id]
        if campaigns and not asked:
            raise another_campaign(PLATFORM)
        if not asked:
            return None
        tree = _tree(campaign_id, family, asked[0], adsets, *more or ([],))
        return tree if with_ads else tree.without_ads()

    async def _read_several(self, access: Access, family: facts.Family, campaign_ids: Sequence[str]) -> Trees:
        """Return those of the campaigns that one family shows; none when a row does not tell its campaign."""
        asked = {"campaign_ids": list(campaign_ids)}
        campaigns, adsets, ads = await asyncio.gather(
            self._list(access, "read_campaign", Level.CAMPAIGN, family, asked),
            self._list(access, "list_adsets", Level.ADSET, family, asked),
            self._list(access, "list_ads", Level.AD, family, asked),
        )
        roots = {id_or_none(item, id_field(Level.CAMPAIGN, family)): item for item in campaigns}
        if any(id_or_none(item, "campaign_id") is None for item in (*adsets, *ads)):
            return {}
        return {
            item: _tree(item, family, roots[item], _children_of(item, adsets), _children_of(item, ads))
            for item in campaign_ids
            if item in roots
        }

    async def _children(
        self, access: Access, level: Level, family: facts.Family, campaign_id: str
    ) -> list[facts.Params]:
        items = await self._list(access, f"list_{level}s", level, family, {"campaign_ids": [campaign_id]})
        return [item for item in items if id_or_none(item, "campaign_id") in (None, campaign_id)]

    # --- changing --------------------------------------------------------------------------------------

    async def set_status(
        self, access: Access, level: Level, ids: Sequence[str], status: str
    ) -> list[Outcome]:
        """Set the status, active or paused, and return one outcome per id."""
        return await self._change(access, level, ids, _OPERATION_STATUS[status])

    async def remove(self, access: Access, level: Level, ids: Sequence[str]) -> list[Outcome]:
        """Delete the objects; one that TikTok shows as deleted counts as removed."""
        outcomes = await self._change(access, level, ids, "DELETE")
        refused = [item.tag for item in outcomes if isinstance(item.error, PlatformRejectedError)]
        # A refusal does not always say that the object is deleted, so the lists decide.
        deleted = await self._deleted(access, level, refused)
        return with_gone_removed(outcomes, lambda item: item.tag in deleted.found)

    async def change_setting(
        self, access: Access, level: Level, ids: Sequence[str], setting: CampaignSetting
    ) -> list[Outcome]:
        """Give each object the setting, in a request of its own."""
        stored = await self.stored(access, level, ids)
        changes = (self._change_setting(access, level, item, setting, stored) for item in ids)
        return await asyncio.gather(*changes)

    async def _change_setting(
        self, access: Access, level: Level, item: str, setting: CampaignSetting, stored: Stored
    ) -> Outcome:
        family = stored.family_of(item)
        wanted = setting_body(setting)
        body = {f"{facts.NOUNS[level]}_id": item, **wanted}
        try:
            answer = await self._wire.change(
                access, f"update_{level}", path_of(level, family, "update"), body
            )
        except PlatformError as error:
            return Outcome(item, item) if is_nothing_to_update(error) else failed(item, error)
        look = partial(self._with_fields, access, level, wanted)
        return (await looked_up(change_outcomes([item], answer), look))[0]

    async def _with_fields(
        self, access: Access, level: Level, wanted: facts.Params, ids: Sequence[str]
    ) -> Looked:
        stored = await self.stored(access, level, ids)
        return stored.looked(ids, lambda data: wanted.items() <= data.items())

    async def _change(
        self, access: Access, level: Level, ids: Sequence[str], operation_status: str
    ) -> list[Outcome]:
        outcomes: list[Outcome] = []
        for some in chunks(ids, facts.IDS_PER_CHANGE):
            outcomes += await self._change_some(access, level, some, operation_status)
        return outcomes

    async def _change_some(
        self, access: Access, level: Level, ids: Sequence[str], operation_status: str
    ) -> list[Outcome]:
        """Ask both families' endpoints, the likely one first, and then one by one if all were refused."""
        # Ids do not tell their family, and one wrong id refuses the whole request.
        refusals: list[PlatformRejectedError] = []
        for family in self._likely_families(ids):
            try:
                return await self._change_in(access, level, family, ids, operation_status)
            except PlatformRejectedError as error:
                refusals.append(error)
            except PlatformError as error:
                return [failed(item, error) for item in ids]
        if len(ids) > 1:
            alone = [await self._change_some(access, level, [item], operation_status) for item in ids]
            return [outcome for outcomes in alone for outcome in outcomes]
        # The other family's endpoint may call the object missing: another refusal says more.
        return [failed(ids[0], min(refusals, key=is_gone))]

    async def _change_in(
        self, access: Access, level: Level, family: facts.Family, ids: Sequence[str], operation_status: str
    ) -> list[Outcome]:
        verb = "delete" if operation_status == "DELETE" else "update"
        body = {f"{id_field(level, family)}s": list(ids), "operation_status": operation_status}
        path = path_of(level, family, "status/update")
        look = partial(self._with_status, access, level, family, operation_status)
        try:
            answer = await self._wire.change(access, f"{verb}_{level}", path, body)
        except PlatformRejectedError as error:
            if is_nothing_to_update(error) and set((await look(ids)).done) >= set(ids):
                return [Outcome(item, item) for item in ids]
            raise
        return await looked_up(change_outcomes(ids, answer), look)

    async def _with_status(
        self, access: Access, level: Level, family: facts.Family, operation_status: str, ids: Sequence[str]
    ) -> Looked:
        """Return those of the ids that have the status."""
        if operation_status == "DELETE":
            return (await self._deleted(access, level, ids)).looked(ids, lambda _: True)
        stored = Stored()
        await self._add(stored, access, level, family, ids, {})
        return stored.looked(ids, lambda data: data.get("operation_status") == operation_status)


def _may_be_of(item: str, family: facts.Family, stored: Stored) -> bool:
    return stored.found[item][0] == family if item in stored.found else family in stored.lost


def _may_be_deleted(item: facts.Params) -> bool:
    """Return whether the row of a list of deleted objects does not tell that its object lives."""
    secondary = item.get("secondary_status")
    return not isinstance(secondary, str) or "DELETE" in secondary


def path_of(level: Level, family: facts.Family, verb: str) -> str:
    """The path of an endpoint for one level; Smart+ has endpoints of its own."""
    prefix = "smart_plus/" if family == "smart_plus" else ""
    return f"{prefix}{facts.NOUNS[level]}/{verb}"


def _children_of(campaign_id: str, items: Sequence[facts.Params]) -> list[facts.Params]:
    return [item for item in items if id_or_none(item, "campaign_id") == campaign_id]


def _tree(
    campaign_id: str,
    family: facts.Family,
    campaign: facts.Params,
    adsets: list[facts.Params],
    ads: list[facts.Params],
) -> Tree:
    root = campaign_node({**campaign, id_field(Level.CAMPAIGN, family): campaign_id}, family)
    return tree_of(root, adsets, ads, partial(adset_node, family=family), partial(ad_node, family=family))
