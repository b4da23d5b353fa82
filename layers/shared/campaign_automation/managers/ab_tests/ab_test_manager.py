"""create_ab_test and cancel_ab_test: a test is a campaign of its own, made by the usual workflow."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import NamedTuple

from campaign_automation.adapters.base import PlatformAdapter
from campaign_automation.managers.ab_tests import wording
from campaign_automation.managers.ab_tests.ending import AbTestEnding
from campaign_automation.managers.ab_tests.schedules import AbTestSchedules
from campaign_automation.managers.ab_tests.sizing import AbTestSizing
from campaign_automation.managers.campaign_manager import CampaignManager, Opened
from campaign_automation.managers.campaigns.planning import split_tag
from campaign_automation.managers.changes.items import changed_items, new_run, skipped_items
from campaign_automation.models.ab_tests import (
    AbTestAccepted,
    AbTestCancelled,
    AbTestCreated,
    AbTestTerms,
    CancelAbTest,
    CreateAbTest,
    VariantAdSet,
)
from campaign_automation.models.campaign import FINAL, Campaign, Creation
from campaign_automation.models.campaigns import CampaignAccepted, CampaignCreated
from campaign_automation.models.common import Context, Level
from campaign_automation.stores.ab_test_store import AbTest, AbTestStore, ab_test_id, campaign_id_of
from campaign_automation.utils import clock
from campaign_automation.utils.error_handler import (
    CampaignAutomationError,
    ConflictError,
    GuardRefusedError,
    NotFoundError,
)
from campaign_automation.utils.observability import logger

# With what comes before and after, a campaign answers within the gateway's 29 seconds.
LONGEST_WAIT_SECONDS = 18


class OpenedTest(NamedTuple):
    """A test whose campaign can run: its campaign, and the test as it is stored (not for a dry run)."""

    opened: Opened
    test: AbTest


class AbTestManager:
    def __init__(
        self,
        store: AbTestStore,
        campaigns: CampaignManager,
        sizing: AbTestSizing,
        ending: AbTestEnding,
        schedules: AbTestSchedules | None,
        adapters: Mapping[str, PlatformAdapter],
        *,
        activate: bool,
    ) -> None:
        self._store = store
        self._campaigns = campaigns
        self._sizing = sizing
        self._ending = ending
        self._schedules = schedules
        self._adapters = adapters
        self._activate = activate

    # --- creating --------------------------------------------------------------------------------------

    async def open(self, request: CreateAbTest, context: Context) -> OpenedTest:
        """Claim the request, size the test, store it and its schedule; nothing is on a platform yet.

        The same key and body give the same test again. Raises GuardRefusedError for a test that its days
        cannot carry, or that nothing would end.
        """
        self._check_end(request)
        spec = request.campaign(activate=self._activate)
        opened = await self._campaigns.open_creation(
            spec, context, request.terms, lambda campaign_id: self._is_over(context.user_id, campaign_id)
        )
        test_id = ab_test_id(opened.campaign_id)
        known = None if opened.is_new else await self._store.load(context.user_id, test_id)
        if known:
            return OpenedTest(opened, known)
        try:
            test = await self._new_test(request, context, opened)
            if not request.dry_run:
                await self._schedule(test)
                await self._store.put_new(test)
        except CampaignAutomationError as error:
            await self._campaigns.refuse(context.user_id, opened.campaign_id, error)
            raise
        return OpenedTest(opened, test)

    @staticmethod
    def patient(context: Context) -> Context:
        """Return the context with less patience: sizing the test takes some of the gateway's time."""
        seconds = LONGEST_WAIT_SECONDS if context.wait_seconds is None else context.wait_seconds
        return context.model_copy(update={"wait_seconds": min(seconds, LONGEST_WAIT_SECONDS)})

    async def _is_over(self, tenant: str, campaign_id: str) -> bool:
        test = await self._store.load(tenant, ab_test_id(campaign_id))
        return test is not None and test.state != "running"

    async def _new_test(self, request: CreateAbTest, context: Context, opened: Opened) -> AbTest:
        creation = await self._campaigns.load(context.user_id, opened.campaign_id)
        starts_at = clock.at_ms(creation.created_at)
        return AbTest(
            tenant=context.user_id,
            test_id=ab_test_id(opened.campaign_id),
            campaign_id=opened.campaign_id,
            sample=await self._sizing.required_sample(request, context.user_id),
            starts_at=starts_at,
            ends_at=starts_at + timedelta(days=request.test_duration_days),
            daily_checks=request.daily_checks,
        )

    def _check_end(self, request: CreateAbTest) -> None:
        """Refuse a test that neither our schedule nor the platform's end time ends: it would never stop."""
        if self._schedules is None and not self._adapters[request.platform].has_end_times:
            raise GuardRefusedError(
                f"{request.platform}: nothing would end the test: this process has no scheduler and the"
                " platform stops nothing by itself",
                guard="no_end",
                field="platform",
            )

    async def _schedule(self, test: AbTest) -> None:
        """Make the schedules before the test itself, so that none is without."""
        # The first check of a test that was never made deletes its schedules.
        if self._schedules:
            await self._schedules.put(test)

    async def outcome(self, opened: OpenedTest) -> AbTestCreated | AbTestAccepted:
        """Return the test, or that its creation goes on. Raises the error that made the campaign fail."""
        test = opened.test
        try:
            made = await self._campaigns.outcome(test.tenant, opened.opened)
        except CampaignAutomationError:
            await self._ending.forget(test)
            raise
        if isinstance(made, CampaignAccepted):
            return AbTestAccepted(
                test_id=test.test_id,
                campaign_id=test.campaign_id,
                status_url=made.status_url,
                required_sample=test.sample,
                message=wording.CREATING,
                replayed=made.replayed,
            )
        creation = await self._campaigns.load(test.tenant, test.campaign_id)
        has_shares = self._adapters[made.platform].budget_level is Level.ADSET
        warnings = _warnings(test, creation, made, has_shares=has_shares)
        if self._schedules is not None and not await self._schedules.is_driven():
            warnings.append(wording.NOT_DRIVEN)
        if not self._sizing.has_statistics:
            warnings.append(wording.NOT_ANALYSED)
        return _created(test, creation, made, warnings, has_scheduler=self._schedules is not None)

    # --- ending ----------------------------------------------------------------------------------------

    async def cancel(self, request: CancelAbTest, context: Context) -> AbTestCancelled:
        """Pause the campaign and end the platform's split; a test that is over stays as it is."""
        test, creation = await self.load(context.user_id, request.test_id)
        if test.state != "running":
            return _cancelled(test, wording.over_already(test))
        campaign = made_campaign(creation)
        run = new_run(context.actor, request.reason)
        items = await self._ending.stop(test, campaign, run, "cancelled", dry_run=request.dry_run)
        done = _cancelled(
            test.model_copy(update={"state": "running" if request.dry_run else "cancelled"}),
            wording.cancelled(is_dry=request.dry_run),
        )
        return done.model_copy(update={"changed": changed_items(items), "skipped": skipped_items(items)})

    async def load(self, tenant: str, test_id: str) -> tuple[AbTest, Creation]:
        """Load a test and its creation. Raises NotFoundError, for another tenant's test too."""
        test = await self._store.load(tenant, ab_test_id(campaign_id_of(test_id)))
        if test is None:
            raise NotFoundError(f"test {test_id} is not known", field="test_id")
        return test, await self._campaigns.load(tenant, test.campaign_id)


