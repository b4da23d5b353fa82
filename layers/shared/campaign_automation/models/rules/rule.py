"""The shapes of rules, as requested and as stored, and of requests about them."""

from __future__ import annotations

from datetime import date, datetime, time
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BeforeValidator,
    Field,
    model_validator,
)

from campaign_automation.models.common import (
    OBJECT_OR_ITS_TEXT,
    USUAL_HOURS,
    Later,
    Level,
    Model,
    Platform,
    ProposalHours,
    Record,
    Text,
    unique,
)
from campaign_automation.models.notices import Channels
from campaign_automation.models.rules.actions import Action, Notify
from campaign_automation.models.rules.conditions import Condition, leaves, shallow
from campaign_automation.models.rules.vocabulary import (
    DEFAULT_SCHEDULE,
    MAX_LEAVES,
    WEEKDAYS,
    Duration,
    Flag,
    Id,
    Ids,
    Schedule,
    Share,
    TimeZone,
    known,
)
from campaign_automation.models.schedule_expressions import Cron, Rate, parse_schedule


class Scope(Model):
    """The objects a rule is about: all given selectors must hold, and `exclude` wins over everything.

    Ids are of campaigns or ad sets; naming a parent includes its children. Resolved anew at each run.
    """

    campaign_ids: Ids | None = None
    adset_ids: Ids | None = None
    platform: Annotated[Platform, known("platform", [platform.value for platform in Platform])] | None = None
    name_contains: Annotated[Text, Field(max_length=200)] | None = None
    all: Flag = False
    exclude: Annotated[list[Id], Field(max_length=1000), AfterValidator(unique)] = []

    @model_validator(mode="after")
    def _selects(self) -> Scope:
        chosen = [self.campaign_ids, self.adset_ids, self.platform, self.name_contains]
        narrowed = any(selector is not None for selector in chosen)
        if narrowed == self.all:
            raise ValueError("give campaign_ids, adset_ids, platform or name_contains, or else all: true")
        return self


class MaxAffected(Model):
    """The most that one run may change. Beyond a limit it changes nothing and waits for a person.

    `share` is of the objects in scope, `share_of_spend` of the scope's spend over the last 7 full days.
    """

    count: Annotated[int, Field(ge=1, le=10_000)] | None = None
    share: Share | None = None
    share_of_spend: Share | None = None


class ActiveHours(Model):
    """The hours from `start` up to `end`, wall-clock time of the rule's zone.

    An `end` before `start` is past midnight.
    """

    start: time = time(0)
    end: time = time(0)
    days: Annotated[
        list[Annotated[str, known("weekday", WEEKDAYS)]], Field(min_length=1), AfterValidator(unique)
    ] = list(WEEKDAYS)


def _all(value: Any) -> Any:
    return {"all": True} if value == "all" else value


