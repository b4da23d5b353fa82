"""Objects as the Graph API shows them, field by field."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from local.sandbox.meta.answers.additions import widened, with_catalog
from local.sandbox.meta.answers.fields import Field
from local.sandbox.meta.answers.foreign import foreign_rows
from local.sandbox.meta.answers.listing import page, page_size, select
from local.sandbox.meta.answers.status import effective_status, issues
from local.sandbox.meta.errors import GraphError
from local.sandbox.meta.objects.adsets import moment_of
from local.sandbox.meta.objects.media import video_picture, video_status
from local.sandbox.meta.objects.studies import shown_cells, shown_times
from local.sandbox.meta.store import Account, Json, Kind, MetaStore, Node
from local.sandbox.unkind import Unkind

ACCOUNT_EDGES: dict[str, Kind] = {
    "campaigns": "campaign",
    "adsets": "adset",
    "ads": "ad",
    "adcreatives": "creative",
    "adimages": "image",
    "advideos": "video",
}
NODE_EDGES: dict[tuple[str, str], Kind] = {
    ("campaign", "adsets"): "adset",
    ("campaign", "ads"): "ad",
    ("adset", "ads"): "ad",
}
_TYPE_NAMES: dict[str, str] = {
    "campaign": "AdCampaignGroup",
    "adset": "AdCampaign",
    "ad": "Adgroup",
    "creative": "AdCreative",
    "image": "AdImage",
    "video": "AdVideo",
    "report": "AdReportRun",
    "study": "AdStudy",
}
# Fields of which Meta says that they may be missing.
_OPTIONAL = ("ad_review_feedback", "learning_stage_info", "special_ad_categories")
# The setting of an ad set that was made without one.
ATTRIBUTION = [
    {"event_type": "CLICK_THROUGH", "window_days": 7},
    {"event_type": "VIEW_THROUGH", "window_days": 1},
]
LEARNING_RESULTS = 50
LEARNING_TIME = timedelta(days=7)


@dataclass
class Reader:
    """Shows the store as it is at `now`, with Meta's own `additions` where they are on."""

    store: MetaStore
    now: datetime
    additions: bool = False
    unkind: Unkind = field(default_factory=Unkind)

    def account(self, account: Account, fields: list[Field]) -> Json:
        """The account object; `id` is always there, empty values are left out."""
        shown: Json = {}
        for wanted in fields or [Field("account_id")]:
            shown[wanted.name] = self._account_value(account, wanted)
        return _filled(shown | {"id": f"act_{account.id}"})

    def node(self, node: Node, fields: list[Field]) -> Json:
        wanted = fields or [Field(name) for name in _DEFAULTS.get(node.kind, ())]
        shown = {field.name: self._node_value(node, field) for field in wanted}
        return self.unkind.without(_filled(shown | {"id": node.id}), _OPTIONAL, node.id)

    def edge(self, nodes: list[Node], fields: list[Field], arguments: Mapping[str, str], path: str) -> Json:
        """One page of `nodes`, filtered as `arguments` say."""
        found = select(self.store, nodes, arguments, self.now)
        size = self.unkind.page_size(page_size(arguments))
        shown, paging = page(found, {**arguments, "limit": str(size)}, path, self.unkind.overlap)
        answer: Json = {"data": [self.node(node, fields) for node in shown]}
        if (
            self.unkind.is_on
            and "next" not in paging
            and not {"filtering", "effective_status"} & set(arguments)
        ):
            answer["data"] += foreign_rows(path, [item.name for item in fields], self.unkind)
        if paging:
            answer["paging"] = paging
        if arguments.get("summary") not in (None, "false"):
            answer["summary"] = {"total_count": len(found)}
        return answer

    def _account_value(self, account: Account, field: Field) -> Any:
        if field.name in ACCOUNT_EDGES:
            nodes = self.store.of_kind(account.id, ACCOUNT_EDGES[field.name])
            return self.edge(nodes, field.children, field.arguments, f"act_{account.id}/{field.name}")
        if field.name in ACCOUNT_LISTS:
            return static_edge(ACCOUNT_LISTS[field.name](account), field.children)
        if field.name not in ACCOUNT_FIELDS:
            raise nonexisting(field.name, "AdAccount")
        return ACCOUNT_FIELDS[field.name](self, account)

    def _node_value(self, node: Node, field: Field) -> Any:
        kind = NODE_EDGES.get((node.kind, field.name))
        if kind:
            nodes = self.store.children(node, kind)
            return self.edge(nodes, field.children, field.arguments, f"{node.id}/{field.name}")
        if field.name in _LINKS.get(node.kind, ()):
            return self.node(self.store.nodes[node.data[f"{field.name}_id"]], field.children)
        getter = FIELDS[node.kind].get(field.name)
        if getter is None:
            raise nonexisting(field.name, _TYPE_NAMES[node.kind])
        return getter(self, node)

    def zoned(self, account_id: str, moment: datetime) -> str:
        """ISO 8601 in the account's zone, offset without a colon."""
        zone = self.store.accounts[account_id].zone
        return moment.astimezone(zone).strftime("%Y-%m-%dT%H:%M:%S%z")


