"""Endpoints of the Business API that change: fields, statuses, budgets, split tests."""

from datetime import datetime, timedelta
from decimal import Decimal

from local.sandbox.core.records import Level
from local.sandbox.core.store import Json
from local.sandbox.tiktok import errors
from local.sandbox.tiktok.answers.render import shown
from local.sandbox.tiktok.context import KINDS, Context
from local.sandbox.tiktok.creates import submit
from local.sandbox.tiktok.objects.adgroups import changed_adgroup
from local.sandbox.tiktok.objects.campaigns import TOTAL, changed_campaign, refuse_under_spend
from local.sandbox.tiktok.objects.money import read_budget
from local.sandbox.tiktok.objects.names import read_name, read_text
from local.sandbox.tiktok.objects.splits import end_split, new_split
from local.sandbox.tiktok.store import Node

MAX_STATUS_IDS, MAX_BUDGETS = 20, 20
STATUSES = ("ENABLE", "DISABLE", "DELETE")


def update(context: Context, noun: str) -> Json:
    kind = KINDS[noun]
    node = context.own(kind, context.params.required(f"{noun}_id"))
    spent = _spent(node, context)
    if kind == "campaign":
        changes = changed_campaign(context.account, node, context.params, spent)
    else:
        campaign = context.store.nodes[node.data["campaign_id"]]
        changes = changed_adgroup(context.account, campaign, node, context.params, spent)
    if not changes:
        raise errors.nothing_to_update()
    _apply(node, changes, context.now)
    return shown(context.store, node, context.now)


def _spent(node: Node, context: Context) -> float:
    """Spend within the budget's period: the day for a daily budget, else the whole life."""
    level: Level = "campaign" if node.kind == "campaign" else "adset"
    is_total = node.data["budget_mode"] == TOTAL
    records = [record for record in context.store.records.values() if record.id_at(level) == node.id]
    return float(sum(record.spend for record in records if is_total or record.day == context.today))


def update_ads(context: Context, _: str) -> Json:
    """Change names and texts of ads; a new text goes into review again."""
    context.params.only({"adgroup_id", "patch_update", "creatives"})
    if not context.params.boolean("patch_update", False):
        raise errors.wrong("patch_update: The sandbox changes single fields only.")
    ads = []
    for entry in context.params.entries("creatives", 1, MAX_STATUS_IDS):
        entry.only({"ad_id", "ad_name", "ad_text"})
        ad = context.own("ad", entry.required("ad_id"))
        changes: Json = {"ad_name": read_name(entry, "ad_name")} if "ad_name" in entry else {}
        if "ad_text" in entry:
            changes |= {"ad_text": read_text(entry, "ad_text"), "edited": True}
        _apply(ad, changes, context.now)
        if "edited" in changes:
            submit(ad, context.now)
        ads.append(ad)
    return {"ad_ids": [ad.id for ad in ads], "need_audit": True}


def _apply(node: Node, changes: Json, now: datetime) -> None:
    node.data |= changes
    node.updated = now


def set_status(context: Context, noun: str) -> Json:
    kind = KINDS[noun]
    field = f"{'smart_plus_ad' if (noun, context.family) == ('ad', 'smart_plus') else noun}_ids"
    context.params.only({field, "operation_status"})
    status = context.params.choice("operation_status", STATUSES)
    ids = context.params.ids(field, MAX_STATUS_IDS)
    nodes = [context.own(kind, object_id) for object_id in ids]
    for node in nodes:
        _change_status(context, node, status)
    return {field: ids, "status": status}


def _change_status(context: Context, node: Node, status: str) -> None:
    """Set the status; a deleted object takes everything below it along."""
    for member in context.store.tree(node) if status == "DELETE" else [node]:
        if not member.gone:
            member.operation_status = status
            member.updated = context.now


def set_budgets(context: Context, _: str) -> Json:
    """Set lifetime budgets and those of Smart+ at once, daily ones from the next account day on."""
    context.params.only({"budget", "scheduled_budget"})
    wishes: list[tuple[Node, str, Decimal]] = []
    for name in ("budget", "scheduled_budget"):
        for entry in context.params.entries(name, 0, MAX_BUDGETS):
            node = context.own("adgroup", entry.required("adgroup_id"))
            _refuse_for_list(context, node, name)
            amount = read_budget(entry, context.account, "adgroup", name)
            wishes.append((node, name, amount))
            if name == "budget":
                refuse_under_spend(float(amount), _spent(node, context))
    for node, name, amount in wishes:
        if name == "scheduled_budget":
            node.next_budget = (context.today + timedelta(days=1), amount)
        else:
            _apply(node, {"budget": float(amount)}, context.now)
    return {}


def _refuse_for_list(context: Context, node: Node, name: str) -> None:
    if context.store.nodes[node.data["campaign_id"]].data["budget_optimize_on"]:
        raise errors.wrong(f"{name}: The campaign's budget is optimized.")
    is_daily = node.data["budget_mode"] != TOTAL
    if name == "budget" and node.family == "manual" and is_daily:
        raise errors.wrong("budget: A daily budget is changed by scheduled_budget.")
    if name == "scheduled_budget" and not is_daily:
        raise errors.wrong("scheduled_budget: A lifetime budget is changed by budget.")


def create_split(context: Context, _: str) -> Json:
    split = new_split(context.store, context.account, context.params, context.now)
    return {"split_test_group_id": split.id}


def stop_split(context: Context, _: str) -> Json:
    end_split(context.store, context.own_split(), context.now)
    return {}
