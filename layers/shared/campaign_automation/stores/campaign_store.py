"""One DynamoDB table: campaigns with their journal and outbox, idempotency claims, uploaded assets.

| pk                              | sk                   | holds                                        |
|---------------------------------|----------------------|----------------------------------------------|
| <tenant>#campaign#<id>          | campaign             | request, account, plan, state, failure       |
|                                 | creative#<id>        | the creative and its copy                    |
|                                 | object#<level>#<tag> | journal: what was sent, what came back       |
|                                 | outbox#<n>           | a message for the Web Platform               |
| <tenant>#platform#<id>          | pointer              | our id of a platform's campaign              |
| <tenant>#campaigns              | <id>                 | that it exists: platform, account, name      |
| <tenant>#budgets#<account>      | <id>                 | the daily budget that an active one may use  |
| <tenant>#key#<key>              | claim                | idempotency: body digest and campaign        |
| <tenant>#asset#<account>#<hash> | asset                | an image or video already uploaded           |
| <tenant>#account#<account>      | account              | what the platform told of it, for a while    |

The tenant is part of every key, so another tenant's row cannot even be addressed.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from typing import Any, Literal, NamedTuple
from zoneinfo import ZoneInfo

from pydantic import BaseModel

from campaign_automation.models.ab_tests import AbTestTerms
from campaign_automation.models.campaigns import AdCopy, CampaignPlan, CreateCampaign, Creative
from campaign_automation.models.common import AdAccount, Context, Level
from campaign_automation.stores.table import TableStore, document, offloaded, plain, serialized
from campaign_automation.utils.clock import at_ms, now_ms

State = Literal["creating", "planned", "created", "rolled_back", "needs_reconciliation", "deleted"]
FINAL: frozenset[str] = frozenset({"planned", "created", "rolled_back", "needs_reconciliation", "deleted"})
_DRY_RUN_SECONDS = 24 * 3600


class ObjectEntry(BaseModel):
    """One platform object in the journal, written before it is sent.

    `sent` is the unknown outcome: the platform may have made it. `gone` was refused or removed.
    `status` and `daily_budget` are what we last saw there; None is as it was created. `scheduled_budget`
    is a budget that the platform takes over at the next midnight. What is `held` was paused on its own and
    is not started with its campaign.
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
    run_id: str | None = None  # the change that is being made, or that died on its way
    run_until: int = 0  # epoch milliseconds
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
    """What a cached answer needs to be checked against."""

    state: str
    revision: int


class Listed(BaseModel):
    """One campaign in the tenant's list."""

    campaign_id: str
    platform: str
    account: str
    name: str


class Claim(BaseModel):
    """Who may create under an idempotency key: one body, one campaign, until `expires_at` (epoch seconds).
    Other actions keep their answers under the same keys, without a campaign."""

    key: str = ""
    digest: str
    campaign_id: str = ""
    expires_at: int


