"""Budget, bidding and end of a campaign as they are now, where its platform shows it, else as last seen."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from campaign_automation.managers.shared.view import CampaignView
from campaign_automation.managers.updates.budgets import running_adsets
from campaign_automation.models.campaign import Campaign, ObjectEntry
from campaign_automation.models.common import Level
from campaign_automation.models.creation.settings import Bidding, SettingField, setting_of


class Present(NamedTuple):
    """None is what is not known, or not the same in all ad sets."""

    daily_budget: Decimal | None
    bidding: Bidding | None
    ends_at: datetime | None


def present(campaign: Campaign, view: CampaignView) -> Present:
    """Return what the platform shows."""
    bidding, end = (_common(campaign, view, field) for field in ("bid_strategy", "end_time"))
    ends = None if end is None else setting_of("end_time", end)
    return Present(
        _budget(campaign, view),
        None if bidding is None else Bidding.of(bidding),
        getattr(ends, "moment", None),
    )


def last_seen(campaign: Campaign, bidding: Bidding) -> Present:
    """Return what was last seen here of a campaign made here, which had this bidding."""
    root, adsets = campaign.root, [entry for entry in campaign.made(Level.ADSET) if not entry.held]
    budgets = [amount for entry in adsets if (amount := _seen(entry)) is not None]
    total = sum(budgets, Decimal(0)) if root.daily_budget is None else root.daily_budget
    return Present(total or _seen(root), bidding, campaign.ends_at)


def _seen(entry: ObjectEntry) -> Decimal | None:
    return entry.planned_budget if entry.daily_budget is None else entry.daily_budget


def _budget(campaign: Campaign, view: CampaignView) -> Decimal | None:
    own = view.live(campaign.tag, "daily_budget")
    if isinstance(own, Decimal):
        return own
    budgets = [view.live(tag, "daily_budget") for tag in running_adsets(campaign, view)]
    known = [amount for amount in budgets if isinstance(amount, Decimal)]
    return sum(known, Decimal(0)) if known and len(known) == len(budgets) else None


def _common(campaign: Campaign, view: CampaignView, field: SettingField) -> str | None:
    """Return the setting of the campaign, else the one of all its ad sets."""
    own = view.live(campaign.tag, field)
    # A platform without campaign ends shows none of the campaign, but may show one of its ad sets.
    if own is not None and (field != "end_time" or own != "none"):
        return str(own)
    texts: Sequence[str] = list({str(view.live(tag, field)) for tag in running_adsets(campaign, view)})
    return texts[0] if len(texts) == 1 else None
