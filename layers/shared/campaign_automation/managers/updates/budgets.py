"""The budgets that a person sets: the whole campaign's, spread where needed, or those of single ad sets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from fractions import Fraction

from campaign_automation.managers.changes.items import DesiredChange
from campaign_automation.managers.changes.wording import no_daily_budget
from campaign_automation.managers.shared.view import CampaignView
from campaign_automation.models.campaign import Campaign
from campaign_automation.models.changes import UpdateCampaign
from campaign_automation.models.common import Level
from campaign_automation.optimizers.budgets.apportionment import apportion
from campaign_automation.utils.error_handler import InvalidRequestError, NotFoundError


def wanted_budgets(campaign: Campaign, view: CampaignView, request: UpdateCampaign) -> list[DesiredChange]:
    """Return the budgets that a request asks for; none where it asks for none.

    Raises InvalidRequestError for a total that cannot be spread, or ad sets' where the campaign has it,
    NotFoundError for an unknown ad set, the refusal of a budget that is fixed.
    """
    if request.daily_budget is None and request.adset_budgets is None:
        return []
    if request.adset_budgets is not None:
        return _each(campaign, view, request.adset_budgets)
    total = Decimal(request.daily_budget or 0)
    if view.live(campaign.tag, "daily_budget") is not None:
        return [DesiredChange(Level.CAMPAIGN, campaign.tag, "daily_budget", total)]
    if error := view.refusal("daily_budget"):
        raise error
    shares = _spread(campaign, view, total)
    return [DesiredChange(Level.ADSET, tag, "daily_budget", amount) for tag, amount in shares.items()]


def _each(campaign: Campaign, view: CampaignView, budgets: Mapping[str, Decimal]) -> list[DesiredChange]:
    known = {
        name: entry.tag for entry in campaign.made(Level.ADSET) for name in (entry.tag, entry.platform_id)
    }
    if unknown := [name for name in budgets if name not in known]:
        raise NotFoundError(
            f"adset_budgets: the campaign has no ad set {', '.join(unknown[:5])}", field="adset_budgets"
        )
    if error := view.refusal("daily_budget"):
        raise error
    if view.live(campaign.tag, "daily_budget") is not None:
        raise InvalidRequestError(
            "adset_budgets: the campaign has the budget and divides it itself; give daily_budget",
            field="adset_budgets",
        )
    amounts = {known[name]: amount for name, amount in budgets.items()}
    return [DesiredChange(Level.ADSET, tag, "daily_budget", amount) for tag, amount in amounts.items()]


def _spread(campaign: Campaign, view: CampaignView, total: Decimal) -> dict[str, Decimal]:
    """Return the total spread over the running ad sets in proportion, whole steps that add up to it.

    Raises InvalidRequestError for a total that is no multiple of a step or too low.
    """
    budgets = {tag: view.live(tag, "daily_budget") for tag in running_adsets(campaign, view)}
    known = {tag: value for tag, value in budgets.items() if isinstance(value, Decimal) and value > 0}
    if not known:
        raise InvalidRequestError(no_daily_budget(), field="daily_budget")
    step, currency = campaign.account.budget_step, campaign.account.currency
    least = campaign.account.min_daily_budget
    if total % step or total < least * len(known):
        raise InvalidRequestError(
            f"daily_budget: {total} {currency} is no multiple of {step}, or below {least} for each of"
            f" {len(known)} ad sets",
            field="daily_budget",
            minimum=str(least * len(known)),
        )
    units, floor = int(total / step), int(-(-least // step))
    before = sum(known.values(), Decimal(0))
    done = apportion(
        [Fraction(value) * units / Fraction(before) for value in known.values()],
        units,
        low=[floor] * len(known),
        high=[units] * len(known),
        ids=list(known),
    )
    return {tag: amount * step for tag, amount in zip(known, done.amounts, strict=True)}


def running_adsets(campaign: Campaign, view: CampaignView) -> Sequence[str]:
    """Return the ad sets that are active; where none is, those that start with the campaign."""
    entries = [item for item in campaign.made(Level.ADSET) if view.live(item.tag, "status") != "deleted"]
    active = [item.tag for item in entries if view.live(item.tag, "status") == "active"]
    return active or [item.tag for item in entries if not item.held]
