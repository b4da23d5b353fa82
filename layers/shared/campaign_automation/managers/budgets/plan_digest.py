"""The digest of a plan: a dry run shows it, and a request that carries it out is held to it."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime

from campaign_automation.managers.budgets.problem import BudgetProposal
from campaign_automation.utils import clock
from campaign_automation.utils.error_handler import GuardRefusedError

PLAN_SECONDS = 15 * 60  # long enough for a person to approve, short enough for live budgets


def new_digest(proposal: BudgetProposal) -> str:
    """Return the digest of a plan that holds for a quarter of an hour from now."""
    return _digest(proposal, int(clock.now().timestamp()) + PLAN_SECONDS)


def expires_at(digest: str) -> str:
    return clock.iso(datetime.fromtimestamp(_expiry(digest), UTC))


def refuse_expired(digest: str) -> None:
    """Raise GuardRefusedError (`plan_stale`) for a plan whose time is over."""
    if _expiry(digest) < clock.now().timestamp():
        raise _stale(f"it was good until {expires_at(digest)}")


def refuse_stale(digest: str, proposal: BudgetProposal) -> None:
    """Raise GuardRefusedError (`plan_stale`) when the plan of now is another one."""
    if _digest(proposal, _expiry(digest)) != digest:
        raise _stale("budgets, statuses or the decisions are not what they were")


def _digest(proposal: BudgetProposal, expiry: int) -> str:
    """Return the end of the plan and a hash of live budgets, statuses, decisions and that end."""
    state = sorted([unit.unit_id, unit.status, unit.budget_minor] for unit in proposal.problem.units)
    decisions = [[item.unit_id, item.action, item.new_budget_minor] for item in proposal.plan.decisions]
    # The end is part of the hash: moving it makes another plan.
    text = json.dumps([state, decisions, expiry])
    return f"{expiry}.{hashlib.sha256(text.encode()).hexdigest()}"


def _expiry(digest: str) -> int:
    return int(digest.partition(".")[0])


def _stale(cause: str) -> GuardRefusedError:
    return GuardRefusedError(
        f"plan_digest: the plan is stale, {cause}; nothing was written, ask for a new dry run",
        guard="plan_stale",
        field="plan_digest",
    )
