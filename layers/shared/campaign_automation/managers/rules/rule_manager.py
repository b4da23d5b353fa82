"""Use cases of rules: create, read, replace, enable, disable and delete.

A rule is stored before its schedule is made and switched off before its schedule is deleted; `reconcile`
repairs the state that a crash leaves between the two.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from campaign_automation.managers.rules.checks import CheckedRule, Replayed, RuleChecks
from campaign_automation.managers.rules.schedules import RuleSchedules
from campaign_automation.managers.rules.wording import (
    CHANGED_MEANWHILE,
    ENDED_UNDER_KEY,
    NO_SCHEDULER,
    NOT_DRIVEN,
    SCHEDULE_LATER,
    created_message,
    state_message,
)
from campaign_automation.managers.shared.idempotency import REPLAYED, Now, id_under_key
from campaign_automation.models.common import Context
from campaign_automation.models.rules.answers import (
    RuleCreated,
    RuleList,
    RuleShown,
    RuleStateChanged,
    RuleTemplates,
    RuleTemplateView,
    RuleView,
)
from campaign_automation.models.rules.rule import (
    CreateRule,
    ListRules,
    ListRuleTemplates,
    RuleFromTemplate,
    RuleReference,
    SetRuleState,
    UpdateRule,
)
from campaign_automation.optimizers.rules.schedule import next_run_of
from campaign_automation.optimizers.rules.templates import TEMPLATES, rule_from_template
from campaign_automation.stores.rule_store import RuleHead, RuleKey, RuleState, RuleStore
from campaign_automation.utils import clock
from campaign_automation.utils.error_handler import (
    CampaignAutomationError,
    ConflictError,
    InvalidRequestError,
    NotFoundError,
)
from campaign_automation.utils.observability import emit, internal_error, logger
from campaign_automation.utils.validation import parse

OVERDUE = timedelta(minutes=30)  # two runs of `reconcile`, which repairs schedules every 15 minutes
_SHOWN_DAYS = 7
_MOST_RUNS = 20


class Reconciled(NamedTuple):
    """The numbers of schedules made and deleted, and of rules whose run is overdue by half an hour."""

    made: int
    deleted: int
    overdue: int


class RuleManager:
    """The use cases of rules; `schedules` is None where nothing drives rules, as in a process without AWS."""

    def __init__(self, rules: RuleStore, checks: RuleChecks, schedules: RuleSchedules | None) -> None:
        self._rules = rules
        self._checks = checks
        self._schedules = schedules

    # --- making ----------------------------------------------------------------------------------------

    async def create(self, rule: CreateRule, context: Context) -> RuleCreated:
        """Check, back-test and store a rule, and make its schedule.

        Raises InvalidRequestError for a schedule that never runs, NotFoundError for unknown ids in its scope,
        GuardRefusedError for a conflict that no priority settles (`conflict`) and for a back-test that asks
        for `confirm` (`confirm`).
        """
        now = clock.now()
        head = RuleHead(
            tenant=context.user_id,
            rule_id=id_under_key("rule", context, rule),
            version=1,
            state="enabled",
            rule=rule,
            anchor=now,
            changed_at=now,
        )
        _refuse_if_never(head)
        verdict = await self._checks.check(head)
        head = head.model_copy(update={"rule": verdict.rule})
        if rule.dry_run:
            return _created(head, verdict, [], state="planned")
        if not await self._rules.create(head):  # this very request stored it before and died
            standing = await self._rules.head(context.user_id, head.rule_id)
            if standing is None or standing.state == "deleted":
                raise ConflictError(ENDED_UNDER_KEY, field="idempotency_key", rule_id=head.rule_id)
            head = standing
        return _created(head, verdict, await self._drive(head))

    async def as_it_is_now(self, answer: RuleCreated, context: Context) -> Now:
        """Return an earlier answer with the rule's state as it is now, and whether the rule has ended."""
        head = await self._rules.head(context.user_id, answer.rule_id)
        state = "deleted" if head is None else head.state
        current = answer.model_copy(
            update={
                "state": state,
                "version": answer.version if head is None else head.version,
                "next_run": None if head is None else _next_run(head),
                "warnings": [REPLAYED, *answer.warnings],
            }
        )
        return Now(current, is_over=state in ("deleted", "disabled"))

    async def create_from_template(self, request: RuleFromTemplate, context: Context) -> RuleCreated:
        """Create a rule from a template; InvalidRequestError names an unknown template or parameter."""
        body = rule_from_template(request.template, request.applies_to, **request.parameters)
        own = {"template", "applies_to", "parameters"}
        changes = request.model_dump(exclude=own, exclude_none=True)
        return await self.create(parse(CreateRule, body | changes), context)

    async def update(self, request: UpdateRule, context: Context) -> RuleCreated:
        """Replace the rule by a new version in the same state; the old version is kept.

        Raises ConflictError when `version` is not the one in force, and the errors of `create`.
        """
        held = await self._load(context.user_id, request.rule_id)
        if request.version not in (None, held.version):
            raise ConflictError(
                f"version: {request.version} is not in force, {held.version} is",
                field="version",
                version=held.version,
            )
        stored, now = held.stored.next_version(request.rule, clock.now()), clock.now()
        head = held.model_copy(
            update={"version": stored.version, "rule": stored.rule, "anchor": now, "changed_at": now}
        )
        _refuse_if_never(head)
        verdict = await self._checks.check(head)
        head = head.model_copy(update={"rule": verdict.rule})
        if request.rule.dry_run:
            return _created(head, verdict, [], state="planned")
        if not await self._rules.add_version(head):
            raise ConflictError(CHANGED_MEANWHILE, field="version")
        return _created(head, verdict, await self._drive(head))

    # --- reading ---------------------------------------------------------------------------------------

    async def list_rules(self, request: ListRules, context: Context) -> RuleList:
        heads = [
            head for head in await self._rules.heads(context.user_id) if head.rule_id > (request.after or "")
        ]
        page = heads[: request.limit]
        more = len(heads) > request.limit
        return RuleList(
            rules=[RuleView(**_view(head)) for head in page], next=page[-1].rule_id if more else None
        )

    async def get(self, request: RuleReference, context: Context) -> RuleShown:
        head = await self._load(context.user_id, request.rule_id)
        runs = await self._rules.runs(head, clock.now() - timedelta(days=_SHOWN_DAYS))
        return RuleShown(**_view(head), runs=runs[: -_MOST_RUNS - 1 : -1])

    async def backtest(self, request: RuleReference, context: Context) -> Replayed:
        """Return the back-test of a rule as of now; nothing is stored."""
        return await self._checks.replayed(await self._load(context.user_id, request.rule_id))

    async def templates(self, request: ListRuleTemplates, context: Context) -> RuleTemplates:
        """Return all templates, which are the same for every tenant."""
        return RuleTemplates(
            templates=[
                RuleTemplateView(template=item.name, purpose=item.purpose, parameters=item.defaults)
                for item in TEMPLATES.values()
            ]
        )

    # --- switching -------------------------------------------------------------------------------------

    async def set_state(self, request: SetRuleState, context: Context) -> RuleStateChanged:
        """Enable or disable a rule; enabling checks it again, with the errors of `create`."""
        head = await self._load(context.user_id, request.rule_id)
        if request.action == "disable":
            return await self._stopped(head, "disabled")
        _refuse_if_never(head)
        if head.state != "enabled":
            # Checked as on creation: conflicting rules may have been made since it was disabled.
            confirmed = head.rule.model_copy(update={"confirm": request.confirm or head.rule.confirm})
            await self._checks.check(head.model_copy(update={"rule": confirmed}))
            head = await self._switch(head, "enabled")
        return RuleStateChanged(
            rule_id=head.rule_id,
            version=head.version,
            state="enabled",
            next_run=_next_run(head),
            warnings=await self._drive(head),
            message=state_message(head.rule, "enabled"),
        )

    async def delete(self, request: RuleReference, context: Context) -> RuleStateChanged:
        """Delete the rule; its versions and runs stay on record."""
        return await self._stopped(await self._load(context.user_id, request.rule_id), "deleted")

    async def _stopped(self, head: RuleHead, state: Any) -> RuleStateChanged:
        if head.state != state:
            head = await self._switch(head, state)
        return RuleStateChanged(
            rule_id=head.rule_id,
            version=head.version,
            state=state,
            warnings=await self._drive(head),
            message=state_message(head.rule, state),
        )

    async def _switch(self, head: RuleHead, state: RuleState) -> RuleHead:
        now = clock.now()
        if not await self._rules.set_state(head, state, now):
            raise ConflictError(CHANGED_MEANWHILE, retryable=True, retry_after=1)
        return head.model_copy(update={"state": state, "changed_at": now})

    async def _load(self, tenant: str, rule_id: str) -> RuleHead:
        """Return the rule; NotFoundError for an unknown or deleted one and for another tenant's."""
        head = await self._rules.head(tenant, rule_id)
        if head is None or head.state == "deleted":
            raise NotFoundError(f"rule {rule_id} is not known", field="rule_id")
        return head

    # --- schedules -------------------------------------------------------------------------------------

    async def _drive(self, head: RuleHead) -> list[str]:
        """Make or delete the schedule as the state asks, and return warnings.

        A failure of the scheduler is a warning: the rule is stored, and `reconcile` catches up.
        """
        if self._schedules is None:
            return [NO_SCHEDULER] if head.state == "enabled" else []
        try:
            await self._match(self._schedules, head)
        except CampaignAutomationError as error:
            logger.warning("schedule not made", rule_id=head.rule_id, reason=error.message)
            return [SCHEDULE_LATER] if head.state == "enabled" else []
        is_driven = head.state != "enabled" or await self._schedules.is_driven()
        return [] if is_driven else [NOT_DRIVEN]

    async def _match(self, schedules: RuleSchedules, head: RuleHead) -> None:
        start = next_run_of(head.stored, clock.now())
        if head.state == "enabled" and start is not None:
            await schedules.put(head.tenant, head.stored, start)
            await self._rules.mark_scheduled(head, head.version)
        else:
            await schedules.delete(head.rule_id)
            await self._rules.mark_scheduled(head, 0)

    async def reconcile(self) -> Reconciled:
        """Compare all enabled rules with all schedules, make missing schedules and delete orphaned ones."""
        if self._schedules is None:
            return Reconciled(0, 0, 0)
        schedules, made, overdue = self._schedules, 0, 0
        # Names before rules: the schedule of a rule created in between is at worst made once more.
        there = await schedules.names()
        keys = await self._rules.enabled()
        for key in keys:
            head = await self._readable(key)
            if head is None or head.state != "enabled" or next_run_of(head.stored, clock.now()) is None:
                continue
            overdue += _is_overdue(head)
            if key.rule_id not in there or head.scheduled != head.version:
                await self._match(schedules, head)
                made += 1
        deleted = await self._delete_orphans(schedules, there - {key.rule_id for key in keys})
        emit("rules_overdue", overdue)
        return Reconciled(made, deleted, overdue)

    async def _readable(self, key: RuleKey) -> RuleHead | None:
        """Return a rule; None also where its row cannot be read, so that the others get their schedules."""
        try:
            return await self._rules.head(*key)
        except (KeyError, ValueError):
            internal_error("rule not read", rule_id=key.rule_id)
            return None

    async def _delete_orphans(self, schedules: RuleSchedules, names: set[str]) -> int:
        """Delete the schedules of rules that are not enabled any more, and return their number."""
        # The index shows a new rule a moment late, so each rule itself is read before its schedule goes.
        deleted = 0
        for name in sorted(names):
            key = await schedules.key(name)
            head = None if key is None else await self._rules.head(*key)
            if head is None or head.state != "enabled":
                await schedules.delete(name)
                deleted += 1
        return deleted


