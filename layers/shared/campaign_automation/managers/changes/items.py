"""A desired change of one object, its result, and both as answers show them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from decimal import Decimal
from typing import Any, Literal, NamedTuple

from campaign_automation.adapters.base import Access, BudgetOutcome, Outcome, PlatformAdapter
from campaign_automation.managers.changes.wording import not_as_set
from campaign_automation.managers.shared.view import CampaignView, Value
from campaign_automation.models.campaign import Campaign, ObjectEntry, Stop
from campaign_automation.models.changes import AuditRecord, ChangedItem, FailedItem, Operation, SkippedItem
from campaign_automation.models.common import Level
from campaign_automation.models.creation.settings import NO_END, Setting, SettingField, setting_of
from campaign_automation.stores.audit_store import new_run_id
from campaign_automation.utils.clock import now_ms
from campaign_automation.utils.error_handler import CampaignAutomationError, PlatformError, error_body

# After a guard's refusal the caller must change something, so it is an error when nothing else was done.
GUARDS = (
    "kill_switch",
    "limit_missing",
    "account_cap",
    "step_cap",
    "day_cap",
    "changed_by_other",
    "undeclared",
)

Field = Literal["status", "daily_budget"] | SettingField
_OPERATIONS: Mapping[Field, Operation] = {
    "daily_budget": "set_budget",
    "status": "set_status",
    "name": "set_name",
    "end_time": "set_end",
    "bid_strategy": "set_bidding",
    "copy": "set_copy",
}
Result = Literal["changed", "planned", "already", "skipped", "failed"]


class DesiredChange(NamedTuple):
    """One object as it should be.

    `value` is active, paused or deleted, a budget in the major unit, or the text of a setting.
    An object that is paused with `holds` stays paused when its campaign is started. `takes_back`: the value
    is the one before a change of ours, which the caps on steps do not bind. A setting that is not as it is
    `expected` to be was changed by somebody else.
    """

    level: Level
    tag: str
    field: Field
    value: str | Decimal
    holds: bool = False
    takes_back: bool = False
    expected: str | None = None

    @property
    def operation(self) -> Operation:
        return "remove" if self.is_stop and self.value == "deleted" else _OPERATIONS[self.field]

    @property
    def is_stop(self) -> bool:
        """Return whether it ends spend, which no guard holds back."""
        return self.field == "status" and self.value in ("paused", "deleted")

    @property
    def setting(self) -> Setting | None:
        """The setting; None of a status or budget."""
        if self.field == "status" or self.field == "daily_budget":
            return None
        return setting_of(self.field, str(self.value))

    @property
    def batch(self) -> tuple[Level, str, str]:
        """The key of changes that can be sent together: one level, one operation, save budgets one value."""
        return self.level, self.operation, "" if self.field == "daily_budget" else str(self.value)


class Run(NamedTuple):
    """One decision to change things: the actor, the reason, and the figures behind it by our tag.

    A stop of all campaigns at `began_ms` or later holds back what the run would start.
    """

    run_id: str
    actor: str
    reason: str
    began_ms: int
    evidence: Mapping[str, dict[str, Any]] = {}

    @property
    def is_automatic(self) -> bool:
        """Return whether a rule, a test or the optimiser decided: their changes have figures behind them."""
        return bool(self.evidence)


class ChangeResult(NamedTuple):
    """The outcome of one desired change. `reason` begins with a code when the object was left as it is.

    `may_come`: a request for it was never answered, so that the platform may carry it out later.
    """

    wanted: DesiredChange
    entry: ObjectEntry
    before: Value
    result: Result
    reason: str = ""
    error: CampaignAutomationError | None = None
    effective: Literal["now", "next_day"] = "now"
    audit_id: str = ""
    request_id: str | None = None
    confirmed: bool = True
    may_come: bool = False

    @property
    def is_done(self) -> bool:
        """Return whether the platform carried the change out, as far as can be known."""
        return self.result == "changed" and self.confirmed

    @property
    def raises_spend(self) -> bool:
        if isinstance(self.wanted.value, Decimal):
            return not isinstance(self.before, Decimal) or self.wanted.value > self.before
        if self.wanted.field == "status":
            return self.wanted.value == "active"
        return may_raise(self.wanted.field, self.before, str(self.wanted.value))

    def answered(self, outcome: Outcome | BudgetOutcome) -> ChangeResult:
        """Return the result with the platform's answer to the change."""
        effective = (outcome.effective if isinstance(outcome, BudgetOutcome) else None) or "now"
        return self._replace(
            result="changed" if outcome.error is None else "failed",
            error=outcome.error,
            effective=effective,
            request_id=outcome.request_id,
        )

    def read_back(self, view: CampaignView | None) -> ChangeResult:
        """Return the result as the platform shows it, which outweighs the answer to the change.

        Without a view the answer stands, unconfirmed unless it is a refusal. So it does where the campaign is
        not shown, or the value not told; a removal that the platform took is confirmed in the first case, as
        nothing more will show it. For a budget that takes effect at midnight it stands too.
        """
        is_refused = self.error is not None and not self.error.retryable
        if view is None or view.unseen is not None:
            is_removed = view is not None and self.wanted.value == "deleted" and self.error is None
            return self._replace(confirmed=is_refused or is_removed)
        if self.effective == "next_day":
            return self  # the platform still shows today's budget: that says nothing about tomorrow's
        if not view.tells(self.wanted.tag, self.wanted.field):
            return self._replace(confirmed=is_refused)
        live = view.live(self.wanted.tag, self.wanted.field)
        if live == self.wanted.value:
            # Also after an error: the answer to a request that was carried out may have got lost.
            return self._replace(result="changed", error=None)
        if self.result == "failed":
            return self
        message = not_as_set(live, self.wanted.value)
        return self._replace(
            result="failed", error=PlatformError(message, platform=str(view.platform), retryable=False)
        )


