"""Campaigns as the module knows them, and the rows in which they stand; the table is in campaign_store.py."""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal
from typing import Any, Literal, NamedTuple
from zoneinfo import ZoneInfo

from pydantic import BaseModel

from campaign_automation.models.ab_tests import AbTestTerms
from campaign_automation.models.campaigns import AdCopy, CampaignPlan, CreateCampaign, Creative
from campaign_automation.models.common import AdAccount, Context, Level
from campaign_automation.stores.lease import machine_now
from campaign_automation.stores.table import Key, Row, Value, document
from campaign_automation.utils.clock import at_ms, now_ms

State = Literal["creating", "planned", "created", "rolled_back", "needs_reconciliation", "deleted"]
FINAL: frozenset[str] = frozenset({"planned", "created", "rolled_back", "needs_reconciliation", "deleted"})
_DRY_RUN_SECONDS = 24 * 3600
_DOCUMENTS = ("spec", "context", "test", "account", "plan", "failure", "warnings", "drift")


class ObjectEntry(BaseModel):
    """One platform object in the journal, written before it is sent.

    `sent` is the unknown outcome: the platform may have made it. `gone` was refused or removed.
    `status` and `daily_budget` are what we last saw there; None is as it was created. `scheduled_budget`
    is a budget that the platform takes over at the next midnight. An object that is `held` was paused on its
    own and is not started with its campaign.
    """

    level: Level
    tag: str
    name: str
    state: Literal["sent", "created", "gone"] = "sent"
    platform_id: str | None = None
    attempts: int = 1
    status: str | None = None
    daily_budget: Decimal | None = None
    scheduled_budget: Decimal | None = None
    held: bool = False


class OutboxEntry(BaseModel):
    """One message of a campaign to the Web Platform."""

    number: int
    tool: str
    arguments: dict[str, Any]
    sent: bool = False
    answer: dict[str, Any] = {}


class Pending(NamedTuple):
    """A message that is not acknowledged: its campaign, or the notice that it is; since when (epoch ms)."""

    tenant: str
    kind: Literal["campaign", "notice"]
    item_id: str
    since: int


class Creation(BaseModel):
    """Everything known of one campaign of ours; `test`: it is an A/B test of its creatives."""

    tenant: str
    campaign_id: str
    state: State
    spec: CreateCampaign
    context: Context
    test: AbTestTerms | None = None
    claim: str | None = None
    account: AdAccount | None = None
    plan: CampaignPlan | None = None
    failure: dict[str, Any] | None = None
    warnings: list[str] = []
    drift: list[str] = []
    activated: bool = False
    revision: int = 0  # grows with every change of ours, so that a cached answer shows its age
    run_id: str | None = None  # the change that is being made, or whose process died
    created_at: int  # epoch milliseconds
    updated_at: int
    creatives: dict[str, Creative] = {}
    copies: dict[str, AdCopy] = {}
    objects: dict[str, ObjectEntry] = {}
    outbox: list[OutboxEntry] = []

    def platform_id(self, tag: str) -> str | None:
        entry = self.objects.get(tag)
        return entry.platform_id if entry and entry.state == "created" else None

    def first_day(self, zone: ZoneInfo) -> date:
        """The day on which it was made; there is nothing to ask of earlier ones."""
        return at_ms(self.created_at).astimezone(zone).date()


class Head(NamedTuple):
    """The part of a campaign that a cached answer is checked against."""

    state: str
    revision: int


class Listed(BaseModel):
    """One campaign in the tenant's list."""

    campaign_id: str
    platform: str
    account: str
    name: str


# --- keys ---------------------------------------------------------------------------------------------------


def partition(tenant: str, campaign_id: str) -> str:
    return f"{tenant}#campaign#{campaign_id}"


def campaign_key(creation: Creation) -> Key:
    return Key(partition(creation.tenant, creation.campaign_id), "campaign")


def creative_key(creation: Creation, creative_id: str) -> Key:
    return Key(partition(creation.tenant, creation.campaign_id), f"creative#{creative_id}")


def list_key(creation: Creation) -> Key:
    return Key(f"{creation.tenant}#campaigns", creation.campaign_id)


def pointer_key(tenant: str, platform_campaign_id: str) -> Key:
    return Key(f"{tenant}#platform#{platform_campaign_id}", "pointer")


# --- rows from campaigns ------------------------------------------------------------------------------------


def campaign_row(creation: Creation) -> Row:
    row = creation.model_dump(include={"tenant", "campaign_id", "state", "claim"}, exclude_none=True)
    row |= {name: document(getattr(creation, name)) for name in ("spec", "context", "test")}
    times = {"created_at": now_ms(), "updated_at": now_ms(), **_lifetime(creation)}
    return {**campaign_key(creation)._asdict(), **row, **times}


def changed_parts(parts: dict[str, Any]) -> dict[str, Value]:
    """Return attributes of the campaign row to replace."""
    return {name: document(value) for name, value in parts.items()} | {"updated_at": now_ms()}


def creative_row(creation: Creation, creative: Creative) -> Row:
    key = creative_key(creation, creative.creative_id)
    return {**key._asdict(), "creative": creative.model_dump_json(), **_lifetime(creation)}


def object_row(creation: Creation, entry: ObjectEntry) -> Row:
    pk = partition(creation.tenant, creation.campaign_id)
    return {"pk": pk, "sk": f"object#{entry.level}#{entry.tag}", **entry.model_dump(mode="json")}


def outbox_row(creation: Creation, entry: OutboxEntry) -> Row:
    pk = partition(creation.tenant, creation.campaign_id)
    row = {"pk": pk, "sk": f"outbox#{entry.number:06d}", "entry": entry.model_dump_json()}
    # Only pending rows carry the index key, so the index holds exactly what is still to be sent.
    return row if entry.sent else {**row, "outbox": "pending", "due": now_ms()}


def list_row(creation: Creation) -> Row:
    assert creation.plan is not None
    assert creation.account is not None
    return {
        **list_key(creation)._asdict(),
        "campaign_id": creation.campaign_id,
        "platform": str(creation.spec.platform),
        "account": creation.account.ad_account_id or creation.account.platform_account_id,
        "name": creation.plan.name,
    }


def _lifetime(creation: Creation) -> dict[str, int]:
    """The rows of a dry run go after a day."""
    return {"expires_at": machine_now() + _DRY_RUN_SECONDS} if creation.spec.dry_run else {}


# --- campaigns from rows ------------------------------------------------------------------------------------


def creation_of(rows: list[Row]) -> Creation:
    """Put the rows of one partition together."""
    campaign = next(row for row in rows if row["sk"] == "campaign")
    documents = {name: json.loads(campaign[name]) for name in _DOCUMENTS if name in campaign}
    creatives = {row["sk"].partition("#")[2]: row for row in rows if row["sk"].startswith("creative#")}
    objects = [ObjectEntry.model_validate(row) for row in rows if row["sk"].startswith("object#")]
    messages = [row for row in rows if row["sk"].startswith("outbox#")]
    parts: dict[str, Any] = {
        "creatives": {name: Creative.model_validate_json(row["creative"]) for name, row in creatives.items()},
        "copies": {
            name: AdCopy.model_validate_json(row["copy_json"])
            for name, row in creatives.items()
            if "copy_json" in row
        },
        "objects": {entry.tag: entry for entry in objects},
        "outbox": [OutboxEntry.model_validate_json(row["entry"]) for row in messages],
    }
    return Creation.model_validate(campaign | documents | parts)


def pending_of(row: Row) -> Pending:
    tenant, kind, item_id = row["pk"].split("#")
    return Pending(tenant, kind, item_id, int(row["due"]))
