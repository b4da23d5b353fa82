"""The shapes of monthly budgets and their pacing."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from campaign_automation.models.changes import CampaignId
from campaign_automation.models.common import (
    Amount,
    Answer,
    Model,
    Platform,
    PositiveAmount,
    Record,
    Text,
    unique,
)

MOST_TOGETHER = 50  # campaigns under one monthly budget
BudgetName = Annotated[Text, Field(max_length=64, pattern=r"^[^#]+$")]
PacingState = Literal["on_track", "behind", "ahead", "overshoots", "used_up", "unknown"]


class MonthlyBudget(Record):
    """A monthly budget as it is stored: what its campaigns may spend together in a calendar month.

    The month is that of `time_zone`, its days are those of each campaign's account.
    """

    name: str
    campaign_ids: list[str]
    amount: Amount
    currency: str
    time_zone: str
    mode: Literal["propose", "alarm"]


class SetMonthlyBudget(Model):
    """Parameters of set_monthly_budget: what some campaigns of one currency may spend together in a month.

    Under a `name` that there is already it is replaced; an `amount` of null removes it. With `mode` alarm no
    daily budgets are proposed.
    """

    name: BudgetName
    amount: PositiveAmount | None
    campaign_ids: (
        Annotated[list[CampaignId], Field(min_length=1, max_length=MOST_TOGETHER), AfterValidator(unique)]
        | None
    ) = None
    mode: Literal["propose", "alarm"] = "propose"

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if (self.amount is None) != (self.campaign_ids is None):
            raise ValueError("campaign_ids: belong to an amount; to remove the budget give amount null alone")
        return self


class MonthlyBudgetSet(Answer):
    status: Literal["success"] = "success"
    name: str
    amount: Amount | None
    currency: str | None = None
    campaign_ids: list[str]
    message: str


class GetPacing(Model):
    """Parameters of get_pacing: a `name` shows one monthly budget alone."""

    name: BudgetName | None = None


class CampaignPacing(Model):
    """A campaign under a monthly budget: its daily budget now, 0 while it is off, and the one that lands."""

    campaign_id: str
    name: str
    platform: Platform
    spent: Amount
    daily_budget: Amount
    landing_daily_budget: Amount | None = None


class Pacing(Model):
    """A monthly budget in the running month, in its currency.

    By the month's end between `low` (at the pace of the last seven days, where that is below the daily
    budgets) and `high` (the most that the platforms may spend) is spent, `expected` at the daily budgets.
    `overshoots`: even `low` is above the amount; `ahead`, `behind`: `expected` is above it, or more than 5 %
    below. With a `problem` the figures are unknown.
    """

    name: str
    month: str
    amount: Amount
    currency: str
    mode: Literal["propose", "alarm"]
    state: PacingState
    spent: Amount | None = None
    remaining: Amount | None = None
    low: Amount | None = None
    expected: Amount | None = None
    high: Amount | None = None
    days_left: int
    campaigns: list[CampaignPacing] = []
    proposal_id: str | None = None
    problem: str | None = None
    as_of: datetime
    message: str


class PacingShown(Model):
    status: Literal["success"] = "success"
    budgets: list[Pacing]
    message: str
