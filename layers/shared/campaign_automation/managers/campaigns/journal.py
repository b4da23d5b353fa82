"""The journal of a creation: entries stored before the request, looked up after an unknown outcome."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from campaign_automation.adapters.base import LONGEST_REPORT_DAYS, Access, Outcome, PlatformAdapter
from campaign_automation.adapters.tree import CampaignNode
from campaign_automation.managers.campaigns import wording
from campaign_automation.managers.changes import records
from campaign_automation.managers.notices.events import person_needed
from campaign_automation.managers.shared.notices import Notices
from campaign_automation.managers.shared.switches import Switches
from campaign_automation.models.campaign import Creation, ObjectEntry
from campaign_automation.models.campaigns import CampaignPlan
from campaign_automation.models.changes import AuditRecord
from campaign_automation.models.common import AdAccount, Level
from campaign_automation.stores.audit_store import AuditStore, audit_ids
from campaign_automation.stores.campaign_store import CampaignStore
from campaign_automation.utils import clock
from campaign_automation.utils.error_handler import (
    TRANSIENT,
    CampaignAutomationError,
    ConflictError,
)
from campaign_automation.utils.observability import emit, logger
from campaign_automation.utils.urgency import stopping_spend

Send = Callable[[Collection[str]], Awaitable[list[Outcome]]]  # of the tags of missing objects
_CLOCK_SKEW = timedelta(minutes=5)  # between our clock and a platform's


class Planned(NamedTuple):
    """A creation past its first step, with the plan, the account and the platform of its further steps."""

    creation: Creation
    plan: CampaignPlan
    account: AdAccount
    adapter: PlatformAdapter
    access: Access

    def made_id(self, tag: str) -> str:
        """Return the platform's id of an object that an earlier step made; RuntimeError without one."""
        platform_id = self.creation.platform_id(tag)
        if platform_id is None:
            raise RuntimeError(f"{tag} was not made by an earlier step")
        return platform_id


