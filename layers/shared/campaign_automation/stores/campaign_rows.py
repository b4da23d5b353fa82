"""The rows of creations and campaigns; the layout of their keys is in campaign_store.py."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal, NamedTuple, TypeAlias

from campaign_automation.models.campaign import Campaign, Creation, ObjectEntry, OutboxEntry, State
from campaign_automation.models.campaigns import AdCopy, Creative
from campaign_automation.models.common import AdAccount, Level, Platform, Record
from campaign_automation.stores.lease import Lease, machine_now
from campaign_automation.stores.notice_store import Notice
from campaign_automation.stores.operations.requests import request_puts
from campaign_automation.stores.table import (
    Absent,
    AllOf,
    AnyOf,
    Before,
    Condition,
    Delete,
    Equals,
    Key,
    Put,
    Row,
    UnreadableRowError,
    Update,
    Value,
    document,
    version_of,
)
from campaign_automation.utils.clock import now_ms

RUN = Lease(holder="run_id", until="run_held_until")
# A change that ended well leaves nothing to settle; one whose process died does.
_SETTLED_AFTER_MS = 120_000
SECOND_LOOK_MS = 5 * 60_000  # after that a platform has seldom more to come
NOT_STOPPED = Absent("stop_requested")
_ENDED = "ended_run"  # of the last run, and in the rows that were written with its end
OLD_RUN_UNTIL = "run_until"  # epoch milliseconds, as runs were held before all leases counted seconds
_DRY_RUN_SECONDS = 24 * 3600
_SUPERSEDED_SECONDS = 30 * 24 * 3600  # by then no version of the module runs that numbers messages by count
TO_CONFIRM = (
    "confirm"  # under this key it holds updates without an answer, after which the state is told again
)
TO_RECONCILE = "reconcile"  # under this key the outbox's index holds the campaigns to be looked at again
MESSAGES = "outbox#"  # before the numbers of a campaign's messages
_FIRST_VISIT_MS = 60_000  # most creations are over by then
_WITH_MESSAGES: dict[str, Literal["campaign", "notice"]] = {"campaign": "campaign", "notice": "notice"}
# Eight documents of this size fit into one row; longer ones are cut into parts, in characters of four bytes.
_LONGEST_DOCUMENT = 40_000
_PART = 75_000
# The form of rows of campaigns made elsewhere. Those of the first form have no `form`: see _of_first_form.
_FORM = 2
_UNKNOWN = "unknown"
# Of a campaign made elsewhere; the rest of it are the attributes of its row and its objects.
_ADOPTED = {"platform", "account", "tag", "name", "objective", "target_roas", "target_cpa", "created_by"}
_DOCUMENTS = ("spec", "context", "test", "account", "plan", "failure", "warnings", "drift", "held_copies")
_HEAD = {"tenant", "campaign_id", "state", "claim", "duplicated_from", "asked_ms"}
_SMALL = ("resume", "targets")


class Pending(NamedTuple):
    """A message without acknowledgement: its campaign or its notice, pending since (epoch milliseconds)."""

    tenant: str
    kind: Literal["campaign", "notice"]
    item_id: str
    since: int
    key: Key


class Head(NamedTuple):
    """The part of a campaign that a cached answer is checked against, and whoever waits for its creation.

    `is_ending`: the last look at the platform is under way, and the creation ends in moments.
    """

    state: str
    revision: int
    is_ending: bool = False


class Listed(Record):
    """One campaign in the tenant's list."""

    campaign_id: str
    platform: str
    account: str
    name: str


@dataclass
class Mailbox:
    """The messages of one campaign to the Web Platform; the campaign itself where one of them needs it."""

    tenant: str
    campaign_id: str
    outbox: list[OutboxEntry]
    creation: Creation | None = None


Named: TypeAlias = Creation | Campaign | Mailbox


# --- keys ---------------------------------------------------------------------------------------------------


def partition(tenant: str, campaign_id: str) -> str:
    return f"{tenant}#campaign#{campaign_id}"


def campaign_key(creation: Named) -> Key:
    return Key(partition(creation.tenant, creation.campaign_id), "campaign")


def creative_key(creation: Creation, creative_id: str) -> Key:
    return Key(partition(creation.tenant, creation.campaign_id), f"creative#{creative_id}")


def list_key(creation: Creation | Campaign) -> Key:
    return Key(f"{creation.tenant}#campaigns", creation.campaign_id)


def pointer_key(tenant: str, platform_campaign_id: str) -> Key:
    return Key(f"{tenant}#platform#{platform_campaign_id}", "pointer")


# --- rows from campaigns ------------------------------------------------------------------------------------


