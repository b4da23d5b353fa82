"""Rows of a colleague's objects, set up as our clients would not: by region, without ages."""

from collections.abc import Collection

from local.sandbox.unkind import CUT_NAME, Json, Unkind, foreign_id, shown


def foreign_rows(path: str, asked: Collection[str], unkind: Unkind) -> list[Json]:
    """The colleague's paused ad set and its ad in the lists of a campaign, his campaign in the account's."""
    parent, _, edge = path.partition("/")
    if parent.startswith("act_") and edge == "campaigns":
        theirs = {"id": foreign_id(parent[4:], "campaign"), "name": CUT_NAME, "status": "PAUSED"}
        return [shown({**theirs, "effective_status": "PAUSED"}, ["id", *asked])]
    if not parent.isdigit() or edge not in ("adsets", "ads"):
        return []
    places = unkind.choice(
        parent,
        {"regions": [{"key": "3847"}]},
        {"zips": [{"key": "US:94304"}]},
        {"cities": [{"key": "2418779"}]},
    )
    adset = {
        "id": foreign_id(parent, "adset"),
        "name": CUT_NAME,
        "status": "PAUSED",
        "effective_status": "PAUSED",
        "daily_budget": "5000",
        "targeting": {"geo_locations": places, "genders": [2]},
    }
    ad = {
        "id": foreign_id(parent, "ad"),
        "name": CUT_NAME,
        "adset_id": adset["id"],
        "status": "PAUSED",
        "effective_status": "ADSET_PAUSED",
    }
    return [shown(adset if edge == "adsets" else ad, ["id", *asked])]
