"""Lists: filters, pages, and what they hide."""

import math
from collections.abc import Callable
from datetime import datetime

from local.sandbox.tiktok.answers.foreign import foreign_rows
from local.sandbox.tiktok.answers.render import has_primary, shown
from local.sandbox.tiktok.answers.status import secondary_status
from local.sandbox.tiktok.context import Context
from local.sandbox.tiktok.errors import Json, wrong
from local.sandbox.tiktok.params import Params
from local.sandbox.tiktok.store import AUTOMATION, Kind, Node, TikTokStore

PRIMARY = (
    "STATUS_ALL",
    "STATUS_DELETE",
    "STATUS_DELIVERY_OK",
    "STATUS_DISABLE",
    "STATUS_FROZEN",
    "STATUS_NOT_DELETE",
    "STATUS_NOT_DELIVERY",
    "STATUS_TIME_DONE",
)
MAX_IDS, MAX_PAGE = 100, 1000
# Fields that the vendor's documents call optional in an answer.
_OPTIONAL = ("campaign_automation_type", "create_time", "modify_time", "special_industries")
_KNOWN = {
    "campaign": {"campaign_ids", "campaign_name", "objective_type"},
    "adgroup": {"campaign_ids", "adgroup_ids", "adgroup_name", "objective_type"},
    "ad": {"campaign_ids", "adgroup_ids", "ad_ids", "ad_ids_v2", "smart_plus_ad_ids", "objective_type"},
}
_ALWAYS = {"primary_status", "secondary_status", "campaign_automation_type"}
_OWN_IDS = {"ad_ids_v2": "ad", "smart_plus_ad_ids": "ad"}

Test = Callable[[Node], bool]


def listing(context: Context, kind: Kind) -> Json:
    """The answer of (smart_plus/)<kind>/get/; each family lists its own objects, deleted ones hidden."""
    store, params, now = context.store, context.params, context.now
    params.only({"filtering", "page", "page_size", "fields"})
    filtering = params.mapping("filtering")
    tests = _tests(store, kind, filtering, now)
    all_own = store.of_family(context.account.id, kind, context.family)
    own = [node for node in all_own if store.root_of(node) not in context.hidden.campaigns]
    unkind = context.unkind
    rows = [
        unkind.without(shown(store, node, now), _OPTIONAL, node.id)
        for node in own
        if all(test(node) for test in tests)
    ]
    if unkind.is_on:
        rows += foreign_rows(filtering.values, kind, context.family) if rows else []
    return paged(rows, params, unkind.overlap)


def paged(rows: list[Json], params: Params, overlap: int = 0) -> Json:
    """One page of the rows, with page_info."""
    page = params.integer("page", 1, 1, 10_000_000)
    size = params.integer("page_size", 10, 1, MAX_PAGE)
    total = {"total_page": math.ceil(len(rows) / size), "total_number": len(rows)}
    return {
        "list": rows[max((page - 1) * size - overlap, 0) : page * size],
        "page_info": {"page": page, "page_size": size, **total},
    }


def _tests(store: TikTokStore, kind: Kind, filtering: Params, now: datetime) -> list[Test]:
    filtering.only(_KNOWN[kind] | _ALWAYS)
    tests = [_by_ids(name, filtering) for name in filtering.values if "_ids" in name]
    tests += [_by_name(name, filtering) for name in filtering.values if name.endswith("_name")]
    if "campaign_automation_type" in filtering:
        automation = filtering.choice("campaign_automation_type", (*AUTOMATION.values(), "SMART_PLUS"))
        tests.append(lambda node: AUTOMATION[node.family] == automation)
    if "secondary_status" in filtering:
        wanted = filtering.text("secondary_status")
        tests.append(lambda node: secondary_status(store, node, now) == wanted)
    if "objective_type" in filtering:
        objective = filtering.text("objective_type")
        tests.append(lambda node: _objective_of(store, node) == objective)
    primary = filtering.choice("primary_status", PRIMARY, "STATUS_NOT_DELETE")
    return [*tests, lambda node: has_primary(store, node, now, primary)]


def _by_ids(name: str, filtering: Params) -> Test:
    wanted = set(filtering.ids(name, MAX_IDS))
    owner = _OWN_IDS.get(name) or name.removesuffix("_ids")
    return lambda node: (node.id if node.kind == owner else node.data.get(f"{owner}_id")) in wanted


def _by_name(name: str, filtering: Params) -> Test:
    """Names are searched, not compared."""
    part = filtering.required(name).casefold()
    if len(part) > 512:
        raise wrong(f"{name}: Longer than maximum length 512.")
    return lambda node: part in str(node.data[name]).casefold()


def _objective_of(store: TikTokStore, node: Node) -> str:
    campaign = store.nodes[node.data["campaign_id"]] if "campaign_id" in node.data else node
    return str(campaign.data["objective_type"])