def campaign_row(creation: Creation) -> Row:
    row = creation.model_dump(include=_HEAD, exclude_none=True)
    row |= {name: document(getattr(creation, name)) for name in ("spec", "context", "test")}
    times = {"created_at": now_ms(), "updated_at": now_ms(), **_lifetime(creation)}
    return {**campaign_key(creation)._asdict(), **row, **times, **visit_at(now_ms() + _FIRST_VISIT_MS)}


def requests_of(creation: Creation) -> list[Put]:
    """Return what leads from the caller's request to the campaign."""
    asked = None if creation.spec.dry_run else creation.context.request_id
    return request_puts(creation.tenant, creation.campaign_id, [asked])


def visit_at(due: int | None) -> dict[str, Value]:
    """Return the attributes of a campaign row that the reconciler visits at `due`, or not at all."""
    return {"outbox": None if due is None else TO_RECONCILE, "due": due}


def changed_parts(parts: dict[str, Any]) -> dict[str, Value]:
    """Return attributes of the campaign row to replace."""
    return {name: document(value) for name, value in parts.items()} | {"updated_at": now_ms()}


def in_parts(creation: Creation | Campaign, values: Row) -> tuple[Row, list[Row]]:
    """Return the attributes of a campaign row without its long documents, and the rows that hold those.

    DynamoDB takes 400 KB a row, and the plan of a large campaign is longer.
    """
    pk, kept, rows = partition(creation.tenant, creation.campaign_id), dict(values), []
    lifetime = _lifetime(creation) if isinstance(creation, Creation) else {}
    for name in _DOCUMENTS:
        text = kept.get(name)
        if not isinstance(text, str) or len(text.encode()) <= _LONGEST_DOCUMENT:
            continue
        # Named by their content, so that a row which is replaced never shows parts of two documents.
        stem = f"part#{name}#{hashlib.sha256(text.encode()).hexdigest()[:16]}#"
        pieces = [text[start : start + _PART] for start in range(0, len(text), _PART)]
        rows += [
            {"pk": pk, "sk": f"{stem}{number:04d}", "text": piece, **lifetime}
            for number, piece in enumerate(pieces)
        ]
        kept[name] = stem
    return kept, rows


def creative_row(creation: Creation, creative: Creative) -> Row:
    key = creative_key(creation, creative.creative_id)
    return {**key._asdict(), "creative": creative.model_dump_json(), **_lifetime(creation)}


def object_row(creation: Creation | Campaign, entry: ObjectEntry, ended: str | None = None) -> Row:
    """Return the row of an object; `ended` is the run whose end is written together with it."""
    pk = partition(creation.tenant, creation.campaign_id)
    row = {"pk": pk, "sk": f"object#{entry.level}#{entry.tag}", **entry.model_dump(mode="json")}
    return row if ended is None else {**row, _ENDED: ended}


def run_ended(run_id: str, count: int) -> dict[str, Value]:
    """Return what the campaign's row says of a run that ended with `count` rows of objects."""
    return {_ENDED: f"{run_id}#{count}" if count else None}


def _version_of_all(campaign: Row, rows: Iterable[Row]) -> int | None:
    """Return the version of a campaign's row, or None when objects of the same query are older than it."""
    # DynamoDB may show a query some rows of a transaction in their new and others in their old state.
    if _ENDED not in campaign:
        return version_of(campaign)
    run_id, _, count = str(campaign[_ENDED]).rpartition("#")
    written = sum(row.get(_ENDED) == run_id for row in rows)
    is_whole = run_id != "" and count.isdecimal() and written >= int(count)
    return version_of(campaign) if is_whole else None


def outbox_row(creation: Named, entry: OutboxEntry) -> Row:
    pk = partition(creation.tenant, creation.campaign_id)
    row = {"pk": pk, "sk": f"{MESSAGES}{entry.number:06d}", "entry": entry.model_dump_json()}
    if entry.is_superseded:
        return {**row, "expires_at": machine_now() + _SUPERSEDED_SECONDS}
    # Only rows with something still to be sent carry the index key.
    if entry.sent:
        return row if entry.confirm_at is None else {**row, "outbox": TO_CONFIRM, "due": entry.confirm_at}
    return {**row, "outbox": "quarantined" if entry.is_quarantined else "pending", "due": now_ms()}


def list_row(creation: Creation) -> Row:
    plan, account = creation.planned()
    return _listed(creation, creation.spec.platform, account, plan.name)


def list_changes(
    campaign: Creation | Campaign, entries: Iterable[ObjectEntry], *, is_deleted: bool
) -> list[Put | Update]:
    """Return what a change does to the campaign's row in the list: of one that we deleted reports still ask,
    and a new name is seen there."""
    if is_deleted:
        shown = campaign.campaign() if isinstance(campaign, Creation) else campaign
        row = shown and _listed(shown, shown.platform, shown.account, shown.name)
        return [Put({**row, "is_deleted": True})] if row else []
    name = _new_name(entries)
    is_listed = campaign.state == "created"
    return [Update(list_key(campaign), set={"name": name})] if name and is_listed else []


