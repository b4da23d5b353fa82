"""Advertisers, nodes and split tests of the TikTok sandbox."""

from dataclasses import asdict, dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Literal
from zoneinfo import ZoneInfo

from local.sandbox.core.accounts import Binding
from local.sandbox.core.store import BaseNode, Json, NodeStore
from local.sandbox.seeds import TikTokSeed

Kind = Literal["campaign", "adgroup", "ad", "image", "video"]
Family = Literal["manual", "smart_plus"]

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
    value_bidding_allowed: bool = True
    created: datetime | None = None

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.display_timezone)


@dataclass(eq=False)
class Node(BaseNode):
    """One object of the Business API."""

    operation_status: str = "ENABLE"
    family: Family = "manual"
    next_budget: tuple[date, Decimal] | None = None  # from this account day on

    @property
    def gone(self) -> bool:
        return self.operation_status == "DELETE"

    @property
    def noun(self) -> str:
        return "ad group" if self.kind == "adgroup" else self.kind

    def state(self) -> Json:
        """The flat JSON with our status beside the platform's."""
        return self.flat() | {
            "name": self.data.get(f"{self.kind}_name"),
            "status": OURS[self.operation_status],
            "operation_status": self.operation_status,
            "campaign_automation_type": AUTOMATION[self.family],
        }


@dataclass
class Split:
    """A split test; `ended` is one that was ended before its time."""

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


class TikTokStore(NodeStore[Account, Node]):
    """The store of the TikTok sandbox; `replays` are objects by account, kind and request id."""

    levels = ("campaign", "adgroup", "ad")
    plurals = {
        "campaign": "campaigns",
        "adgroup": "adsets",
        "ad": "ads",
        "image": "images",
        "video": "videos",
    }
    id_step = 16

    def __init__(self) -> None:
        super().__init__(1_850_000_000_000_000)
        self.splits: dict[str, Split] = {}
        self.replays: dict[tuple[str, str, str], tuple[Node, datetime]] = {}

    def add(
        self,
        kind: Kind,
        account: Account,
        data: Json,
        now: datetime,
        operation_status: str = "ENABLE",
        family: Family = "manual",
    ) -> Node:
        node = Node(
            self.next_id(),
            kind,
            account.id,
            now,
            now,
            data,
            operation_status=operation_status,
            family=family,
        )
        self.nodes[node.id] = node
        return node

    def of_family(self, account_id: str, kind: Kind, family: Family) -> list[Node]:
        """The objects of one kind that one family's endpoints show, newest first, deleted ones included."""
        return [node for node in self.of_kind(account_id, kind) if node.family == family]

    def own(self, account: Account, kind: Kind, object_id: str) -> Node | None:
        """The advertiser's object of this kind, deleted or not."""
        node = self.nodes.get(object_id)
        return node if node and node.kind == kind and node.account_id == account.id else None

    def state(self) -> Json:
        return self.listed_state() | {
            "creatives": {},  # TikTok has no creative objects
            "accounts": {account.id: asdict(account) for account in self.accounts.values()},
            "splits": {split.id: asdict(split) for split in self.splits.values()},
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
