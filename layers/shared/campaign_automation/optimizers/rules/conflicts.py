"""Conflicting rules: those that would change one object in opposite ways, found before one is saved."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from campaign_automation.models.rules.answers import RuleConflict
from campaign_automation.models.rules.rule import CreateRule, Scope, StoredRule
from campaign_automation.optimizers.rules.columns import Columns, members
from campaign_automation.optimizers.rules.data import Snapshot

MAX_NAMED = 20


def find_conflicts(
    rule: CreateRule, others: Iterable[StoredRule], snapshot: Snapshot | None = None
) -> list[RuleConflict]:
    """Return the enabled rules among `others` that conflict with `rule`, each with up to 20 shared objects.

    Two rules conflict when their scopes can share an object and they change one field of it in opposite
    directions (start and pause, raise and lower), or both move its budget. `snapshot` shows the campaigns of
    ad sets; scopes that share no object today but may tomorrow still overlap. Saving is to be refused unless
    the rule names a priority other than theirs, see `is_settled`.
    """
    columns = _columns(rule, snapshot)
    return [
        RuleConflict(
            rule_id=other.rule_id,
            rule_name=other.rule.rule_name,
            kind="same_field"
            if other.rule.action.direction == rule.action.direction
            else "opposite_direction",
            objects=_shared(rule, other.rule, columns)[:MAX_NAMED],
        )
        for other in others
        if other.state == "enabled" and _clash(rule, other.rule) and _overlap(rule, other.rule, columns)
    ]


def is_settled(rule: CreateRule, other: CreateRule) -> bool:
    """Return whether the two priorities decide between the rules; an `other` without one has 0."""
    return rule.priority is not None and rule.priority != (other.priority or 0)


def _columns(rule: CreateRule, snapshot: Snapshot | None) -> Columns | None:
    if snapshot is None:
        return None
    level = rule.action.acts_on
    return Columns(snapshot, (entity for entity in snapshot.entities if entity.level == level))


def _clash(one: CreateRule, other: CreateRule) -> bool:
    """Return whether two rules change one field in conflict."""
    # Two pauses do no harm to each other; two raises add up to more than either meant.
    if one.action.acts_on != other.action.acts_on or one.action.field != other.action.field:
        return False
    opposite = one.action.direction * other.action.direction < 0
    return opposite or one.action.field == "daily_budget"


def _overlap(one: CreateRule, other: CreateRule, columns: Columns | None) -> bool:
    if _shared(one, other, columns):
        return True
    return _may_meet(one.applies_to, other.applies_to, columns) and _may_meet(
        other.applies_to, one.applies_to, columns
    )


def _shared(one: CreateRule, other: CreateRule, columns: Columns | None) -> list[str]:
    if columns is None:
        return []
    both = columns.scope(one.applies_to) & columns.scope(other.applies_to)
    return [columns.entities[position].entity_id for position in members(both)]


def _may_meet(one: Scope, other: Scope, columns: Columns | None) -> bool:
    """Return False only when no object, present or future, can be in both scopes."""
    if one.platform and other.platform and one.platform != other.platform:
        return False
    for mine, theirs in ((one.campaign_ids, other.campaign_ids), (one.adset_ids, other.adset_ids)):
        if mine is not None and theirs is not None and not set(mine) & set(theirs):
            return False
    if one.adset_ids is not None and other.campaign_ids is not None and columns is not None:
        parents = {entity.campaign_id for entity in columns.entities if entity.adset_id in one.adset_ids}
        unknown = len({entity.adset_id for entity in columns.entities} & set(one.adset_ids)) < len(
            one.adset_ids
        )
        # An ad set that the snapshot does not hold may belong to any campaign.
        if not unknown and not parents & set(other.campaign_ids):
            return False
    return not _excluded(one.adset_ids or one.campaign_ids, other.exclude)


def _excluded(ids: Sequence[str] | None, exclude: Sequence[str]) -> bool:
    return ids is not None and set(ids) <= set(exclude)
