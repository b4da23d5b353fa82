"""The changes of a campaign as a table: when, by whom, before and after, and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from campaign_automation.api.pages.kit.figures import amount, moment
from campaign_automation.api.pages.kit.frame import Column, Markup, paragraph, section, table
from campaign_automation.api.pages.wording import named, say
from campaign_automation.models.changes import AuditRecord
from campaign_automation.utils.languages.speaking import told

_MOST_SHOWN = 50


def changes_table(trail: Sequence[AuditRecord], names: Mapping[str, str], currency: str | None) -> Markup:
    """Return the latest changes, the newest first."""
    shown = trail[: -_MOST_SHOWN - 1 : -1]
    left_out = len(trail) - len(shown)
    columns = [
        Column(say("changes.at"), "moment"),
        Column(say("changes.by")),
        Column(say("changes.what"), "long"),
        Column(say("changes.before")),
        Column(say("changes.after")),
        Column(say("changes.reason"), "long"),
        Column(say("changes.outcome")),
    ]
    rows = (
        [
            moment(item.at),
            item.actor,
            subject(item, names),
            value_of(item.before, currency),
            value_of(_shown_after(item), currency),
            told(item.reason),
            named("outcome", item.outcome),
        ]
        for item in shown
    )
    return section(
        say("changes.heading"),
        table(say("changes.table"), columns, rows),
        paragraph(say("more", count=left_out), kind="quiet") if left_out else None,
    )


def _shown_after(record: AuditRecord) -> Mapping[str, Any] | None:
    """Return the values after a change; of an object that was made its status and budget alone."""
    if record.operation not in ("create", "add"):
        return record.after
    return {name: value for name, value in (record.after or {}).items() if name in ("status", "daily_budget")}


def subject(record: AuditRecord, names: Mapping[str, str]) -> str:
    """Return what a change was about: the kind of object, its name and the field."""
    name = names.get(record.entity_id, record.entity_id)
    return f"{say(record.level)} {name}: {named('operation', record.operation)}"


def value_of(values: Mapping[str, Any] | None, currency: str | None) -> str:
    """Return the values before or after a change; budgets with their currency."""
    if not values:
        return say("none")
    shown = [_value(name, value, currency) for name, value in values.items() if value is not None]
    return ", ".join(shown) or say("none")


def _value(name: str, value: object, currency: str | None) -> str:
    if name == "daily_budget":
        return amount(str(value), currency) or say("unknown")
    return named("value", str(value))