def made_campaign(creation: Creation) -> Campaign:
    """Return the campaign of a test. Raises ConflictError for one that is not there, or not yet."""
    campaign = creation.campaign()
    if creation.state not in FINAL:
        raise ConflictError("the test is still being created", field="test_id", retryable=True, retry_after=5)
    if campaign is None or creation.state == "rolled_back":
        raise ConflictError("the test never began: its campaign could not be created", field="test_id")
    return campaign


def terms_of(campaign: Creation | Campaign) -> AbTestTerms:
    """Return the terms of a campaign that is a test."""
    if campaign.test is None:
        raise RuntimeError(f"{campaign.campaign_id} is no test")
    return campaign.test


def split_of(campaign: Creation | Campaign) -> str | None:
    """Return the id of the platform's own split test, running or ended; None when there was none."""
    entry = campaign.objects.get(split_tag(campaign.campaign_id))
    return entry.platform_id if entry else None


def creatives_of(campaign: Campaign) -> dict[str, str]:
    """Return the creative that each ad set shows."""
    return {ad.parent: ad.creative_id for ad in campaign.ads() if ad.parent and ad.creative_id}


def _created(
    test: AbTest, creation: Creation, made: CampaignCreated, warnings: list[str], *, has_scheduler: bool
) -> AbTestCreated:
    terms, is_dry = terms_of(creation), made.state == "planned"
    logger.info("test created", test_id=test.test_id, campaign_id=test.campaign_id)
    return AbTestCreated(
        replayed=made.replayed,
        state=made.state,
        test_state=test.state_now(is_deleted=made.state == "deleted"),
        test_id=None if is_dry else test.test_id,
        test_name=terms.test_name,
        campaign_id=made.campaign_id,
        platform=made.platform,
        platform_campaign_id=made.platform_campaign_id,
        campaign_status=made.campaign_status,
        currency=made.currency,
        adsets=_variants(creation, made),
        ads=made.ads,
        required_sample=test.sample,
        metric=terms.metric,
        mode=terms.mode,
        randomised=None if is_dry else split_of(creation) is not None,
        platform_split_id=split_of(creation),
        starts_at=clock.iso(test.starts_at),
        ends_at=clock.iso(test.ends_at),
        daily_checks=has_scheduler and terms.daily_checks,
        changes=made.changes,
        warnings=[
            *made.warnings,
            *warnings,
            *([] if has_scheduler else [wording.without_scheduler(creation.planned()[0].ends_at)]),
        ],
        message=wording.created(test, len(made.adsets), is_dry=is_dry),
    )


def _variants(creation: Creation, made: CampaignCreated) -> list[VariantAdSet]:
    plan, _ = creation.planned()
    creatives = {ad.adset_tag: ad.creative_id for ad in plan.ads}
    return [
        VariantAdSet(
            adset_id=adset.adset_id,
            platform_adset_id=adset.platform_adset_id,
            creative_id=creatives[adset.adset_id],
            budget=adset.daily_budget,
        )
        for adset in made.adsets
    ]


def _warnings(test: AbTest, creation: Creation, made: CampaignCreated, *, has_shares: bool) -> list[str]:
    """Return the warnings of a new test; `has_shares`: its ad sets have budgets of their own."""
    warnings, is_made = [], made.state == "created"
    if is_made and split_of(creation) is None:
        warnings.append(wording.NOT_SPLIT)
    if not has_shares:
        warnings.append(wording.shared_budget(made.platform))
    if is_made and made.campaign_status == "paused":
        warnings.append(wording.PAUSED_FROM_THE_START)
    if test.sample.can_finish is False:
        warnings.append(wording.forced(test.sample))
    return warnings


def _cancelled(test: AbTest, message: str) -> AbTestCancelled:
    return AbTestCancelled(
        test_id=test.test_id, campaign_id=test.campaign_id, test_state=test.state, message=message
    )
