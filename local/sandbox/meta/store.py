"""What the Meta sandbox holds: accounts, and a forest of nodes below each."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, Literal
from zoneinfo import ZoneInfo

from local.sandbox.core.accounts import Binding
from local.sandbox.core.records import DayRecord
from local.sandbox.seeds import MetaSeed

Json = dict[str, Any]
Kind = Literal["campaign", "adset", "ad", "creative", "image", "video", "report", "study"]

REVIEW_TIME = timedelta(hours=1)
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
    locale: str = "en_US"
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
class Node:
    """One object; `data` holds what the client sent, in the platform's own shapes."""

    id: str
    kind: Kind
    account_id: str
    created: datetime
    updated: datetime
    data: Json
    status: str = "ACTIVE"
    submitted: datetime | None = None
    refusal: Json | None = None
    edited: datetime | None = None  # the last edit that starts learning anew

    @property
    def gone(self) -> bool:
        return self.status in ("DELETED", "ARCHIVED")

    def review_ends(self) -> datetime:
        return (self.submitted or self.created) + REVIEW_TIME


class MetaStore:
    """Accounts, nodes and delivered days. Ids grow, so a listing by id is a listing by age."""

    def __init__(self) -> None:
        self.accounts: dict[str, Account] = {}
        self.nodes: dict[str, Node] = {}
        self.records: dict[tuple[str, date], DayRecord] = {}
        self._last_id = 120_210_000_000_000_000

    def next_id(self) -> str:
        self._last_id += 1
        return str(self._last_id)

    def add(self, kind: Kind, account: Account, data: Json, now: datetime, status: str = "ACTIVE") -> Node:
        node = Node(self.next_id(), kind, account.id, now, now, data, status)
        self.nodes[node.id] = node
        return node

    def of_kind(self, account_id: str, kind: Kind) -> list[Node]:
        """Newest first, deleted ones included."""
        found = [n for n in self.nodes.values() if n.kind == kind and n.account_id == account_id]
        return found[::-1]

    def children(self, node: Node, kind: Kind) -> list[Node]:
        key = f"{node.kind}_id"
        return [n for n in self.of_kind(node.account_id, kind) if n.data.get(key) == node.id]

    def tree(self, node: Node) -> Iterator[Node]:
        """The node and everything below it."""
        yield node
        below: tuple[Kind, ...] = ("adset", "ad") if node.kind == "campaign" else ("ad",)
        if node.kind in ("campaign", "adset"):
            for kind in below:
                yield from self.children(node, kind)

    def image(self, account_id: str, image_hash: str) -> Node | None:
        images = self.of_kind(account_id, "image")
        return next((n for n in images if n.data["hash"] == image_hash and not n.gone), None)

    def state(self) -> Json:
        plural: dict[Kind, str] = {
            "campaign": "campaigns",
            "adset": "adsets",
            "ad": "ads",
            "creative": "creatives",
            "image": "images",
            "video": "videos",
            "study": "studies",
        }
        state: Json = {
            name: {n.id: node_state(n) for n in self.nodes.values() if n.kind == kind}
            for kind, name in plural.items()
        }
        state["accounts"] = {f"act_{a.id}": asdict(a) for a in self.accounts.values()}
        state["records"] = [asdict(record) for record in self.records.values()]
        return state


def node_state(node: Node) -> Json:
    """The node as flat JSON: what was sent, plus id, status and times."""
    return node.data | {
        "id": node.id,
        "account_id": node.account_id,
        "status": node.status,
        "created_time": node.created,
        "updated_time": node.updated,
    }


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
