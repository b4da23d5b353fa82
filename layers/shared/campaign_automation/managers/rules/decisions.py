"""The evaluation of one rule on all accounts of its user, and its max_affected over them together. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from campaign_automation.managers.rules.account_snapshot import AccountSnapshot, Elsewhere, SnapshotsRead
from campaign_automation.models.changes import SkippedItem
from campaign_automation.models.rules.answers import RuleEvaluated
from campaign_automation.models.rules.rule import StoredRule
from campaign_automation.optimizers.rule_engine import RuleDecision, RuleOutcome, evaluate
from campaign_automation.optimizers.rules.data import Memory, PastAction
from campaign_automation.utils.languages.plurals import counted


class AccountEvaluation(NamedTuple):
    account: AccountSnapshot
    outcome: RuleOutcome


class Evaluation(NamedTuple):
    """The outcome of a rule on all accounts; `review` is the reason why a person must look first, or "".

    Of the accounts `left` nothing was read, for want of time; `elsewhere` are those that others looked at.
    """

    accounts: list[AccountEvaluation]
    unread: list[SkippedItem]
    review: str
    left: list[str]
    elsewhere: Elsewhere

    @property
    def decisions(self) -> list[RuleDecision]:
        return [] if self.review else [item for one in self.accounts for item in one.outcome.decisions]

    @property
    def evaluated(self) -> int:
        here = sum(one.outcome.evaluated for one in self.accounts) + len(self.unread)
        return here + self.elsewhere.evaluated

    @property
    def matched(self) -> int:
        return sum(one.outcome.matched for one in self.accounts)

    @property
    def skipped(self) -> list[SkippedItem]:
        return [item for one in self.accounts for item in one.outcome.skipped]

    @property
    def undecidable(self) -> list[SkippedItem]:
        return [*(item for one in self.accounts for item in one.outcome.undecidable), *self.unread]

    @property
    def scope(self) -> list[str]:
        return [
            *(item for one in self.accounts for item in one.outcome.scope_ids),
            *(u.id for u in self.unread),
        ]

    @property
    def names(self) -> dict[str, str]:
        return {
            entity.entity_id: entity.name for one in self.accounts for entity in one.account.snapshot.entities
        }


def evaluate_accounts(
    stored: StoredRule,
    conflicting: Sequence[StoredRule],
    read: SnapshotsRead,
    notified_at: Mapping[str, datetime],
    runs: Sequence[RuleEvaluated] = (),
) -> Evaluation:
    """Evaluate a rule on all accounts beside its conflicting rules; of two that differ, one prevails.

    `notified_at` holds the time of the rule's last notification of each object, `runs` are the rule's latest:
    what it changed where nothing was read now counts for its limit of a day.
    """
    known = [past for account in read.accounts for past in account.past]
    memory = Memory([*known, *_notified(stored, notified_at), *_elsewhere(stored, runs, known)])
    accounts = []
    for account in read.accounts:
        outcome, *_ = evaluate([stored, *conflicting], account.snapshot, memory)
        accounts.append(AccountEvaluation(account, outcome))
        # The next account counts what was decided in this one: caps hold for the rule.
        memory = memory.with_actions(item.as_past(account.snapshot.now) for item in outcome.decisions)
    review = _review(stored, accounts, read.elsewhere)
    return Evaluation(accounts, read.unread, review, read.left, read.elsewhere)


def _elsewhere(
    stored: StoredRule, runs: Sequence[RuleEvaluated], known: Sequence[PastAction]
) -> list[PastAction]:
    """Return the changes of runs that are not among the known actions."""
    seen = {action.entity_id for action in known}
    return [
        PastAction(item.id, item.field, 0, datetime.fromisoformat(run.scheduled_time), stored.rule_id)
        for run in runs
        for item in run.changed
        if item.id not in seen
    ]


def _notified(stored: StoredRule, notified_at: Mapping[str, datetime]) -> list[PastAction]:
    """Return the rule's notifications as past actions, so that its cooldown holds for them too."""
    # A notification moves no money, so its direction is 0.
    field = stored.rule.action.field
    return [PastAction(entity, field, 0, at, stored.rule_id) for entity, at in notified_at.items()]


def _review(stored: StoredRule, accounts: Sequence[AccountEvaluation], elsewhere: Elsewhere) -> str:
    """Return the reason for a review, or "": the engine compares one account with max_affected, this all."""
    for one in accounts:
        if one.outcome.status == "needs_review":
            return one.outcome.note
    limits = stored.rule.max_affected
    count = sum(len(one.outcome.decisions) for one in accounts)
    evaluated = sum(one.outcome.evaluated for one in accounts) + elsewhere.evaluated
    if limits.count is not None and count > limits.count:
        return f"it would touch {counted(count, 'object')}, more than the {limits.count} allowed"
    # 1e-9: 0.3 of 10 objects are 3, also where the product in binary is a little less.
    if limits.share is not None and count > limits.share * evaluated + 1e-9:
        return f"it would touch {count} of {counted(evaluated, 'object')}, more than {limits.share:.0%}"
    return ""