def _new_name(entries: Iterable[ObjectEntry]) -> str | None:
    return next((entry.renamed for entry in entries if entry.renamed), None)


def _listed(campaign: Creation | Campaign, platform: Platform, account: AdAccount, name: str) -> Row:
    return {
        **list_key(campaign)._asdict(),
        "campaign_id": campaign.campaign_id,
        "platform": str(platform),
        "account": account.ad_account_id or account.platform_account_id,
        "name": name,
    }


def adopted_rows(campaign: Campaign) -> list[Row]:
    """Return the rows of a campaign that was made elsewhere, without those of its objects."""
    head = campaign.model_dump(include={"tenant", "campaign_id", "state", "created_at"}) | {"form": _FORM}
    if campaign.created_at is None:
        head |= {"created_at": now_ms(), "age": _UNKNOWN}  # earlier versions of the module need a time
    adopted = campaign.model_dump_json(include=_ADOPTED)
    pointer = pointer_key(campaign.tenant, campaign.root_id)
    return [
        {**campaign_key(campaign)._asdict(), **head, "updated_at": now_ms(), "adopted": adopted},
        {**pointer._asdict(), "campaign_id": campaign.campaign_id},
        _listed(campaign, campaign.platform, campaign.account, campaign.name),
    ]


def commitment_key(tenant: str, account: str, campaign_id: str) -> Key:
    return Key(f"{tenant}#budgets#{account}", campaign_id)


def commitment_write(tenant: str, account: str, campaign_id: str, amount: Decimal | None) -> Put | Delete:
    """Return the write of the amount that a campaign may spend a day; None when it spends nothing."""
    key = commitment_key(tenant, account, campaign_id)
    return Delete(key) if amount is None else Put({**key._asdict(), "amount": str(amount)})


def amount_of(commitment: Row) -> Decimal:
    """Return the amount of a commitment. Raises UnreadableRowError for a row that holds none."""
    try:
        amount = Decimal(commitment["amount"])
    except (ArithmeticError, KeyError, TypeError, ValueError):
        amount = Decimal("NaN")
    if not amount.is_finite():  # a sum with it would be no number, and within no cap or any
        raise UnreadableRowError("a commitment of the account cannot be read", retryable=False)
    return amount


def _lifetime(creation: Creation) -> dict[str, int]:
    """Return the expiry of a dry run's rows, a day from now; nothing for other rows."""
    return {"expires_at": machine_now() + _DRY_RUN_SECONDS} if creation.spec.dry_run else {}


# --- campaigns from rows ------------------------------------------------------------------------------------


def head_of(rows: list[Row]) -> Row | None:
    """Return the row of the campaign itself; objects alone are left of an import that broke off."""
    return next((row for row in rows if row["sk"] == "campaign"), None)


def head_seen(campaign: Row) -> Head:
    is_ending = bool(campaign.get("audited")) and not campaign.get("recorded")
    return Head(str(campaign["state"]), int(campaign.get("revision", 0)), is_ending)


def adopted_of(campaign: Row, rows: list[Row]) -> Campaign:
    """Put the rows of a campaign together that was made elsewhere."""
    objects = [ObjectEntry.model_validate(row) for row in rows if row["sk"].startswith("object#")]
    # The row has an attribute of the name for the index of visits.
    parts: dict[str, Any] = {
        "is_adopted": True,
        "outbox": [],
        "objects": {entry.tag: entry for entry in objects},
    }
    adopted, small = json.loads(campaign["adopted"]), _small(campaign)
    name = next((entry.renamed for entry in objects if entry.renamed), adopted["name"])
    parts["row_version"] = _version_of_all(campaign, rows)
    later = small | (small.get("targets") or {}) | {"name": name}
    age = {"created_at": None} if campaign.get("age") == _UNKNOWN else {}
    read = Campaign.model_validate(campaign | age | adopted | later | parts)
    return read if campaign.get("form", 1) == _FORM else _of_first_form(read)


def _of_first_form(campaign: Campaign) -> Campaign:
    """Return a campaign that was taken in before its rows told what people had paused on its own.

    Any ad set or ad that was last seen paused may be such a one, so that a start of the campaign leaves it
    out. The times of Google Ads are a guess of then.
    """
    for entry in campaign.objects.values():
        if entry.level is not Level.CAMPAIGN and entry.status == "paused":
            entry.held = True
    is_guess = campaign.platform == Platform.GOOGLE
    return campaign.model_copy(update={"created_at": None}) if is_guess else campaign


