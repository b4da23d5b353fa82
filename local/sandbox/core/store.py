"""A forest of nodes below each ad account, as Meta and TikTok keep one."""

from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import date, datetime
from itertools import islice
from typing import Any, ClassVar, Generic, TypeVar

from local.sandbox.core.records import DayRecord
from local.sandbox.core.reviews import LONG_AGO, REVIEW_TIME, is_refused

Json = dict[str, Any]


@dataclass(eq=False)
class BaseNode(ABC):
    """One object; `data` holds the fields that the client sent, in the platform's own shapes."""

    id: str
    kind: str
    account_id: str
    created: datetime
    updated: datetime
    data: Json
    submitted: datetime | None = None
    refusal: Json | None = None

    @property
    @abstractmethod
    def gone(self) -> bool: ...

    def review_ends(self) -> datetime:
        return (self.submitted or self.created) + REVIEW_TIME

    def flat(self) -> Json:
        """The node as flat JSON: the fields sent, plus id, account and times."""
        return self.data | {
            "id": self.id,
            "account_id": self.account_id,
            "created_time": self.created,
            "updated_time": self.updated,
        }

    @abstractmethod
    def state(self) -> Json:
        """The flat JSON with the status."""


AccountT = TypeVar("AccountT")
NodeT = TypeVar("NodeT", bound=BaseNode)


class NodeStore(Generic[AccountT, NodeT]):
    """Accounts, nodes and delivered days. Ids grow, so a listing by id is a listing by age."""

    levels: ClassVar[tuple[str, str, str]]  # campaign, ad set, ad
    plurals: ClassVar[Mapping[str, str]]  # the admin API's names of the kinds
    id_step: ClassVar[int] = 1

    def __init__(self, first_id: int) -> None:
        self.accounts: dict[str, AccountT] = {}
        self.nodes: dict[str, NodeT] = {}
        self.records: dict[tuple[str, date], DayRecord] = {}
        self.last_id = first_id
        self._below: dict[tuple[str, str], list[NodeT]] = {}  # by kind and the id of a parent, oldest first
        self._kinds: dict[tuple[str, str], list[NodeT]] = {}  # by account and kind, oldest first
        self._days: dict[str, list[DayRecord]] = {}  # by ad set
        self._delivered = (0, 0)  # the records of which it is: a day stays, and its figures grow
        self._indexed: Mapping[str, NodeT] = {}  # the nodes of which these are, and the number known to them
        self._known = 0

    def next_id(self) -> str:
        self.last_id += self.id_step
        return str(self.last_id)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Hold only what is added meanwhile, so that nothing else is delivered with it."""
        others, self.nodes = self.nodes, {}
        yield
        self.nodes = others | self.nodes

    def forget(self, node: NodeT) -> None:
        """Take a node away as if it had never been; what is deleted on a platform stays, and is `gone`."""
        del self.nodes[node.id]
        self._indexed = {}

    def of_kind(self, account_id: str, kind: str) -> list[NodeT]:
        """Newest first, deleted ones included."""
        self._index()
        return self._kinds.get((account_id, kind), [])[::-1]

    def children(self, node: NodeT, kind: str) -> list[NodeT]:
        self._index()
        below = reversed(self._below.get((kind, node.id), ()))
        return [other for other in below if other.account_id == node.account_id]

    def _index(self) -> None:
        """Note the nodes that were added: objects keep their kind, their account and their parents."""
        if self._indexed is not self.nodes:
            self._indexed, self._known = self.nodes, 0
            self._below, self._kinds = defaultdict(list), defaultdict(list)
        if self._known == len(self.nodes):
            return
        for node in islice(self.nodes.values(), self._known, None):
            self._kinds[node.account_id, node.kind].append(node)
            for parent in {node.data.get(f"{level}_id") for level in self.levels} - {None, node.id}:
                self._below[node.kind, str(parent)].append(node)
        self._known = len(self.nodes)

    def days_of(self, adset_id: str) -> list[DayRecord]:
        """The delivered days of an ad set and of its ads."""
        if self._delivered != (id(self.records), len(self.records)):
            self._days = defaultdict(list)
            for record in self.records.values():
                self._days[record.adset_id].append(record)
            self._delivered = (id(self.records), len(self.records))
        return self._days.get(adset_id, [])

    def root_of(self, node: NodeT) -> str:
        """The id of the campaign that a node is or belongs to."""
        campaign = self.levels[0]
        return str(node.data.get(f"{campaign}_id") or node.id)

    def tree(self, node: NodeT) -> Iterator[NodeT]:
        """The node and everything below it."""
        yield node
        below = self.levels[self.levels.index(node.kind) + 1 :] if node.kind in self.levels else ()
        for kind in below:
            yield from self.children(node, kind)

    def families(self, account_id: str) -> dict[NodeT, list[NodeT]]:
        """Ad sets with their ads, oldest first, deleted ones included: they spent money today, too."""
        _, adset, ad = self.levels
        ads: dict[str, list[NodeT]] = defaultdict(list)
        for node in reversed(self.of_kind(account_id, ad)):
            ads[node.data[f"{adset}_id"]].append(node)
        return {node: ads[node.id] for node in reversed(self.of_kind(account_id, adset))}

    def end_review(self, ad_id: str, changes: Json, refusal: Json) -> Json:
        """End one ad's review at once, with `refusal` when it is disapproved.

        Raises LookupError for an unknown ad, ValueError for another outcome.
        """
        ad = self.nodes.get(ad_id)
        if ad is None or ad.kind != "ad":
            raise LookupError(f"no ad {ad_id}")
        ad.refusal = refusal if is_refused(changes) else None
        ad.submitted = LONG_AGO
        return {"id": ad_id, "outcome": changes["outcome"]}

    def listed_state(self) -> Json:
        """Nodes by plural and id, and the delivered days."""
        state: Json = {
            name: {node.id: node.state() for node in self.nodes.values() if node.kind == kind}
            for kind, name in self.plurals.items()
        }
        state["records"] = [asdict(record) for record in self.records.values()]
        return state
