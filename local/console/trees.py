"""The campaigns of a sandbox platform as trees of one form, with what was delivered."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Any, NamedTuple

from local.sandbox.meta.store import WHOLE_UNIT_CURRENCIES

Json = dict[str, Any]
LEVELS = ("campaigns", "adsets", "ads")
_MICROS = Decimal(1_000_000)
# By platform the fields with the parents of ad sets and of ads.
_PARENTS = {
    "meta": ("campaign_id", "adset_id"),
    "tiktok": ("campaign_id", "adgroup_id"),
    "google": ("campaign", "ad_group"),
}
_DELETED = "DELETED"


class Figures(NamedTuple):
    """Delivery so far; money in the account currency's major unit."""

    spend: Decimal = Decimal(0)
    revenue: Decimal = Decimal(0)
    conversions: int = 0

    def __add__(self, other: Any) -> Figures:
        pairs = zip(self, other, strict=True)
        return Figures(*(one + more for one, more in pairs))


class Item(NamedTuple):
    """One object of a platform with those below it."""

    id: str
    name: str
    status: str
    budget: Decimal | None
    figures: Figures
    below: list[Item]

    @property
    def is_deleted(self) -> bool:
        return self.status == _DELETED


class Account(NamedTuple):
    """One ad account with its campaigns, newest first, and the delivery of its days."""

    id: str
    name: str
    user: str
    currency: str
    campaigns: list[Item]
    days: Mapping[str, Figures]


def accounts(platform: str, state: Json) -> list[Account]:
    """Return the accounts of a platform's state, with the trees of those that have campaigns."""
    reader = _Reader(platform, state)
    return [
        Account(
            account_id,
            account["binding"]["account_name"],
            f"user_{account['binding']['user_id']}",
            account["currency"],
            list(reader.campaigns_of(account_id)),
            reader.days_of(account_id),
        )
        for account_id, account in state["accounts"].items()
    ]


class _Reader:
    """Reads the objects of one state, which differ by platform in their fields."""

    def __init__(self, platform: str, state: Json) -> None:
        self._platform, self._state = platform, state
        self._figures: dict[str, Figures] = defaultdict(Figures)
        self._days: dict[str, dict[str, Figures]] = defaultdict(lambda: defaultdict(Figures))
        for record in state["records"]:
            figures = _figures(record)
            for level in ("campaign_id", "adset_id", "ad_id"):
                self._figures[record[level]] += figures
            self._days[self._account_key(record["account_id"])][record["day"]] += figures

    def campaigns_of(self, account_id: str) -> Iterator[Item]:
        adsets, ads = (self._by_parent(level) for level in (1, 2))
        for campaign in reversed(self._state["campaigns"].values()):
            if self._account_of(campaign) == account_id:
                below = [
                    self._item(adset, [self._item(ad, []) for ad in ads[str(adset["id"])]])
                    for adset in adsets[str(campaign["id"])]
                ]
                yield self._item(campaign, below)

    def days_of(self, account_id: str) -> Mapping[str, Figures]:
        return dict(sorted(self._days[account_id].items()))

    def _by_parent(self, level: int) -> Mapping[str, list[Json]]:
        found: dict[str, list[Json]] = defaultdict(list)
        field = _PARENTS[self._platform][level - 1]
        for item in self._state[LEVELS[level]].values():
            found[str(item[field]).rpartition("/")[2]].append(item)
        return found

    def _item(self, found: Json, below: list[Item]) -> Item:
        item_id = str(found["id"])
        name = found.get("name") or found.get("ad", {}).get("name") or item_id
        return Item(item_id, name, found["status"], self._budget(found), self._figures[item_id], below)

    def _account_of(self, item: Json) -> str:
        if self._platform == "google":
            return str(item["resource_name"]).split("/")[1]
        return self._account_key(item["account_id"])

    def _account_key(self, account_id: str) -> str:
        return f"act_{account_id}" if self._platform == "meta" else account_id

    def _budget(self, item: Json) -> Decimal | None:
        if self._platform == "google":
            budget = self._state["resources"].get(item.get("campaign_budget"), {}).get("amountMicros")
            return None if budget is None else Decimal(budget) / _MICROS
        if self._platform == "tiktok":
            budget = item.get("budget")
            return Decimal(str(budget)) if budget else None
        if "daily_budget" not in item:
            return None
        currency = self._state["accounts"][self._account_of(item)]["currency"]
        return Decimal(item["daily_budget"]) / (1 if currency in WHOLE_UNIT_CURRENCIES else 100)


def _figures(record: Json) -> Figures:
    return Figures(Decimal(record["spend"]), Decimal(record["revenue"]), record["conversions"])


def alive(items: Iterable[Item]) -> list[Item]:
    return [item for item in items if not item.is_deleted]
