"""The events of a rule's tick, one or more for each campaign that it acted on. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from campaign_automation.managers.notices.events import event, in_parts, person_needed
from campaign_automation.managers.rules.decisions import Evaluation
from campaign_automation.managers.rules.entities import RULE_ACTOR
from campaign_automation.models.notices.events import RuleActed
from campaign_automation.models.rules.answers import RuleEvaluated
from campaign_automation.stores.notice_store import Notice
from campaign_automation.stores.operations.events import NewEvent
from campaign_automation.stores.rule_store import Tick
from campaign_automation.utils import clock


def events_of(
    tick: Tick, result: RuleEvaluated, evaluation: Evaluation | None, notices: list[Notice]
) -> list[NewEvent]:
    """Return the events to store with the result; each has the same id when the tick is delivered again."""
    if result.outcome == "needs_review":
        return [person_needed(item.tenant, item.notice_id, item.arguments) for item in notices]
    if evaluation is None or not result.acted:
        return []
    ids = [item.id for item in result.changed] or [item.entity_id for item in evaluation.decisions]
    campaigns = _campaigns(evaluation)
    by_campaign: dict[str | None, list[str]] = {}
    for item in dict.fromkeys(ids):
        by_campaign.setdefault(campaigns.get(item), []).append(item)
    return [
        _acted(tick, result, campaign_id, part, number)
        for campaign_id, acted_on in by_campaign.items()
        for number, part in enumerate(in_parts(acted_on))
    ]


def _campaigns(evaluation: Evaluation) -> dict[str, str]:
    """Return the campaign of each object, by our tag."""
    targets = [target for one in evaluation.accounts for target in one.account.targets.values()]
    campaigns = {target.campaign.campaign_id: target.campaign for target in targets}
    return {tag: campaign.campaign_id for campaign in campaigns.values() for tag in campaign.objects}


def _acted(
    tick: Tick, result: RuleEvaluated, campaign_id: str | None, ids: Sequence[str], number: int
) -> NewEvent:
    head, wanted = tick.head, frozenset(ids)
    name = f"{head.rule_id}-{head.version}-{tick.scheduled_time:%Y%m%dT%H%M%S}"
    data = RuleActed(
        rule_id=head.rule_id,
        rule_name=head.rule.rule_name,
        version=head.version,
        scheduled_time=clock.iso(tick.scheduled_time),
        action=head.rule.action.type,
        ids=list(ids),
        changed=[item for item in result.changed if item.id in wanted],
    )
    return event(
        head.tenant,
        f"{name}-{campaign_id}{f'-{number}' if number else ''}",
        data,
        f"{RULE_ACTOR}{head.rule_id}",
        campaign_id=campaign_id,
        correlation_id=name,
    )