class Unanswered:
    """The objects, by some key, that a request without an answer may have changed.

    The platform may still carry such a request out, whatever a later attempt is answered.
    """

    def __init__(self) -> None:
        self._keys: set[str] = set()

    def __contains__(self, key: str) -> bool:
        return key in self._keys

    @contextmanager
    def noted(self, keys: Iterable[str]) -> Iterator[None]:
        """Note of one attempt what it leaves without an answer."""
        try:
            yield
        except CampaignAutomationError as error:
            self.note(error, keys)
            raise
        except asyncio.CancelledError:  # an attempt that took too long was cut
            self._keys.update(keys)
            raise

    def note(self, error: CampaignAutomationError, keys: Iterable[str]) -> None:
        if error.details.get("outcome_unknown"):
            self._keys.update(keys)


class Sending:
    """Like changes on their way to the platform: those that wait, by platform id, and those that are done."""

    def __init__(self, batch: Iterable[ChangeResult]) -> None:
        self.waiting = {item.entry.platform_id or "": item for item in batch}
        self.done: list[ChangeResult] = []
        self.unanswered = Unanswered()

    def take(self, outcomes: Iterable[Outcome | BudgetOutcome]) -> None:
        """Take over the answers; raise a passing failure, so that only what failed so is sent again."""
        passing: list[CampaignAutomationError] = []
        for outcome in outcomes:
            key = outcome.platform_id if isinstance(outcome, BudgetOutcome) else outcome.tag
            if outcome.error is not None:
                self.unanswered.note(outcome.error, [key])
            if outcome.error is not None and outcome.error.retryable:
                passing.append(outcome.error)
            else:
                self._end(key, self.waiting.pop(key).answered(outcome))
        if passing:
            raise passing[0]

    def give_up(self, error: CampaignAutomationError) -> None:
        """End what still waits with the error of the last attempt."""
        for key, item in self.waiting.items():
            self._end(key, item._replace(result="failed", error=error))

    def _end(self, key: str, item: ChangeResult) -> None:
        self.done.append(item._replace(may_come=key in self.unanswered))


class Shown(NamedTuple):
    """An object that a run was about, with what the journal notes of it beside what the platform shows."""

    tag: str
    update: dict[str, Any]

    @classmethod
    def of(cls, item: ChangeResult) -> Shown:
        """Return the object of one result."""
        wanted = item.wanted
        if wanted.field == "daily_budget":
            # TikTok schedules for midnight a budget that it refuses for the running day: both are ours.
            is_scheduled = item.effective == "next_day" and not item.error
            return cls(wanted.tag, {"scheduled_budget": wanted.value if is_scheduled else None})
        is_so = item.result in ("changed", "already")
        if wanted.field == "name":
            return cls(wanted.tag, {"renamed": wanted.value} if is_so else {})
        if wanted.field != "status":
            return cls(wanted.tag, {})
        return cls(wanted.tag, {"held": wanted.holds} if is_so else {})

    @classmethod
    def settled(cls, record: AuditRecord) -> Shown:
        """Return the object of a change whose outcome was found out later."""
        if record.operation == "set_budget":
            is_scheduled = record.evidence.get("effective") == "next_day"
            asked = Decimal((record.after or {})["daily_budget"]) if is_scheduled else None
            return cls(record.entity_id, {"scheduled_budget": asked})
        if record.operation == "set_name":
            return cls(record.entity_id, {"renamed": (record.after or {})["name"]})
        return cls(record.entity_id, {"held": record.holds} if record.operation == "set_status" else {})