class Journal:
    """The journal of all creations: it stores entries, makes missing objects and adopts unanswered ones.

    Of the levels in `recorded_later` a create that succeeded is in the trail by `complete_trail` alone.
    """

    # By far the most objects; the last look records them, while it waits for the platform.
    recorded_later: Collection[Level] = (Level.CREATIVE, Level.AD)

    def __init__(self, store: CampaignStore, audit: AuditStore, notices: Notices, switches: Switches) -> None:
        self._switches = switches
        self._store = store
        self._audit = audit
        self._notices = notices

    async def write(
        self, creation: Creation, entries: Sequence[ObjectEntry], known: Sequence[AuditRecord] = ()
    ) -> None:
        """Write entries, and the audit records of what is `known` with them."""
        await self._audit.conclude(known, after=self._store.entry_puts(creation, entries))
        creation.objects.update({entry.tag: entry for entry in entries})

    async def attempt(self, creation: Creation, entries: Sequence[ObjectEntry]) -> None:
        """Write the entries of objects that are about to be sent.

        Raises ConflictError for a creation that was stopped, GuardRefusedError while a kill switch is on.
        """
        _, account = creation.planned()
        await self._switches.check(creation.tenant, creation.spec.platform, account.platform_account_id)
        if not await self._store.attempt(creation, entries):
            raise stopped(creation)
        creation.objects.update({entry.tag: entry for entry in entries})

    async def check_start(self, creation: Creation) -> None:
        """Stop a creation that began before a stop of all campaigns. Raises ConflictError for it."""
        _, account = creation.planned()
        scope = creation.tenant, creation.spec.platform, account.platform_account_id
        if await self._switches.was_stopped(*scope, creation.began_ms):
            await self._store.request_stop(creation, "pause")
            raise stopped(creation)

    async def make(self, planned: Planned, level: Level, names: Mapping[str, str], send: Send) -> None:
        """Make the missing objects of one level. `names` maps the tags to exact names."""
        await self.make_all(planned, {level: names}, send)

    async def make_all(self, planned: Planned, names: Mapping[Level, Mapping[str, str]], send: Send) -> None:
        """Make the missing objects of several levels by one call of `send`.

        An object journaled as sent and never answered may exist: it is looked up and adopted. Raises the
        platform's refusal, or its first passing error when nothing was refused.
        """
        creation = planned.creation
        for level, of_level in names.items():
            await self.adopt(planned, level, of_level)
        missing = [
            attempted(creation, level, tag, name)
            for level, of_level in names.items()
            for tag, name in of_level.items()
            if creation.platform_id(tag) is None
        ]
        if not missing:
            return
        # Before the request: a process that dies now leaves a trace of what it may have made.
        await self.attempt(creation, missing)
        outcomes = await send({entry.tag for entry in missing})
        answered = [_answered(creation, outcome) for outcome in outcomes]
        refused = {outcome.tag: outcome.error for outcome in outcomes if outcome.error}
        now = [item for item in answered if refused or item.level not in self.recorded_later]
        await self.write(creation, answered, self.created(creation, now, refused))
        errors = [outcome.error for outcome in outcomes if outcome.error is not None]
        if errors:
            # A refusal decides; only if nothing was refused is it worth asking again.
            raise min(errors, key=lambda error: isinstance(error, TRANSIENT))

    async def adopt(self, planned: Planned, level: Level, tags: Iterable[str]) -> None:
        """Look up the objects of unknown outcome among `tags`, keep what exists, and remove second copies."""
        creation, wanted = planned.creation, set(tags)
        doubtful = {
            entry.name: entry
            for entry in creation.objects.values()
            if entry.level is level and entry.state == "sent" and entry.tag in wanted
        }
        if not doubtful:
            return
        campaign_id = creation.platform_id(planned.plan.tag)
        found = await planned.adapter.find(planned.access, level, list(doubtful), campaign_id)
        answers: dict[str, Any] = {
            name: {"state": "created", "platform_id": ids[0]} for name, ids in found.items()
        }
        entries = [
            # One that is not found may still be made: a platform can act on a request after it gave it up.
            entry.model_copy(update={"unanswered": True, **answers.get(name, {})})
            for name, entry in doubtful.items()
        ]
        logger.info("unknown outcomes resolved", level=level, asked=len(doubtful), found=len(found))
        made = [entry for entry in entries if entry.state == "created"]
        await self.write(creation, entries, self.created(creation, made))
        # Two of one name: an earlier lookup came too early for the platform's lists and the create was sent
        # twice. The first is kept.
        await self.clear(planned, [(doubtful[name], item) for name, ids in found.items() for item in ids[1:]])

    async def look_again(self, planned: Planned) -> None:
        """Look up what the platform may have made late or twice, and clear what is not in the journal."""
        creation = planned.creation
        mine = {entry.platform_id for entry in creation.objects.values() if entry.state == "created"}
        parent = creation.platform_id(planned.plan.tag)
        for level in planned.adapter.levels:
            names = creation.unanswered(level)
            # The children of a campaign that is gone went with it.
            if not names or (parent is None and level in (Level.ADSET, Level.AD)):
                continue
            found = await planned.adapter.find(planned.access, level, names, parent)
            entries = {entry.name: entry for entry in creation.objects.values()}
            copies = [(entries[name], item) for name, ids in found.items() for item in ids]
            await self.clear(planned, [copy for copy in copies if copy[1] not in mine])

    async def clear(self, planned: Planned, copies: Sequence[tuple[ObjectEntry, str]]) -> None:
        """Clear second copies of our objects, each an entry of the journal and the copy's platform id.

        One that is ours and unused beyond doubt is removed. Any other is paused once, and a person is told.
        """
        new = [(entry, item) for entry, item in copies if item not in planned.creation.held_copies]
        second = [entry.model_copy(update={"platform_id": item}) for entry, item in new]
        for level in dict.fromkeys(entry.level for entry in second):
            of_level = [entry for entry in second if entry.level is level]
            unused = [entry for entry in of_level if await _may_be_removed(planned, entry)]
            await self._remove(planned, level, unused)
            await self._hold(planned, level, [entry for entry in of_level if entry not in unused])

    async def _remove(self, planned: Planned, level: Level, copies: Sequence[ObjectEntry]) -> None:
        if not copies:
            return
        logger.warning("second copies removed", level=level, platform_ids=_ids(copies))
        raise_first(await planned.adapter.remove(planned.access, level, _ids(copies)))
        await self.record_removed(planned.creation, copies)
        emit("second_copies_total", len(copies), outcome="removed")

    async def _hold(self, planned: Planned, level: Level, copies: Sequence[ObjectEntry]) -> None:
        if not copies:
            return
        logger.warning("second copies paused", level=level, platform_ids=_ids(copies))
        creation, ids = planned.creation, audit_ids()
        # Noted before it is paused: a later visit could not tell whether it was in use.
        doubted = [_doubted(item) for item in _ids(copies)]
        await self._note_copies(creation, {*creation.held_copies, *doubted})
        with stopping_spend(True):
            raise_first(await planned.adapter.set_status(planned.access, level, _ids(copies), "paused"))
        emit("second_copies_total", len(copies), outcome="paused")
        await self._audit.conclude([records.copy_paused(creation, copy, next(ids)) for copy in copies])
        # Told before they count as held: a process that dies in between leaves them to the next visit.
        for copy in copies:
            text = wording.second_copy_notice(creation.campaign_id, planned.adapter.platform, copy)
            notice_id = f"{creation.campaign_id}-copy-{copy.platform_id}"
            needed = person_needed(creation.tenant, notice_id, text, creation.campaign_id)
            await self._notices.tell(creation.tenant, notice_id, text, [needed])
        await self._note_copies(creation, {*creation.held_copies, *_ids(copies)} - {*doubted})

    async def _note_copies(self, creation: Creation, copies: Collection[str]) -> None:
        creation.held_copies = sorted(copies)
        await self._store.update(creation, held_copies=creation.held_copies)

    def created(
        self,
        creation: Creation,
        entries: Iterable[ObjectEntry],
        refused: Mapping[str, CampaignAutomationError] | None = None,
    ) -> list[AuditRecord]:
        """Return the audit records of creates, those of unknown outcome only once it is known."""
        errors = refused or {}
        known = [entry for entry in entries if entry.state == "created" or entry.tag in errors]
        return [
            records.created(creation, entry, errors.get(entry.tag))
            for entry in known
            if entry.state != "sent"
        ]

    async def complete_trail(self, creation: Creation) -> None:
        """Record the creates that `make_all` left out, once."""
        made = [
            entry
            for entry in creation.objects.values()
            if entry.level in self.recorded_later and entry.state == "created"
        ]
        if creation.audited or not made:
            return
        await self._audit.conclude(self.created(creation, made))
        await self._store.update(creation, audited=True)
        creation.audited = True

    async def record_removed(self, creation: Creation, entries: Sequence[ObjectEntry]) -> None:
        ids = audit_ids()
        await self._audit.conclude([records.removed(creation, entry, next(ids)) for entry in entries])