def _refuse_if_never(head: RuleHead) -> None:
    if next_run_of(head.stored, clock.now()) is None:
        raise InvalidRequestError(
            "schedule: never runs before the rule expires; give an earlier schedule or a later expires",
            field="schedule",
        )


def _next_run(head: RuleHead) -> str | None:
    run = next_run_of(head.stored, clock.now()) if head.state == "enabled" else None
    return None if run is None else clock.iso(run)


def _is_overdue(head: RuleHead) -> bool:
    """Return whether a run, due since the last one or since the last change, is half an hour late."""
    since: datetime = max(filter(None, (head.last_run, head.changed_at)))
    due = next_run_of(head.stored, since)
    return due is not None and clock.now() - due > OVERDUE


def _view(head: RuleHead) -> dict[str, Any]:
    return {
        "rule_id": head.rule_id,
        "version": head.version,
        "state": head.state,
        "schedule": head.rule.schedule_expression,
        "time_zone": head.rule.time_zone,
        "next_run": _next_run(head),
        "last_run": None if head.last_run is None else clock.iso(head.last_run),
        "rule": head.rule,
    }


def _created(head: RuleHead, verdict: CheckedRule, warnings: Sequence[str], state: Any = None) -> RuleCreated:
    return RuleCreated(
        rule_id=head.rule_id,
        version=head.version,
        rule_name=head.rule.rule_name,
        state=state or head.state,
        schedule=head.rule.schedule_expression,
        time_zone=head.rule.time_zone,
        next_run=_next_run(head),
        max_affected=head.rule.max_affected,
        rule=head.rule.model_copy(update={"schedule": head.rule.schedule_expression, "check_interval": None}),
        backtest=verdict.backtest,
        conflicts=verdict.conflicts,
        warnings=[*verdict.warnings, *warnings],
        message=created_message(head.rule, head.state, verdict.backtest.message, planned=state == "planned"),
    )
