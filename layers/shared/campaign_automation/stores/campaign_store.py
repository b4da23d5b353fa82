"""One DynamoDB table: campaigns with their journal and outbox, idempotency claims, uploaded assets.

| pk                              | sk                   | holds                                        |
|---------------------------------|----------------------|----------------------------------------------|
| <tenant>#campaign#<id>          | campaign             | request, account, plan, state, failure       |
|                                 | creative#<id>        | the creative and its copy                    |
|                                 | object#<level>#<tag> | journal: what was sent, what came back       |
|                                 | outbox#<n>           | a message for the Web Platform               |
| <tenant>#platform#<id>          | pointer              | our id of a platform's campaign              |
| <tenant>#key#<key>              | claim                | idempotency: body digest and campaign        |
| <tenant>#asset#<account>#<hash> | asset                | an image or video already uploaded           |
| <tenant>#account#<account>      | account              | what the platform told of it, for a while    |

The tenant is part of every key, so another tenant's row cannot even be addressed.
"""

from __future__ import annotations

import asyncio
import functools
import json
import time
from collections.abc import Callable, Coroutine, Iterable, Iterator
from typing import Any, Literal, NamedTuple, ParamSpec, TypeVar

from pydantic import BaseModel

from campaign_automation.models import (
    AdAccount,
    AdCopy,
    CampaignPlan,
    Context,
    CreateCampaign,
    Creative,
    Level,
)
from campaign_automation.utils.error_handler import StoreError

P = ParamSpec("P")
R = TypeVar("R")

State = Literal["creating", "planned", "created", "rolled_back", "needs_reconciliation"]
FINAL: frozenset[str] = frozenset({"planned", "created", "rolled_back", "needs_reconciliation"})
_DRY_RUN_SECONDS = 24 * 3600
_BATCH = 25  # DynamoDB's limit for one BatchWriteItem


class ObjectEntry(BaseModel):
    """One platform object in the journal, written before it is sent.

    `sent` is the unknown outcome: the platform may have made it. `gone` was refused or removed.
    """

    level: Level
    tag: str
    name: str
    state: Literal["sent", "created", "gone"] = "sent"
    platform_id: str | None = None
    attempts: int = 1


class OutboxEntry(BaseModel):
    number: int
    tool: str
    arguments: dict[str, Any]
    sent: bool = False
    answer: dict[str, Any] = {}


class Pending(NamedTuple):
    """A campaign with a message that the Web Platform has not acknowledged, and since when (epoch ms)."""

    tenant: str
    campaign_id: str
    since: int


class Creation(BaseModel):
    """Everything known of one campaign of ours."""

    tenant: str
    campaign_id: str
    state: State
    spec: CreateCampaign
    context: Context
    claim: str | None = None
    account: AdAccount | None = None
    plan: CampaignPlan | None = None
    failure: dict[str, Any] | None = None
    warnings: list[str] = []
    drift: list[str] = []
    activated: bool = False
    created_at: int  # epoch milliseconds
    updated_at: int
    creatives: dict[str, Creative] = {}
    copies: dict[str, AdCopy] = {}
    objects: dict[str, ObjectEntry] = {}
    outbox: list[OutboxEntry] = []

    def platform_id(self, tag: str) -> str | None:
        entry = self.objects.get(tag)
        return entry.platform_id if entry and entry.state == "created" else None


class Claim(BaseModel):
    """Who may create under an idempotency key: one body, one campaign, until `expires_at` (epoch seconds)."""

    key: str
    digest: str
    campaign_id: str
    expires_at: int


def _offloaded(method: Callable[P, R]) -> Callable[P, Coroutine[Any, Any, R]]:
    """boto3 is synchronous: its calls run in a thread so that the event loop goes on."""

    @functools.wraps(method)
    async def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
        return await asyncio.to_thread(functools.partial(_translated, method, *args, **kwargs))

    return wrapper


def _translated(method: Callable[..., R], *args: Any, **kwargs: Any) -> R:
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        return method(*args, **kwargs)
    except (BotoCoreError, ClientError) as error:
        raise StoreError(f"the campaign store failed: {type(error).__name__}") from error


