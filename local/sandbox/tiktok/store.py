"""What the TikTok sandbox holds: advertisers, and a forest of nodes below each."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Literal
from zoneinfo import ZoneInfo

from local.sandbox.core.accounts import Binding
from local.sandbox.core.records import DayRecord
from local.sandbox.seeds import TikTokSeed
from local.sandbox.tiktok.errors import Json

Kind = Literal["campaign", "adgroup", "ad", "image", "video"]
Family = Literal["manual", "smart_plus"]

REVIEW_TIME = timedelta(hours=1)
AUTOMATION = {"manual": "MANUAL", "smart_plus": "UPGRADED_SMART_PLUS"}
OURS = {"ENABLE": "ACTIVE", "DISABLE": "PAUSED", "DELETE": "DELETED"}


@dataclass
class Account:
    """An advertiser; amounts are in major units."""

    id: str
    binding: Binding
    currency: str
    display_timezone: str
    identities: list[Json]
    pixels: list[Json]
    audiences: list[str] = field(default_factory=list)
    apps: list[str] = field(default_factory=list)
    status: str = "STATUS_ENABLE"
    balance: float = 10_000.0
    calls_per_minute: int = 600
    ads_per_adgroup: int = 20
    smart_plus_allowed: bool = True
    created: datetime | None = None

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.display_timezone)


@dataclass(eq=False)
class Node:
    """One object; `data` holds what the client sent, in the platform's own shapes."""

    id: str
    kind: Kind
    account_id: str
    created: datetime
    updated: datetime
    data: Json
    operation_status: str = "ENABLE"
    family: Family = "manual"
    submitted: datetime | None = None
    refusal: Json | None = None
    next_budget: tuple[date, Decimal] | None = None  # from this account day on

    @property
    def gone(self) -> bool:
        return self.operation_status == "DELETE"

    @property
    def noun(self) -> str:
        return "ad group" if self.kind == "adgroup" else self.kind

    def review_ends(self) -> datetime:
        return (self.submitted or self.created) + REVIEW_TIME


@dataclass
class Split:
    """A test; `ended` when somebody ended it before its time."""

    id: str
    account_id: str
    adgroup_ids: list[str]
    start: datetime
    end: datetime
    ended: bool = False

    def status(self, now: datetime) -> str:
        if self.ended:
            return "CANCELLED"
        if now < self.start:
            return "NOT_STARTED"
        return "IN_PROGRESS" if now < self.end else "COMPLETED"


class TikTokStore:
    """Accounts, nodes and delivered days. Ids grow, so a listing by id is a listing by age."""

    def __init__(self) -> None:
        self.accounts: dict[str, Account] = {}
        self.nodes: dict[str, Node] = {}
        self.records: dict[tuple[str, date], DayRecord] = {}
        self.splits: dict[str, Split] = {}
        self._last_id = 1_850_000_000_000_000

    def next_id(self) -> str:
        self._last_id += 16
        return str(self._last_id)

    def add(
        self,
        kind: Kind,
        account: Account,
        data: Json,
        now: datetime,
        operation_status: str = "ENABLE",
        family: Family = "manual",
    ) -> Node:
        node = Node(self.next_id(), kind, account.id, now, now, data, operation_status, family)
        self.nodes[node.id] = node
        return node

    def of_kind(self, account_id: str, kind: Kind, family: Family | None = None) -> list[Node]:
        """Newest first, deleted ones included."""
        return [
            node
            for node in reversed(self.nodes.values())
            if node.kind == kind and node.account_id == account_id and family in (None, node.family)
        ]

    def own(self, account: Account, kind: Kind, object_id: str) -> Node | None:
        """The advertiser's object of this kind, deleted or not."""
        node = self.nodes.get(object_id)
        return node if node and node.kind == kind and node.account_id == account.id else None

    def children(self, node: Node, kind: Kind) -> list[Node]:
        key = f"{node.kind}_id"
        return [other for other in self.of_kind(node.account_id, kind) if other.data.get(key) == node.id]

    def tree(self, node: Node) -> Iterator[Node]:
        """The node and everything below it."""
        yield node
        below: tuple[Kind, ...] = ("adgroup", "ad") if node.kind == "campaign" else ("ad",)
        if node.kind in ("campaign", "adgroup"):
            for kind in below:
                yield from self.children(node, kind)

    def state(self) -> Json:
        plural: dict[Kind, str] = {
            "campaign": "campaigns",
            "adgroup": "adsets",
            "ad": "ads",
            "image": "images",
            "video": "videos",
        }
        state: Json = {
            name: {node.id: node_state(node) for node in self.nodes.values() if node.kind == kind}
            for kind, name in plural.items()
        }
        state["creatives"] = {}  # TikTok has no creatives of their own
        state["accounts"] = {account.id: asdict(account) for account in self.accounts.values()}
        state["splits"] = {split.id: asdict(split) for split in self.splits.values()}
        state["records"] = [asdict(record) for record in self.records.values()]
        return state


def node_state(node: Node) -> Json:
    """The node as flat JSON: what was sent, plus id, our status beside the platform's, and times."""
    return node.data | {
        "id": node.id,
        "account_id": node.account_id,
        "name": node.data.get(f"{node.kind}_name"),
        "status": OURS[node.operation_status],
        "operation_status": node.operation_status,
        "campaign_automation_type": AUTOMATION[node.family],
        "created_time": node.created,
        "updated_time": node.updated,
    }


def seeded_account(seed: TikTokSeed, binding: Binding, now: datetime) -> Account:
    return Account(
        id=seed.advertiser_id,
        binding=binding,
        currency=seed.currency,
        display_timezone=seed.time_zone,
        identities=[
            {"identity_id": seed.identity_id, "identity_type": "CUSTOMIZED_USER", "display_name": seed.name}
        ],
        pixels=[
            {"pixel_id": seed.pixel_id, "pixel_code": f"C{seed.pixel_id}", "pixel_name": f"{seed.name} pixel"}
        ],
        audiences=[f"1{seed.advertiser_id[-8:]}"],
        apps=[f"72{seed.advertiser_id[-8:]}"],
        created=now,
    )
