"""Rows of a colleague's objects, set up as our clients would not: by zip codes, of an unknown age."""

from collections.abc import Mapping
from typing import Any

from local.sandbox.tiktok.store import Family, Kind
from local.sandbox.unkind import CUT_NAME, Json, foreign_id, parent_of


def foreign_rows(filtering: Mapping[str, Any], kind: Kind, family: Family) -> list[Json]:
    """The colleague's paused ad group and its ad in a campaign's lists, his campaign among all others."""
    if kind == "campaign" and set(filtering) <= {"campaign_automation_type"}:
        theirs = {"campaign_id": foreign_id(f"{0:014d}", "campaign"), "campaign_name": CUT_NAME}
        return [theirs | {"operation_status": "DISABLE", "secondary_status": "CAMPAIGN_STATUS_DISABLE"}]
    parent = parent_of(filtering, "campaign_ids")
    if parent is None or kind not in ("adgroup", "ad"):
        return []
    adgroup_id, ad_id = foreign_id(parent, "adset"), foreign_id(parent, "ad")
    common = {"campaign_id": parent, "adgroup_id": adgroup_id, "operation_status": "DISABLE"}
    if kind == "ad":
        names = {"smart_plus_ad_id" if family == "smart_plus" else "ad_id": ad_id, "ad_name": CUT_NAME}
        return [common | names | {"secondary_status": "AD_STATUS_DISABLE"}]
    targeting = {"zipcode_ids": ["94304"], "age_groups": ["AGE_18_29"], "location_ids": None}
    budget = {"budget": 50, "budget_mode": "BUDGET_MODE_DAY", "scheduled_budget": 0}
    return [
        common | targeting | budget | {"adgroup_name": CUT_NAME, "secondary_status": "ADGROUP_STATUS_DISABLE"}
    ]
