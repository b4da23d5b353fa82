"""Idempotency of all actions: the same key and the same request give the same answer, and act once.

| key                | of                                                         | held for   |
|--------------------|------------------------------------------------------------|------------|
| given:<key>        | the caller's own                                           | 8 days     |
| given:derived:<..> | an action that creates, without a key: session and request | 15 minutes |
| derived:<..>       | a creation of a campaign without a key                     | 15 minutes |

Forms and digests are those of stored rows: a change of them would carry a repeated request out twice.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple

from pydantic import BaseModel

from campaign_automation.models.ab_tests import AbTestTerms
from campaign_automation.models.common import Context
from campaign_automation.stores.answer_store import AnswerStore, Claim
from campaign_automation.utils.error_handler import ConflictError

KEPT_SECONDS = 8 * 24 * 3600  # at least 7 days are promised
DERIVED_SECONDS = 15 * 60
REPLAYED = "this repeats an earlier answer; to make another one like it, give a key of its own"
_RUNNING_SECONDS = 60  # a function that has not answered after this time is dead


class Now(NamedTuple):
    """A kept answer with the state as it is now. `is_over`: what it made was deleted, disabled or ended."""

    answer: BaseModel
    is_over: bool


Refresh = Callable[[Any], Awaitable[Now]]
Kept = Callable[[str], BaseModel]  # reads an answer that was kept


@dataclass
class Once:
    """The answer kept under a key, or the place for the one that the caller of `once` makes."""

    answer: BaseModel | None = None


class Idempotency:
    def __init__(self, store: AnswerStore) -> None:
        self._store = store

    @asynccontextmanager
    async def once(
        self, tenant: str, claim: Claim | None, kept: Kept, refresh: Refresh | None = None
    ) -> AsyncIterator[Once]:
        """Hold the claim while the body makes the answer, and keep it; the body that raises frees the key.

        So does an answer that is not final: what failed in passing is not repeated as if it had to fail.
        Yields the answer kept before where there is one, as `refresh` shows it now; under a derived key only
        while what it made is not over. Raises ConflictError for a key used with another request, or while the
        first call still runs.
        """
        if claim is None:
            yield Once()
            return
        standing = await self._store.claim(tenant, claim, _RUNNING_SECONDS)
        if standing is not None:
            now = await _repeated(standing, claim, kept, refresh)
            if not (claim.is_derived and now.is_over):
                yield Once(now.answer)
                return
            if not await self._store.take_over(tenant, claim, standing, _RUNNING_SECONDS):
                raise _still_running()
        once = Once()
        try:
            yield once
        except BaseException:  # of a cancelled call too the key must not stay claimed
            await self._store.free(tenant, claim)
            raise
        if not getattr(once.answer, "is_final", True):
            await self._store.free(tenant, claim)
        elif once.answer is not None:
            await self._store.keep(tenant, claim, once.answer.model_dump_json())


def creation_claim(context: Context, request: BaseModel, test: AbTestTerms | None, campaign_id: str) -> Claim:
    """Return the claim of a creation, to be stored with its campaign."""
    digest = _sha256(request.model_dump_json() + (test.model_dump_json() if test else ""))
    if context.idempotency_key:
        key, seconds = f"given:{context.idempotency_key}", KEPT_SECONDS
    else:
        key, seconds = _derived(context.session_id, digest), DERIVED_SECONDS
    return Claim(
        key=key,
        digest=digest,
        holder=campaign_id,
        campaign_id=campaign_id,
        seconds=seconds,
        is_derived=not context.idempotency_key,
    )


def refuse_other_request(standing: Claim, claim: Claim) -> None:
    """Raise ConflictError when the key stands for another request."""
    if standing.digest != claim.digest:
        raise ConflictError("idempotency_key: was used before with other parameters", field="idempotency_key")


def id_under_key(prefix: str, context: Context, request: BaseModel) -> str:
    """Return an id for the object that a request creates, the same for the same request and key."""
    if context.idempotency_key is None:
        return f"{prefix}_{uuid.uuid4().hex[:20]}"
    identity = json.dumps([context.user_id, context.idempotency_key, request.model_dump_json()])
    return f"{prefix}_{_sha256(identity)[:20]}"


def action_claim(context: Context, action: str, request: BaseModel, *, derive: bool) -> Claim | None:
    """Return the claim of an action, or None for one without a key; `derive` makes one from the request."""
    text = request.model_dump_json()
    key, seconds = context.idempotency_key, KEPT_SECONDS
    if key is None and derive:
        key, seconds = _derived(context.session_id, action, text), DERIVED_SECONDS
    if key is None:
        return None
    digest = _sha256(json.dumps([action, text]))  # one key for two actions is one key for two requests
    return Claim(
        key=f"given:{key}",
        digest=digest,
        holder=uuid.uuid4().hex,
        seconds=seconds,
        is_derived=context.idempotency_key is None,
    )


async def _repeated(standing: Claim, claim: Claim, kept: Kept, refresh: Refresh | None) -> Now:
    refuse_other_request(standing, claim)
    if standing.answer is None:
        raise _still_running()
    answer = kept(standing.answer)
    now = Now(answer, is_over=False) if refresh is None else await refresh(answer)
    return now._replace(answer=now.answer.model_copy(update={"replayed": True}))


def _still_running() -> ConflictError:
    return ConflictError("the same request is still being carried out", retryable=True, retry_after=2)


def _derived(*identity: str | None) -> str:
    return f"derived:{_sha256(json.dumps(identity))}"


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
