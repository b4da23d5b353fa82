"""The store as one mutate request would leave it."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from local.sandbox.google.messages import KINDS, Message
from local.sandbox.google.store import Account, Store, is_removed


@dataclass
class Draft:
    """A copy of the store, kept if no operation is refused; `temporary` maps temporary names to real ones."""

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
