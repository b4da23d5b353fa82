"""The invariants: the platform's objects against the journal, and the Web Platform's records against both."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Set
from dataclasses import dataclass
from typing import NamedTuple

from campaign_automation.managers.shared.web_platform_record import CREATE, whole_state
from campaign_automation.models.campaign import Creation, ObjectEntry
from campaign_automation.models.common import Level
from tests.chaos.actions import Action
from tests.chaos.house import House, Json
from tests.chaos.live import LEVELS, Live

DUPLICATE, ORPHAN, WRONG, UNTOLD, UNTYPED = KINDS = (
    "duplicates",
    "orphans",
    "wrong states",
    "untold changes",
    "untyped errors",
)


class Violation(NamedTuple):
    kind: str
    text: str


@dataclass(frozen=True)
class View:
    """All that is known when the case is over: on the platform, in the table, on the Web Platform."""

    platform: str
    live: list[Live]
    creations: list[Creation]
    records: list[Json]


async def look(house: House) -> View:
    return View(house.platform, house.live(), await house.creations(), house.records())


def violations(view: View, by_people: Set[str] = frozenset()) -> Iterator[Violation]:
    """Yield what should not be in the end, whatever the action was.

    Objects that people changed, named by their platform ids, need not be as the journal last saw them.
    """
    yield from _duplicates(view)
    yield from _orphans(view)
    for creation in view.creations:
        yield from _wrong(view, creation, by_people)
        yield from _untold(view, creation)


def broken_promises(view: View, action: Action, answer: Json, house: House) -> Iterator[Violation]:
    """Yield where the answer that the caller got is not what is in the end."""
    if answer["status"] == "error":
        if answer["error"]["code"] == "1000":
            yield Violation(UNTYPED, answer["error"]["message"])
        if action.creates and any(item.status == "active" for item in view.live):
            yield Violation(ORPHAN, "the creation was answered as failed and is active")
    elif answer["status"] == "success" and answer.get("confirmed", True):
        yield from _unkept(view, action, house)


def _unkept(view: View, action: Action, house: House) -> Iterator[Violation]:
    found = {item.level: item.status for item in view.live if item.level is Level.CAMPAIGN}
    status = found.get(Level.CAMPAIGN, "deleted")
    if action.status not in (None, status):
        yield Violation(WRONG, f"answered as {action.status}, is {status}")
    adsets = {item.tag: item.status for item in view.live}
    if action.adset not in (None, adsets.get(house.known.get("adset", ""))):
        yield Violation(WRONG, f"the ad set was answered as {action.adset} and is not")


def _duplicates(view: View) -> Iterator[Violation]:
    for (level, tag), count in Counter((item.level, item.tag) for item in view.live).items():
        if count > 1:
            yield Violation(DUPLICATE, f"{count} {level}s {tag}")
    recorded = Counter(str((record["targeting"] or {}).get("campaign_id")) for record in view.records)
    for campaign_id, count in recorded.items():
        if count > 1:
            yield Violation(DUPLICATE, f"{count} records of {campaign_id} on the Web Platform")


def _orphans(view: View) -> Iterator[Violation]:
    entries = (entry for creation in view.creations for entry in creation.objects.values())
    known = {entry.platform_id for entry in entries if entry.state == "created"}
    # A second copy that may be somebody's is paused, and a person told.
    held = {item for creation in view.creations for item in creation.held_copies}
    for item in view.live:
        if item.platform_id not in known and not (item.platform_id in held and item.status == "paused"):
            yield Violation(ORPHAN, f"{item.status} {item.level} {item.tag} is in no journal")


def _wrong(view: View, creation: Creation, by_people: Set[str]) -> Iterator[Violation]:
    if creation.is_open:
        yield Violation(WRONG, f"the creation is still {creation.state}")
    campaign = creation.campaign()
    if campaign is None or creation.state != "created":
        return
    live = {item.platform_id: item for item in view.live}
    for entry in campaign.objects.values():
        if entry.level in LEVELS.values() and not by_people & {str(entry.platform_id), campaign.root_id}:
            yield from _differs(entry, live.get(entry.platform_id or ""))


def _differs(entry: ObjectEntry, found: Live | None) -> Iterator[Violation]:
    said = entry.status or "paused"
    budget = entry.planned_budget if entry.daily_budget is None else entry.daily_budget
    if found is None:
        yield Violation(WRONG, f"{entry.level} {entry.tag} is {entry.state} and not on the platform")
    elif found.status != said:
        yield Violation(WRONG, f"{entry.level} {entry.tag} is {found.status}, the journal says {said}")
    elif None not in (budget, found.daily_budget) and found.daily_budget not in (
        budget,
        entry.scheduled_budget,
    ):
        text = f"{entry.level} {entry.tag} has {found.daily_budget} a day, the journal says {budget}"
        yield Violation(WRONG, text)


def _untold(view: View, creation: Creation) -> Iterator[Violation]:
    told = [
        item for item in view.records if (item["targeting"] or {}).get("campaign_id") == creation.campaign_id
    ]
    campaign = creation.campaign()
    if campaign is None or creation.state != "created":
        if told:
            yield Violation(UNTOLD, f"a record says {told[0]['status']}, the campaign is {creation.state}")
        return
    if waiting := [entry.tool for entry in creation.outbox if not entry.sent]:
        yield Violation(UNTOLD, f"{waiting} not sent")
    if not told or all(entry.tool != CREATE for entry in campaign.outbox):
        yield Violation(UNTOLD, f"{creation.campaign_id} has no record")
        return
    settled = whole_state(campaign, campaign.root.status or "paused")
    for name in ("status", "budget"):
        if told[0][name] != settled[name]:
            yield Violation(UNTOLD, f"{name}: {told[0][name]} on record, {settled[name]} in the journal")
