"""The checks before a rule is stored: its scope, its back-test and its conflicting rules."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from datetime import date
from typing import NamedTuple

from campaign_automation.managers.rules.account_snapshot import (
    LONGEST_DAYS,
    AccountSnapshot,
    AccountSnapshots,
    SnapshotsRead,
    in_scope,
)
from campaign_automation.managers.rules.hindsight import known_then
from campaign_automation.managers.rules.wording import (
    EMPTY_SCOPE,
    confirm_needed,
    conflict_message,
    not_back_tested,
    too_many_paused,
    untested,
)
from campaign_automation.models.campaign import Campaign
from campaign_automation.models.rules.actions import Pause
from campaign_automation.models.rules.answers import Backtest, Replay, RuleConflict
from campaign_automation.models.rules.rule import CreateRule, Scope, StoredRule
from campaign_automation.optimizers.rule_engine import warnings_of
from campaign_automation.optimizers.rules.backtest import backtest
from campaign_automation.optimizers.rules.conflicts import find_conflicts, is_settled
from campaign_automation.optimizers.rules.data import Snapshot
from campaign_automation.stores.rule_store import RuleHead, RuleStore
from campaign_automation.utils.error_handler import GuardRefusedError, NotFoundError

_MOST_NAMED = 5


class CheckedRule(NamedTuple):
    """A checked rule, its scope by our ids; `conflicts` are those that a priority settles."""

    rule: CreateRule
    backtest: Backtest
    conflicts: list[RuleConflict]
    warnings: list[str]


class Replayed(NamedTuple):
    """A back-test, and the currency of its amounts; None over accounts in several."""

    backtest: Backtest
    currency: str | None


class RuleChecks:
    def __init__(self, rules: RuleStore, snapshots: AccountSnapshots) -> None:
        self._rules = rules
        self._snapshots = snapshots

    async def check(self, head: RuleHead) -> CheckedRule:
        """Check a rule against the tenant's campaigns, its last 90 days and the other rules.

        Raises NotFoundError for ids that the tenant does not have, GuardRefusedError for a conflict and,
        unless that is confirmed, for a rule that its own max_affected would have stopped or that may pause
        the whole account untested; the platform's error when nothing of the scope could be read.
        """
        (rule, read), heads = await asyncio.gather(self._history(head), self._rules.heads(head.tenant))
        others = [other for other in heads if other.rule_id != head.rule_id]
        conflicts = _conflicts(rule, [other.stored for other in others], read.accounts)
        _refuse_conflicts(rule, conflicts, {other.rule_id: other.rule for other in others})
        tested = _with_caution(rule, _backtest(rule, read.accounts), read.accounts)
        if tested.needs_confirm and not rule.confirm:
            raise GuardRefusedError(
                confirm_needed(tested.message),
                guard="confirm",
                field="confirm",
                backtest=tested.model_dump(mode="json"),
            )
        return CheckedRule(rule, tested, conflicts, [*warnings_of(rule), *_warnings(rule, read)])

    async def replayed(self, head: RuleHead) -> Replayed:
        """Return the back-test of a rule as it stands. Raises NotFoundError and the platform's error, too."""
        rule, read = await self._history(head)
        currencies = {account.account.currency for account in read.accounts}
        return Replayed(
            _backtest(rule, read.accounts), next(iter(currencies)) if len(currencies) == 1 else None
        )

    async def _history(self, head: RuleHead) -> tuple[CreateRule, SnapshotsRead]:
        """Return the rule with our ids in its scope, and the last 90 days of the campaigns in it."""
        loaded = await self._snapshots.campaigns(head.tenant)
        rule = head.rule.model_copy(update={"applies_to": _own_ids(head.rule.applies_to, loaded.campaigns)})
        selected = loaded._replace(campaigns=_selected(loaded.campaigns, rule.applies_to))
        read = await self._snapshots.read(selected, rule, LONGEST_DAYS)
        if read.errors and not read.accounts:
            raise read.errors[0]
        return rule, read


def _own_ids(scope: Scope, campaigns: Sequence[Campaign]) -> Scope:
    """Return the scope with our ids for the platforms'; NotFoundError names those the tenant lacks."""
    ids: dict[str, str] = {}
    for campaign in campaigns:
        for entry in campaign.objects.values():
            own = campaign.campaign_id if entry.tag == campaign.tag else entry.tag
            ids |= dict.fromkeys(filter(None, (own, entry.tag, entry.platform_id)), own)
    changes = {
        field: _known(field, given, ids)
        for field in ("campaign_ids", "adset_ids", "exclude")
        if (given := getattr(scope, field))
    }
    return scope.model_copy(update=changes)


def _known(field: str, given: Iterable[str], ids: dict[str, str]) -> list[str]:
    given = list(given)
    unknown = [item for item in given if item not in ids]
    if unknown:
        raise NotFoundError(
            f"applies_to.{field}: {', '.join(unknown[:_MOST_NAMED])} is not known",
            field=f"applies_to.{field}",
        )
    return list(dict.fromkeys(ids[item] for item in given))