def nonexisting(name: str, type_name: str) -> GraphError:
    return GraphError(f"(#100) Tried accessing nonexisting field ({name}) on node type ({type_name})", 100)


def static_edge(items: list[Json], fields: list[Field]) -> Json:
    """A short list that never pages, such as the pages an account may promote."""
    names = [field.name for field in fields] or ["id", "name"]
    return {"data": [{name: item[name] for name in ["id", *names] if name in item} for item in items]}


def _filled(shown: Json) -> Json:
    return {name: value for name, value in shown.items() if value is not None}


def _amount_spent(reader: Reader, account: Account) -> str:
    spent = sum(r.spend for r in reader.store.records.values() if r.account_id == account.id)
    return str(int(spent * account.offset))


def _business(account: Account) -> Json | None:
    if not account.has_business:
        return None
    return {"id": account.business_id, "name": account.binding.account_name}


def _zone_hours(reader: Reader, account: Account) -> float:
    offset = reader.now.astimezone(account.zone).utcoffset() or timedelta()
    return offset.total_seconds() / 3600


def _created(reader: Reader, account: Account) -> str:
    return reader.zoned(account.id, account.created or reader.now)


ACCOUNT_FIELDS: dict[str, Callable[[Reader, Account], Any]] = {
    "id": lambda _, a: f"act_{a.id}",
    "account_id": lambda _, a: a.id,
    "account_status": lambda _, a: a.account_status,
    "amount_spent": _amount_spent,
    "balance": lambda _, a: "0",
    "business": lambda _, a: _business(a),
    "created_time": _created,
    "currency": lambda _, a: a.currency,
    "default_dsa_beneficiary": lambda _, a: a.default_dsa_beneficiary,
    "default_dsa_payor": lambda _, a: a.default_dsa_payor,
    "disable_reason": lambda _, a: a.disable_reason,
    "min_campaign_group_spend_cap": lambda _, a: str(a.min_daily_budget * 100),
    "min_daily_budget": lambda _, a: a.min_daily_budget,
    "name": lambda _, a: a.binding.account_name,
    "timezone_name": lambda _, a: a.timezone_name,
    "timezone_offset_hours_utc": _zone_hours,
}


def _minimum_budgets(account: Account) -> list[Json]:
    least = account.min_daily_budget
    return [
        {
            "currency": account.currency,
            "min_daily_budget_imp": least,
            "min_daily_budget_high_freq": least * 5,
            "min_daily_budget_low_freq": least * 40,
            "min_daily_budget_video_views": least,
        }
    ]


ACCOUNT_LISTS: dict[str, Callable[[Account], list[Json]]] = {
    "promote_pages": lambda account: account.pages,
    "adspixels": lambda account: account.pixels,
    "customaudiences": lambda account: account.audiences,
    "minimum_budgets": _minimum_budgets,
}
_DEFAULTS = {"report": ("account_id", "async_status", "async_percent_completion"), "image": ("hash",)}
_LINKS = {"adset": ("campaign",), "ad": ("campaign", "adset", "creative")}

Getter = Callable[[Reader, Node], Any]


def _sent(name: str) -> Getter:
    return lambda _, node: node.data.get(name)


def _text(name: str) -> Getter:
    """Amounts leave as strings."""
    return lambda _, node: str(node.data[name]) if name in node.data else None


def _budget(name: str) -> Getter:
    """An ad set with one kind of budget shows the other as "0"."""

    def shown(_: Reader, node: Node) -> str | None:
        own = node.data.get("daily_budget") or node.data.get("lifetime_budget")
        return str(node.data.get(name, 0)) if own else None

    return shown


def _budget_remaining(reader: Reader, node: Node) -> str | None:
    budget = node.data.get("lifetime_budget") or node.data.get("daily_budget")
    if budget is None:
        return None
    account = reader.store.accounts[node.account_id]
    today = reader.now.astimezone(account.zone).date()
    spent = sum(
        record.spend
        for record in reader.store.records.values()
        if node.id in (record.campaign_id, record.adset_id)
        and ("lifetime_budget" in node.data or record.day == today)
    )
    return str(max(0, int(budget - spent * account.offset)))


def _learning(reader: Reader, node: Node) -> Json | None:
    """Learning ends well after about 50 results in the week after the last edit."""
    if effective_status(reader.store, node, reader.now) != "ACTIVE":
        return None
    edited = node.edited or node.created
    zone = reader.store.accounts[node.account_id].zone
    since, today = edited.astimezone(zone).date(), reader.now.astimezone(zone).date()
    records = [record for record in reader.store.days_of(node.id) if record.day >= since]
    results = sum(record.known(today).conversions for record in records)
    over = reader.now - edited > LEARNING_TIME
    status = "SUCCESS" if results >= LEARNING_RESULTS else "FAIL" if over else "LEARNING"
    return {"status": status, "conversions": results, "last_sig_edit_ts": int(edited.timestamp())}