async def campaigns_by_name(planned: Planned) -> list[str]:
    """Return the ids of all campaigns under the creation's tag; empty when the create was sent once
    and answered."""
    entry = planned.creation.objects[planned.plan.tag]
    if entry.attempts == 1 and not entry.unanswered:
        return []  # saves a search of the account's campaigns
    found = await planned.adapter.find(planned.access, Level.CAMPAIGN, [entry.name], None)
    return found.get(entry.name, [])


def _doubted(platform_id: str) -> str:
    """Return the note of a second copy that may be somebody's, until it is paused and a person told."""
    return f"{platform_id}?"


async def _may_be_removed(planned: Planned, copy: ObjectEntry) -> bool:
    is_doubted = _doubted(copy.platform_id or "") in planned.creation.held_copies
    return not is_doubted and await _is_unused(planned, copy)


async def _is_unused(planned: Planned, copy: ObjectEntry) -> bool:
    """Return whether a second copy is ours, paused, without spend, and made after we sent the object."""
    if copy.level is Level.CREATIVE:
        return True  # it shows nothing by itself
    root_id = planned.creation.platform_id(planned.plan.tag)
    campaign_id = copy.platform_id if copy.level is Level.CAMPAIGN else root_id
    if campaign_id is None:
        return False
    tree = await planned.adapter.read_tree(planned.access, campaign_id, planned.account.currency)
    nodes = (tree.campaign, *tree.adsets, *tree.ads)
    node = next((node for node in nodes if node.platform_id == copy.platform_id), None)
    if node is None or node.status != "paused":
        return node is None or node.status == "deleted"
    if isinstance(node, CampaignNode) and not (node.name == copy.name and _is_younger(node, planned, copy)):
        return False
    return not await _has_spent(planned, copy, campaign_id)


def _is_younger(node: CampaignNode, planned: Planned, copy: ObjectEntry) -> bool:
    """Return whether the campaign was made after ours was sent; False where the platform does not tell."""
    sent_at = clock.at_ms(copy.sent_at or planned.creation.created_at)
    return node.created_at is not None and node.created_at >= sent_at - _CLOCK_SKEW


async def _has_spent(planned: Planned, copy: ObjectEntry, campaign_id: str) -> bool:
    zone = ZoneInfo(planned.account.time_zone)
    today = clock.day_of(clock.now(), zone)
    first = clock.day_of(clock.at_ms(planned.creation.created_at), zone)
    since = max(first, today - timedelta(days=LONGEST_REPORT_DAYS - 1))
    objective = planned.creation.spec.objective
    rows = await planned.adapter.read_daily(
        planned.access, copy.level, [campaign_id], since, today, objective
    )
    # A figure that the platform did not give may be spend.
    return any(row.spend != 0 for row in rows if row.entity_id == copy.platform_id)


def _ids(entries: Sequence[ObjectEntry]) -> list[str]:
    return [str(entry.platform_id) for entry in entries]


def attempted(creation: Creation, level: Level, tag: str, name: str) -> ObjectEntry:
    """Return the entry of an object that is about to be sent."""
    before = creation.objects.get(tag)
    if before is None:
        return ObjectEntry(level=level, tag=tag, name=name, sent_at=clock.now_ms())
    update = {"state": "sent", "platform_id": None, "attempts": before.attempts + 1}
    return before.model_copy(update=update)


def raise_first(outcomes: Sequence[Outcome]) -> None:
    """Raise the first error among `outcomes`."""
    for outcome in outcomes:
        if outcome.error is not None:
            raise outcome.error


def _answered(creation: Creation, outcome: Outcome) -> ObjectEntry:
    """Return the entry as created, gone or still unknown; only a definite refusal makes it gone."""
    entry = creation.objects[outcome.tag]
    if outcome.error is None:
        made = {"state": "created", "platform_id": outcome.platform_id, "request_id": outcome.request_id}
        return entry.model_copy(update=made)
    is_unknown = bool(outcome.error.details.get("outcome_unknown"))
    return entry.model_copy(update={"unanswered": True} if is_unknown else {"state": "gone"})


def stopped(creation: Creation) -> ConflictError:
    """Return the error of a step of a creation that was stopped."""
    return ConflictError(wording.STOPPED, retryable=False, campaign_id=creation.campaign_id)
