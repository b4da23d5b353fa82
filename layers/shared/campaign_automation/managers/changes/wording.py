"""The sentences about changes: answers, refusals of the guards, and reasons for what was left as it is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal

from campaign_automation.models.common import Level
from campaign_automation.utils import clock
from campaign_automation.utils.languages.plurals import counted

_DONE = {"active": "started", "paused": "paused", "deleted": "deleted"}
_WOULD_DO = {"active": "would start", "paused": "would pause", "deleted": "would delete"}
_NOUNS = {Level.CAMPAIGN: "campaign", Level.ADSET: "ad set", Level.AD: "ad"}

KILL_SWITCH_ON = "the kill switch is on: only what lowers spend is written"
CAPS_UNREADABLE = "the account caps could not be read, so only what lowers spend is written"
COMMITMENTS_UNREADABLE = "a commitment of the account cannot be read, so only what lowers spend is written"
BUSY = "another change of this campaign is being made; ask again in a moment"
STOPPED = "the campaign was stopped meanwhile, so this was not sent"
ALL_STOPPED = "all campaigns were stopped while this one was being started, so it is not"
NOT_CONCLUDED = "the end of the change could not be stored; the campaign is free again within a minute"
NOTHING_MADE = "the platform has nothing of it yet"
CAMPAIGN_DELETED = "the campaign is deleted: nothing in it can be changed"

# Reasons of items that were left as they are: the code stands before the colon, see docs/changes.md.
OBJECT_DELETED = "deleted: the object no longer exists on the platform"
REMOVAL_STAYS = "deleted: the platform does not bring deleted objects back"
# By operation: what undo never puts back.
STAYS = {
    "create": "created: undo does not delete; use manage_campaign with action delete",
    "end_split": "ended: a platform's split test does not begin again",
    "lift_end": "runs_on: the end of a test that is over is not set again",
    "release_commitment": "released: once it is shown again, the campaign counts from its next change on",
}


PAUSED_ALONE = "paused_on_its_own: somebody paused it or added it so; name it in entity_ids to start it"
NOTHING_TO_RESUME = "until: nothing ran before this pause, so nothing is started at its end; start it then"
PAUSE_LASTS = "until: all campaigns were stopped meanwhile, so nothing is started at its end; start it then"


def lasting(paused: Sequence[str]) -> str:
    """Return the reason why a pause has no end, which would have started what it `paused`."""
    return PAUSE_LASTS if paused else NOTHING_TO_RESUME


def paused_alone(tags: Sequence[str]) -> list[str]:
    """Return the warning of a start that left out what is paused on its own."""
    named = ", ".join(tags[:5]) + (", ..." if len(tags) > 5 else "")
    return [f"not started, since they are paused on their own: {named}"] if tags else []


def already_message(status: str) -> str:
    """Return the message of a request that found every object in the wanted status."""
    return f"nothing to do: already {status}"


def managed_message(levels: Sequence[Level], left: int, status: str, *, dry_run: bool) -> str:
    """Return the message of a change of status, by the `levels` of the changed objects.

    `left` is the number of objects that were left as they are.
    """
    if not levels:
        return "nothing was changed, see skipped and failed"
    done = (_WOULD_DO if dry_run else _DONE)[status]
    message = f"{done} {_counted_objects(levels)}"
    if not left:
        return message
    return f"{message}; {counted(left, 'other object')} {_were(left)} not changed, see skipped and failed"


def creation_stopped_message(done: str) -> str:
    """Return the message of a pause or deletion of a campaign that was still being created."""
    return f"its creation was stopped: {done}; unless it was complete, it is removed within minutes"


def stopped_message(counts: Mapping[str, int]) -> str:
    """Return the message of a stop of all campaigns, by the numbers of each outcome."""
    paused, already, failed, left = (counts[kind] for kind in ("paused", "already", "failed", "left"))
    parts = [f"paused {counted(paused, 'campaign')}, {already} {_were(already)} paused before"]
    if failed:
        parts.append(f"{failed} could not be paused, see failed")
    if left:
        parts.append(f"{left} {_were(left)} not reached in time: send the same request again")
    return "; ".join(parts)


def undone_message(restored: int, left: int, *, dry_run: bool) -> str:
    """Return the message of an undo: the numbers of values put back and of those left as they are."""
    message = f"{'would restore' if dry_run else 'restored'} {counted(restored, 'value')}"
    return f"{message}; {left} cannot be restored, see not_restored" if left else message


def undo_reason(run_id: str, reason: str) -> str:
    """Return the reason that the audit trail shows for an undo."""
    return f"undo of {run_id}: {reason}"


def unknown_before(field: str) -> str:
    """Return the reason why a change without a known value before stays."""
    return f"unknown: the {field} before the change is not known"


def changed_since(run_id: str, field: str) -> str:
    """Return the reason why a value that a later run changed stays."""
    return f"changed_since: run {run_id} changed its {field} again"


def pause_over(moment: datetime) -> str:
    """Return the reason that the audit trail shows for a start after a pause."""
    return f"the pause until {clock.iso(moment)} is over"


def updated_message(fields: Sequence[str], *, dry_run: bool) -> str:
    """Return the message of a change of budgets, settings and targets, by the `fields` of all objects."""
    budgets = fields.count("daily_budget")
    parts = [counted(budgets, "budget")] if budgets else []
    parts += [name.replace("_", " ") for name in dict.fromkeys(fields) if name != "daily_budget"]
    if not parts:
        return "nothing was changed, see skipped and failed"
    return f"{'would change' if dry_run else 'changed'} {' and '.join(parts)}"


def added_message(ads: int, failed: int, *, dry_run: bool) -> str:
    """Return the message of an addition, by the numbers of ads that were made and that were not."""
    if not ads and not failed:
        return "nothing to do: its ad sets show these creatives already"
    message = f"{'would add' if dry_run else 'added'} {counted(ads, 'ad')}"
    return f"{message}; {failed} {_were(failed)} not made, see failed" if failed else message


def replaced_message(ads: int, failed: int, *, in_place: bool, dry_run: bool) -> str:
    """Return the message of new texts, by the numbers of ads that have them and of those that do not."""
    if not ads and not failed:
        return "nothing to do: these ads have these texts, or were replaced already"
    verb = ("edit" if in_place else "replace") if dry_run else ("edited" if in_place else "replaced")
    message = f"{'would ' if dry_run else ''}{verb} {counted(ads, 'ad')}"
    return f"{message}; {failed} {_were(failed)} not, see failed" if failed else message


TESTS_OWN = "belongs to the A/B test of this campaign; cancel the test to change it"


def no_daily_budget() -> str:
    """Return the refusal of a budget for a campaign of which no running part has a daily one."""
    return (
        "daily_budget: the campaign has no running ad set with a daily budget; start one, or give"
        " adset_budgets"
    )


UNDECLARED = (
    "nobody has declared its special ad categories: start it with special_ad_categories"
    ' ["NONE"] if none applies, or create it anew with those that do'
)


def limit_missing(setting: str, scope: str = "") -> str:
    """Return the refusal of a deployment in which `setting` is not set; `scope` names its missing entry."""
    return (
        f"{setting} is not set{scope}; a missing limit refuses every write; in a process of your own, pass"
        ' limits=Limits(account_daily_budget={"USD": 500})'
    )


def changed_by_other(live: object, seen: object) -> str:
    """Return the refusal of a value that a person, or the platform by itself, changed on the platform."""
    if live == "unknown":
        return (
            f"its status on the platform cannot be read by this module, it was {seen} when last read; ask"
            " again to set it all the same"
        )
    return (
        f"it is {live} on the platform, but {seen} when last read: a person, or the platform by itself,"
        " changed it; ask again to overwrite it"
    )


def over_step_cap(before: Decimal, after: Decimal, percent: Decimal) -> str:
    """Return the refusal of a budget change that is too large for one step."""
    return f"{before} to {after} is more than {percent} % in one step"


def over_day_cap(day_ago: Decimal, after: Decimal, percent: Decimal) -> str:
    """Return the refusal of a budget change that is too large against 24 hours ago."""
    return f"{day_ago} to {after} is more than {percent} % within 24 hours"


def over_account_cap(total: Decimal, cap: Decimal, currency: str) -> str:
    """Return the refusal of spend beyond the account's cap, both a day in the major unit."""
    return f"{total} {currency} a day is over the account's cap of {cap} {currency}"


def not_as_set(live: object, asked: object) -> str:
    """Return the error of a value that the platform took and does not show."""
    return f"it is {live} after it was set to {asked}"


def _counted_objects(levels: Sequence[Level]) -> str:
    """Return the objects by level, the campaign first: "1 campaign, 2 ad sets and 3 ads"."""
    counts = Counter(levels)
    parts = [counted(counts[level], noun) for level, noun in _NOUNS.items() if counts[level]]
    return " and ".join(filter(None, (", ".join(parts[:-1]), parts[-1])))


def _were(count: int) -> str:
    return "was" if count == 1 else "were"


def other_now(statuses: Mapping[str, object]) -> str:
    """Return the warning of a repeated answer whose objects have another status since."""
    told = ", ".join(f"{tag} is {status}" for tag, status in list(statuses.items())[:5])
    more = f" and {len(statuses) - 5} more" if len(statuses) > 5 else ""
    return f"changed since this answer: {told}{more}; another key makes the change again"
