"""A campaign as the platform shows it now, beside the values that we last saw of it."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import cast, get_args

from campaign_automation.adapters.common.refusals import fixed_budget
from campaign_automation.adapters.tree import AdNode, AdSetNode, CampaignNode, Node, Tree
from campaign_automation.models.campaign import Campaign, ObjectEntry
from campaign_automation.models.changes import AuditRecord
from campaign_automation.models.common import Level, narrowing_of
from campaign_automation.models.creation.settings import SettingField
from campaign_automation.utils.error_handler import PlatformError

Value = str | Decimal | None
_IN_TREES = (Level.CAMPAIGN, Level.ADSET, Level.AD)
_STOPPED = ("paused", "deleted")
_MANAGED = ("id", "status", "daily_budget")
Values = Mapping[tuple[str, str], Value]  # by our tag and the field


class ObjectTrails:
    """A campaign's trail by object, so that the history of each is found without a search of the whole."""

    def __init__(self, campaign: Campaign, trail: Sequence[AuditRecord]) -> None:
        self._campaign = campaign
        self._trail = trail
        self._found: dict[str, list[int]] = defaultdict(list)
        for position, record in enumerate(trail):
            entry = campaign.objects.get(record.entity_id)
            parent = entry.parent if entry is not None and entry.level is Level.AD else None
            for owner in {record.entity_id, parent} - {None}:
                self._found[str(owner)].append(position)

    def of(self, tag: str) -> Sequence[AuditRecord]:
        """Return the records of an object, of its parents and of its ads, in order; some of its siblings'
        ads may be among them."""
        if tag == self._campaign.tag:
            return self._trail
        owners = self._campaign.with_parents(tag)
        positions = {position for owner in owners for position in self._found.get(owner, ())}
        return [self._trail[position] for position in sorted(positions)]


def entries_of(tag: str, tree: Tree) -> dict[str, ObjectEntry]:
    """Return the entries of a campaign that was made elsewhere, from its tree; `tag` is its own."""
    entries = {tag: _entry(Level.CAMPAIGN, tag, tree.campaign)}
    adsets, ads = _standing(tree)
    for adset in adsets:
        entries[adset.platform_id] = _entry(Level.ADSET, adset.platform_id, adset)
    for ad in ads:
        entries[ad.platform_id] = _entry(Level.AD, ad.platform_id, ad, parent=ad.adset_id)
    for level in (Level.ADSET, Level.AD):
        _hold_paused(tree, [entry for entry in entries.values() if entry.level is level])
    return entries


def _standing(tree: Tree) -> tuple[list[AdSetNode], list[AdNode]]:
    """Return the ad sets and ads that are not deleted."""
    adsets = [adset for adset in tree.adsets if adset.status != "deleted"]
    ids = {adset.platform_id for adset in adsets}
    # An ad of an unknown ad set has no place; it is stopped with its campaign.
    return adsets, [ad for ad in tree.ads if ad.status != "deleted" and ad.adset_id in ids]


def _hold_paused(tree: Tree, entries: Sequence[ObjectEntry]) -> None:
    """Let a start of the campaign leave out what is paused beside others that are on, or in one that is on.

    Somebody paused these on their own. In a campaign that is off as a whole nothing tells them apart.
    """
    if tree.campaign.status == "active" or any(entry.status == "active" for entry in entries):
        for entry in entries:
            entry.held = entry.status == "paused"


def _entry(level: Level, tag: str, node: Node, parent: str | None = None) -> ObjectEntry:
    return ObjectEntry(
        level=level,
        tag=tag,
        name=node.name,
        state="created",
        platform_id=node.platform_id,
        status=node.status,
        daily_budget=node.daily_budget if isinstance(node, CampaignNode | AdSetNode) else None,
        parent=parent,
    )


