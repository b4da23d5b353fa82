"""The journal of a creation: entries stored before the request, looked up after an unknown outcome."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from campaign_automation.adapters.base import Access, Outcome, PlatformAdapter
from campaign_automation.managers.changes import records
from campaign_automation.models.campaign import Creation, ObjectEntry
from campaign_automation.models.campaigns import CampaignPlan
from campaign_automation.models.common import AdAccount, Level
from campaign_automation.stores.audit_store import AuditStore, audit_ids
from campaign_automation.stores.campaign_store import CampaignStore
from campaign_automation.utils.error_handler import TRANSIENT, CampaignAutomationError
from campaign_automation.utils.observability import logger

Send = Callable[[Sequence[str]], Awaitable[list[Outcome]]]


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
    """The journal of all creations: it stores entries, makes missing objects and adopts unanswered ones."""

    def __init__(self, store: CampaignStore, audit: AuditStore) -> None:
        self._store = store
        self._audit = audit

    async def write(self, creation: Creation, entries: Sequence[ObjectEntry]) -> None:
        await self._store.journal(creation, entries)
        creation.objects.update({entry.tag: entry for entry in entries})

    async def make(self, planned: Planned, level: Level, names: Mapping[str, str], send: Send) -> None:
        """Make the missing objects of one level. `names` maps the tags to exact names.

        An object journaled as sent and never answered may exist: it is looked up and adopted. Raises the
        platform's refusal, or its first passing error when nothing was refused.
        """
        creation = planned.creation
        await self.adopt(planned, level, names)
        missing = [tag for tag in names if creation.platform_id(tag) is None]
        if not missing:
            return
        # Before the request: a process that dies now leaves a trace of what it may have made.
        await self.write(creation, [attempted(creation, level, tag, names[tag]) for tag in missing])
        outcomes = await send(missing)
        answered = [_answered(creation, outcome) for outcome in outcomes]
        await self.write(creation, answered)
        refused = {outcome.tag: outcome.error for outcome in outcomes if outcome.error}
        await self.record_created(creation, answered, refused)
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
        entries = [
            doubtful[name].model_copy(update={"state": "created", "platform_id": ids[0]})
            for name, ids in found.items()
        ]
        logger.info("unknown outcomes resolved", level=level, asked=len(doubtful), found=len(entries))
        await self.write(creation, entries)
        await self.record_created(creation, entries)
        # Two of one name: an earlier lookup came too early for the platform's lists and the create was sent
        # twice. The first is kept.
        second = [item for ids in found.values() for item in ids[1:]]
        if second:
            raise_first(await planned.adapter.remove(planned.access, level, second))

    async def record_created(
        self,
        creation: Creation,
        entries: Iterable[ObjectEntry],
        refused: Mapping[str, CampaignAutomationError] | None = None,
    ) -> None:
        """Record creates in the audit trail, those of unknown outcome only once it is known."""
        errors = refused or {}
        known = [entry for entry in entries if entry.state == "created" or entry.tag in errors]
        await self._audit.conclude(
            [
                records.created(creation, entry, errors.get(entry.tag))
                for entry in known
                if entry.state != "sent"
            ]
        )

    async def record_removed(self, creation: Creation, entries: Sequence[ObjectEntry]) -> None:
        ids = audit_ids()
        await self._audit.conclude([records.removed(creation, entry, next(ids)) for entry in entries])


async def campaigns_by_name(planned: Planned) -> list[str]:
    """Return the ids of all campaigns under the creation's tag; empty when the create was sent only once."""
    entry = planned.creation.objects[planned.plan.tag]
    if entry.attempts == 1:
        return []  # saves a search of the account's campaigns
    found = await planned.adapter.find(planned.access, Level.CAMPAIGN, [entry.name], None)
    return found.get(entry.name, [])


def attempted(creation: Creation, level: Level, tag: str, name: str) -> ObjectEntry:
    """Return the entry of an object that is about to be sent."""
    before = creation.objects.get(tag)
    return ObjectEntry(level=level, tag=tag, name=name, attempts=before.attempts + 1 if before else 1)


def raise_first(outcomes: Sequence[Outcome]) -> None:
    """Raise the first error among `outcomes`."""
    for outcome in outcomes:
        if outcome.error is not None:
            raise outcome.error


def _answered(creation: Creation, outcome: Outcome) -> ObjectEntry:
    """Return the entry as created, gone or still unknown; only a definite refusal makes it gone."""
    entry = creation.objects[outcome.tag]
    if outcome.error is None:
        return entry.model_copy(update={"state": "created", "platform_id": outcome.platform_id})
    is_unknown = bool(outcome.error.details.get("outcome_unknown"))
    return entry if is_unknown else entry.model_copy(update={"state": "gone"})