class CampaignStore(TableStore):
    """Campaigns with their journal and outbox."""

    @offloaded
    def open_creation(self, creation: Creation, claim: Claim | None) -> Claim | None:
        """Stores a new campaign under its claim, both or neither. The standing claim, when there is one."""
        actions = [self._put_action(_campaign_row(creation), only_new=True)]
        if claim is not None:
            row = {"pk": _claim_pk(creation.tenant, claim.key), "sk": "claim", **claim.model_dump()}
            put = self._put_action(row)
            put["Put"] |= {
                "ConditionExpression": "attribute_not_exists(pk) OR expires_at < :now",
                "ExpressionAttributeValues": serialized({":now": int(time.time())}),
            }
            actions.append(put)
        try:
            self._client.transact_write_items(TransactItems=actions)
        except self._client.exceptions.TransactionCanceledException:
            if claim is None:
                raise
            return self._claim(creation.tenant, claim.key)
        return None

    def _claim(self, tenant: str, key: str) -> Claim | None:
        row = self._get(_claim_pk(tenant, key), "claim")
        return None if row is None else Claim.model_validate(row)

    @offloaded
    def load(self, tenant: str, campaign_id: str) -> Creation | None:
        """The whole campaign in one query, or None for an id this tenant does not have."""
        rows = list(self._query(_pk(tenant, campaign_id)))
        return _creation(rows) if rows else None

    @offloaded
    def state_of(self, tenant: str, campaign_id: str) -> str | None:
        row = self._get(_pk(tenant, campaign_id), "campaign")
        return None if row is None else str(row["state"])

    @offloaded
    def head(self, tenant: str, campaign_id: str) -> Head | None:
        row = self._get(_pk(tenant, campaign_id), "campaign")
        return None if row is None else Head(str(row["state"]), int(row.get("revision", 0)))

    @offloaded
    def campaigns(self, tenant: str) -> list[Listed]:
        """Every campaign of the tenant that was created and not deleted by us."""
        return [Listed.model_validate(row) for row in self._query(f"{tenant}#campaigns")]

    @offloaded
    def resolve(self, tenant: str, platform_campaign_id: str) -> str | None:
        """Our id for the platform's, or None."""
        row = self._get(f"{tenant}#platform#{platform_campaign_id}", "pointer")
        return None if row is None else str(row["campaign_id"])

    @offloaded
    def update(self, creation: Creation, **parts: Any) -> None:
        """Replaces parts of the campaign row: account, plan, warnings, drift, failure, activated."""
        self._client.update_item(**self._update(creation, parts))

    def _update(self, creation: Creation, parts: dict[str, Any]) -> dict[str, Any]:
        values = {name: document(value) for name, value in parts.items()} | {"updated_at": now_ms()}
        return {
            "TableName": self._table,
            "Key": _campaign_key(creation),
            "UpdateExpression": "SET " + ", ".join(f"#{name} = :{name}" for name in values),
            "ConditionExpression": "attribute_exists(pk)",
            "ExpressionAttributeNames": {f"#{name}": name for name in values},
            "ExpressionAttributeValues": serialized({f":{name}": value for name, value in values.items()}),
        }

    @offloaded
    def save_creatives(self, creation: Creation, creatives: Iterable[Creative]) -> None:
        pk = _pk(creation.tenant, creation.campaign_id)
        self._put_all(
            {
                "pk": pk,
                "sk": f"creative#{creative.creative_id}",
                "creative": creative.model_dump_json(),
                **_lifetime(creation),
            }
            for creative in creatives
        )

    @offloaded
    def save_copy(self, creation: Creation, creative_id: str, copy: AdCopy) -> None:
        self._client.update_item(
            TableName=self._table,
            Key=serialized(
                {"pk": _pk(creation.tenant, creation.campaign_id), "sk": f"creative#{creative_id}"}
            ),
            UpdateExpression="SET copy_json = :copy",
            ConditionExpression="attribute_exists(pk)",
            ExpressionAttributeValues=serialized({":copy": copy.model_dump_json()}),
        )

    @offloaded
    def journal(self, creation: Creation, entries: Iterable[ObjectEntry]) -> None:
        """Writes journal entries; what was there under the same tag is replaced."""
        self._journal(creation, entries)

    def _journal(self, creation: Creation, entries: Iterable[ObjectEntry]) -> None:
        pk = _pk(creation.tenant, creation.campaign_id)
        self._put_all(
            {"pk": pk, "sk": f"object#{entry.level}#{entry.tag}", **entry.model_dump(mode="json")}
            for entry in entries
        )

    @offloaded
    def finish(
        self, creation: Creation, state: State, *, outbox: Iterable[OutboxEntry] = (), **parts: Any
    ) -> None:
        """The end state, with what must be told to the Web Platform, all or nothing.

        A campaign that left nothing behind frees its idempotency key, so the caller may simply ask again.
        """
        pk = _pk(creation.tenant, creation.campaign_id)
        actions = [{"Update": self._update(creation, {"state": state, **parts})}]
        actions += [self._put_action(_outbox_row(pk, entry)) for entry in outbox]
        if state == "rolled_back" and creation.claim:
            key = {"pk": _claim_pk(creation.tenant, creation.claim), "sk": "claim"}
            actions.append({"Delete": {"TableName": self._table, "Key": serialized(key)}})
        if platform_id := creation.plan and creation.platform_id(creation.plan.tag):
            row = {"pk": f"{creation.tenant}#platform#{platform_id}", "sk": "pointer"}
            actions.append(self._put_action({**row, "campaign_id": creation.campaign_id}))
        if state == "created":
            actions.append(self._put_action(_list_row(creation)))
        self._client.transact_write_items(TransactItems=actions)

    # --- changes of what exists --------------------------------------------------------------------------

    @offloaded
    def begin_run(self, creation: Creation, run_id: str, seconds: int) -> str | None:
        """Claims the campaign for one change. The run that holds it, when another does; a run whose time is
        over died, and its claim is taken over, as is a claim of the run itself."""
        now = time.time_ns() // 1_000_000  # a claim lasts in the time of machines
        try:
            self._client.update_item(
                TableName=self._table,
                Key=_campaign_key(creation),
                UpdateExpression="SET run_id = :run, run_until = :until",
                ConditionExpression="attribute_exists(pk)"
                " AND (attribute_not_exists(run_id) OR run_id = :run OR run_until < :now)",
                ExpressionAttributeValues=serialized(
                    {":run": run_id, ":until": now + seconds * 1000, ":now": now}
                ),
            )
        except self._client.exceptions.ConditionalCheckFailedException:
            row = self._get(_pk(creation.tenant, creation.campaign_id), "campaign") or {}
            return str(row.get("run_id", "unknown"))
        return None

    @offloaded
    def end_run(
        self,
        creation: Creation,
        run_id: str,
        *,
        seen: Iterable[ObjectEntry] = (),
        message: OutboxEntry | None = None,
        **parts: Any,
    ) -> bool:
        """What was seen after the change, its message to the Web Platform and the end of the claim. False
        when the message's number was taken meanwhile: nothing was stored then but what was seen."""
        self._journal(creation, seen)
        update = self._update(creation, parts)
        update["UpdateExpression"] += " REMOVE run_id, run_until ADD revision :one"
        update["ExpressionAttributeValues"] |= serialized({":one": 1, ":run": run_id})
        update["ConditionExpression"] += " AND run_id = :run"
        actions = [{"Update": update}]
        if message:
            pk = _pk(creation.tenant, creation.campaign_id)
            actions.append(self._put_action(_outbox_row(pk, message), only_new=True))
        if parts.get("state") == "deleted":
            key = {"pk": f"{creation.tenant}#campaigns", "sk": creation.campaign_id}
            actions.append({"Delete": {"TableName": self._table, "Key": serialized(key)}})
        return self._transact(actions)

    @offloaded
    def committed(self, tenant: str, account: str) -> dict[str, Decimal]:
        """What each active campaign of the account may spend a day, by campaign."""
        return {row["sk"]: Decimal(row["amount"]) for row in self._query(f"{tenant}#budgets#{account}")}

    @offloaded
    def commit(self, tenant: str, account: str, campaign_id: str, amount: Decimal | None) -> None:
        """Replaces what the campaign may spend a day; None when it spends nothing."""
        pk = f"{tenant}#budgets#{account}"
        if amount is None:
            self._delete(pk, campaign_id)
        else:
            self._put({"pk": pk, "sk": campaign_id, "amount": str(amount)})

    @offloaded
    def mark_sent(self, creation: Creation, entry: OutboxEntry, answer: dict[str, Any]) -> None:
        pk = _pk(creation.tenant, creation.campaign_id)
        sent = entry.model_copy(update={"sent": True, "answer": answer})
        self._put(_outbox_row(pk, sent))

    @offloaded
    def claim_delivery(self, creation: Creation, seconds: int) -> bool:
        """Whether this process may now send the campaign's messages."""
        pk = _pk(creation.tenant, creation.campaign_id)
        return self._claim_for(pk, "campaign", seconds, standing="pk")

    @offloaded
    def release_delivery(self, creation: Creation) -> None:
        self._client.update_item(
            TableName=self._table, Key=_campaign_key(creation), UpdateExpression="REMOVE delivery_until"
        )

    @offloaded
    def pending(self, limit: int) -> list[Pending]:
        """Messages of all tenants that wait longest for their acknowledgement, at most `limit`."""
        answer = self._client.query(
            TableName=self._table,
            IndexName="outbox",
            KeyConditionExpression="outbox = :pending",
            ExpressionAttributeValues=serialized({":pending": "pending"}),
            Limit=limit,
        )
        return [_pending(row) for row in map(plain, answer["Items"])]

    @offloaded
    def asset(self, tenant: str, account: str, digest: str) -> str | None:
        """The platform's reference of a file uploaded before, or None."""
        row = self._get(_asset_pk(tenant, account, digest), "asset")
        return None if row is None else str(row["reference"])

    @offloaded
    def save_asset(self, tenant: str, account: str, digest: str, reference: str) -> None:
        row = {"pk": _asset_pk(tenant, account, digest), "sk": "asset", "reference": reference}
        self._put(row)

    @offloaded
    def kept_account(self, tenant: str, account: str) -> AdAccount | None:
        """What the platform told of the account not long ago, or None."""
        row = self._get(f"{tenant}#account#{account}", "account")
        # DynamoDB removes expired rows some time later, so the time is looked at too.
        if row is None or row["expires_at"] < time.time():
            return None
        return AdAccount.model_validate_json(row["account"])

    @offloaded
    def keep_account(self, tenant: str, account: str, told: AdAccount, seconds: int) -> None:
        row = {
            "pk": f"{tenant}#account#{account}",
            "sk": "account",
            "account": told.model_dump_json(),
            "expires_at": int(time.time()) + seconds,
        }
        self._put(row)


