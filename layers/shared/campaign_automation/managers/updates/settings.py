"""Name, end and bidding of a campaign, as a person sets them, on the objects that hold them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from campaign_automation.adapters.base import PlatformAdapter
from campaign_automation.managers.campaigns.planning import is_tag
from campaign_automation.managers.changes.items import DesiredChange
from campaign_automation.managers.changes.wording import TESTS_OWN
from campaign_automation.managers.shared.view import CampaignView
from campaign_automation.models.campaign import Campaign
from campaign_automation.models.changes import UpdateCampaign
from campaign_automation.models.common import Level
from campaign_automation.models.creation.options import BidStrategy
from campaign_automation.models.creation.settings import Bidding, End, Name
from campaign_automation.utils.error_handler import ConflictError, InvalidRequestError


def wanted_settings(
    campaign: Campaign, view: CampaignView, request: UpdateCampaign, adapter: PlatformAdapter
) -> list[DesiredChange]:
    """Return the settings that a request asks for, in the order in which they are sent.

    Raises InvalidRequestError for what the platform cannot give the campaign, ConflictError for the end or
    the bidding of a test.
    """
    return [
        *_name(campaign, request, adapter),
        *_end(campaign, view, request, adapter),
        *_bidding(campaign, view, request, adapter),
    ]


def _name(campaign: Campaign, request: UpdateCampaign, adapter: PlatformAdapter) -> Iterator[DesiredChange]:
    if request.name is None:
        return
    name = request.name.removesuffix(campaign.tag).rstrip()
    if is_tag(name.rpartition(" ")[2]):
        raise InvalidRequestError("name: ends like the mark of another campaign of ours", field="name")
    # Ours are found by the tag at the end of their names, so that it stays there.
    setting = Name(name if campaign.is_adopted else f"{name} {campaign.tag}".strip())
    adapter.check_setting(setting, None, campaign.objective, campaign.account)
    yield DesiredChange(Level.CAMPAIGN, campaign.tag, "name", setting.text)


def _end(
    campaign: Campaign, view: CampaignView, request: UpdateCampaign, adapter: PlatformAdapter
) -> Iterator[DesiredChange]:
    if request.end_time is None:
        return
    _refuse_of_test(campaign, "end_time")
    setting = End(None if request.end_time == "none" else request.end_time)
    adapter.check_setting(setting, None, campaign.objective, campaign.account)
    for tag in _holders(campaign, view, adapter.budget_level):
        yield DesiredChange(adapter.budget_level, tag, "end_time", setting.text)


def _bidding(
    campaign: Campaign, view: CampaignView, request: UpdateCampaign, adapter: PlatformAdapter
) -> Iterator[DesiredChange]:
    if request.bid_strategy is None:
        return
    _refuse_of_test(campaign, "bid_strategy")
    setting = _asked(campaign, request, request.bid_strategy)
    has_own = view.live(campaign.tag, "bid_strategy") is not None
    level = Level.CAMPAIGN if has_own else Level.ADSET
    for tag in _holders(campaign, view, level):
        before = Bidding.of(str(view.live(tag, "bid_strategy")))
        adapter.check_setting(setting, before, campaign.objective, campaign.account)
        yield DesiredChange(level, tag, "bid_strategy", setting.text)


def _asked(campaign: Campaign, request: UpdateCampaign, strategy: BidStrategy) -> Bidding:
    if strategy == "lowest_cost":
        return Bidding(strategy)
    target = request.targets.get(strategy) or getattr(campaign, strategy)
    if target is None:
        raise InvalidRequestError(f"{strategy}: is required by bid_strategy {strategy}", field=strategy)
    return Bidding(strategy, target)


def _holders(campaign: Campaign, view: CampaignView, level: Level) -> Sequence[str]:
    """Return the campaign itself, or its ad sets that are not deleted."""
    if level is Level.CAMPAIGN:
        return [campaign.tag]
    tags = [item.tag for item in campaign.made(level)]
    return [tag for tag in tags if view.live(tag, "status") != "deleted"]


def _refuse_of_test(campaign: Campaign, field: str) -> None:
    if campaign.test is not None:
        raise ConflictError(f"{field}: {TESTS_OWN}", field=field)
