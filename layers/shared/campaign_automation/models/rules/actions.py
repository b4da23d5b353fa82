"""The actions of rules: one class per word of the vocabulary.

A word has the `level` of the objects it is about, the `field` that it sets, the `direction` of the spend
(more or less), its `safety` beside the others (0 wins), and the `verb` that sentences use.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any, ClassVar, Literal, NamedTuple, Protocol

from pydantic import AfterValidator, BeforeValidator, Field

from campaign_automation.models.common import Amount, Level, Model, PositiveAmount, Text
from campaign_automation.models.rules.vocabulary import METRICS, Duration, hours_of, unknown_word

PLACEHOLDER = re.compile(r"\{([a-z_]+)\}")
PLACEHOLDERS = ("name", "id", "rule_name", "value", "threshold", *METRICS)
RuleField = Literal["status", "daily_budget", "notification"]
Setting = str | Decimal | None


class PauseParameters(Model):
    """The parameters of a pause; `pause_for` is its length, and a rule on hours_past_pause_until ends it."""

    pause_for: Duration | None = None


class StartParameters(Model):
    """The parameters of a start: "rules" starts objects that rules or the optimiser paused, "anyone" all."""

    paused_by: Literal["rules", "anyone"] = "rules"


class BudgetParameters(Model):
    """The parameters of a budget change: a `percentage` of the budget in force.

    The new budget stays within `min_budget` and `max_budget` (major unit).
    """

    percentage: Annotated[Amount, Field(gt=0, le=50)] = Decimal(20)
    min_budget: PositiveAmount | None = None
    max_budget: PositiveAmount | None = None


def _known_placeholders(message: str) -> str:
    for name in PLACEHOLDER.findall(message):
        if name not in PLACEHOLDERS:
            raise unknown_word("placeholder", name, PLACEHOLDERS)
    return message


class MessageParameters(Model):
    """The message of a notification. Placeholders in braces are filled for each object: its name and id, the
    rule's name, a metric of the condition, or `value` and `threshold` of its first comparison."""

    message: Annotated[Text, Field(max_length=1000), AfterValidator(_known_placeholders)]
    level: Literal["campaign", "adset", "ad"] = "adset"


class HasBudget(Protocol):
    """An object of the account; `daily_budget` is None where the budget belongs to another object."""

    @property
    def daily_budget(self) -> Decimal | None: ...


class FieldChange(NamedTuple):
    """A field before and after an action; `pause_until` is the end of a pause.

    Of a budget, `after` is exact: rounding to the currency's step comes with the write.
    """

    before: Setting = None
    after: Setting = None
    pause_until: datetime | None = None


class RuleAction(Model):
    """The base of all actions of rules."""

    level: ClassVar[Level] = Level.ADSET
    field: ClassVar[RuleField] = "status"
    direction: ClassVar[int]  # 1 for more spend, -1 for less, 0 for neither
    safety: ClassVar[int]
    verb: ClassVar[str]

    @property
    def acts_on(self) -> Level:
        """The level of the objects that the rule evaluates and acts on."""
        return self.level

    def change(self, entity: HasBudget, now: datetime) -> FieldChange:
        """Return the change that the action makes to `entity`."""
        return FieldChange()


class Pause(RuleAction):
    direction = -1
    verb = "paused"

    parameters: PauseParameters = PauseParameters()

    def change(self, entity: HasBudget, now: datetime) -> FieldChange:
        lasting = self.parameters.pause_for
        until = now + timedelta(hours=hours_of(lasting)) if lasting else None
        return FieldChange("ACTIVE", "PAUSED", until)


class PauseCampaign(Pause):
    level = Level.CAMPAIGN
    safety = 0

    type: Literal["pause_campaign"]


class PauseAdset(Pause):
    safety = 1

    type: Literal["pause_adset"]


class PauseAd(Pause):
    level = Level.AD
    safety = 2

    type: Literal["pause_ad"]


class Start(RuleAction):
    direction = 1
    safety = 4
    verb = "started"

    type: Literal["start_adset"]
    parameters: StartParameters = StartParameters()

    def change(self, entity: HasBudget, now: datetime) -> FieldChange:
        return FieldChange("PAUSED", "ACTIVE")


class ChangeBudget(RuleAction):
    """A change of a budget by a percentage, within the rule's own limits and never against its direction."""

    field = "daily_budget"

    parameters: BudgetParameters = BudgetParameters()

    def change(self, entity: HasBudget, now: datetime) -> FieldChange:
        budget = entity.daily_budget
        return FieldChange(budget, None if budget is None else self.moved(budget))

    def moved(self, budget: Decimal) -> Decimal:
        """Return `budget` after the action, exact."""
        limits = self.parameters
        moved = budget * (100 + self.direction * limits.percentage) / 100
        # A budget beyond the limit already stays as it is: max_budget must not make a raise a cut.
        if self.direction > 0:
            return max(budget, moved if limits.max_budget is None else min(moved, limits.max_budget))
        return min(budget, moved if limits.min_budget is None else max(moved, limits.min_budget))


class DecreaseBudget(ChangeBudget):
    direction = -1
    safety = 3
    verb = "lowered the budget of"

    type: Literal["decrease_budget"]


class IncreaseBudget(ChangeBudget):
    direction = 1
    safety = 5
    verb = "raised the budget of"

    type: Literal["increase_budget"]


class Notify(RuleAction):
    field = "notification"
    direction = 0
    safety = 6
    verb = "notified about"

    type: Literal["send_notification"]
    parameters: MessageParameters

    @property
    def acts_on(self) -> Level:
        return Level(self.parameters.level)


AnyAction = PauseAdset | PauseAd | PauseCampaign | Start | IncreaseBudget | DecreaseBudget | Notify
ACTIONS = (
    "pause_adset",
    "pause_ad",
    "pause_campaign",
    "start_adset",
    "increase_budget",
    "decrease_budget",
    "send_notification",
)


def _known_action(value: Any) -> Any:
    if isinstance(value, dict) and "type" in value and value["type"] not in ACTIONS:
        raise unknown_word("action type", value["type"], ACTIONS)
    return value


Action = Annotated[AnyAction, Field(discriminator="type"), BeforeValidator(_known_action)]
