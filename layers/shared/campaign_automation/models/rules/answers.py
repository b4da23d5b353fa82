"""The answers about rules and their runs."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from campaign_automation.models.budgets import EarlierDecision
from campaign_automation.models.changes import ChangedItem, FailedItem, SkippedItem
from campaign_automation.models.common import Answer, Later, Model
from campaign_automation.models.rules.rule import CreateRule, MaxAffected


class Firing(Model):
    day: date
    id: str


class Replay(Model):
    """The firings of a rule in a back-test. Money in the account currency's major unit.

    `flip_flops`: firings whose condition no longer held within the week after. `exceeded_on`: days on which
    max_affected would have stopped it. The avoided and forgone amounts are those of paused objects only,
    null over accounts in several currencies.
    """

    evaluated_days: int
    firings: list[Firing]
    firings_by_day: dict[date, int]
    paused: list[str]
    spend_avoided: float | None
    conversions_forgone: float
    revenue_forgone: float | None
    flip_flops: int
    exceeded_on: list[date]


class Backtest(Model):
    """The rule over the history: with the figures as known now, and as they were known on each day.

    `as_known_then` is null without stored snapshots. `needs_confirm`: max_affected would have been exceeded.
    """

    first_day: date | None
    last_day: date | None
    as_known_now: Replay | None
    as_known_then: Replay | None = None
    needs_confirm: bool
    message: str


class RuleConflict(Model):
    rule_id: str
    rule_name: str
    kind: Literal["opposite_direction", "same_field"]
    objects: list[str]


class RuleCreated(Answer):
    """The answer of create_rule; `rule` is the whole rule as it is stored, its defaults written out."""

    status: Literal["success"] = "success"
    rule_id: str
    version: int
    rule_name: str
    state: Literal["enabled", "disabled", "needs_review", "planned", "deleted"]
    schedule: str
    time_zone: str
    next_run: str | None
    max_affected: MaxAffected
    rule: CreateRule
    backtest: Backtest
    conflicts: list[RuleConflict] = []
    warnings: list[str] = []
    message: str


class RuleEvaluated(Model):
    """One run of a rule: the numbers of objects in scope (evaluated), of matching and of changed ones.

    `note`: the reason why nothing was evaluated (not_now) or done (needs_review), or that accounts are left.
    `scope`: the objects that were in it. `left`: the accounts that there was no time for; the next run begins
    with them. `earlier_decisions`: what became of its own changes, once their days were over. `looked_at`:
    accounts in which functions beside each other found nothing to do; their objects count in `evaluated`, and
    in `undecided` where their data were too few, but stand in no list.
    """

    status: Literal["success"] = "success"
    rule_id: str
    version: int
    scheduled_time: str
    outcome: Literal["done", "observed", "proposed", "not_now", "needs_review"] = "done"
    note: str = ""
    evaluated: int
    matched: int
    acted: int
    changed: list[ChangedItem] = []
    skipped: list[SkippedItem] = []
    undecidable: list[SkippedItem] = []
    failed: list[FailedItem] = []
    notification: str | None = None
    scope: list[str] = []
    earlier_decisions: list[EarlierDecision] = []
    proposal_id: Annotated[str | None, Later] = None
    left: Annotated[list[str], Later] = []
    looked_at: Annotated[int, Later] = 0
    undecided: Annotated[int, Later] = 0


class RuleView(Model):
    """A rule as it stands. `next_run` is null while it is not enabled."""

    rule_id: str
    version: int
    state: str
    schedule: str
    time_zone: str
    next_run: str | None
    last_run: str | None
    rule: CreateRule


class RuleShown(RuleView):
    """One rule with its latest runs, the newest first."""

    status: Literal["success"] = "success"
    runs: list[RuleEvaluated]


class RuleStateChanged(Answer):
    status: Literal["success"] = "success"
    rule_id: str
    version: int
    state: Literal["enabled", "disabled", "deleted"]
    next_run: str | None = None
    warnings: list[str] = []
    message: str


class RuleTemplateView(Model):
    """A template; `figures` names the figures that its conditions compare: the platform's own reports."""

    template: str
    purpose: str
    parameters: dict[str, float | str]
    figures: Literal["reported"] = "reported"


class RuleTemplates(Model):
    """The templates of rules with the default values of their parameters."""

    status: Literal["success"] = "success"
    templates: list[RuleTemplateView]


class RuleList(Model):
    status: Literal["success"] = "success"
    rules: list[RuleView]
    next: str | None = None