def _selected(campaigns: Sequence[Campaign], scope: Scope) -> list[Campaign]:
    return [
        item
        for item in campaigns
        if scope.platform in (None, item.platform)
        and (scope.campaign_ids is None or item.campaign_id in scope.campaign_ids)
        and (scope.adset_ids is None or item.objects.keys() & set(scope.adset_ids))
    ]


# --- conflicts -------------------------------------------------------------------------------------------


def _conflicts(
    rule: CreateRule, others: Sequence[StoredRule], accounts: Sequence[AccountSnapshot]
) -> list[RuleConflict]:
    """Return each conflicting rule once, with the objects that both are about in any of the accounts."""
    found: dict[str, RuleConflict] = {}
    snapshots: list[Snapshot | None] = [account.snapshot for account in accounts]
    # Without an account the scopes alone are compared.
    for snapshot in snapshots or [None]:
        for conflict in find_conflicts(rule, others, snapshot):
            before = found.get(conflict.rule_id)
            objects = [*(before.objects if before else []), *conflict.objects]
            found[conflict.rule_id] = conflict.model_copy(update={"objects": objects})
    return list(found.values())


def _refuse_conflicts(
    rule: CreateRule, conflicts: Sequence[RuleConflict], others: dict[str, CreateRule]
) -> None:
    open_ones = [item for item in conflicts if not is_settled(rule, others[item.rule_id])]
    if not open_ones:
        return
    names = ", ".join(f"{item.rule_name} ({item.rule_id})" for item in open_ones[:_MOST_NAMED])
    raise GuardRefusedError(
        conflict_message(names, len(open_ones)),
        guard="conflict",
        field="priority",
        conflicts=[item.model_dump(mode="json") for item in open_ones],
    )


# --- back-test -------------------------------------------------------------------------------------------


def _backtest(rule: CreateRule, accounts: Sequence[AccountSnapshot]) -> Backtest:
    """Return the back-test over all accounts; amounts are added up only within one currency."""
    tests = [backtest(rule, account.snapshot, known_then(account)) for account in accounts]
    tests = [test for test in tests if test.as_known_now is not None]
    if not tests:
        return Backtest(
            first_day=None, last_day=None, as_known_now=None, needs_confirm=False, message="no history yet."
        )
    if len(tests) == 1:
        return tests[0]
    one_currency = len({account.account.currency for account in accounts}) == 1
    return Backtest(
        first_day=min(filter(None, (test.first_day for test in tests))),
        last_day=max(filter(None, (test.last_day for test in tests))),
        as_known_now=_together([test.as_known_now for test in tests], one_currency=one_currency),
        as_known_then=_together([test.as_known_then for test in tests], one_currency=one_currency),
        needs_confirm=any(test.needs_confirm for test in tests),
        message=" ".join(dict.fromkeys(test.message for test in tests)),
    )


def _with_caution(rule: CreateRule, tested: Backtest, accounts: Sequence[AccountSnapshot]) -> Backtest:
    """Return the back-test, to be confirmed where a rule may pause the whole account on too little."""
    if not (rule.applies_to.all and isinstance(rule.action, Pause) and rule.mode == "act"):
        return tested
    replay, limit = tested.as_known_now, rule.max_affected.count
    message = None
    if replay is None or not any(map(_has_spent, accounts)):
        message = untested(tested.message)
    elif limit is not None and len(replay.paused) > limit:
        message = too_many_paused(tested.message, len(replay.paused), str(limit))
    return tested.model_copy(update={"needs_confirm": True, "message": message}) if message else tested


def _has_spent(account: AccountSnapshot) -> bool:
    return any(record.spend for entity in account.snapshot.entities for record in entity.days)


def _together(found: Sequence[Replay | None], *, one_currency: bool) -> Replay | None:
    """Return the sum of all accounts' replays; None unless each account has one."""
    replays = [replay for replay in found if replay is not None]
    if len(replays) < len(found):
        return None
    by_day: dict[date, int] = {}
    for replay in replays:
        for day, count in replay.firings_by_day.items():
            by_day[day] = by_day.get(day, 0) + count
    return Replay(
        evaluated_days=max(replay.evaluated_days for replay in replays),
        firings=[firing for replay in replays for firing in replay.firings],
        firings_by_day=dict(sorted(by_day.items())),
        paused=[item for replay in replays for item in replay.paused],
        spend_avoided=_sum([replay.spend_avoided for replay in replays]) if one_currency else None,
        conversions_forgone=sum(replay.conversions_forgone for replay in replays),
        revenue_forgone=_sum([replay.revenue_forgone for replay in replays]) if one_currency else None,
        flip_flops=sum(replay.flip_flops for replay in replays),
        exceeded_on=sorted({day for replay in replays for day in replay.exceeded_on}),
    )


def _sum(amounts: Sequence[float | None]) -> float | None:
    return None if None in amounts else round(sum(amount or 0 for amount in amounts), 2)


# --- warnings --------------------------------------------------------------------------------------------


def _warnings(rule: CreateRule, read: SnapshotsRead) -> list[str]:
    warnings = [not_back_tested(error.message) for error in read.errors]
    # After an error the scope may hold more objects than were read.
    if not read.errors and not any(in_scope(account.snapshot.entities, rule) for account in read.accounts):
        warnings.append(EMPTY_SCOPE)
    return warnings
