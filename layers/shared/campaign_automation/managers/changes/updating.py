"""Changes of budgets and targets that a person asks for; budgets pass the gate, targets are ours alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from fractions import Fraction

from campaign_automation.managers.campaign_manager import CampaignManager
from campaign_automation.managers.changes import records
from campaign_automation.managers.changes.control import raise_failure
from campaign_automation.managers.changes.gate import WriteGate
from campaign_automation.managers.changes.items import (
    ChangeResult,
    DesiredChange,
    Run,
    changed_items,
    failed_items,
    is_confirmed,
    new_run,
    skipped_items,
    status_of,
)
from campaign_automation.managers.changes.wording import CAMPAIGN_DELETED, no_daily_budget, updated_message
from campaign_automation.managers.shared.view import CampaignView
from campaign_automation.models.campaign import Campaign, Targets
from campaign_automation.models.changes import CampaignUpdated, ChangedItem, UpdateCampaign
from campaign_automation.models.common import Context, Level
from campaign_automation.optimizers.budgets.apportionment import apportion
from campaign_automation.stores.audit_store import AuditStore
from campaign_automation.stores.campaign_store import CampaignStore
from campaign_automation.utils.error_handler import ConflictError, InvalidRequestError, NotFoundError


class TargetChanges:
    """The targets of campaigns: kept here and never sent to a platform, recorded like every change."""

    def __init__(self, store: CampaignStore, audit: AuditStore) -> None:
        self._store = store
        self._audit = audit

    async def set(self, campaign: Campaign, values: Mapping[str, Decimal | None], run: Run) -> None:
        before = {name: getattr(campaign, name) for name in Targets.model_fields}
        await self._store.set_targets(campaign, Targets.model_validate(before | dict(values)))
        await self._audit.conclude(
            [records.target_set(campaign, run, name, before[name], values[name]) for name in values]
        )


class CampaignUpdates:
    def __init__(self, campaigns: CampaignManager, gate: WriteGate, targets: TargetChanges) -> None:
        self._campaigns = campaigns
        self._gate = gate
        self._targets = targets

    async def update(self, request: UpdateCampaign, context: Context) -> CampaignUpdated:
        """Set the budgets through the gate, then the targets; a refused budget sets no target.

        Raises InvalidRequestError for a budget that cannot be spread, GuardRefusedError when a guard held
        back all of it, the platform's error when it refused all of it.
        """
        campaign = await self._campaigns.load_created(context.user_id, request.campaign_id)
        if campaign.state == "deleted":
            raise ConflictError(CAMPAIGN_DELETED, field="campaign_id")
        run = new_run(context.actor, request.reason)
        items: list[ChangeResult] = []
        if request.daily_budget is not None or request.adset_budgets is not None:
            wanted = _wanted(campaign, await self._gate.look(campaign), request)
            items = await self._gate.apply(campaign, wanted, run, dry_run=request.dry_run)
            if not all(item.result == "already" for item in items):
                raise_failure(items)
        targets = {name: value for name, value in request.targets.items() if value != getattr(campaign, name)}
        if targets and not request.dry_run:
            await self._targets.set(campaign, targets, run)
        budgets = changed_items(items)
        now = {name: getattr(campaign, name) for name in Targets.model_fields}
        return CampaignUpdated(
            status=status_of(items),
            confirmed=is_confirmed(items),
            campaign_id=campaign.campaign_id,
            **(now if request.dry_run else now | targets),
            run_id=None if request.dry_run else run.run_id,
            changed=[*budgets, *target_items(campaign, targets)],
            skipped=skipped_items(items),
            failed=failed_items(items),
            message=updated_message(len(budgets), list(targets), dry_run=request.dry_run),
        )


def _wanted(campaign: Campaign, view: CampaignView, request: UpdateCampaign) -> list[DesiredChange]:
    if request.adset_budgets is not None:
        return _each(campaign, request.adset_budgets)
    total = Decimal(request.daily_budget or 0)
    if view.live(campaign.tag, "daily_budget") is not None:
        return [DesiredChange(Level.CAMPAIGN, campaign.tag, "daily_budget", total)]
    if error := view.refusal("daily_budget"):
        raise error
    shares = _spread(campaign, view, total)
    return [DesiredChange(Level.ADSET, tag, "daily_budget", amount) for tag, amount in shares.items()]


def _each(campaign: Campaign, budgets: Mapping[str, Decimal]) -> list[DesiredChange]:
    known = {
        name: entry.tag for entry in campaign.made(Level.ADSET) for name in (entry.tag, entry.platform_id)
    }
    if unknown := [name for name in budgets if name not in known]:
        raise NotFoundError(
            f"adset_budgets: the campaign has no ad set {', '.join(unknown[:5])}", field="adset_budgets"
        )
    amounts = {known[name]: amount for name, amount in budgets.items()}
    return [DesiredChange(Level.ADSET, tag, "daily_budget", amount) for tag, amount in amounts.items()]


def _spread(campaign: Campaign, view: CampaignView, total: Decimal) -> dict[str, Decimal]:
    """Return the total spread over the running ad sets in proportion, whole steps that add up to it.

    Raises InvalidRequestError for a total that is no multiple of a step or too low.
    """
    budgets = {tag: view.live(tag, "daily_budget") for tag in _running(campaign, view)}
    known = {tag: value for tag, value in budgets.items() if isinstance(value, Decimal) and value > 0}
    if not known:
        raise InvalidRequestError(no_daily_budget(), field="daily_budget")
    step, currency = campaign.account.budget_step, campaign.account.currency
    least = campaign.account.min_daily_budget
    if total % step or total < least * len(known):
        raise InvalidRequestError(
            f"daily_budget: {total} {currency} is no multiple of {step}, or below {least} for each of"
            f" {len(known)} ad sets",
            field="daily_budget",
            minimum=str(least * len(known)),
        )
    units, floor = int(total / step), int(-(-least // step))
    before = sum(known.values(), Decimal(0))
    done = apportion(
        [Fraction(value) * units / Fraction(before) for value in known.values()],
        units,
        low=[floor] * len(known),
        high=[units] * len(known),
        ids=list(known),
    )
    return {tag: amount * step for tag, amount in zip(known, done.amounts, strict=True)}


def _running(campaign: Campaign, view: CampaignView) -> Sequence[str]:
    """Return the ad sets that are active; where none is, those that start with the campaign."""
    entries = [item for item in campaign.made(Level.ADSET) if view.live(item.tag, "status") != "deleted"]
    active = [item.tag for item in entries if view.live(item.tag, "status") == "active"]
    return active or [item.tag for item in entries if not item.held]


def target_items(campaign: Campaign, targets: Mapping[str, Decimal | None]) -> list[ChangedItem]:
    """Return the targets of a campaign with the values before and after."""
    return [
        ChangedItem.model_validate(
            {
                "level": Level.CAMPAIGN,
                "id": campaign.tag,
                "platform_id": campaign.root_id,
                "field": name,
                "before": _number(getattr(campaign, name)),
                "after": _number(value),
            }
        )
        for name, value in targets.items()
    ]


def _number(value: Decimal | None) -> float | None:
    return None if value is None else float(value)
