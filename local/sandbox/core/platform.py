"""The life of one ad platform in the sandbox: seeded accounts, passing time, delivered days."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any, ClassVar, Generic, Protocol, TypeVar
from zoneinfo import ZoneInfo

from local.sandbox import market
from local.sandbox.core.accounts import Binding, bind, patch
from local.sandbox.core.clock import whole_hour
from local.sandbox.core.records import DayRecord, Level
from local.sandbox.core.world import Json, World
from local.sandbox.elsewhere.plan import HISTORY_DAYS, MadeElsewhere, planned
from local.sandbox.seeds import Seed


class Account(Protocol):
    """The parts of an ad account that every platform has."""

    id: str
    binding: Binding

    @property
    def zone(self) -> ZoneInfo: ...


AccountT = TypeVar("AccountT", bound=Account)


class Store(Protocol[AccountT]):
    """The parts of a platform's store that every platform has."""

    accounts: dict[str, AccountT]
    records: Any  # by object and day; the keys differ in form
    last_id: int

    def state(self) -> Json: ...

    def alone(self) -> AbstractContextManager[None]: ...


_SKIPPED_IDS = 10_000_000

StoreT = TypeVar("StoreT", bound=Store[Any])
SeedT = TypeVar("SeedT", bound=Seed)


class SandboxPlatform(ABC, Generic[StoreT, AccountT, SeedT]):
    """Everything of `AdPlatform` but the reviews; `patched` are the account's fields for the admin API."""

    name: ClassVar[str]
    seeds: ClassVar[Sequence[Any]]
    patched: ClassVar[frozenset[str]]
    extras: ClassVar[frozenset[str]] = frozenset()  # further keys, which `patch_extras` carries out

    def __init__(self, world: World) -> None:
        self.world = world
        self._answers = 0
        self._skipped = 0
        self.reset()

    def reset(self) -> None:
        self.store = self.new_store()
        now = self.now()
        self._delivered_until = whole_hour(now)
        for seed in self.seeds:
            self._add_account(seed, now)

    def skip_ids(self) -> None:
        """Go on with ids that were not given before any reset."""
        self._skipped += _SKIPPED_IDS
        self.store.last_id += self._skipped

    def state(self) -> Json:
        return self.store.state()

    def advance(self, now: datetime) -> None:
        until = whole_hour(now)
        self.deliver(self._delivered_until, until)
        self._delivered_until = until

    def records(self, user_id: int, level: Level, object_id: str) -> list[DayRecord]:
        """Delivered days of one of the user's objects, as known now."""
        now = self.now()
        return [
            record.known(now.astimezone(account.zone).date())
            for record in self.store.records.values()
            if record.id_at(level) == object_id
            and (account := self.store.accounts[record.account_id]).binding.user_id == user_id
        ]

    def patch_account(self, account_id: str, changes: Json) -> Json:
        """Change an account, or create it when `user_id` is given. Raises LookupError, ValueError."""
        now = self.now()
        own_id = self.own_id(account_id)
        account = self.store.accounts.get(own_id)
        if account is None:
            if "user_id" not in changes:
                raise LookupError(f"no account {account_id}; give user_id to create it")
            number = self.world.accounts.next_number()
            account = self._add_account(self.default_seed(number, own_id, int(changes["user_id"])), now)
        patch(account, changes, self.patched, self.extras, now)
        self.patch_extras(account, changes)
        return {"id": account.binding.platform_account_id, "ad_account_id": account.binding.number}

    def add_elsewhere(self, account_id: str, count: int, seed: int) -> list[Json]:
        """Add campaigns that somebody made elsewhere, with the delivery of their last two weeks; tell their
        ids and what was planned. Raises LookupError for an unknown account."""
        account = self.store.accounts.get(self.own_id(account_id))
        if account is None:
            raise LookupError(f"no account {account_id}")
        now, until = self.now(), self._delivered_until
        with self.store.alone():
            plans = list(planned(count, seed))
            ids = [self.build_elsewhere(account, plan, plan.made_at(now)) for plan in plans]
            self.deliver(until - timedelta(days=HISTORY_DAYS), until)
        return [{"id": item, **asdict(plan)} for item, plan in zip(ids, plans, strict=True)]

    def market(self) -> list[Json]:
        """The hidden curve that each ad set meets, in about US dollars, which no client is shown."""
        return [
            {"adset_id": adset_id, "audience": key, **asdict(market.curve_of(self.world.seed, key))}
            for adset_id, key in self.audiences()
        ]

    def _add_account(self, seed: SeedT, now: datetime) -> AccountT:
        binding = bind(self.world.accounts, self.name, seed, now)
        account = self.seeded_account(seed, binding, now)
        self.store.accounts[account.id] = account
        return account

    def now(self) -> datetime:
        return self.world.clock.now()

    def next_answer(self) -> int:
        """The number of the next answer, of which its request id is made."""
        self._answers += 1
        return self._answers

    def own_id(self, account_id: str) -> str:
        """The store's form of an account id."""
        return account_id

    @abstractmethod
    def new_store(self) -> StoreT:
        """An empty store; whatever else a reset clears is made here, too."""

    @abstractmethod
    def seeded_account(self, seed: SeedT, binding: Binding, now: datetime) -> AccountT: ...

    @abstractmethod
    def default_seed(self, number: int, account_id: str, user_id: int) -> SeedT:
        """A plain account for a user who gets one by the admin API."""

    @abstractmethod
    def deliver(self, start: datetime, end: datetime) -> None:
        """Deliver every running ad from `start` to `end`, whole hours."""

    @abstractmethod
    def audiences(self) -> Iterator[tuple[str, str]]:
        """The id of each ad set that is not deleted, with the name of its audience on the market."""

    @abstractmethod
    def build_elsewhere(self, account: AccountT, plan: MadeElsewhere, made_at: datetime) -> str:
        """Build one campaign past all checks, as people and other programs leave them; its id."""

    def patch_extras(self, account: AccountT, changes: Json) -> None:
        """Carry out the keys of `extras`."""