def creation_of(campaign: Row, rows: list[Row]) -> Creation:
    """Put the rows of one partition together."""
    documents = {name: json.loads(_whole(campaign[name], rows)) for name in _DOCUMENTS if name in campaign}
    creatives = {row["sk"].partition("#")[2]: row for row in rows if row["sk"].startswith("creative#")}
    objects = [ObjectEntry.model_validate(row) for row in rows if row["sk"].startswith("object#")]
    parts: dict[str, Any] = {
        "creatives": {name: Creative.model_validate_json(row["creative"]) for name, row in creatives.items()},
        "copies": {
            name: AdCopy.model_validate_json(row["copy_json"])
            for name, row in creatives.items()
            if "copy_json" in row
        },
        "objects": {entry.tag: entry for entry in objects},
        "outbox": messages_of(row for row in rows if row["sk"].startswith(MESSAGES)),
    }
    parts["row_version"] = _version_of_all(campaign, rows)
    return Creation.model_validate(campaign | documents | _small(campaign) | parts)


def messages_of(rows: Iterable[Row]) -> list[OutboxEntry]:
    """Return the messages in rows, without the superseded ones: those alone expire, and nobody needs them."""
    return [OutboxEntry.model_validate_json(row["entry"]) for row in rows if "expires_at" not in row]


def _small(campaign: Row) -> dict[str, Any]:
    """Return the documents of a row that are never long."""
    return {name: json.loads(campaign[name]) for name in _SMALL if name in campaign}


def _whole(text: str, rows: list[Row]) -> str:
    """Return the document behind an attribute, put together when it is kept in parts."""
    if not text.startswith("part#"):
        return text
    return "".join(row["text"] for row in rows if row["sk"].startswith(text))


def pending_of(row: Row) -> Pending | None:
    """Return the message that a row of the index stands for, or None for a row that is none."""
    tenant, _, named = row["pk"].partition("#")
    kind, _, item_id = named.partition("#")
    if kind not in _WITH_MESSAGES or not item_id:
        return None
    return Pending(tenant, _WITH_MESSAGES[kind], item_id, int(row["due"]), Key(row["pk"], row["sk"]))


def message_of(row: Row) -> OutboxEntry | Notice:
    """Return the message of a row. Raises ValueError for a row that holds none."""
    if "entry" in row:
        return OutboxEntry.model_validate_json(row["entry"])
    return Notice.model_validate_json(row.get("notice", ""))


def released(row: Row) -> dict[str, str]:
    """Return the attribute that holds the message, with its refusals forgotten; none of an unreadable row."""
    try:
        message = message_of(row)
    except ValueError:
        return {}
    again = message.model_copy(update={"refusals": 0, "is_quarantined": False})
    return {"entry" if isinstance(again, OutboxEntry) else "notice": again.model_dump_json()}


def asset_key(tenant: str, account: str, digest: str) -> Key:
    return Key(f"{tenant}#asset#{account}#{digest}", "asset")


def account_key(tenant: str, account: str) -> Key:
    return Key(f"{tenant}#account#{account}", "account")


def later_visits(creation: Creation, state: State, due: int | None) -> dict[str, Any]:
    """Return what the row of a creation in its new state says of the reconciler's visits."""
    if state == "creating":
        return {}
    soon = now_ms() + SECOND_LOOK_MS
    if state == "needs_reconciliation":
        return visit_at(due or soon)
    # An object that was never answered may still be made: looked up in minutes, and again in an hour.
    is_unsure = any(creation.unanswered(level) for level in Level)
    look_at = soon if is_unsure else None
    return {
        "stop_requested": None,
        "look_at": look_at,
        "looks": 0,
        **visit_at(min(filter(None, (look_at, due)), default=None)),
    }


def run_claim(
    campaign: Creation | Campaign, run_id: str, seconds: int, *also: Condition, stops: bool
) -> Update:
    """Return the write that takes the campaign's lease for a run."""
    conditions = [RUN.free_for(run_id), _no_old_run_but(run_id), *also]
    remove = [OLD_RUN_UNTIL]
    if campaign.state == "creating" and not stops:
        conditions.append(NOT_STOPPED)
    elif not stops:
        remove.append("stop_requested")
    taken = run_taken(campaign, run_id, seconds)
    return Update(campaign_key(campaign), set=taken, remove=remove, when=AllOf(*conditions))


def _no_old_run_but(run_id: str) -> Condition:
    """Return the condition that no run of an older version holds the campaign, or only `run_id` itself."""
    over = Before(OLD_RUN_UNTIL, machine_now() * 1000)
    return AnyOf(Absent(OLD_RUN_UNTIL), Equals("run_id", run_id), over)


def run_taken(campaign: Creation | Campaign, run_id: str, seconds: int) -> Row:
    """Return what the row says of a run: its lease, and the visit that settles it should it die."""
    taken: Row = RUN.taken(run_id, seconds)
    if campaign.state == "creating":
        return taken  # it is visited anyway, and a stopped one soon
    return taken | visit_at(now_ms() + _SETTLED_AFTER_MS)
