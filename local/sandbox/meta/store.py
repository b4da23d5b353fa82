"""Accounts and nodes of the Meta sandbox."""

from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Literal
from zoneinfo import ZoneInfo

from local.sandbox.core.accounts import Binding
from local.sandbox.core.store import BaseNode, Json, NodeStore
from local.sandbox.seeds import MetaSeed

__all__ = ["Account", "Json", "Kind", "MetaStore", "Node", "seeded_account"]

Kind = Literal["campaign", "adset", "ad", "creative", "image", "video", "report", "study"]

WHOLE_UNIT_CURRENCIES = frozenset(
    ("CLP", "COP", "CRC", "HUF", "ISK", "IDR", "JPY", "KRW", "PYG", "TWD", "VND")
)


@dataclass
class Account:
    """An ad account; `id` is digits only, amounts are in minor units."""

    id: str
    binding: Binding
    currency: str
    timezone_name: str
    min_daily_budget: int
    pages: list[Json]
    pixels: list[Json]
    default_dsa_beneficiary: str | None
    default_dsa_payor: str | None
    audiences: list[Json] = field(default_factory=list)
    account_status: int = 1
    disable_reason: int = 0
    rate_limit_calls: int = 5000
    has_business: bool = True
    has_catalog: bool = False
    locale: str = "en_US"
    spend_bursts: bool = False
    created: datetime | None = None

    @property
    def offset(self) -> int:
        """Minor units in one major unit. Source: "Currency Codes" (not the ISO exponents)."""
        return 1 if self.currency in WHOLE_UNIT_CURRENCIES else 100

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.timezone_name)

    @property
    def business_id(self) -> str:
        return f"5{self.id[1:]}"


@dataclass(eq=False)
class Node(BaseNode):
    """One object of the Graph API."""

    status: str = "ACTIVE"
    edited: datetime | None = None  # the last edit that starts learning anew

    @property
    def gone(self) -> bool:
        return self.status in ("DELETED", "ARCHIVED")

    def state(self) -> Json:
        return self.flat() | {"status": self.status}


class MetaStore(NodeStore[Account, Node]):
    """The store of the Meta sandbox."""

    levels = ("campaign", "adset", "ad")
    plurals = {
        "campaign": "campaigns",
        "adset": "adsets",
        "ad": "ads",
        "creative": "creatives",
        "image": "images",
        "video": "videos",
        "study": "studies",
    }

    def __init__(self) -> None:
        super().__init__(120_210_000_000_000_000)

    def add(self, kind: Kind, account: Account, data: Json, now: datetime, status: str = "ACTIVE") -> Node:
        node = Node(self.next_id(), kind, account.id, now, now, data, status=status)
        self.nodes[node.id] = node
        return node

    def image(self, account_id: str, image_hash: str) -> Node | None:
        images = self.of_kind(account_id, "image")
        return next((n for n in images if n.data["hash"] == image_hash and not n.gone), None)

    def state(self) -> Json:
        accounts = {f"act_{account.id}": asdict(account) for account in self.accounts.values()}
        return self.listed_state() | {"accounts": accounts}


def seeded_account(seed: MetaSeed, binding: Binding, now: datetime) -> Account:
    return Account(
        id=seed.digits,
        binding=binding,
        currency=seed.currency,
        timezone_name=seed.timezone_name,
        min_daily_budget=seed.min_daily_budget,
        pages=[{"id": seed.page_id, "name": seed.name}],
        pixels=[{"id": seed.pixel_id, "name": f"{seed.name} pixel"}],
        default_dsa_beneficiary=seed.name,
        default_dsa_payor=seed.name,
        audiences=[{"id": f"6{seed.digits[1:]}", "name": "Buyers, 1% lookalike", "subtype": "LOOKALIKE"}],
        locale=seed.locale,
        created=now,
    )
