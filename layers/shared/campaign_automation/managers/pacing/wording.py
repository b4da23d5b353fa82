"""The sentences about monthly budgets."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from campaign_automation.models.reports.pacing import MonthlyBudget, Pacing
from campaign_automation.utils.languages.plurals import counted
from campaign_automation.utils.money import currency_exponent

REMOVED = "the monthly budget was removed"
NOT_READY = "figures of earlier days are being fetched; ask again in a minute"
UNKNOWN_SPEND = "a platform does not tell the spend of a campaign"
NOT_SHOWN = "the platform does not show a campaign"


def budget_set(budget: MonthlyBudget) -> str:
    campaigns = counted(len(budget.campaign_ids), "campaign")
    proposing = "; daily budgets are proposed" if budget.mode == "propose" else ""
    return f"{campaigns} may spend {budget.amount:f} {budget.currency} a month{proposing}"


def taken(campaign_id: str, name: str) -> str:
    return f"campaign_ids: {campaign_id} is under the monthly budget {name} already"


def no_daily_budget(campaign_id: str) -> str:
    return f"{campaign_id} runs without a daily budget, so that what it will spend is not known"


def currencies(found: list[str]) -> str:
    return f"campaign_ids: their accounts have several currencies ({', '.join(found)})"


def paced(pacing: Pacing) -> str:
    if pacing.problem is not None:
        return f"{pacing.name}: {pacing.problem}"
    return (
        f"{pacing.name}: {_of(pacing)} spent, {counted(pacing.days_left, 'day')} left with today;"
        f" {_money(pacing, pacing.expected)} at the month's end at the daily budgets"
        f" ({_money(pacing, pacing.low)} to {_money(pacing, pacing.high)})"
    )


def alarm(pacing: Pacing) -> dict[str, Any]:
    """Return the arguments of create_notification for a budget that will not hold."""
    if pacing.state == "used_up":
        title, text = f"The monthly budget {pacing.name} is used up", "its campaigns go on spending"
    else:
        title = f"The monthly budget {pacing.name} will not hold"
        text = f"at least {_money(pacing, pacing.low)} will be spent at the pace of the last days"
    return {
        "notification_type": "important",
        "category": "budget_exhausted",
        "title": title,
        "message": f"{_of(pacing)} spent in {pacing.month}; {text}.",
    }


def summary(pacing: Pacing, *, stops: bool) -> str:
    what = "pause the campaigns" if stops else "change the daily budgets"
    return f"{what} under the monthly budget {pacing.name}: {_of(pacing)} spent"


def reason(pacing: Pacing) -> str:
    return f"monthly budget {pacing.name}, {pacing.month}"


def _of(pacing: Pacing) -> str:
    return f"{_money(pacing, pacing.spent)} of {_money(pacing, pacing.amount)} {pacing.currency}"


def _money(pacing: Pacing, amount: Decimal | None) -> str:
    return f"{amount or Decimal(0):.{currency_exponent(pacing.currency)}f}"
