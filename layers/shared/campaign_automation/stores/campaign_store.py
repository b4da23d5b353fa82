"""The store of campaigns, with their journal and outbox, and of the assets uploaded for them.

| pk                              | sk                   | holds                                        |
|---------------------------------|----------------------|----------------------------------------------|
| <tenant>#campaign#<id>          | campaign             | request, account, plan, state, failure       |
|                                 | part#<name>#<hash>#n | a piece of a document too long for that row  |
|                                 | creative#<id>        | the creative and its copy                    |
|                                 | object#<level>#<tag> | the journal entry of one platform object     |
|                                 | outbox#<n>           | a message for the Web Platform               |
| <tenant>#platform#<id>          | pointer              | our id of a platform's campaign              |
| <tenant>#campaigns              | <id>                 | that it exists, or did: platform, name       |
| <tenant>#budgets#<account>      | <id>                 | the daily budget that an active one may use  |
| <tenant>#asset#<account>#<hash> | asset                | an image or video already uploaded           |
| <tenant>#account#<account>      | account              | the account as last read, for a while        |

The tenant is part of every key, so another tenant's row cannot even be addressed. The claims of idempotency
keys are in answer_store.py, the reconciler's visits in operations/.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from campaign_automation.models.campaign import (
    Campaign,
    Creation,
    ObjectEntry,
    OutboxEntry,
    Resume,
    State,
    Stop,
    Targets,
)
from campaign_automation.models.campaigns import AdCopy, Creative
from campaign_automation.models.common import AdAccount
from campaign_automation.stores.answer_store import Claim, claim_key, claim_taken, standing_claim
from campaign_automation.stores.campaign_rows import (
    NOT_STOPPED,
    OLD_RUN_UNTIL,
    RUN,
    Head,
    Listed,
    account_key,
    adopted_of,
    amount_of,
    asset_key,
    campaign_key,
    campaign_row,
    changed_parts,
    commitment_key,
    commitment_write,
    creation_of,
    creative_key,
    creative_row,
    head_of,
    head_seen,
    in_parts,
    later_visits,
    list_changes,
    list_row,
    object_row,
    outbox_row,
    partition,
    pointer_key,
    requests_of,
    run_claim,
    run_ended,
    run_taken,
    visit_at,
)
from campaign_automation.stores.lease import machine_now
from campaign_automation.stores.message_store import MessageStore
from campaign_automation.stores.notice_store import Notice, notice_puts
from campaign_automation.stores.operations.events import NewEvent, write_with_events
from campaign_automation.stores.table import (
    MAX_OPERATIONS,
    Absent,
    AllOf,
    AnyOf,
    Condition,
    Delete,
    Equals,
    Key,
    Operation,
    Put,
    Row,
    Update,
    Version,
    in_groups,
)
from campaign_automation.utils.clock import now_ms
from campaign_automation.utils.error_handler import StoreError

_CLAIM_TRIES = 3
_FEW_ENTRIES = 50  # of objects, which one transaction takes beside all else that ends a run
_CREATING = Equals("state", "creating")
_OPEN = AnyOf(_CREATING, Equals("state", "needs_reconciliation"))


class CampaignStore(MessageStore):
    """The store of campaigns with their journal and outbox."""

    # --- creation --------------------------------------------------------------------------------------

    async def open_creation(
        self, creation: Creation, claim: Claim | None, after: Claim | None = None
    ) -> Claim | None:
        """Store a new campaign under its claim, both or neither. Return the claim that stands already.

        A claim is taken from the one of `after`, whose campaign is over.
        """
        row, parts = in_parts(creation, campaign_row(creation))
        puts = [Put(row, when=Absent()), *map(Put, parts), *requests_of(creation)]
        if claim is None:
            await self._table.write(*puts)
            return None
        for _ in range(_CLAIM_TRIES):
            if await self._table.try_write(*puts, claim_taken(creation.tenant, claim, after)):
                return None
            standing = await standing_claim(self._table, creation.tenant, claim.key)
            if standing is not None:
                return standing
            # The creation that had the key was rolled back in between and freed it.
        raise StoreError("the idempotency key changed hands while the campaign was stored; ask again")

    async def load(self, tenant: str, campaign_id: str) -> Creation | None:
        """Return the whole creation, read in one query, or None for an id this tenant has none of."""
        known = await self.known(tenant, campaign_id)
        return known if isinstance(known, Creation) else None

    async def campaign(self, tenant: str, campaign_id: str) -> Campaign | None:
        """Return the campaign as it is on its platform, or None for an id this tenant does not have there."""
        known = await self.known(tenant, campaign_id)
        return known.campaign() if isinstance(known, Creation) else known

    async def known(self, tenant: str, campaign_id: str) -> Creation | Campaign | None:
        """Return the creation, or the campaign that was made elsewhere, or None for an unknown id."""
        rows = await self._table.query(partition(tenant, campaign_id))
        head = head_of(rows)
        if head is None:
            return None
        return adopted_of(head, rows) if "adopted" in head else creation_of(head, rows)

    async def state_of(self, tenant: str, campaign_id: str) -> str | None:
        head = await self.head(tenant, campaign_id)
        return None if head is None else head.state

    async def head(self, tenant: str, campaign_id: str) -> Head | None:
        row = await self._campaign(tenant, campaign_id)
        return None if row is None else head_seen(row)

    async def campaigns(self, tenant: str, *, deleted_too: bool = False) -> list[Listed]:
        """Return every campaign of the tenant that was created and not deleted by us, or those too."""
        rows = await self._table.query(f"{tenant}#campaigns")
        return [Listed.model_validate(row) for row in rows if deleted_too or not row.get("is_deleted")]

    async def resolve(self, tenant: str, platform_campaign_id: str) -> str | None:
        """Return our id for the platform's, or None."""
        row = await self._table.get(pointer_key(tenant, platform_campaign_id))
        return None if row is None else str(row["campaign_id"])

    async def resolve_each(self, tenant: str, platform_campaign_ids: Iterable[str]) -> dict[str, str]:
        """Return our ids by the platform's, of those that are the tenant's."""
        keys = {pointer_key(tenant, item): item for item in platform_campaign_ids}
        rows = await self._table.get_many(keys, ["campaign_id"])
        return {keys[key]: str(row["campaign_id"]) for key, row in rows.items()}

    async def update(self, creation: Creation, **parts: Any) -> None:
        """Replace parts of the campaign row: account, plan, warnings, drift, failure, activated."""
        values, rows = in_parts(creation, changed_parts(parts))
        await self._table.write(Update(campaign_key(creation), set=values), *map(Put, rows))

    async def save_creatives(self, creation: Creation, creatives: Iterable[Creative]) -> None:
        await self._table.write_in_groups(Put(creative_row(creation, creative)) for creative in creatives)

    async def save_copies(self, creation: Creation, copies: Mapping[str, AdCopy]) -> None:
        """Store copies by creative id."""
        texts = {name: {"copy_json": copy.model_dump_json()} for name, copy in copies.items()}
        await self._table.write(
            *(Update(creative_key(creation, name), set=text) for name, text in texts.items())
        )

    def entry_puts(self, campaign: Creation | Campaign, entries: Iterable[ObjectEntry]) -> list[Put]:
        """Return the writes of journal entries; an entry under the same tag is replaced."""
        return [Put(object_row(campaign, entry)) for entry in entries]

    async def attempt(self, creation: Creation, entries: Iterable[ObjectEntry]) -> bool:
        """Write the entries of objects that are about to be sent. Return False when nothing may be sent.

        So it is when the creation was stopped: whoever stopped it finds in the journal all that was sent.
        """
        return await self._write_while(creation, AllOf(_CREATING, NOT_STOPPED), entries)

    async def _write_while(
        self, campaign: Creation | Campaign, when: Condition, entries: Iterable[ObjectEntry]
    ) -> bool:
        """Write journal entries, each group of them only if the condition on the campaign holds."""
        guard = Update(campaign_key(campaign), set=changed_parts({}), when=when)
        for group in in_groups(self.entry_puts(campaign, entries), MAX_OPERATIONS - 1):
            if not await self._table.try_write(guard, *group):
                return False
        return True

    async def finish(
        self,
        creation: Creation,
        state: State,
        *,
        unless_stopped: bool = False,
        due: int | None = None,
        outbox: Iterable[OutboxEntry] = (),
        notices: Iterable[Notice] = (),
        events: Iterable[NewEvent] = (),
        **parts: Any,
    ) -> bool:
        """Store the state with its messages to the Web Platform, all or nothing; the end state only once.

        A campaign that left nothing behind frees its idempotency key, so the caller may simply ask again.
        Return False when the creation has ended already, or was stopped. At `due` the reconciler visits it.
        """
        changes = changed_parts({"state": state, **later_visits(creation, state, due), **parts})
        values, rows = in_parts(creation, changes)
        when = AllOf(_OPEN, NOT_STOPPED) if unless_stopped else _OPEN
        operations: list[Operation] = [Update(campaign_key(creation), set=values, when=when), *map(Put, rows)]
        operations += [Put(outbox_row(creation, entry)) for entry in outbox]
        operations += notice_puts(notices)
        if state == "rolled_back" and await self._has_claim(creation):
            operations.append(Delete(claim_key(creation.tenant, creation.claim or "")))
        if platform_id := creation.plan and creation.platform_id(creation.plan.tag):
            pointer = pointer_key(creation.tenant, platform_id)
            operations.append(Put({**pointer._asdict(), "campaign_id": creation.campaign_id}))
        if state == "created":
            operations.append(Put(list_row(creation)))
        return await write_with_events(self._table, operations, events)

    async def _has_claim(self, creation: Creation) -> bool:
        """Return whether the creation still has its key, which another takes over when it has expired."""
        if not creation.claim:
            return False
        standing = await standing_claim(self._table, creation.tenant, creation.claim)
        return standing is not None and standing.campaign_id == creation.campaign_id

    # --- stopping --------------------------------------------------------------------------------------

    async def request_stop(self, campaign: Creation | Campaign, stop: Stop) -> bool:
        """Ask everything that goes on with the campaign to send nothing more but what lowers spend.

        Return False for a creation that has ended meanwhile. A stop that a person asked for stays theirs.
        """
        conditions: list[Condition] = [_CREATING] if campaign.state == "creating" else []
        if stop == "interrupted":
            conditions.append(NOT_STOPPED)
        when = AllOf(*conditions) if conditions else None
        values = changed_parts({"stop_requested": stop, **visit_at(now_ms())})
        return await self._table.try_write(Update(campaign_key(campaign), set=values, when=when))

    async def plan_resume(self, campaign: Campaign, resume: Resume | None) -> None:
        """Store when a pause ends, or that it does not; the next visit of the reconciler looks at it."""
        await self._table.write(Update(campaign_key(campaign), set=changed_parts({"resume": resume})))

    async def set_targets(self, campaign: Campaign, targets: Targets, events: Iterable[NewEvent]) -> None:
        values = changed_parts({"targets": targets})
        update = Update(campaign_key(campaign), set=values, add={"revision": 1})
        if not await write_with_events(self._table, [update], events):
            raise StoreError("the campaign is gone", retryable=False)

    async def add_events(self, events: Iterable[NewEvent]) -> None:
        """Store events of what is stored already."""
        await write_with_events(self._table, [], events)

    # --- changes of existing campaigns -----------------------------------------------------------------

    async def begin_run(
        self, campaign: Creation | Campaign, run_id: str, seconds: int, *, stops: bool = False
    ) -> str | None:
        """Take the campaign's lease for one change. Return the run that holds it, if another does.

        A run whose time is over has died, and its lease is taken over, as is a lease of the run itself. A
        stopped creation begins no run but one that `stops`; elsewhere a new run is younger than the stop.
        """
        if await self._table.try_write(run_claim(campaign, run_id, seconds, stops=stops)):
            return None
        row = await self._campaign(campaign.tenant, campaign.campaign_id) or {}
        return str(row.get("run_id", "unknown"))

    async def begin_run_unchanged(
        self, campaign: Campaign, run_id: str, seconds: int, *, stops: bool = False
    ) -> bool:
        """Take the lease, but only if the campaign is as it was read; return whether that is known."""
        # Steps and runs write objects beside the campaign's row; an import begins its versions anew.
        if campaign.state != "created" or campaign.run_id is not None or campaign.is_adopted:
            return False
        if campaign.row_version is None:
            return False
        unchanged = Version(campaign.row_version)
        return await self._table.try_write(run_claim(campaign, run_id, seconds, unchanged, stops=stops))

    async def take_run(self, campaign: Campaign, run_id: str, seconds: int) -> None:
        """Take the lease from whatever run has it; that one finds out before its next request."""
        taken = run_taken(campaign, run_id, seconds)
        await self._table.write(Update(campaign_key(campaign), set=taken, remove=(OLD_RUN_UNTIL,)))

    async def renew_run(self, campaign: Campaign, run_id: str, seconds: int, *, stops: bool) -> bool:
        """Hold the lease for longer. Return False when it is lost, or a stop was asked for meanwhile."""
        return await self._table.try_write(self.renewal(campaign, run_id, seconds, stops=stops))

    def renewal(self, campaign: Campaign, run_id: str, seconds: int, *, stops: bool) -> Update:
        """Return the write of `renew_run`, to be made with others."""
        held = RUN.held_by(run_id)
        when = held if stops else AllOf(held, NOT_STOPPED)
        return Update(campaign_key(campaign), set=RUN.taken(run_id, seconds), when=when)

    async def end_run(
        self,
        campaign: Creation | Campaign,
        run_id: str,
        *,
        seen: Iterable[ObjectEntry] = (),
        message: OutboxEntry | None = None,
        events: Iterable[NewEvent] = (),
        is_stopped: bool = False,
        commitment: Operation | None = None,
        **parts: Any,
    ) -> bool:
        """Store the entries seen after the change, its message to the Web Platform, its events and the end of
        the lease, with the write of a new `commitment`.

        With `is_stopped` the stop that was asked for has been carried out. Return False when the message's
        number was taken meanwhile: at most the entries are stored then; and when another run has the lease.
        """
        entries = list(seen)
        few = entries if len(entries) <= _FEW_ENTRIES else []
        # Many apart from the rest, since a campaign may have more objects than one transaction takes.
        if not few and not await self._write_while(campaign, RUN.held_by(run_id), entries):
            return False
        end = Update(
            campaign_key(campaign),
            set=changed_parts(parts) | run_ended(run_id, len(few)),
            remove=(*RUN.attributes, OLD_RUN_UNTIL, *(["stop_requested"] if is_stopped else [])),
            add={"revision": 1},
            when=RUN.held_by(run_id),
        )
        operations: list[Operation] = [end, *(Put(object_row(campaign, entry, run_id)) for entry in few)]
        if message:
            operations.append(Put(outbox_row(campaign, message), when=Absent()))
        if commitment:
            operations.append(commitment)
        operations += list_changes(campaign, entries, is_deleted=parts.get("state") == "deleted")
        return await write_with_events(self._table, operations, events)

    async def committed(self, tenant: str, account: str) -> dict[str, Decimal]:
        """Return the amount that each active campaign of the account may spend a day, by campaign.

        Raises UnreadableRowError, as `commitment` does, for a row that holds no amount.
        """
        rows = await self._table.query(f"{tenant}#budgets#{account}")
        return {row["sk"]: amount_of(row) for row in rows}

    async def commitment(self, tenant: str, account: str, campaign_id: str) -> Decimal | None:
        """Return the amount that one campaign may spend a day, None when it spends nothing."""
        row = await self._table.get(commitment_key(tenant, account, campaign_id))
        return None if row is None else amount_of(row)

    async def commit(self, tenant: str, account: str, campaign_id: str, amount: Decimal | None) -> None:
        """Replace the amount that the campaign may spend a day; None when it spends nothing."""
        await self._table.write(commitment_write(tenant, account, campaign_id, amount))

    # --- assets and accounts ---------------------------------------------------------------------------

    async def asset(self, tenant: str, account: str, digest: str) -> str | None:
        """Return the platform's reference of a file uploaded before, or None."""
        row = await self._table.get(asset_key(tenant, account, digest))
        return None if row is None else str(row["reference"])

    async def save_asset(self, tenant: str, account: str, digest: str, reference: str) -> None:
        row = {**asset_key(tenant, account, digest)._asdict(), "reference": reference}
        await self._table.write(Put(row))

    async def kept_account(self, tenant: str, account: str) -> AdAccount | None:
        """Return the account as it was read not long ago, or None."""
        row = await self._table.get(account_key(tenant, account))
        # DynamoDB removes expired rows some time later, so the expiry is compared too.
        if row is None or row["expires_at"] < machine_now():
            return None
        return AdAccount.model_validate_json(row["account"])

    async def keep_account(self, tenant: str, account: str, read: AdAccount, seconds: int) -> None:
        row: Row = account_key(tenant, account)._asdict()
        row |= {"account": read.model_dump_json(), "expires_at": machine_now() + seconds}
        await self._table.write(Put(row))

    async def _campaign(self, tenant: str, campaign_id: str) -> Row | None:
        return await self._table.get(Key(partition(tenant, campaign_id), "campaign"))
