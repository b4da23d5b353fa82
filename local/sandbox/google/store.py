"""Accounts of the Google sandbox, and resources by name in the vendor's own messages."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from google.protobuf.json_format import MessageToDict

from local.sandbox.core.accounts import Binding
from local.sandbox.core.records import DayRecord
from local.sandbox.core.reviews import REVIEW_TIME
from local.sandbox.google.messages import KIND_OF_COLLECTION, KINDS, Message, enum_name
from local.sandbox.google.resources import Resources
from local.sandbox.seeds import GoogleSeed

Json = dict[str, Any]

# Amounts must be multiples of a whole unit here, elsewhere of a hundredth. Only JPY is documented.
WHOLE_UNIT_CURRENCIES = frozenset("CLP COP CRC HUF IDR ISK JPY KRW PYG TWD UGX VND XAF XOF XPF".split())
_OWN_STATUS = {"ENABLED": "ACTIVE", "PAUSED": "PAUSED", "REMOVED": "DELETED"}


@dataclass
class Account:
    """A customer; `status` is CustomerStatus, `operations_per_day` None for unlimited access."""

    id: str
    binding: Binding
    name: str
    currency: str
    time_zone: str
    status: str = "ENABLED"
    operations_per_day: int | None = None
    operations_used: int = 0
    spend_bursts: bool = False
    user_lists: list[str] = field(default_factory=list)

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.time_zone)

    @property
    def billable_unit_micros(self) -> int:
        return 1_000_000 if self.currency in WHOLE_UNIT_CURRENCIES else 10_000


@dataclass
class Review:
    """An ad's submission, and the policy topic that its review will find."""

    submitted: datetime
    topic: str | None = None

    @property
    def ends(self) -> datetime:
        return self.submitted + REVIEW_TIME

    def is_over(self, now: datetime) -> bool:
        return now >= self.ends


@dataclass
class Store:
    """`resources` keeps the order of creation; removed ones stay."""

    accounts: dict[str, Account] = field(default_factory=dict)
    resources: Resources = field(default_factory=Resources)
    reviews: dict[str, Review] = field(default_factory=dict)
    records: dict[tuple[str, date], DayRecord] = field(default_factory=dict)
    last_id: int = 20_000_000_000

    def next_id(self) -> int:
        self.last_id += 1
        return self.last_id

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Hold only what is added meanwhile, so that nothing else is delivered with it."""
        others, self.resources = self.resources, Resources()
        yield
        self.resources = Resources({**others, **self.resources})

    def of_kind(self, customer_id: str, kind: str) -> Iterator[Message]:
        return iter(self.resources.of_kind(customer_id, kind))

    def children(self, parent: Message, kind: str) -> list[Message]:
        """Resources of `kind` whose parent field names `parent`, removed ones included."""
        return [*self.resources.below(parent.resource_name, kind)]

    def state(self) -> Json:
        """Objects under the words all platforms share, and the resources as Google shows them."""
        state: Json = {
            plural: {_short_id(message): _summary(message) for message in self._all(kind)}
            for kind, plural in (("campaign", "campaigns"), ("ad_group", "adsets"), ("ad_group_ad", "ads"))
        }
        state["creatives"] = {}  # contents stand in the ads
        state["resources"] = {name: MessageToDict(item) for name, item in self.resources.items()}
        state["accounts"] = {account.id: asdict(account) for account in self.accounts.values()}
        state["records"] = [asdict(record) for record in self.records.values()]
        return state

    def _all(self, kind: str) -> Iterator[Message]:
        return (item for name, item in self.resources.items() if kind_of(name) == kind)


def kind_of(resource_name: str) -> str:
    """The kind of resource a name belongs to; empty for none we know."""
    parts = resource_name.split("/")
    kind = KIND_OF_COLLECTION.get(parts[2]) if len(parts) == 4 else None
    return kind.name if kind else ""


def is_removed(message: Message) -> bool:
    has_status = "status" in message.DESCRIPTOR.fields_by_name
    return has_status and enum_name(message, "status") == "REMOVED"


def _short_id(message: Message) -> str:
    return str(message.resource_name.rpartition("/")[2])


def _summary(message: Message) -> Json:
    """Flat JSON for tests that count and look, the same on every platform."""
    name = enum_name(message, "status")
    summary = MessageToDict(message, preserving_proto_field_name=True)
    return {**summary, "id": _short_id(message), "status": _OWN_STATUS[name], "google_status": name}


def seeded_account(seed: GoogleSeed, binding: Binding) -> Account:
    return Account(seed.customer_id, binding, seed.name, seed.currency, seed.time_zone)


@dataclass
class Draft:
    """The store as one mutate request would leave it: a copy, kept if no operation is refused.

    `temporary` maps temporary names to real ones.
    """

    store: Store
    account: Account
    now: datetime
    temporary: dict[str, str] = field(default_factory=dict)
    failed: set[str] = field(default_factory=set)

    def get(self, resource_name: str, kind: str) -> Message | None:
        """A resource of this customer; None when it does not exist or belongs to another."""
        prefix = f"customers/{self.account.id}/{KINDS[kind].collection}/"
        return self.store.resources.get(resource_name) if resource_name.startswith(prefix) else None

    def living(self, kind: str) -> Iterator[Message]:
        return (item for item in self.store.of_kind(self.account.id, kind) if not is_removed(item))

    def living_below(self, parent: str, kind: str) -> Iterator[Message]:
        """The resources of a kind whose parent has that name."""
        return (item for item in self.store.resources.below(parent, kind) if not is_removed(item))