def adset_entries(campaign: Campaign, view: CampaignView) -> list[ObjectEntry]:
    """Return the entries of the ad sets with the status that they have now."""
    return [
        entry.model_copy(update={"status": str(view.live(entry.tag, "status"))})
        for entry in campaign.made(Level.ADSET)
    ]


def entries_seen(campaign: Campaign, view: CampaignView, shown: Iterable[Shown]) -> list[ObjectEntry]:
    """Return the entries of the changed objects as the platform shows them now; a missing one is deleted."""
    entries: dict[str, ObjectEntry] = {}
    for item in shown:
        live = {name: view.live(item.tag, name) for name in ("status", "daily_budget")}
        update = {**live, "status": str(live["status"]), **item.update}
        entries[item.tag] = entries.get(item.tag, campaign.objects[item.tag]).model_copy(update=update)
    return list(entries.values())


def may_raise(field: Field, before: Value, value: str) -> bool:
    """Return whether a setting can lead to more spend: a later end, or any other bidding."""
    if field != "end_time":
        return field == "bid_strategy"
    return value == NO_END or (before != NO_END and value > str(before))


def new_run(
    actor: str,
    reason: str,
    evidence: Mapping[str, dict[str, Any]] | None = None,
    *,
    run_id: str | None = None,
    began_ms: int | None = None,
) -> Run:
    """Return a run that began when it was asked for, at `began_ms`, else now."""
    return Run(run_id or new_run_id(), actor, reason, began_ms or now_ms(), evidence or {})


def planned_values(items: Iterable[ChangeResult]) -> dict[tuple[str, str], Value]:
    return {(item.wanted.tag, item.wanted.field): item.wanted.value for item in items}


def request_of(
    adapter: PlatformAdapter, campaign: Campaign, waiting: Mapping[str, ChangeResult]
) -> Callable[[Access], Awaitable[Sequence[Outcome | BudgetOutcome]]]:
    """Return the one request for a batch of changes, by the platform's ids."""
    first = next(iter(waiting.values())).wanted

    async def request(access: Access) -> Sequence[Outcome | BudgetOutcome]:
        ids, level, account = list(waiting), first.level, campaign.account
        if first.operation == "remove":
            return await adapter.remove(access, level, ids)
        if first.operation == "set_status":
            return await adapter.set_status(access, level, ids, str(first.value))
        if (setting := first.setting) is not None:
            return await adapter.change_setting(access, account, campaign.objective, level, ids, setting)
        budgets = {key: Decimal(item.wanted.value) for key, item in waiting.items()}
        return await adapter.set_budgets(access, account, level, budgets)

    return request


def stop_of(wanted: Sequence[DesiredChange]) -> Stop | None:
    """Return the stop that changes are which do nothing but end the spend of the whole campaign."""
    if len(wanted) != 1 or wanted[0].level is not Level.CAMPAIGN or not wanted[0].is_stop:
        return None
    return "pause" if wanted[0].value == "paused" else "delete"


def changed_items(items: Sequence[ChangeResult]) -> list[ChangedItem]:
    return [
        ChangedItem(
            level=item.wanted.level,
            id=item.wanted.tag,
            platform_id=item.entry.platform_id or "",
            field=item.wanted.field,
            before=_shown(item.before),
            after=_shown(item.wanted.value),
            effective=item.effective,
        )
        for item in items
        if item.result in ("changed", "planned")
    ]


def skipped_items(items: Sequence[ChangeResult]) -> list[SkippedItem]:
    return [skipped_item(item) for item in items if item.result in ("already", "skipped")]


def skipped_item(item: ChangeResult) -> SkippedItem:
    return SkippedItem(id=item.wanted.tag, reason=item.reason)


def failed_items(items: Sequence[ChangeResult]) -> list[FailedItem]:
    return [
        FailedItem(id=item.wanted.tag, error=error_body(item.error or CampaignAutomationError("failed")))
        for item in items
        if item.result == "failed"
    ]


def status_of(items: Iterable[ChangeResult]) -> Literal["success", "partial"]:
    """Return the status of an answer: partial when the platform or a guard held back a part of it."""
    is_partial = any(item.result == "failed" or _is_held_back(item) for item in items)
    return "partial" if is_partial else "success"


def is_confirmed(items: Iterable[ChangeResult]) -> bool:
    """Return whether the platform was read after the changes; else their outcome is settled later."""
    return all(item.confirmed for item in items)


def _is_held_back(item: ChangeResult) -> bool:
    return item.result == "skipped" and item.reason.partition(":")[0] in GUARDS


def _shown(value: object) -> str | float | None:
    return value if value is None or isinstance(value, str) else float(str(value))