def follow(campaign: Campaign, tree: Tree) -> None:
    """Let a campaign that was made elsewhere have the objects that people added, and lose those they removed.

    Of the others stays what was last seen here: a person's change of them is not taken for ours. In a
    campaign made here the ad sets that somebody narrowed get an issue.
    """
    if not campaign.is_adopted:
        _note_narrowed(campaign, tree)
        return
    known = campaign.objects
    ids = {entry.platform_id for entry in known.values() if entry.state == "created"}
    there = {node.platform_id for node in itertools.chain([tree.campaign], *_standing(tree))}
    # Entries are made of new objects only: mostly there are none.
    shown = entries_of(campaign.tag, tree).values() if there - ids else ()
    new = [_taken_over(known, item) for item in shown if item.platform_id not in ids]
    gone = {
        tag: entry.model_copy(update={"state": "gone", "status": "deleted"})
        for tag, entry in known.items()
        if entry.state == "created" and entry.level in _IN_TREES and entry.platform_id not in there
        if entry.level not in tree.lost
    }
    campaign.objects = known | {entry.tag: entry for entry in new} | gone


def _taken_over(known: Mapping[str, ObjectEntry], shown: ObjectEntry) -> ObjectEntry:
    """Return the entry of an object that is new here; a second copy of an ad of ours is not started."""
    ours = known.get(shown.name.rpartition(" ")[2])
    if ours is None or ours.level is not shown.level or ours.tag == shown.tag:
        return shown
    if ours.state == "sent":
        update = {"state": "created", "platform_id": shown.platform_id, "status": shown.status}
        return ours.model_copy(update=update)
    return shown.model_copy(update={"held": True})


def _note_narrowed(campaign: Campaign, tree: Tree) -> None:
    """Note the ad sets that were narrowed since they were made: they are not what was asked for any more."""
    nodes = {node.platform_id: node for node in tree.adsets}
    for entry in campaign.objects.values():
        node = nodes.get(entry.platform_id or "")
        if node is None or node.targeting is None or "targeting" in node.unread:
            continue
        asked = (entry.planned_narrowing or "").split(", ")
        added = [item for item in narrowing_of(node.targeting) if item not in asked]
        if added:
            fields = dict.fromkeys(item.partition(" ")[0].replace("_", " ") for item in added)
            node.issues.append(f"targeting: changed on the platform, also by {', '.join(fields)}")
            node.unread.append("targeting")


