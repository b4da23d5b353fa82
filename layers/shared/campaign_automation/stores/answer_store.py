"""The store of idempotency keys: the claim of each, then the answer given under it.

| pk                 | sk    | holds                                                                 |
|--------------------|-------|-----------------------------------------------------------------------|
| <tenant>#key#<key> | claim | the request's digest; then its answer, or the campaign that it made   |

managers/shared/idempotency.py makes the keys and digests and says how long they hold. The claim of a creation
is written by campaign_store.py, in one transaction with its campaign.
"""

from __future__ import annotations

from pydantic import Field

from campaign_automation.models.common import Record
from campaign_automation.stores.lease import Lease, machine_now
from campaign_automation.stores.table import Delete, Equals, Key, Put, Table
from campaign_automation.utils.packing import packed, unpacked

# A running call holds its key for a minute, an answer for days: when `expires_at` is over, the row goes.
_KEY = Lease(holder="holder", until="expires_at")
_LONGEST_ANSWER = 75_000  # in characters, of four bytes at most
_PACKED = "packed:"


class Claim(Record):
    """One use of an idempotency key: `holder` names the call, `digest` its request.

    An action keeps its answer here for `seconds`; a creation has its campaign, which answers for it.
    """

    key: str = ""
    digest: str
    holder: str = ""
    campaign_id: str = ""
    answer: str | None = None
    seconds: int = Field(default=0, exclude=True)
    is_derived: bool = Field(default=False, exclude=True)  # from the request, by the module itself


class AnswerStore:
    def __init__(self, table: Table) -> None:
        self._table = table

    async def claim(self, tenant: str, claim: Claim, seconds: int) -> Claim | None:
        """Claim the key for `seconds`. Return the claim that stands already, if any."""
        if await self._table.try_write(claim_put(tenant, claim, seconds)):
            return None
        # A claim that was freed in between leaves nothing to compare with: the caller asks again.
        return await standing_claim(self._table, tenant, claim.key) or claim.model_copy(
            update={"holder": "", "answer": None}
        )

    async def take_over(self, tenant: str, claim: Claim, standing: Claim, seconds: int) -> bool:
        """Take the key from an answer that holds no more. Return False when another call was faster."""
        return await self._table.try_write(claim_after(tenant, claim, standing, seconds))

    async def keep(self, tenant: str, claim: Claim, answer: str) -> None:
        """Keep the answer, unless the claim ran out and another call has the key."""
        kept = claim.model_copy(update={"answer": _kept(answer)})
        row = _row(tenant, kept, claim.seconds)
        await self._table.try_write(Put(row, when=_KEY.held_by(claim.holder)))

    async def free(self, tenant: str, claim: Claim) -> None:
        """Give the key back, unless another call has it."""
        key = claim_key(tenant, claim.key)
        await self._table.try_write(Delete(key, when=_KEY.held_by(claim.holder)))


async def standing_claim(table: Table, tenant: str, key: str) -> Claim | None:
    row = await table.get(claim_key(tenant, key))
    if row is None:
        return None
    claim = Claim.model_validate(row)
    if claim.answer is None or not claim.answer.startswith(_PACKED):
        return claim
    return claim.model_copy(update={"answer": unpacked(claim.answer.removeprefix(_PACKED))})


def _kept(answer: str) -> str:
    """Return the answer as its row holds it: one about a thousand objects would be longer than a row."""
    return answer if len(answer) < _LONGEST_ANSWER else _PACKED + packed(answer)


def claim_put(tenant: str, claim: Claim, seconds: int) -> Put:
    """Return the operation that claims a key without a holder."""
    return Put(_row(tenant, claim, seconds), when=_KEY.free_for(claim.holder))


def claim_after(tenant: str, claim: Claim, standing: Claim, seconds: int) -> Put:
    """Return the operation that takes a key from the claim that stands on it."""
    return Put(_row(tenant, claim, seconds), when=Equals("holder", standing.holder))


def claim_taken(tenant: str, claim: Claim, after: Claim | None) -> Put:
    """Return the operation that takes a claim, from the one of `after` where there is one."""
    if after is None:
        return claim_put(tenant, claim, claim.seconds)
    return claim_after(tenant, claim, after, claim.seconds)


def claim_key(tenant: str, key: str) -> Key:
    return Key(f"{tenant}#key#{key}", "claim")


def _row(tenant: str, claim: Claim, seconds: int) -> dict[str, str | int]:
    key = claim_key(tenant, claim.key)
    return {**key._asdict(), **claim.model_dump(exclude_defaults=True), "expires_at": machine_now() + seconds}
