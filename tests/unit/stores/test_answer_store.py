"""Answers kept under idempotency keys."""

from __future__ import annotations

import asyncio
import json

import pytest

from campaign_automation.stores.answer_store import AnswerStore, Claim
from tests.support.memory_table import MemoryTable


@pytest.mark.parametrize("objects", [1, 5000])
def test_an_answer_of_any_length_is_read_as_it_was_kept(objects: int) -> None:
    answer = json.dumps({"changed": [{"id": f"\U0001f45f {number}" * 9} for number in range(objects)]})
    store, claim = AnswerStore(MemoryTable()), Claim(key="k", digest="d", holder="h", seconds=60)

    async def kept() -> Claim | None:
        assert await store.claim("u", claim, 60) is None
        await store.keep("u", claim, answer)
        return await store.claim("u", claim.model_copy(update={"holder": "another"}), 60)

    found = asyncio.run(kept())
    assert found is not None
    assert found.answer == answer