class CampaignView:
    """The live values of a campaign's objects, by our tags.

    Without a tree the platform does not show the campaign, for the reason `unseen`. It may be deleted, or
    spend behind a permission that the token has lost: of what is not known to be deleted nothing is known.
    """

    def __init__(self, campaign: Campaign, tree: Tree | None, unseen: PlatformError | None = None) -> None:
        self._campaign = campaign
        self.tree = tree
        self.unseen = unseen
        if tree is not None:
            follow(campaign, tree)
        self.platform, self.tag = campaign.platform, campaign.tag
        self.lacks_declaration = campaign.lacks_declaration
        nodes: list[Node] = [tree.campaign, *tree.adsets, *tree.ads] if tree else []
        self._nodes = {node.platform_id: node for node in nodes}

    def node(self, tag: str) -> Node | None:
        entry = self._campaign.objects.get(tag)
        return self._nodes.get(entry.platform_id or "") if entry else None

    def live(self, tag: str, field: str) -> Value:
        """Return the live value of a field.

        The status (active, paused, deleted, unknown), the daily budget in the major unit, a setting's text.
        """
        node = self.node(tag)
        if field == "status":
            return self._status(tag, node)
        if field in get_args(SettingField):
            return node.setting(cast("SettingField", field)) if node else None
        return node.daily_budget if isinstance(node, CampaignNode | AdSetNode) else None

    @property
    def is_deleted(self) -> bool:
        """Return whether the platform shows the campaign as deleted."""
        return self.live(self.tag, "status") == "deleted"

    def refusal(self, field: str) -> PlatformError | None:
        """Return the reason for which a field of the campaign cannot be changed now, or None."""
        fixed = self.tree and self.tree.campaign.fixed_budget
        if field == "daily_budget" and fixed:
            return fixed_budget(self.platform, fixed)
        return self.unseen

    def scheduled_budget(self, tag: str) -> Decimal | None:
        """Return the daily budget that the platform takes over at the next midnight, where there is one."""
        node = self.node(tag)
        return node.scheduled_budget if isinstance(node, AdSetNode) else None

    def _status(self, tag: str, node: Node | None) -> str:
        tree, campaign = self.tree, self._campaign
        if tree is None:
            is_known = campaign.state == "deleted" or campaign.objects[tag].status == "deleted"
            return "deleted" if is_known else "unknown"
        if tree.campaign.status == "deleted":
            return "deleted"  # with all that is in it
        return node.status if node else "unknown" if self._is_lost(tag) else "deleted"

    def tells(self, tag: str, field: str) -> bool:
        """Return whether a field's live value is known; not of an object that may have been answered without
        an id, nor of a value in an unknown form. In a deleted campaign everything is known."""
        node, tree = self.node(tag), self.tree
        if tree is None or tree.campaign.status == "deleted":
            return tree is not None
        return node.tells(field) if node else not self._is_lost(tag)

    def _is_lost(self, tag: str) -> bool:
        """Return whether the object may be among those that were answered without an id."""
        entry = self._campaign.objects.get(tag)
        return self.tree is not None and entry is not None and entry.level in self.tree.lost

    def budget(self, tag: str) -> Decimal:
        """Return the daily budget of an object that has one, as the platform shows it."""
        value = self.live(tag, "daily_budget")
        if not isinstance(value, Decimal):
            raise LookupError(f"{tag} has no daily budget")
        return value

    def unread(self, level: Level) -> dict[str, list[str]]:
        """Return our live objects of a level with settings that this module does not know, and the fields."""
        campaign = self._campaign
        tags = [entry.tag for entry in campaign.objects.values() if entry.level is level]
        nodes = {tag: self.node(tag) for tag in tags}
        fields = {
            tag: node.unread if node else ["id"] for tag, node in nodes.items() if node or self._is_lost(tag)
        }
        if campaign.is_adopted:
            # Its targeting is its owner's affair, known or not: what is managed here has to be read.
            fields = {tag: [item for item in found if item in _MANAGED] for tag, found in fields.items()}
        return {
            tag: found for tag, found in fields.items() if found and self.live(tag, "status") != "deleted"
        }

    def seen(self, tag: str, field: str) -> tuple[Value, ...]:
        """Return the value we last saw, and for a budget the one scheduled for midnight: both are ours."""
        entry = self._campaign.objects[tag]
        if field == "status":
            return (entry.status or "paused",)
        if field != "daily_budget":
            return (self.live(tag, field),)  # a setting is nobody's but the one's who changes it
        first = entry.planned_budget if entry.daily_budget is None else entry.daily_budget
        return (first,) if entry.scheduled_budget is None else (first, entry.scheduled_budget)

    def daily_spend(self, changes: Values | None = None) -> Decimal:
        """Return the campaign's daily spend in the major unit, as it is or after `changes`.

        It is 0 for a stopped campaign, else its own budget or the sum of those of its ad sets that run, those
        of others among them. What may run, as its status cannot be read, counts. LookupError without a tree.
        """
        tree, changes, root = self.tree, changes or {}, self._campaign.tag
        if tree is None:
            raise LookupError("the spend of a campaign that cannot be seen is not known")
        if self._value(root, "status", changes) in _STOPPED:
            return Decimal(0)
        if tree.campaign.daily_budget is not None or "daily_budget" in tree.campaign.unread:
            return self._amount(root, changes)
        active = [
            entry.tag
            for entry in self._campaign.objects.values()
            if entry.level is Level.ADSET and self._value(entry.tag, "status", changes) not in _STOPPED
        ]
        return sum((self._amount(tag, changes) for tag in active), self._foreign_spend(tree))

    def _foreign_spend(self, tree: Tree) -> Decimal:
        """Return the daily budgets of the ad sets that others made in the campaign and that may run."""
        ours = {entry.platform_id for entry in self._campaign.objects.values()}
        theirs = [node for node in tree.adsets if node.platform_id not in ours]
        budgets = [node.daily_budget for node in theirs if node.status not in _STOPPED]
        return sum((budget for budget in budgets if budget is not None), Decimal(0))

    def _value(self, tag: str, field: str, changes: Values) -> Value:
        return changes.get((tag, field), self.live(tag, field))

    def _amount(self, tag: str, changes: Values) -> Decimal:
        value, node = self._value(tag, "daily_budget", changes), self.node(tag)
        if value is None and (node is None or "daily_budget" in node.unread):
            value = self.seen(tag, "daily_budget")[0]  # it spends something, so 0 would be wrong for a cap
        return value if isinstance(value, Decimal) else Decimal(0)
