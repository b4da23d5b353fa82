"""The objects of a campaign as rules see them: figures, settings, and the past in the audit trail. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from campaign_automation.adapters.base import DailyInsight
from campaign_automation.adapters.registry import PLATFORMS
from campaign_automation.managers.shared.insights import CampaignInsights
from campaign_automation.managers.shared.view import CampaignView, ObjectTrails
from campaign_automation.models.campaign import Campaign
from campaign_automation.models.changes import AuditRecord
from campaign_automation.models.common import Level
from campaign_automation.models.rules.actions import AnyAction, ChangeBudget, Start
from campaign_automation.optimizers.rules.data import Day, Entity, PastAction
from campaign_automation.utils.clock import day_of

RULE_ACTOR = "rule:"
CHANGES = ("set_status", "set_budget", "remove")  # the operations that rules look at


def entities_of(insights: CampaignInsights, action: AnyAction, trail: Sequence[AuditRecord]) -> list[Entity]:
    """Return an entity for each object that was read; `trail` is the campaign's, oldest first."""
    unread, trails = insights.view.unread(insights.level), ObjectTrails(insights.campaign, trail)
    return [_entity(insights, tag, action, trails.of(tag)) for tag in insights.tags if tag not in unread]


def skeletons(campaign: Campaign, action: AnyAction) -> list[Entity]:
    """Return the objects of a campaign that could not be read, with their names and no figures."""
    level = reading_level(action) or Level.ADSET
    return [
        Entity(
            entity_id=entry.tag,
            level=action.acts_on,
            campaign_id=campaign.campaign_id,
            platform=campaign.platform,
            name=entry.name,
            active=False,
            days=[],
            adset_id=campaign.adset_of(entry.tag),
        )
        for entry in campaign.objects.values()
        if entry.level is level and entry.state == "created"
    ]


def reading_level(action: AnyAction) -> Level | None:
    """Return the level to read; None for the objects that have the budgets (on Google Ads: campaigns)."""
    return None if isinstance(action, ChangeBudget) else action.acts_on


def happened(trail: Sequence[AuditRecord], view: CampaignView) -> list[AuditRecord]:
    """Return the changes of a trail that took place; one of unknown outcome did if the platform shows it."""
    changes = [record for record in trail if record.operation in CHANGES]
    return [record for record in changes if record.outcome == "applied" or _shows(view, record)]


def past_actions(trail: Sequence[AuditRecord]) -> list[PastAction]:
    """Return the changes of rules and of the optimiser as the engine's past actions.

    A person's changes are none: a person may reverse any change at once, and a stop-loss may stop an object
    that a person has just started.
    """
    return [_past(record) for record in trail if record.operation != "remove" and _is_automatic(record)]


def _entity(insights: CampaignInsights, tag: str, action: AnyAction, trail: Sequence[AuditRecord]) -> Entity:
    campaign, view = insights.campaign, insights.view
    own = [record for record in trail if record.entity_id == tag]
    pause = _standing_pause(own, view, tag)
    budget, node = view.live(tag, "daily_budget"), view.node(tag)
    created = campaign.first_day(insights.zone)
    return Entity(
        entity_id=tag,
        level=action.acts_on,  # a budget stands for its ad set, also where the campaign has it
        campaign_id=campaign.campaign_id,
        platform=campaign.platform,
        name=node.name if node else campaign.objects[tag].name,
        active=_is_active(insights, tag, action),
        days=[_day(row) for row in insights.days[tag]],
        adset_id=campaign.adset_of(tag),
        daily_budget=budget if isinstance(budget, Decimal) else None,
        target_roas=_float(campaign.target_roas),
        target_cpa=_float(campaign.target_cpa),
        last_action_at=max((_at(record) for record in own), default=None),
        pause_until=_time(pause.evidence.get("pause_until")) if pause else None,
        paused_by_us=pause is not None and _is_automatic(pause),
        first_day=created,
        evidence_from=_evidence_from(insights, tag, trail, created),
        envelope=entry.spend if (entry := PLATFORMS.get(campaign.platform)) else None,
    )


def _is_active(insights: CampaignInsights, tag: str, action: AnyAction) -> bool:
    """Return whether the object is active; for every action but a start its parents must be active too."""
    campaign, view = insights.campaign, insights.view
    owners = [tag] if isinstance(action, Start) else campaign.with_parents(tag)
    return all(view.live(owner, "status") == "active" for owner in owners)


def _standing_pause(own: Sequence[AuditRecord], view: CampaignView, tag: str) -> AuditRecord | None:
    """Return the record of the pause that still stands, when it was ours."""
    statuses = [record for record in own if record.operation == "set_status"]
    if not statuses or view.live(tag, "status") != "paused":
        return None
    last = statuses[-1]
    return last if (last.after or {}).get("status") == "paused" else None


def _evidence_from(
    insights: CampaignInsights, tag: str, trail: Sequence[AuditRecord], created: date | None
) -> date | None:
    """Return the first full day after the object's last start or the last change of one of its ads.

    Without any it is the day of the creation; None where that is not known.
    """
    campaign = insights.campaign
    adset_tag = None if insights.level is Level.CAMPAIGN else tag
    owners = set(campaign.with_parents(tag))
    breaks = [
        record
        for record in trail
        if campaign.has_ad(record.entity_id, adset_tag) or (record.entity_id in owners and _is_start(record))
    ]
    days = (day_of(_at(record), insights.zone) + timedelta(days=1) for record in breaks)
    return max([*([created] if created else []), *days], default=None)


def _is_automatic(record: AuditRecord) -> bool:
    """Return whether a rule or the optimiser made the change."""
    # Theirs carry the figures behind them as evidence; a person's carry at most `held`.
    return bool(record.evidence.keys() - {"held"})


def _is_start(record: AuditRecord) -> bool:
    return (record.after or {}).get("status") == "active"


def _past(record: AuditRecord) -> PastAction:
    ((field, after),) = (record.after or {"status": None}).items()
    if field == "daily_budget":
        before = (record.before or {}).get(field)
        # Without a budget before, nobody can say whether it was a raise.
        direction = 0 if before is None else 1 if Decimal(after) > Decimal(before) else -1
    else:
        direction = 1 if after == "active" else -1
    rule_id = record.actor.removeprefix(RULE_ACTOR) if record.actor.startswith(RULE_ACTOR) else None
    return PastAction(record.entity_id, field, direction, _at(record), rule_id)


def _shows(view: CampaignView, record: AuditRecord) -> bool:
    if record.outcome != "unknown":
        return False
    ((field, asked),) = (record.after or {"status": None}).items()
    live = view.live(record.entity_id, field)
    return bool(live == (Decimal(asked) if isinstance(live, Decimal) else asked))


def _day(row: DailyInsight) -> Day:
    return Day(
        row.day,
        _float(row.spend),
        _float(row.impressions),
        _float(row.clicks),
        _float(row.conversions),
        _float(row.revenue),
    )


def _at(record: AuditRecord) -> datetime:
    return datetime.fromisoformat(record.at)


def _time(text: Any) -> datetime | None:
    return datetime.fromisoformat(text) if isinstance(text, str) else None


def _float(value: Decimal | int | None) -> float | None:
    return None if value is None else float(value)