class CreateRule(Model):
    """Parameters of create_rule.

    `certainty` c: a condition on cpa, roas, cpc, ctr, conversion_rate or conversions counts as met only if
    the data support it with probability c. `settle` is the time that an object is left as it is after any
    change of ours, `cooldown` after this rule's own. Of two rules the higher `priority` wins.
    `notify_by` are the channels that are told, where they are not all of the tenant's. With `mode` propose a
    run makes a proposal, which waits `proposal_hours` for a person.
    """

    rule_name: Annotated[Text, Field(max_length=200)]
    condition: Annotated[Condition, BeforeValidator(shallow)]
    action: Action
    applies_to: Annotated[
        Scope, BeforeValidator(_all, json_schema_input_type=Literal["all"] | Scope), OBJECT_OR_ITS_TEXT
    ]
    schedule: Schedule | None = None
    check_interval: Annotated[int, Field(strict=True, ge=900, le=7 * 86_400, multiple_of=60)] | None = None
    time_zone: TimeZone = "UTC"
    mode: Literal["act", "observe", "propose"] = "act"
    proposal_hours: ProposalHours = USUAL_HOURS
    max_affected: MaxAffected = MaxAffected(count=20)
    max_actions_per_day: Annotated[int, Field(ge=1, le=10_000)] | None = None
    cooldown: Duration = "24h"
    settle: Duration = "24h"
    certainty: Annotated[float, Field(ge=0.5, lt=1)] | None = None
    priority: Annotated[int, Field(ge=0, le=1000)] | None = None
    active_hours: ActiveHours | None = None
    blackout_dates: Annotated[list[date], Field(max_length=366), AfterValidator(unique)] = []
    expires: AwareDatetime | None = None
    notify_by: Annotated[Channels | None, Later] = None
    confirm: Flag = False
    dry_run: Flag = False

    @model_validator(mode="after")
    def _consistent(self) -> CreateRule:
        if self.schedule and self.check_interval:
            raise ValueError("check_interval: give either schedule or check_interval, not both")
        if self.mode == "propose" and isinstance(self.action, Notify):
            raise ValueError("mode: a notification changes nothing, so there is nothing to propose")
        if self.action.acts_on == Level.CAMPAIGN and self.applies_to.adset_ids is not None:
            raise ValueError(
                "applies_to: adset_ids select no campaign, but the action needs campaigns; give campaign_ids"
            )
        if sum(1 for _ in leaves(self.condition)) > MAX_LEAVES:
            raise ValueError(f"condition: holds more than {MAX_LEAVES} comparisons")
        return self

    @property
    def schedule_expression(self) -> str:
        """The schedule as EventBridge Scheduler takes it."""
        if self.check_interval:
            return str(Rate(self.check_interval // 60))
        return self.schedule or DEFAULT_SCHEDULE

    @property
    def parsed_schedule(self) -> Rate | Cron:
        return parse_schedule(self.schedule_expression)


class StoredRule(Model):
    """One version of a rule, never changed: an update stores the next one. Rates count from `anchor`."""

    rule_id: str
    version: Annotated[int, Field(ge=1)]
    rule: CreateRule
    anchor: AwareDatetime
    state: Literal["enabled", "disabled", "needs_review", "deleted"] = "enabled"

    def next_version(self, rule: CreateRule, at: datetime) -> StoredRule:
        return StoredRule(rule_id=self.rule_id, version=self.version + 1, rule=rule, anchor=at)


class ListRules(Model):
    """One page of the tenant's rules; `after` is the last rule_id of the page before."""

    after: Id | None = None
    limit: Annotated[int, Field(ge=1, le=500)] = 100


class RuleReference(Model):
    """Parameters of get_rule and delete_rule."""

    rule_id: Id


class SetRuleState(Model):
    """Parameters of set_rule_state. `confirm` enables a rule whose back-test exceeded max_affected."""

    rule_id: Id
    action: Literal["enable", "disable"]
    confirm: Flag = False


class RuleFromTemplate(Model):
    """Parameters of create_rule_from_template: `parameters` fill it in, the others replace its own values."""

    template: Annotated[Text, Field(max_length=64)]
    applies_to: Any
    parameters: Annotated[dict[str, float | str], OBJECT_OR_ITS_TEXT] = {}
    rule_name: Annotated[Text, Field(max_length=200)] | None = None
    schedule: Schedule | None = None
    time_zone: TimeZone | None = None
    mode: Literal["act", "observe", "propose"] | None = None
    proposal_hours: Annotated[ProposalHours | None, Later] = None
    max_affected: MaxAffected | None = None
    priority: Annotated[int, Field(ge=0, le=1000)] | None = None
    confirm: Flag = False
    dry_run: Flag = False


class ListRuleTemplates(Model):
    """Parameters of list_rule_templates, which takes none."""


class RuleTick(Record):
    """The input of evaluate_rule from a rule's schedule; a repeated delivery carries the same time."""

    tenant: Id
    rule_id: Id
    scheduled_time: AwareDatetime


class LookTick(RuleTick):
    """A part of a tick that is spread over functions: a look at the accounts of one group of so many."""

    version: Annotated[int, Field(ge=1)]
    group: Annotated[int, Field(ge=0)]
    groups: Annotated[int, Field(ge=1)]


class Look(Record):
    """The answer of a look: the accounts in which something was found, None for all of the group.

    Of the other accounts their number, and those of objects that were evaluated and that had too little data.
    """

    group: int
    found: list[str] | None
    accounts: int = 0
    evaluated: int = 0
    undecided: int = 0


class GatheredTick(RuleTick):
    """The last part of such a tick: the looks at its groups, None for one that failed."""

    version: Annotated[int, Field(ge=1)]
    groups: Annotated[int, Field(ge=1)]
    looks: list[Look | None]


class UpdateRule(Model):
    """Parameters of update_rule: the whole new rule, and the `version` that it replaces, if given."""

    rule_id: Id
    rule: CreateRule
    version: Annotated[int, Field(ge=1)] | None = None
