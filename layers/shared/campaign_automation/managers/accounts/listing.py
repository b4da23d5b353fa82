"""The lists of what is ours: campaigns with their last known figures, and A/B tests."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TypeVar

from campaign_automation.managers.ab_tests.ab_test_manager import terms_of
from campaign_automation.managers.campaign_manager import accounts_named, load_all
from campaign_automation.managers.campaigns.status import CampaignStatusReader
from campaign_automation.models.ab_tests import TestState
from campaign_automation.models.accounts import CampaignList, LastFigures, ListCampaigns, ListedCampaign
from campaign_automation.models.accounts.ab_test_lists import (
    AbTestList,
    AbTestShown,
    GetAbTest,
    ListAbTests,
    ListedAbTest,
)
from campaign_automation.models.campaign import Campaign
from campaign_automation.models.campaigns import CampaignStatus
from campaign_automation.models.common import Context
from campaign_automation.stores.ab_test_store import AbTest, AbTestStore, ab_test_id, campaign_id_of
from campaign_automation.stores.campaign_rows import Listed
from campaign_automation.stores.campaign_store import CampaignStore
from campaign_automation.utils import clock
from campaign_automation.utils.error_handler import NotFoundError

T = TypeVar("T")


class CampaignLists:
    def __init__(self, store: CampaignStore, tests: AbTestStore, status: CampaignStatusReader) -> None:
        self._store = store
        self._tests = tests
        self._status = status

    async def campaigns(self, request: ListCampaigns, context: Context) -> CampaignList:
        """Return one page of the tenant's campaigns in the order of their ids; no platform is read."""
        listed = [item for item in await self._store.campaigns(context.user_id) if _is_asked(item, request)]
        if request.ad_account_id is not None:
            named = await accounts_named(self._store, context.user_id, listed, request.ad_account_id)
            listed = [item for item in listed if (item.platform, item.account) in named]
        listed = _after(listed, request.after)
        loaded = await self._loaded(context.user_id, listed if request.state else listed[: request.limit + 1])
        found = [item for item in loaded if request.state in (None, _status(item))]
        page = found[: request.limit]
        kept = await asyncio.gather(*(self._status.last(item) for item in page))
        return CampaignList(
            campaigns=[_shown(item, last) for item, last in zip(page, kept, strict=True)],
            next=page[-1].campaign_id if len(found) > request.limit else None,
        )

    async def ab_tests(self, request: ListAbTests, context: Context) -> AbTestList:
        """Return one page of the tenant's tests in the order of their ids."""
        after = request.after and campaign_id_of(request.after)
        listed = _after(await self._store.campaigns(context.user_id), after)
        campaigns = [item for item in await self._loaded(context.user_id, listed) if item.test is not None]
        tests = await asyncio.gather(
            *(self._tests.load(context.user_id, ab_test_id(item.campaign_id)) for item in campaigns)
        )
        found = [
            _test_shown(test, item)
            for test, item in zip(tests, campaigns, strict=True)
            if test is not None and request.state in (None, _test_state(test, item))
        ]
        page = found[: request.limit]
        more = len(found) > request.limit
        return AbTestList(tests=page, next=page[-1].test_id if more else None)

    async def ab_test(self, request: GetAbTest, context: Context) -> AbTestShown:
        """Return one test. Raises NotFoundError, for another tenant's too."""
        campaign_id = campaign_id_of(request.test_id)
        test, campaign = await asyncio.gather(
            self._tests.load(context.user_id, ab_test_id(campaign_id)),
            self._store.campaign(context.user_id, campaign_id),
        )
        if test is None or campaign is None:
            raise NotFoundError(f"test {request.test_id} is not known", field="test_id")
        return AbTestShown(**dict(_test_shown(test, campaign)), required_sample=test.sample)

    async def _loaded(self, tenant: str, listed: Sequence[Listed]) -> list[Campaign]:
        return await load_all(self._store, tenant, [item.campaign_id for item in listed])


def _is_asked(item: Listed, request: ListCampaigns) -> bool:
    return request.platform in (None, item.platform) and (
        request.name_contains is None or request.name_contains.casefold() in item.name.casefold()
    )


def _after(listed: Iterable[Listed], campaign_id: str | None) -> list[Listed]:
    ordered = sorted(listed, key=lambda item: item.campaign_id)
    return [item for item in ordered if item.campaign_id > (campaign_id or "")]


def _status(campaign: Campaign) -> str:
    """Return the status as last seen here; a campaign that nobody has started is paused."""
    return campaign.root.status or "paused"


def _shown(campaign: Campaign, last: CampaignStatus | None) -> ListedCampaign:
    account = campaign.account
    return ListedCampaign(
        campaign_id=campaign.campaign_id,
        platform=campaign.platform,
        platform_campaign_id=campaign.root_id or None,
        ad_account_id=account.ad_account_id or account.platform_account_id,
        name=campaign.name,
        campaign_status=_status(campaign),
        origin="imported" if campaign.is_adopted else "created",
        test_id=ab_test_id(campaign.campaign_id) if campaign.test else None,
        created_at=None if campaign.created_at is None else clock.at_ms(campaign.created_at),
        figures=None if last is None else _figures(last),
    )


def _figures(last: CampaignStatus) -> LastFigures:
    state = last.campaign
    names = set(LastFigures.model_fields) - {"as_of", "age_seconds"}
    age = clock.now() - datetime.fromisoformat(last.as_of)
    return LastFigures(
        as_of=last.as_of,
        age_seconds=max(0, round(age.total_seconds())),
        **{name: getattr(state, name) for name in names},
    )


def _test_state(test: AbTest, campaign: Campaign) -> TestState:
    return test.state_now(is_deleted=campaign.state == "deleted")


def _test_shown(test: AbTest, campaign: Campaign) -> ListedAbTest:
    terms = terms_of(campaign)
    return ListedAbTest(
        test_id=test.test_id,
        test_name=terms.test_name,
        campaign_id=test.campaign_id,
        platform=campaign.platform,
        test_state=_test_state(test, campaign),
        campaign_status=_status(campaign),
        metric=terms.metric,
        starts_at=test.starts_at,
        ends_at=test.ends_at,
        ended_at=test.ended_at,
        end_reason=test.end_reason,
    )