def _feedback(reader: Reader, node: Node) -> Json | None:
    refused = effective_status(reader.store, node, reader.now) == "DISAPPROVED"
    return node.refusal if refused else None


def _story_part(*names: str) -> Getter:
    def shown(_: Reader, node: Node) -> Any:
        story = node.data["object_story_spec"]
        part = story.get("link_data") or story.get("video_data")
        return next((part[name] for name in names if name in part), None)

    return shown


def _call_to_action_type(reader: Reader, node: Node) -> Any:
    return (_story_part("call_to_action")(reader, node) or {}).get("type")


def _story_id(_: Reader, node: Node) -> str:
    return f"{node.data['object_story_spec']['page_id']}_{node.id}"


def _object_type(_: Reader, node: Node) -> str:
    return "VIDEO" if "video_data" in node.data["object_story_spec"] else "SHARE"


_BASE: dict[str, Getter] = {
    "id": lambda _, n: n.id,
    "account_id": lambda _, n: n.account_id,
    "name": _sent("name"),
    "status": lambda _, n: n.status,
}
_TIMES: dict[str, Getter] = {
    "created_time": lambda r, n: r.zoned(n.account_id, n.created),
    "updated_time": lambda r, n: r.zoned(n.account_id, n.updated),
}
_DELIVERABLE: dict[str, Getter] = {
    **_BASE,
    **_TIMES,
    "configured_status": lambda _, n: n.status,
    "effective_status": lambda r, n: effective_status(r.store, n, r.now),
    "issues_info": lambda r, n: issues(r.store, n, r.now),
}


def _all_sent(names: str) -> dict[str, Getter]:
    return {name: _sent(name) for name in names.split()}


def _time(name: str) -> Getter:
    """However it was sent, in the account's zone."""
    return lambda r, n: r.zoned(n.account_id, moment_of(n.data[name])) if n.data.get(name) else None


def _targeting(reader: Reader, node: Node) -> Any:
    is_of_sales = "pixel_id" in node.data.get("promoted_object", {})
    return widened(node.data["targeting"]) if reader.additions and is_of_sales else node.data["targeting"]


def _story(reader: Reader, node: Node) -> Any:
    story = node.data["object_story_spec"]
    if not (reader.additions and reader.store.accounts[node.account_id].has_catalog):
        return story
    return with_catalog(story, node.data.get("degrees_of_freedom_spec", {}))


FIELDS: dict[str, dict[str, Getter]] = {
    "campaign": {
        **_DELIVERABLE,
        **_all_sent(
            "objective buying_type special_ad_categories special_ad_category_country bid_strategy "
            "start_time stop_time is_adset_budget_sharing_enabled"
        ),
        "daily_budget": _text("daily_budget"),
        "lifetime_budget": _text("lifetime_budget"),
        "spend_cap": _text("spend_cap"),
        "budget_remaining": _budget_remaining,
    },
    "adset": {
        **_DELIVERABLE,
        **_all_sent(
            "campaign_id bid_strategy bid_amount bid_constraints billing_event optimization_goal "
            "promoted_object destination_type dsa_beneficiary dsa_payor"
        ),
        "targeting": _targeting,
        "start_time": _time("start_time"),
        "end_time": _time("end_time"),
        "daily_budget": _budget("daily_budget"),
        "lifetime_budget": _budget("lifetime_budget"),
        "budget_remaining": _budget_remaining,
        "learning_stage_info": _learning,
        "attribution_spec": lambda _, n: n.data.get("attribution_spec", ATTRIBUTION),
    },
    "ad": {
        **_DELIVERABLE,
        **_all_sent("campaign_id adset_id conversion_domain tracking_specs"),
        "ad_review_feedback": _feedback,
    },
    "creative": {
        **_BASE,
        **_all_sent("url_tags degrees_of_freedom_spec contextual_multi_ads"),
        "object_story_spec": _story,
        "body": _story_part("message"),
        "title": _story_part("name", "title"),
        "image_hash": _story_part("image_hash"),
        "video_id": _story_part("video_id"),
        "call_to_action_type": _call_to_action_type,
        "effective_object_story_id": _story_id,
        "object_type": _object_type,
    },
    "image": {**_BASE, **_TIMES, **_all_sent("hash url")},
    "video": {
        **_TIMES,
        **_all_sent("title source"),
        "id": _BASE["id"],
        "status": lambda _, n: video_status(n),
        "picture": lambda _, n: video_picture(n),
    },
    "study": {
        **_TIMES,
        **_all_sent("name description type"),
        "id": _BASE["id"],
        "start_time": lambda _, n: shown_times(n, "start_time"),
        "end_time": lambda _, n: shown_times(n, "end_time"),
        "canceled_time": lambda r, n: r.zoned(n.account_id, n.updated) if n.gone else None,
        "cells": lambda _, n: shown_cells(n),
    },
    "report": {
        "id": _BASE["id"],
        "account_id": _BASE["account_id"],
        "async_status": lambda _, n: "Job Completed",
        "async_percent_completion": lambda _, n: 100,
    },
}
