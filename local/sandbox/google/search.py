"""GoogleAdsService.Search: which rows a query finds, and what of them it shows."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from google.protobuf.field_mask_pb2 import FieldMask

from local.sandbox.core.records import DayRecord, Level, added_up
from local.sandbox.google import gaql
from local.sandbox.google.by_hand import unadjusted_devices
from local.sandbox.google.gaql import Query, refused
from local.sandbox.google.messages import KINDS, GoogleAdsRow, Message, set_enum
from local.sandbox.google.status import Reader
from local.sandbox.google.store import Account, Store

# Resources whose fields may stand beside those of FROM. Google refuses others, so campaign_budget cannot
# be read from ad groups or ads: PROHIBITED_RESOURCE_TYPE_IN_SELECT_CLAUSE.
ATTRIBUTED = {
    "customer": (),
    "campaign_budget": ("customer",),
    "campaign": ("campaign_budget", "customer"),
    "campaign_criterion": ("campaign", "customer"),
    "ad_group": ("campaign", "customer"),
    "ad_group_criterion": ("ad_group", "campaign", "customer"),
    "ad_group_ad": ("ad_group", "campaign", "customer"),
    "asset": ("customer",),
    "conversion_action": ("customer",),
}
LEVELS: dict[str, Level] = {"campaign": "campaign", "ad_group": "adset", "ad_group_ad": "ad"}
_BELOW_CAMPAIGNS = {name for name, others in ATTRIBUTED.items() if "campaign" in (name, *others)}
METRICS = ("cost_micros", "impressions", "clicks", "conversions", "conversions_value", "all_conversions")


@dataclass
class Search:
    """One query over one customer's resources."""

    store: Store
    account: Account
    now: datetime
    hidden: Collection[str] = ()  # ids of campaigns
    lists_devices: bool = False  # those of campaigns that nobody adjusted

    def rows(self, query: Query) -> list[Message]:
        """The rows, in the order of the query. Raises Refusal."""
        _check(query)
        today = self.now.astimezone(self.account.zone).date()
        found = [
            row
            for row in self._candidates(query)
            if all(gaql.holds(condition, row, today) for condition in query.conditions)
        ]
        if _has_figures(query):
            found = _with_figures(query, found)
        for path, descending in reversed(query.order):
            found.sort(key=lambda row, path=path: gaql.value_at(row, path), reverse=descending)  # type: ignore[misc]
        return [_projected(query, row) for row in found[: query.limit]]

    def _candidates(self, query: Query) -> Iterator[Message]:
        for row in self._resource_rows(query):
            if not _has_figures(query):
                yield row
                continue
            yield from self._days(query, row)

    def _resource_rows(self, query: Query) -> Iterator[Message]:
        resource, reader = query.resource, Reader(self.store, self.now)
        if resource == "customer":
            yield self._with_customer(GoogleAdsRow())
            return
        if resource == "conversion_action":
            yield self._with_customer(_purchases(self.account))
            return
        asked = _campaigns_asked(query)
        for message in self._messages(resource):
            if asked is not None and self._campaign_id(message, resource) not in asked:
                continue  # its row would be left out later; most queries are about one campaign
            row = GoogleAdsRow()
            getattr(row, resource).CopyFrom(reader.show(message))
            _add_parents(row, resource, message, reader)
            if row.campaign.resource_name.rpartition("/")[2] not in self.hidden:
                yield self._with_customer(row)

    def _messages(self, resource: str) -> Iterator[Message]:
        yield from self.store.of_kind(self.account.id, resource)
        if resource == "campaign_criterion" and self.lists_devices:
            for campaign in self.store.of_kind(self.account.id, "campaign"):
                yield from unadjusted_devices(campaign)

    def _campaign_id(self, message: Message, resource: str) -> str:
        while resource != "campaign":
            resource = KINDS[resource].parent or "campaign"
            message = self.store.resources[getattr(message, resource)]
        return str(message.id)

    def _with_customer(self, row: Message) -> Message:
        customer, account = row.customer, self.account
        customer.resource_name = f"customers/{account.id}"
        customer.id = int(account.id)
        customer.descriptive_name = account.name
        customer.currency_code = account.currency
        customer.time_zone = account.time_zone
        customer.conversion_tracking_setting.conversion_tracking_id = int(account.id)
        set_enum(
            customer.conversion_tracking_setting,
            "conversion_tracking_status",
            "CONVERSION_TRACKING_MANAGED_BY_SELF",
        )
        set_enum(customer, "status", account.status)
        return row

    def _days(self, query: Query, row: Message) -> Iterator[Message]:
        """One row per day with delivery, or a single one without figures when there was none."""
        level = LEVELS[query.resource]
        own = getattr(row, query.resource).resource_name.rpartition("/")[2]
        today = self.now.astimezone(self.account.zone).date()
        delivered = [r for r in self.store.records.values() if r.id_at(level) == own and r.impressions]
        records = [record.known(today) for record in delivered]
        if not records and not query.mentioned & {"segments.date"}:
            yield row
        for day in sorted({record.day for record in records}):
            members = [record for record in records if record.day == day]
            copy = GoogleAdsRow()
            copy.CopyFrom(row)
            copy.segments.date = day.isoformat()
            _write_metrics(copy, added_up(members, members[0]))
            yield copy


