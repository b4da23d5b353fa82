"""Monthly budgets: set, shown with their pacing, and looked at several times a day.

What does not hold is told to a person once a month; daily budgets that land on it are proposed, never set.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple
from zoneinfo import ZoneInfo

from campaign_automation.managers.campaign_manager import CampaignManager
from campaign_automation.managers.notices.events import person_needed
from campaign_automation.managers.pacing import wording
from campaign_automation.managers.pacing.landing import Landing
from campaign_automation.managers.pacing.reading import Read, SpendReader
from campaign_automation.managers.shared.notices import Notices
from campaign_automation.models.campaign import Campaign
from campaign_automation.models.common import Context
from campaign_automation.models.reports.pacing import (
    CampaignPacing,
    GetPacing,
    MonthlyBudget,
    MonthlyBudgetSet,
    Pacing,
    PacingShown,
    PacingState,
    SetMonthlyBudget,
)
from campaign_automation.optimizers.budgets.pacing import Month, Projection, landing_budgets, projected
from campaign_automation.stores.operations.monthly_budgets import MonthlyBudgetStore, StoredBudget
from campaign_automation.utils import clock
from campaign_automation.utils.error_handler import (
    CampaignAutomationError,
    InvalidRequestError,
    NotFoundError,
)
from campaign_automation.utils.observability import internal_error, logger

_MOST_DUE = 200  # of one sweep
_LOOK_MS = 6 * 3600_000
_AGAIN_MS = 3600_000  # after figures that could not be read
_SHORT = Decimal("0.95")  # of the amount: below it the campaigns are behind


class _Look(NamedTuple):
    """A budget as it stands now, with what was read for it; None where something is unknown."""

    pacing: Pacing
    read: Read | None


class MonthlyBudgets:
    """`most_percent` is how far one change may move a daily budget."""

    def __init__(
        self,
        store: MonthlyBudgetStore,
        campaigns: CampaignManager,
        reader: SpendReader,
        landing: Landing,
        notices: Notices,
        most_percent: Decimal | None,
    ) -> None:
        self._store = store
        self._campaigns = campaigns
        self._reader = reader
        self._landing = landing
        self._notices = notices
        self._most_percent = most_percent or Decimal(0)

    async def set(self, request: SetMonthlyBudget, caller: Context) -> MonthlyBudgetSet:
        """Set or remove a monthly budget.

        Raises NotFoundError for an unknown campaign or name, InvalidRequestError for campaigns of several
        currencies, or under another monthly budget.
        """
        tenant, others = caller.user_id, await self._store.all(caller.user_id)
        if request.amount is None or request.campaign_ids is None:
            if all(item.budget.name != request.name for item in others):
                raise _unknown(request.name)
            await self._store.remove(tenant, request.name)
            return MonthlyBudgetSet(name=request.name, amount=None, campaign_ids=[], message=wording.REMOVED)
        campaigns = await self._load(tenant, request.campaign_ids)
        _check(request.name, campaigns, others)
        account = campaigns[0].account
        budget = MonthlyBudget(
            name=request.name,
            campaign_ids=[item.campaign_id for item in campaigns],
            amount=request.amount,
            currency=account.currency,
            time_zone=account.time_zone,
            mode=request.mode,
        )
        await self._store.save(tenant, budget)
        return MonthlyBudgetSet(
            name=budget.name,
            amount=budget.amount,
            currency=budget.currency,
            campaign_ids=budget.campaign_ids,
            message=wording.budget_set(budget),
        )

    async def show(self, request: GetPacing, caller: Context) -> PacingShown:
        """Return the pacing of all monthly budgets, or of one. Raises NotFoundError for an unknown name."""
        stored = await self._store.all(caller.user_id)
        wanted = [item for item in stored if request.name in (None, item.budget.name)]
        if request.name is not None and not wanted:
            raise _unknown(request.name)
        looks = await asyncio.gather(*map(self._look, wanted))
        budgets = [look.pacing for look in looks]
        return PacingShown(budgets=budgets, message="; ".join(item.message for item in budgets))

    async def sweep(self, until: float) -> int:
        """Look at the budgets that are due, tell what does not hold and propose; return how many were.

        None is begun after `until`, a time of the monotonic clock.
        """
        looked = 0
        for stored in await self._store.due(_MOST_DUE):
            if time.monotonic() > until:
                break  # the next sweep goes on
            next_ms, proposal_id = _AGAIN_MS, stored.proposal_id
            try:
                next_ms, proposal_id = await self._look_and_tell(stored)
            except CampaignAutomationError as error:
                logger.warning("monthly budget not looked at", name=stored.budget.name, reason=error.message)
            except Exception:  # of one budget: the others are still to be looked at
                internal_error("monthly budget not looked at")
            await self._store.looked_at(stored, clock.now_ms() + next_ms, proposal_id)
            looked += 1
        return looked

    async def _look_and_tell(self, stored: StoredBudget) -> tuple[int, str | None]:
        """Return after how long the budget is looked at again, and its latest proposal."""
        pacing, read = await self._look(stored)
        if read is None:
            return _AGAIN_MS, stored.proposal_id
        tenant, mark = stored.tenant, hashlib.sha256(pacing.name.encode()).hexdigest()[:12]
        if pacing.state in ("overshoots", "used_up"):
            notice_id = f"monthly-{mark}-{pacing.month}-{pacing.state}"
            arguments = wording.alarm(pacing)
            await self._notices.tell(
                tenant, notice_id, arguments, [person_needed(tenant, notice_id, arguments)]
            )
        if stored.budget.mode == "alarm" or pacing.state == "on_track":
            return _LOOK_MS, stored.proposal_id
        made = await self._landing.propose(tenant, pacing, read.today, mark, stored.proposal_id)
        return _LOOK_MS, made or stored.proposal_id

    async def _look(self, stored: StoredBudget) -> _Look:
        """Read spend and daily budgets; what cannot be read makes all figures unknown."""
        budget, now = stored.budget, clock.now()
        today = clock.day_of(now, ZoneInfo(budget.time_zone))
        month = Month.of(today)
        values = {
            **budget.model_dump(include={"name", "amount", "currency", "mode"}),
            "month": f"{month.first:%Y-%m}",
            "days_left": (month.last - today).days + 1,
            "proposal_id": stored.proposal_id,
            "as_of": now.replace(microsecond=0),
        }
        try:
            campaigns = await self._load(stored.tenant, budget.campaign_ids)
            read = await self._reader.read(stored.tenant, campaigns, month, today)
        except CampaignAutomationError as error:
            values |= {"state": "unknown", "problem": f"{error.code}: {error.message}"}
            return _Look(_with_message(values), None)
        projection = projected(month, read.paced)
        landing = landing_budgets(month, budget.amount, read.paced, self._most_percent)
        values |= {
            **projection._asdict(),
            "state": _state(budget.amount, projection, read),
            "remaining": budget.amount - projection.spent,
            "campaigns": [
                CampaignPacing(
                    campaign_id=campaign.campaign_id,
                    name=campaign.name,
                    platform=campaign.platform,
                    spent=paced.spent_in(month),
                    daily_budget=paced.daily_budget,
                    landing_daily_budget=landing.get(campaign.campaign_id),
                )
                for campaign, paced in zip(campaigns, read.paced, strict=True)
            ],
        }
        return _Look(_with_message(values), read)

    async def _load(self, tenant: str, ids: Sequence[str]) -> list[Campaign]:
        loaded = [await self._campaigns.load_created(tenant, item) for item in ids]
        return list({item.campaign_id: item for item in loaded}.values())


def _state(amount: Decimal, projection: Projection, read: Read) -> PacingState:
    is_running = any(item.daily_budget > 0 for item in read.paced)
    if projection.spent >= amount:
        return "used_up" if is_running else "on_track"
    if projection.low > amount:
        return "overshoots"
    if projection.expected > amount:
        return "ahead"
    return "behind" if is_running and projection.expected < amount * _SHORT else "on_track"


def _with_message(values: dict[str, object]) -> Pacing:
    pacing = Pacing.model_validate({**values, "message": ""})
    return pacing.model_copy(update={"message": wording.paced(pacing)})


def _check(name: str, campaigns: Sequence[Campaign], others: Sequence[StoredBudget]) -> None:
    """Raise InvalidRequestError for campaigns that cannot be under one monthly budget."""
    if len(found := sorted({item.account.currency for item in campaigns})) > 1:
        raise InvalidRequestError(wording.currencies(found), field="campaign_ids")
    wanted = {item.campaign_id for item in campaigns}
    for other in others:
        if other.budget.name != name and (both := wanted & set(other.budget.campaign_ids)):
            raise InvalidRequestError(wording.taken(min(both), other.budget.name), field="campaign_ids")


def _unknown(name: str) -> NotFoundError:
    return NotFoundError(f"name: there is no monthly budget {name}", field="name")
