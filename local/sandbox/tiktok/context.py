"""A call of the Business API, and the account and store that it works on."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import NamedTuple

from local.sandbox.core.hidden import Hidden
from local.sandbox.tiktok import errors
from local.sandbox.tiktok.objects import media
from local.sandbox.tiktok.params import Params
from local.sandbox.tiktok.store import Account, Family, Kind, Node, Split, TikTokStore
from local.sandbox.unkind import Unkind

KINDS: dict[str, Kind] = {"campaign": "campaign", "adgroup": "adgroup", "ad": "ad"}


@dataclass
class Call:
    """One call; `path` has no version and no outer slashes."""

    method: str
    path: str
    token: str
    params: Params
    files: media.Files
    problem: errors.TikTokError | None = None

    @property
    def family(self) -> Family:
        return "smart_plus" if self.path.startswith("smart_plus/") else "manual"

    @property
    def plain_path(self) -> str:
        return self.path.removeprefix("smart_plus/")


class Context(NamedTuple):
    """A call that was let in."""

    store: TikTokStore
    account: Account
    params: Params
    family: Family
    files: media.Files
    now: datetime
    unkind: Unkind = Unkind()
    hidden: Hidden = Hidden()

    @property
    def today(self) -> date:
        """The account's day."""
        return self.now.astimezone(self.account.zone).date()

    def own(self, kind: Kind, object_id: str, *, alive: bool = True) -> Node:
        """The account's node, of the family that this endpoint serves. Raises TikTokError."""
        node = self.store.own(self.account, kind, object_id)
        if node is None or (node.family != self.family and self.family == "smart_plus"):
            raise errors.not_found(kind, object_id)
        if self.store.root_of(node) in self.hidden.closed:
            raise errors.not_found(kind, object_id)
        if node.family != self.family:
            raise errors.wrong("This endpoint does not support Upgraded Smart Plus ads.")
        if alive and node.gone:
            raise errors.deleted(node.noun, object_id)
        return node

    def own_split(self) -> Split:
        """The account's split test that the call names. Raises TikTokError."""
        split_id = self.params.required("split_test_group_id")
        split = self.store.splits.get(split_id)
        if split is None or split.account_id != self.account.id or split_id in self.hidden.campaigns:
            raise errors.not_found("split test", split_id)
        return split