def _pk(tenant: str, campaign_id: str) -> str:
    return f"{tenant}#campaign#{campaign_id}"


def _campaign_key(creation: Creation) -> dict[str, Any]:
    return serialized({"pk": _pk(creation.tenant, creation.campaign_id), "sk": "campaign"})


def _list_row(creation: Creation) -> dict[str, Any]:
    assert creation.plan is not None
    assert creation.account is not None
    return {
        "pk": f"{creation.tenant}#campaigns",
        "sk": creation.campaign_id,
        "campaign_id": creation.campaign_id,
        "platform": str(creation.spec.platform),
        "account": creation.account.ad_account_id or creation.account.platform_account_id,
        "name": creation.plan.name,
    }


def _claim_pk(tenant: str, key: str) -> str:
    return f"{tenant}#key#{key}"


def _asset_pk(tenant: str, account: str, digest: str) -> str:
    return f"{tenant}#asset#{account}#{digest}"


_DOCUMENTS = ("spec", "context", "test", "account", "plan", "failure", "warnings", "drift")


def _campaign_row(creation: Creation) -> dict[str, Any]:
    row = creation.model_dump(include={"tenant", "campaign_id", "state", "claim"}, exclude_none=True)
    row |= {name: document(getattr(creation, name)) for name in ("spec", "context", "test")}
    times = {"created_at": now_ms(), "updated_at": now_ms(), **_lifetime(creation)}
    return {"pk": _pk(creation.tenant, creation.campaign_id), "sk": "campaign", **row, **times}


