"""The same key and the same request give the same answer, without doing anything twice."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Awaitable, Callable
from typing import TypeVar

from pydantic import BaseModel

from campaign_automation.models.common import Context
from campaign_automation.stores.answer_store import AnswerStore
from campaign_automation.utils.error_handler import ConflictError

M = TypeVar("M", bound=BaseModel)

KEPT_SECONDS = 8 * 24 * 3600  # at least 7 days are promised
DERIVED_SECONDS = 15 * 60
_RUNNING_SECONDS = 60  # a function that has not answered after this time is dead


class Idempotency:
    def __init__(self, store: AnswerStore) -> None:
        self._store = store

    async def once(
        self,
        context: Context,
        action: str,
        request: BaseModel,
        kind: type[M],
        run: Callable[[], Awaitable[M]],
        *,
        derive: bool = False,
    ) -> M:
        """Return the answer of `run`, or the one kept under the caller's key.

        Without a key it just runs, unless `derive` asks for one derived from the request. A call that failed
        frees its key. Raises ConflictError for a key used with another request, or while the first call still
        runs.
        """
        key, seconds = context.idempotency_key, KEPT_SECONDS
        if key is None and derive:
            key, seconds = derived_key(context, action, request), DERIVED_SECONDS
        if key is None:
            return await run()
        digest = hashlib.sha256(json.dumps([action, request.model_dump_json()]).encode()).hexdigest()
        standing = await self._store.claim(context.user_id, key, digest, _RUNNING_SECONDS)
        if standing is not None:
            if standing.digest != digest:
                raise ConflictError(
                    "idempotency_key: was used before with other parameters", field="idempotency_key"
                )
            if standing.answer is None:
                raise ConflictError(
                    "the same request is still being carried out", retryable=True, retry_after=2
                )
            return kind.model_validate_json(standing.answer)
        try:
            answer = await run()
        except BaseException:
            await self._store.free(context.user_id, key)
            raise
        await self._store.keep(context.user_id, key, answer.model_dump_json(), seconds)
        return answer


def derived_key(context: Context, action: str, request: BaseModel) -> str:
    """The key of a create that came without one; it is good for DERIVED_SECONDS."""
    identity = json.dumps([context.session_id, action, request.model_dump_json()])
    return f"derived:{hashlib.sha256(identity.encode()).hexdigest()}"
