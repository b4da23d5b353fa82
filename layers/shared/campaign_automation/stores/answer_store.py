"""Answers kept under idempotency keys; the rows share the namespace of the creations' claims."""

from __future__ import annotations

import time

from pydantic import BaseModel

from campaign_automation.stores.table import TableStore, offloaded, serialized


class Standing(BaseModel):
    """Who came before under the key, and the answer once there is one."""

    digest: str
    answer: str | None = None


class AnswerStore(TableStore):
    @offloaded
    def claim(self, tenant: str, key: str, digest: str, seconds: int) -> Standing | None:
        """None when the key is now ours for `seconds`, else who holds it."""
        now = int(time.time())
        row = {**_key(tenant, key), "digest": digest, "expires_at": now + seconds}
        try:
            self._client.put_item(
                TableName=self._table,
                Item=serialized(row),
                ConditionExpression="attribute_not_exists(pk) OR expires_at < :now",
                ExpressionAttributeValues=serialized({":now": now}),
            )
        except self._client.exceptions.ConditionalCheckFailedException:
            standing = self._get(**_key(tenant, key)) or {"digest": ""}
            return Standing.model_validate(standing)
        return None

    @offloaded
    def keep(self, tenant: str, key: str, answer: str, seconds: int) -> None:
        self._client.update_item(
            TableName=self._table,
            Key=serialized(_key(tenant, key)),
            UpdateExpression="SET answer = :answer, expires_at = :until",
            ExpressionAttributeValues=serialized({":answer": answer, ":until": int(time.time()) + seconds}),
        )

    @offloaded
    def free(self, tenant: str, key: str) -> None:
        self._delete(**_key(tenant, key))


def _key(tenant: str, key: str) -> dict[str, str]:
    return {"pk": f"{tenant}#key#given:{key}", "sk": "claim"}