def _lifetime(creation: Creation) -> dict[str, int]:
    """The rows of a dry run go after a day."""
    return {"expires_at": int(time.time()) + _DRY_RUN_SECONDS} if creation.spec.dry_run else {}


def _outbox_row(pk: str, entry: OutboxEntry) -> dict[str, Any]:
    row = {"pk": pk, "sk": f"outbox#{entry.number:06d}", "entry": entry.model_dump_json()}
    # Only pending rows carry the index key, so the index holds exactly what is still to be sent.
    return row if entry.sent else {**row, "outbox": "pending", "due": now_ms()}


def _pending(row: dict[str, Any]) -> Pending:
    tenant, kind, item_id = row["pk"].split("#")
    return Pending(tenant, kind, item_id, int(row["due"]))


def _creation(rows: list[dict[str, Any]]) -> Creation:
    campaign = next(row for row in rows if row["sk"] == "campaign")
    for name in _DOCUMENTS:
        if name in campaign:
            campaign[name] = json.loads(campaign[name])
    creatives = [row for row in rows if row["sk"].startswith("creative#")]
    objects = [ObjectEntry.model_validate(row) for row in rows if row["sk"].startswith("object#")]
    return Creation.model_validate(
        campaign
        | {
            "creatives": {
                row["sk"].partition("#")[2]: Creative.model_validate_json(row["creative"])
                for row in creatives
            },
            "copies": {
                row["sk"].partition("#")[2]: AdCopy.model_validate_json(row["copy_json"])
                for row in creatives
                if "copy_json" in row
            },
            "objects": {entry.tag: entry for entry in objects},
            "outbox": [
                OutboxEntry.model_validate_json(row["entry"])
                for row in rows
                if row["sk"].startswith("outbox#")
            ],
        }
    )