class CampaignStore:
    """Reads are consistent, writes conditional where two could race."""

    def __init__(self, table_name: str, client: Any = None) -> None:
        self._table = table_name
        self._given_client = client

    @functools.cached_property
    def _client(self) -> Any:
        if self._given_client is not None:
            return self._given_client
        import boto3

        return boto3.client("dynamodb")

    @_offloaded
    def open_creation(self, creation: Creation, claim: Claim | None) -> Claim | None:
        """Stores a new campaign under its claim, both or neither. The standing claim, when there is one."""
        actions = [_put(self._table, _campaign_row(creation), only_new=True)]
        if claim is not None:
            row = {"pk": _claim_pk(creation.tenant, claim.key), "sk": "claim", **claim.model_dump()}
            put = _put(self._table, row)
            put["Put"] |= {
                "ConditionExpression": "attribute_not_exists(pk) OR expires_at < :now",
                "ExpressionAttributeValues": _serialized({":now": int(time.time())}),
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

    @_offloaded
    def load(self, tenant: str, campaign_id: str) -> Creation | None:
        """The whole campaign in one query, or None for an id this tenant does not have."""
        rows = list(self._query(_pk(tenant, campaign_id)))
        return _creation(rows) if rows else None

    @_offloaded
    def state_of(self, tenant: str, campaign_id: str) -> str | None:
        row = self._get(_pk(tenant, campaign_id), "campaign")
        return None if row is None else str(row["state"])

    @_offloaded
    def resolve(self, tenant: str, platform_campaign_id: str) -> str | None:
        """Our id for the platform's, or None."""
        row = self._get(f"{tenant}#platform#{platform_campaign_id}", "pointer")
        return None if row is None else str(row["campaign_id"])

    @_offloaded
    def update(self, creation: Creation, **parts: Any) -> None:
        """Replaces parts of the campaign row: account, plan, warnings, drift, failure, activated."""
        self._client.update_item(**self._update(creation, parts))

    def _update(self, creation: Creation, parts: dict[str, Any]) -> dict[str, Any]:
        values = {name: _document(value) for name, value in parts.items()} | {"updated_at": _now()}
        return {
            "TableName": self._table,
            "Key": _serialized({"pk": _pk(creation.tenant, creation.campaign_id), "sk": "campaign"}),
            "UpdateExpression": "SET " + ", ".join(f"#{name} = :{name}" for name in values),
            "ConditionExpression": "attribute_exists(pk)",
            "ExpressionAttributeNames": {f"#{name}": name for name in values},
            "ExpressionAttributeValues": _serialized({f":{name}": value for name, value in values.items()}),
        }

    @_offloaded
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

    @_offloaded
    def save_copy(self, creation: Creation, creative_id: str, copy: AdCopy) -> None:
        self._client.update_item(
            TableName=self._table,
            Key=_serialized(
                {"pk": _pk(creation.tenant, creation.campaign_id), "sk": f"creative#{creative_id}"}
            ),
            UpdateExpression="SET copy_json = :copy",
            ConditionExpression="attribute_exists(pk)",
            ExpressionAttributeValues=_serialized({":copy": copy.model_dump_json()}),
        )

    @_offloaded
    def journal(self, creation: Creation, entries: Iterable[ObjectEntry]) -> None:
        """Writes journal entries; what was there under the same tag is replaced."""
        pk = _pk(creation.tenant, creation.campaign_id)
        self._put_all(
            {"pk": pk, "sk": f"object#{entry.level}#{entry.tag}", **entry.model_dump(mode="json")}
            for entry in entries
        )

    @_offloaded
    def finish(
        self, creation: Creation, state: State, *, outbox: Iterable[OutboxEntry] = (), **parts: Any
    ) -> None:
        """The end state, with what must be told to the Web Platform, all or nothing.

        A campaign that left nothing behind frees its idempotency key, so the caller may simply ask again.
        """
        pk = _pk(creation.tenant, creation.campaign_id)
        actions = [{"Update": self._update(creation, {"state": state, **parts})}]
        actions += [_put(self._table, _outbox_row(pk, entry)) for entry in outbox]
        if state == "rolled_back" and creation.claim:
            key = {"pk": _claim_pk(creation.tenant, creation.claim), "sk": "claim"}
            actions.append({"Delete": {"TableName": self._table, "Key": _serialized(key)}})
        if platform_id := creation.plan and creation.platform_id(creation.plan.tag):
            row = {"pk": f"{creation.tenant}#platform#{platform_id}", "sk": "pointer"}
            actions.append(_put(self._table, {**row, "campaign_id": creation.campaign_id}))
        self._client.transact_write_items(TransactItems=actions)

    @_offloaded
    def mark_sent(self, creation: Creation, entry: OutboxEntry, answer: dict[str, Any]) -> None:
        pk = _pk(creation.tenant, creation.campaign_id)
        sent = entry.model_copy(update={"sent": True, "answer": answer})
        self._client.put_item(TableName=self._table, Item=_serialized(_outbox_row(pk, sent)))

    @_offloaded
    def pending(self, limit: int) -> list[Pending]:
        """Messages of all tenants that wait longest for their acknowledgement, at most `limit`."""
        answer = self._client.query(
            TableName=self._table,
            IndexName="outbox",
            KeyConditionExpression="outbox = :pending",
            ExpressionAttributeValues=_serialized({":pending": "pending"}),
            Limit=limit,
        )
        return [_pending(row) for row in map(_plain, answer["Items"])]

    @_offloaded
    def asset(self, tenant: str, account: str, digest: str) -> str | None:
        """The platform's reference of a file uploaded before, or None."""
        row = self._get(_asset_pk(tenant, account, digest), "asset")
        return None if row is None else str(row["reference"])

    @_offloaded
    def save_asset(self, tenant: str, account: str, digest: str, reference: str) -> None:
        row = {"pk": _asset_pk(tenant, account, digest), "sk": "asset", "reference": reference}
        self._client.put_item(TableName=self._table, Item=_serialized(row))

    @_offloaded
    def kept_account(self, tenant: str, account: str) -> AdAccount | None:
        """What the platform told of the account not long ago, or None."""
        row = self._get(f"{tenant}#account#{account}", "account")
        # DynamoDB removes expired rows some time later, so the time is looked at too.
        if row is None or row["expires_at"] < time.time():
            return None
        return AdAccount.model_validate_json(row["account"])

    @_offloaded
    def keep_account(self, tenant: str, account: str, told: AdAccount, seconds: int) -> None:
        row = {
            "pk": f"{tenant}#account#{account}",
            "sk": "account",
            "account": told.model_dump_json(),
            "expires_at": int(time.time()) + seconds,
        }
        self._client.put_item(TableName=self._table, Item=_serialized(row))

    def _get(self, pk: str, sk: str) -> dict[str, Any] | None:
        answer = self._client.get_item(
            TableName=self._table, Key=_serialized({"pk": pk, "sk": sk}), ConsistentRead=True
        )
        return _plain(answer["Item"]) if "Item" in answer else None

    def _query(self, pk: str) -> Iterator[dict[str, Any]]:
        pages = self._client.get_paginator("query").paginate(
            TableName=self._table,
            KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues=_serialized({":pk": pk}),
            ConsistentRead=True,
        )
        for page in pages:
            yield from map(_plain, page["Items"])

    def _put_all(self, rows: Iterable[dict[str, Any]]) -> None:
        requests = [{"PutRequest": {"Item": _serialized(row)}} for row in rows]
        for start in range(0, len(requests), _BATCH):
            pending = {self._table: requests[start : start + _BATCH]}
            while pending:
                pending = self._client.batch_write_item(RequestItems=pending).get("UnprocessedItems", {})


def _pk(tenant: str, campaign_id: str) -> str:
    return f"{tenant}#campaign#{campaign_id}"


def _claim_pk(tenant: str, key: str) -> str:
    return f"{tenant}#key#{key}"


def _asset_pk(tenant: str, account: str, digest: str) -> str:
    return f"{tenant}#asset#{account}#{digest}"


_DOCUMENTS = ("spec", "context", "account", "plan", "failure", "warnings", "drift")


def _campaign_row(creation: Creation) -> dict[str, Any]:
    row = creation.model_dump(include={"tenant", "campaign_id", "state", "claim"}, exclude_none=True)
    row |= {name: _document(getattr(creation, name)) for name in ("spec", "context")}
    times = {"created_at": _now(), "updated_at": _now(), **_lifetime(creation)}
    return {"pk": _pk(creation.tenant, creation.campaign_id), "sk": "campaign", **row, **times}


def _lifetime(creation: Creation) -> dict[str, int]:
    """The rows of a dry run go after a day."""
    return {"expires_at": int(time.time()) + _DRY_RUN_SECONDS} if creation.spec.dry_run else {}


def _document(value: Any) -> Any:
    """Nested values are kept as JSON text: DynamoDB would change their numbers."""
    if isinstance(value, BaseModel):
        return value.model_dump_json(by_alias=False)
    return json.dumps(value) if isinstance(value, dict | list) else value


def _outbox_row(pk: str, entry: OutboxEntry) -> dict[str, Any]:
    row = {"pk": pk, "sk": f"outbox#{entry.number:06d}", "entry": entry.model_dump_json()}
    # Only pending rows carry the index key, so the index holds exactly what is still to be sent.
    return row if entry.sent else {**row, "outbox": "pending", "due": _now()}


def _pending(row: dict[str, Any]) -> Pending:
    tenant, _, campaign_id = row["pk"].split("#")
    return Pending(tenant, campaign_id, int(row["due"]))


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


def _put(table: str, row: dict[str, Any], *, only_new: bool = False) -> dict[str, Any]:
    put: dict[str, Any] = {"TableName": table, "Item": _serialized(row)}
    if only_new:
        put["ConditionExpression"] = "attribute_not_exists(pk)"
    return {"Put": put}


def _serialized(row: dict[str, Any]) -> dict[str, Any]:
    from boto3.dynamodb.types import TypeSerializer

    serialize = TypeSerializer().serialize
    return {name: serialize(value) for name, value in row.items() if value is not None}


def _plain(item: dict[str, Any]) -> dict[str, Any]:
    from boto3.dynamodb.types import TypeDeserializer

    deserialize = TypeDeserializer().deserialize
    return {name: deserialize(value) for name, value in item.items()}


def _now() -> int:
    """Epoch milliseconds: an integer, which DynamoDB keeps exactly."""
    return time.time_ns() // 1_000_000
