"""Rules, objects and accounts for tests of the rule engine."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from campaign_automation.models.common import Level, Platform
from campaign_automation.models.rules.rule import StoredRule
from campaign_automation.optimizers.rule_engine import RuleOutcome, evaluate
from campaign_automation.optimizers.rules.data import Day, Entity, Memory, PastAction, Snapshot

NOW = datetime(2026, 11, 25, 6, 0, tzinfo=UTC)
TODAY = NOW.date()


def body(**changes: Any) -> dict[str, Any]:
    """Parameters of create_rule: a stop-loss on ROAS."""
    return {
        "rule_name": "stop-loss",
        "condition": is_("roas", "less_than", 0.8, "3d"),
        "action": {"type": "pause_adset"},
        "applies_to": {"all": True},
    } | changes


def is_(metric: str, operator: str, value: Any, time_range: str | None = None) -> dict[str, Any]:
    leaf = {"metric": metric, "operator": operator, "value": value}
    return leaf if time_range is None else leaf | {"time_range": time_range}


def rule(rule_id: str = "rule_1", state: str = "enabled", **changes: Any) -> StoredRule:
    return StoredRule.model_validate(
        {"rule_id": rule_id, "version": 1, "rule": body(**changes), "anchor": NOW, "state": state}
    )


def days(*figures: Sequence[float | None], end: date = TODAY - timedelta(days=1)) -> list[Day]:
    """Records up to `end`, oldest first, of (spend, impressions, clicks, conversions, revenue)."""
    first = end - timedelta(days=len(figures) - 1)
    return [Day(first + timedelta(days=index), *row) for index, row in enumerate(figures)]


def adset(entity_id: str = "as_1", records: Iterable[Day] = (), **changes: Any) -> Entity:
    values: dict[str, Any] = {
        "entity_id": entity_id,
        "level": Level.ADSET,
        "campaign_id": "cmp_1",
        "adset_id": entity_id,
        "platform": Platform.META,
        "name": f"ad set {entity_id}",
        "active": True,
        "days": list(records),
        "daily_budget": Decimal(100),
    }
    return Entity(**values | changes)


def losing(entity_id: str = "as_1", **changes: Any) -> Entity:
    """Three days at ROAS 0.5."""
    return adset(entity_id, days(*[(100.0, 5000, 100, 2, 50.0)] * 3), **changes)


def snapshot(*entities: Entity, **changes: Any) -> Snapshot:
    values: dict[str, Any] = {"entities": entities, "now": NOW}
    return Snapshot(**values | changes)


def run(
    stored: StoredRule, *entities: Entity, past: Sequence[PastAction] = (), **changes: Any
) -> RuleOutcome:
    [outcome] = evaluate([stored], snapshot(*entities, **changes), Memory(past))
    return outcome


def acted(outcome: RuleOutcome) -> list[str]:
    return [decision.entity_id for decision in outcome.decisions]


def reasons(items: Iterable[Any]) -> dict[str, str]:
    return {item.id: item.reason for item in items}


def ago(**span: float) -> datetime:
    return NOW - timedelta(**span)