def _purchases(account: Account) -> Message:
    """The one conversion action of an account, with the windows that Google gives a new one."""
    row = GoogleAdsRow()
    action = row.conversion_action
    action.resource_name = f"customers/{account.id}/conversionActions/{account.id}"
    action.click_through_lookback_window_days, action.view_through_lookback_window_days = 30, 1
    action.primary_for_goal = True
    set_enum(action, "status", "ENABLED")
    return row


def _campaigns_asked(query: Query) -> Collection[str] | None:
    """The ids of the campaigns that the query can find; None for all."""
    for condition in query.conditions if query.resource in _BELOW_CAMPAIGNS else ():
        if condition.path == "campaign.id" and condition.operator in ("=", "IN"):
            ids = [condition.operand] if condition.operator == "=" else condition.operand
            return {str(int(item)) for item in ids} if all(map(str.isdigit, ids)) else None
    return None


def _check(query: Query) -> None:
    if query.resource not in ATTRIBUTED:
        raise refused("BAD_RESOURCE_TYPE_IN_FROM_CLAUSE", f"unknown resource {query.resource}")
    allowed = {query.resource, *ATTRIBUTED[query.resource]}
    if query.resource in LEVELS:
        allowed |= {"metrics", "segments"}
    for path in sorted(query.mentioned):
        gaql.steps_of(path)
        root = path.partition(".")[0]
        if root not in allowed:
            where = "SELECT" if path in query.fields else "WHERE"
            name = (
                "METRIC_IN_SELECT_OR_WHERE"
                if root in ("metrics", "segments")
                else f"RESOURCE_TYPE_IN_{where}"
            )
            raise refused(f"PROHIBITED_{name}_CLAUSE", f"cannot use {path} FROM {query.resource}")
    unselected = {path for path, _ in query.order} - set(query.fields)
    if unselected:
        raise refused("EXPECTED_REFERENCED_FIELD_IN_SELECT_CLAUSE", f"{sorted(unselected)} is not selected")
    gaql.check_enums(query.conditions)


def _has_figures(query: Query) -> bool:
    return any(path.startswith(("metrics.", "segments.")) for path in query.mentioned)


def _add_parents(row: Message, resource: str, message: Message, reader: Reader) -> None:
    """Fields of the parents come free in one row."""
    kind = KINDS[resource]
    while kind.parent:
        message = reader.named(getattr(message, kind.parent))
        getattr(row, kind.parent).CopyFrom(message)
        kind = KINDS[kind.parent]
    if resource == "campaign":
        row.campaign_budget.CopyFrom(reader.named(message.campaign_budget))


def _write_metrics(row: Message, total: DayRecord) -> None:
    metrics = row.metrics
    metrics.cost_micros = int(total.spend * 1_000_000)
    metrics.impressions = total.impressions
    metrics.clicks = total.clicks
    metrics.conversions = float(total.conversions)
    metrics.all_conversions = float(total.conversions)
    metrics.conversions_value = float(total.revenue)


def _with_figures(query: Query, rows: list[Message]) -> list[Message]:
    """Days summed up unless the query asks for them; rows of zeros stay out where segments are selected."""
    if "segments.date" in query.fields:
        return rows
    groups: dict[str, list[Message]] = {}
    for row in rows:
        groups.setdefault(getattr(row, query.resource).resource_name, []).append(row)
    return [_summed(members) for members in groups.values()]


def _summed(rows: list[Message]) -> Message:
    total = GoogleAdsRow()
    total.CopyFrom(rows[0])
    total.ClearField("segments")
    for name in METRICS:
        amounts = [Decimal(str(getattr(row.metrics, name))) for row in rows]
        setattr(total.metrics, name, type(getattr(total.metrics, name))(sum(amounts)))
    return total


def _projected(query: Query, row: Message) -> Message:
    """The selected fields, and the resource names that Google always adds."""
    shown = GoogleAdsRow()
    roots = {path.partition(".")[0] for path in query.fields} - {"metrics", "segments"}
    paths = [".".join(gaql.steps_of(path)) for path in query.fields]
    mask = FieldMask(paths=[*paths, *(f"{root}.resource_name" for root in {*roots, query.resource})])
    mask.MergeMessage(row, shown, replace_message_field=True, replace_repeated_field=True)
    for path in paths:
        _clear_unset(row, shown, path.split("."))
    return shown


def _clear_unset(row: Message, shown: Message, steps: list[str]) -> None:
    """Leave a number unset that is not set: a merge writes a 0, which says something else."""
    for step in steps[:-1]:
        if not shown.HasField(step):
            return
        row, shown = getattr(row, step), getattr(shown, step)
    field = row.DESCRIPTOR.fields_by_name[steps[-1]]
    if field.has_presence and not row.HasField(field.name):
        shown.ClearField(field.name)
