"""The platform's own split test over the ad sets of an A/B test, where it has one."""

from __future__ import annotations

from campaign_automation.adapters.base import SplitOrder
from campaign_automation.managers.campaigns.journal import Journal, Planned, attempted
from campaign_automation.managers.campaigns.planning import split_tag, test_end
from campaign_automation.managers.campaigns.wording import split_refused_warning
from campaign_automation.models.common import Level
from campaign_automation.stores.campaign_store import CampaignStore
from campaign_automation.utils import clock
from campaign_automation.utils.error_handler import PlatformRejectedError
from campaign_automation.utils.observability import logger


class Splits:
    def __init__(self, store: CampaignStore, journal: Journal) -> None:
        self._store = store
        self._journal = journal

    async def create(self, planned: Planned) -> None:
        """Create the split test; a refusal of the platform becomes a warning.

        Without a split test the platform's auctions decide which people see which variant. An existing one
        is found again, so this step may be repeated.
        """
        creation = planned.creation
        tag = split_tag(creation.campaign_id)
        if creation.test is None or creation.platform_id(tag):
            return
        entry = attempted(creation, Level.SPLIT, tag, f"{creation.test.test_name} {tag}")
        await self._journal.attempt(creation, [entry])
        try:
            split_id = await _ask(planned, entry.name)
        except PlatformRejectedError as error:
            # The test still runs: the ad sets exist and their figures can be compared.
            logger.warning("split test refused", campaign_id=creation.campaign_id, reason=error.message)
            split_id = None
            warning = split_refused_warning(error.message)
            await self._store.update(creation, warnings=[*creation.warnings, warning])
        state = "created" if split_id else "gone"
        entry = entry.model_copy(update={"state": state, "platform_id": split_id})
        await self._journal.write(creation, [entry], self._journal.created(creation, [entry]))

    async def end(self, planned: Planned) -> None:
        """End the split test of a creation that is undone."""
        creation = planned.creation
        entry = creation.objects.get(split_tag(creation.campaign_id))
        if entry is None or entry.state == "gone":
            return
        # After an unknown outcome the split may exist, and only asking for it again gives its id.
        split_id = entry.platform_id or await _found(planned, entry.name)
        if split_id:
            await planned.adapter.end_split(planned.access, planned.account, split_id)
        gone = entry.model_copy(update={"state": "gone", "platform_id": split_id})
        await self._journal.write(creation, [gone])


async def _ask(planned: Planned, name: str) -> str | None:
    creation = planned.creation
    if creation.test is None:
        return None
    adset_ids = [planned.made_id(adset.tag) for adset in planned.plan.adsets]
    order = SplitOrder(name, adset_ids, clock.now(), test_end(creation.created_at, creation.test))
    return await planned.adapter.create_split(planned.access, planned.account, order)


async def _found(planned: Planned, name: str) -> str | None:
    """Return the id of the split test, which only a repeated create gives; None where it is refused."""
    try:
        return await _ask(planned, name)
    except PlatformRejectedError:
        return None
