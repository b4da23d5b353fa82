"""One run that makes ads in an existing campaign: journaled, read back, and started where asked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from campaign_automation.adapters.base import Access
from campaign_automation.managers.ads.journal import AdditionJournal, Place
from campaign_automation.managers.ads.making import AdMaker
from campaign_automation.managers.ads.terms import Terms
from campaign_automation.managers.campaign_manager import CampaignManager
from campaign_automation.managers.campaigns.journal import Planned
from campaign_automation.managers.changes.gate import WriteGate
from campaign_automation.managers.changes.items import ChangeResult, DesiredChange, Run
from campaign_automation.managers.changes.leases import CampaignLeases, Held
from campaign_automation.managers.shared.notices import Notices
from campaign_automation.managers.shared.outbox import Outbox
from campaign_automation.managers.shared.platform_access import Patience, Platforms
from campaign_automation.managers.shared.switches import Switches
from campaign_automation.models.campaign import Campaign, Creation
from campaign_automation.models.campaigns import AdCopy, AdPlan, Creative, CreativePlan
from campaign_automation.models.common import Level
from campaign_automation.stores.audit_store import AuditStore
from campaign_automation.stores.campaign_rows import SECOND_LOOK_MS, visit_at
from campaign_automation.stores.campaign_store import CampaignStore
from campaign_automation.utils import clock
from campaign_automation.utils.error_handler import CampaignAutomationError, not_in_time
from campaign_automation.utils.observability import logger
from campaign_automation.utils.retry_strategy import time_limit


class NewAds(NamedTuple):
    """Ads to make with what they show; creatives and copies by the `creative_id` of plans and ads."""

    ads: Sequence[AdPlan]
    plans: Sequence[CreativePlan]
    creatives: Mapping[str, Creative]
    copies: Mapping[str, AdCopy]
    places: Mapping[str, Place]  # by the ad's tag


class Made(NamedTuple):
    """The outcome of a run: the platform's ids and the errors, by tag."""

    ids: dict[str, str]
    errors: dict[str, CampaignAutomationError]
    is_seen: bool


class AdRuns:
    """The runs that make ads. `seconds` bounds the writes of one request."""

    def __init__(
        self,
        campaigns: CampaignManager,
        store: CampaignStore,
        audit: AuditStore,
        platforms: Platforms,
        gate: WriteGate,
        outbox: Outbox,
        notices: Notices,
        switches: Switches,
        seconds: float = 24,
    ) -> None:
        self._campaigns = campaigns
        self._store = store
        self._audit = audit
        self._platforms = platforms
        self._gate = gate
        self._outbox = outbox
        self._notices = notices
        self._switches = switches
        self._seconds = seconds
        self._leases = CampaignLeases(store, outbox)

    async def make(self, terms: Terms, campaign: Campaign, run: Run, new: NewAds) -> Made:
        """Make the ads under the campaign's lease. Raises the error of a run that made none."""
        error: CampaignAutomationError | None = None
        async with self._leases.held(campaign, run) as held:
            journal = AdditionJournal(
                self._store, self._audit, self._notices, self._switches, self._leases, held, new.places
            )
            try:
                async with time_limit(self._seconds):
                    await self._send(terms, held, journal, new)
            except TimeoutError:
                error = not_in_time(campaign.platform)
            except CampaignAutomationError as failure:
                error = failure
            ids = {ad.tag: made for ad in new.ads if (made := campaign.platform_id(ad.tag))}
            is_seen = bool(ids) and await self._is_seen(held, ids)
        await self._look_later(terms.creation, campaign, new.ads)
        if held.has_news:
            await self._outbox.tell(campaign.tenant, campaign.campaign_id)
        if error is not None and not ids:
            raise error
        missing = [ad.tag for ad in new.ads if ad.tag not in ids]
        return Made(ids, {tag: journal.refused.get(tag) or _failure(error) for tag in missing}, is_seen)

    async def _send(self, terms: Terms, held: Held, journal: AdditionJournal, new: NewAds) -> None:
        campaign, account = held.campaign, terms.account
        adding = terms.creation.model_copy(
            update={"creatives": dict(new.creatives), "copies": dict(new.copies)}
        )
        adding.objects = campaign.objects  # as they are under the lease
        part = terms.plan.model_copy(
            update={"creatives": list(new.plans), "ads": list(new.ads), "is_addition": True}
        )
        platform = self._platforms.of(campaign.tenant, campaign.platform, account)
        maker = AdMaker(self._store, journal)

        async def make(access: Access) -> None:
            await maker.make(Planned(adding, part, account, platform.adapter, access))

        # The journal looks up what was sent and never answered before it is sent again.
        patience = Patience(total=self._seconds, attempt=self._seconds, waits_as_asked=True)
        await platform.ask("add_ads", patience, make)

    async def _is_seen(self, held: Held, ids: Mapping[str, str]) -> bool:
        """Return whether the platform shows all new ads, and note their status."""
        try:
            view = await self._gate.look(held.campaign)
        except CampaignAutomationError as error:
            logger.warning("not read back", campaign_id=held.campaign.campaign_id, reason=error.message)
            return False
        shown = {tag: node for tag in ids if (node := view.node(tag))}
        objects = held.campaign.objects
        held.saw([objects[tag].model_copy(update={"status": node.status}) for tag, node in shown.items()])
        return len(shown) == len(ids)

    async def _look_later(self, creation: Creation, campaign: Campaign, ads: Sequence[AdPlan]) -> None:
        """Let the reconciler look up what was never answered: the platform may have made it late or twice."""
        if campaign.is_adopted:
            return  # each read of it takes them over
        entries = [entry for ad in ads if (entry := campaign.objects.get(ad.tag))]
        if any(entry.unanswered or entry.state == "sent" for entry in entries):
            at = clock.now_ms() + SECOND_LOOK_MS
            due = min(at, creation.resume.at_ms) if creation.resume else at
            await self._store.update(creation, look_at=at, looks=0, **visit_at(due))

    async def start(self, campaign: Campaign, tags: Iterable[str], run: Run) -> list[ChangeResult]:
        """Start ads that the run made."""
        wanted = [DesiredChange(Level.AD, tag, "status", "active") for tag in tags]
        return await self.change(campaign, wanted, run)

    async def change(
        self, campaign: Campaign, wanted: Sequence[DesiredChange], run: Run
    ) -> list[ChangeResult]:
        """Send changes of the same run through the gate; none for none."""
        if not wanted:
            return []
        fresh = await self._campaigns.load_created(campaign.tenant, campaign.campaign_id)
        return await self._gate.apply(fresh, wanted, run)


def _failure(error: CampaignAutomationError | None) -> CampaignAutomationError:
    return error or CampaignAutomationError("not made")
