"""The steps that create a campaign, each one level of objects.

A step writes the journal before and after it sends, so it may be run again at any time: existing objects are
kept, those of unknown outcome are looked up, and only missing ones are made.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

from campaign_automation.adapters.base import Access, Outcome, PlatformAdapter
from campaign_automation.adapters.platform_facts import sunset_warnings
from campaign_automation.adapters.tree import Tree
from campaign_automation.managers.ads.drafting import Brief, CopyOrder
from campaign_automation.managers.ads.making import AdMaker
from campaign_automation.managers.campaigns import wording
from campaign_automation.managers.campaigns.copywriting import Copywriter, claim_warnings
from campaign_automation.managers.campaigns.creatives import CreativeLibrary
from campaign_automation.managers.campaigns.journal import Journal, Planned, campaigns_by_name, stopped
from campaign_automation.managers.campaigns.planning import (
    creative_ids_of,
    overlap_warnings,
    plan_campaign,
    plan_test,
    platform_end,
    request_warnings,
    with_defaults,
    with_keywords,
)
from campaign_automation.managers.campaigns.read_back import compare
from campaign_automation.managers.campaigns.splits import Splits
from campaign_automation.managers.campaigns.undo import Undo
from campaign_automation.managers.changes.commitments import Commitments
from campaign_automation.managers.changes.gate import WriteGate
from campaign_automation.managers.changes.items import DesiredChange, Run, is_confirmed
from campaign_automation.managers.notices.events import campaign_made
from campaign_automation.managers.shared.accounts import AccountDirectory
from campaign_automation.managers.shared.notices import Notices
from campaign_automation.managers.shared.outbox import Outbox
from campaign_automation.models.campaign import FINAL, Campaign, Creation, State
from campaign_automation.models.campaigns import AdCopy, CampaignPlan, CreateCampaign, Creative
from campaign_automation.models.common import AdAccount, Level
from campaign_automation.models.creation.options import Voice
from campaign_automation.stores.campaign_store import CampaignStore
from campaign_automation.stores.operations.tags import TagStore
from campaign_automation.utils import clock
from campaign_automation.utils.error_handler import (
    GuardRefusedError,
    PlatformRateLimitError,
    PlatformRejectedError,
)
from campaign_automation.utils.event_loop import beside

_SETTLE_SECONDS = 120  # until the reconciler looks at a start that was not read back


class CreationSteps:
    """The steps of a creation; each may run again. `defaults` are the deployment's own declarations."""

    def __init__(
        self,
        store: CampaignStore,
        tags: TagStore,
        accounts: AccountDirectory,
        adapters: Mapping[str, PlatformAdapter],
        library: CreativeLibrary,
        copywriter: Copywriter,
        journal: Journal,
        gate: WriteGate,
        commitments: Commitments,
        outbox: Outbox,
        notices: Notices,
        defaults: Mapping[str, Any],
    ) -> None:
        self._store = store
        self._tags = tags
        self._accounts = accounts
        self._adapters = adapters
        self._library = library
        self._copywriter = copywriter
        self._journal = journal
        self._gate = gate
        self._commitments = commitments
        self._outbox = outbox
        self._defaults = defaults
        self._ads = AdMaker(store, journal)
        self._splits = Splits(store, journal)
        self._undo = Undo(store, journal, self._splits, commitments, outbox, notices)

    # --- before the first write ------------------------------------------------------------------------

    async def fetch_creatives(self, creation: Creation) -> dict[str, Any]:
        """Fetch the creatives from the Web Platform or the request, and check them.

        First of all steps: their copy is written while the campaign and its ad sets are made.
        """
        spec = creation.spec
        creatives = await self._library.fetch(creation.tenant, spec)
        self._adapter(creation).check_creatives(spec, creatives)
        await self._store.save_creatives(creation, creatives)
        if creation.plan is not None:  # an execution of an earlier version planned before
            parts = self._with_creatives(creation, creation.plan, creation.warnings, creatives)
            await self._store.update(creation, **parts)
        return _turns(creation)

    async def plan(self, creation: Creation) -> dict[str, Any]:
        """Read the account, check the request and store the exact plan, before any write to the platform."""
        spec = with_defaults(creation.spec, self._defaults)
        adapter = self._adapter(creation)
        ad_account_id = await self._accounts.choose(creation.tenant, spec.platform, spec.ad_account_id)
        access = await self._accounts.access(creation.tenant, spec.platform, ad_account_id)
        account = await self._account(creation, adapter, access)
        account = account.model_copy(update={"ad_account_id": ad_account_id})
        warnings = adapter.check(_of_one_adset(creation, spec), account)
        # Platforms with fixed age groups take whole ones: the plan shows those that will be stored.
        fitted = spec.model_copy(update={"age_groups": adapter.fit_ages(spec.age_groups)})
        overlaps = [] if creation.test else overlap_warnings(fitted)
        sunsets = sunset_warnings(adapter.platform, clock.now().date())
        warnings = [*warnings, *overlaps, *sunsets, *request_warnings(spec, creation.context.language)]
        make_plan = plan_test if creation.test else plan_campaign
        plan = make_plan(fitted, account, creation.campaign_id)
        lacks_declaration = adapter.needs_category_declaration and spec.special_ad_categories is None
        plan = plan.model_copy(
            update={"ends_at": platform_end(creation), "lacks_declaration": lacks_declaration}
        )
        await self._commitments.check_creation(
            creation.tenant, account, spec.daily_budget, activate=spec.activate
        )
        parts: dict[str, Any] = {"plan": plan, "warnings": warnings}
        if creation.creatives:  # an execution of an earlier version fetches them next
            parts = self._with_creatives(creation, plan, warnings, list(creation.creatives.values()))
        await self._store.update(creation, account=account, **parts)
        if not spec.dry_run:
            await self._tags.keep(creation, account, plan.tag)
        return _turns(creation)

    async def _account(self, creation: Creation, adapter: PlatformAdapter, access: Access) -> AdAccount:
        """Return the account, read now, or as an earlier creation kept it where the adapter allows that.

        Whether it can advertise is never kept.
        """
        key = f"{adapter.platform}:{access.platform_account_id}"
        if adapter.account_seconds and (kept := await self._store.kept_account(creation.tenant, key)):
            await adapter.check_account(access)
            return kept
        account = await adapter.describe_account(access)
        if adapter.account_seconds:
            await self._store.keep_account(creation.tenant, key, account, adapter.account_seconds)
        return account

    def _with_creatives(
        self, creation: Creation, plan: CampaignPlan, warnings: Sequence[str], creatives: Sequence[Creative]
    ) -> dict[str, Any]:
        """Return the plan and the warnings with what the creatives add to them."""
        keywords_of = partial(self._adapter(creation).keywords_of, plan.objective)
        told = claim_warnings(creation.spec, creatives, self._adapter(creation).copy_limits)
        return {
            "plan": with_keywords(plan, creatives, keywords_of),
            # This may run again, and a warning is told once.
            "warnings": [*warnings, *(text for text in told if text not in warnings)],
        }

    async def write_copy(self, creation: Creation, *, creative_id: str | None = None) -> None:
        """Write the missing copies, or that of one creative, as executions of an earlier version ask."""
        asked = creation.creatives if creative_id is None else [creative_id]
        orders = _orders(creation, [item for item in asked if item not in creation.copies])

        written: dict[str, AdCopy] = {}
        turn = asyncio.Lock()

        async def keep(copies: Mapping[str, AdCopy]) -> None:
            written.update(copies)
            async with turn:
                if written:  # else they were stored with those before
                    together = dict(written)
                    written.clear()
                    await self._store.save_copies(creation, together)

        await self._copywriter.write_all(orders, self._brief(creation), keep)

    async def finish_plan(self, creation: Creation) -> None:
        """End a dry run."""
        await self._complete_copies(creation)
        await self._end(creation, "planned")

    # --- creating --------------------------------------------------------------------------------------

    async def create_campaign(self, creation: Creation) -> None:
        """Create the campaign object, paused."""
        planned = await self._planned(creation)
        plan, adapter = planned.plan, planned.adapter

        async def send(tags: Collection[str]) -> list[Outcome]:
            return [await adapter.create_campaign(planned.access, plan, planned.account)]

        await self._journal.make(planned, Level.CAMPAIGN, {plan.tag: plan.name}, send)

    async def create_adsets(self, creation: Creation) -> None:
        """Create the ad sets, paused, each with its share of the budget."""
        planned = await self._planned(creation)
        plan, adapter = planned.plan, planned.adapter
        campaign_id = planned.made_id(plan.tag)

        async def send(tags: Collection[str]) -> list[Outcome]:
            missing = [adset for adset in plan.adsets if adset.tag in tags]
            return await adapter.create_adsets(planned.access, plan, planned.account, campaign_id, missing)

        names = {adset.tag: adset.name for adset in plan.adsets}
        # Nobody waits for what is looked up meanwhile: the ads that come next do.
        await beside(self._journal.make(planned, Level.ADSET, names, send), self._ads.look_up(planned))

    async def create_ads(self, creation: Creation) -> None:
        """Upload the files, then create the creative objects where the platform has them, then the ads."""
        await self._complete_copies(creation)
        await self._ads.make(await self._planned(creation))

    async def _complete_copies(self, creation: Creation) -> None:
        """Give a creative without copy the template: its ads were not to fail for the sake of a text."""
        missing = [item for item in creation.creatives if item not in creation.copies]
        if not missing:
            return

        async def keep(copies: Mapping[str, AdCopy]) -> None:
            await self._store.save_copies(creation, copies)
            creation.copies.update(copies)

        await Copywriter(None, ()).write_all(_orders(creation, missing), self._brief(creation), keep)

    async def create_split(self, creation: Creation) -> None:
        """Create the platform's own split test over the ad sets of an A/B test, where it has one."""
        await self._splits.create(await self._planned(creation))

    # --- after the last create -------------------------------------------------------------------------

    async def read_back(self, creation: Creation) -> None:
        """Compare the objects on the platform with the plan, and remove second copies of ours.

        Raises PlatformRejectedError (4002) for a serious difference.
        """
        planned = await self._planned(creation)
        tree = await beside(_tree(planned), self._journal.complete_trail(creation))
        if await self._remove_surplus(planned, tree):
            tree = await _tree(planned)
        drift = compare(planned.plan, tree, creation)
        serious = [item.message for item in drift if item.is_serious]
        if serious:
            platform = planned.adapter.platform
            raise PlatformRejectedError(
                wording.drift_error(platform, serious),
                platform=platform,
                code="4002",
                retryable=False,
                drift=serious,
            )
        if drift or creation.drift:
            await self._store.update(creation, drift=[item.message for item in drift])

    async def _remove_surplus(self, planned: Planned, tree: Tree) -> bool:
        """Remove second copies and return whether there were any.

        A lookup that came too early for the platform's lists may have caused one.
        """
        objects = planned.creation.objects
        mine = {entry.platform_id for entry in objects.values()}
        # Our tag ends every name, also where the platform itself has no names for its ads.
        tags = [(node.name.rpartition(" ")[2], node.platform_id) for node in (*tree.ads, *tree.adsets)]
        tags += [(planned.plan.tag, item) for item in await campaigns_by_name(planned)]
        surplus = [(objects[tag], item) for tag, item in tags if tag in objects and item not in mine]
        await self._journal.clear(planned, surplus)
        return bool(surplus)

    async def record(self, creation: Creation) -> None:
        """Store the created campaign with its message to the Web Platform.

        A campaign still to be activated is not finished yet.
        """
        if creation.recorded or creation.outbox:
            # This step ran before and died: the message is stored already.
            await self._outbox.tell(creation.tenant, creation.campaign_id)
            return
        messages = self._outbox.created(creation, self._made(creation).root_id)
        state: State = "creating" if creation.spec.activate else "created"
        events = [campaign_made(creation)]
        await self._end(creation, state, outbox=messages, events=events, recorded=True)
        await self._outbox.tell(creation.tenant, creation.campaign_id)

    async def _end(self, creation: Creation, state: State, **more: Any) -> None:
        """Store a state on the way forward. Raises ConflictError for a creation that was stopped."""
        if await self._store.finish(creation, state, unless_stopped=True, **more):
            return
        # The step ran before and died once it had stored the end.
        if state not in FINAL or await self._store.state_of(creation.tenant, creation.campaign_id) != state:
            raise stopped(creation)

    async def activate(self, creation: Creation) -> None:
        """Start ads, then ad sets, then the campaign: nothing spends until the whole tree is on.

        Raises the platform's error for an object that could not be started, GuardRefusedError for a refusal,
        ConflictError after a stop of all campaigns.
        """
        if not creation.is_open:
            return  # this step ran before; the campaign may have been paused since
        campaign = self._made(creation)
        await self._journal.check_start(creation)
        wanted = [
            DesiredChange(entry.level, entry.tag, "status", "active") for entry in campaign.start_order()
        ]
        run_id = f"run_{creation.campaign_id}_start"
        run = Run(run_id, creation.context.actor, wording.START_REASON, creation.began_ms)
        items = await self._gate.apply(campaign, wanted, run)
        for item in items:
            if item.result == "failed" and item.error:
                await self._journal.check_start(creation)  # a stop may have come in between
                raise item.error
            if item.result == "skipped":
                raise GuardRefusedError(item.reason, guard=item.reason.partition(":")[0])
        # A start that was not read back is settled by the reconciler.
        due = None if is_confirmed(items) else clock.in_ms(_SETTLE_SECONDS)
        await self._end(creation, "created", activated=True, due=due)

    # --- undoing and looking again ---------------------------------------------------------------------

    async def undo(self, creation: Creation, *, failure: dict[str, Any]) -> None:
        """Remove all objects that were made, children first; of a stopped start, pause the campaign."""
        if not creation.is_open:
            return  # this step ran before, or the creation has its outcome
        try:
            if creation.is_kept:
                await self._undo.keep(creation, self._made(creation), self._gate)
                return
            if any(entry.state != "gone" for entry in creation.objects.values()):
                await self._undo.remove_all(await self._planned(creation))
        except PlatformRateLimitError as error:
            # The reconciler goes on when the platform allows it, should the retries here be too early.
            await self._store.update(creation, undo_at=clock.in_ms(error.details.get("retry_after")))
            raise
        await self._undo.finish(creation, failure)

    async def give_up(self, creation: Creation, *, failure: dict[str, Any]) -> None:
        """Notify a person that the undo could not finish, once; the reconciler goes on with it."""
        if creation.state == "creating":
            await self._undo.give_up(creation, failure)

    async def look_again(self, creation: Creation) -> None:
        """Look up what the platform made late or twice: no step of a creation, but its last look."""
        await self._journal.look_again(await self._planned(creation))

    async def clear_copy(self, creation: Creation, *, platform_id: str) -> None:
        """Clear a campaign under our name that the journal does not have."""
        planned = await self._planned(creation)
        if root := creation.objects.get(planned.plan.tag):
            await self._journal.clear(planned, [(root, platform_id)])

    # --- small things ----------------------------------------------------------------------------------

    def _brief(self, creation: Creation) -> Brief:
        language = creation.spec.copy_language or creation.context.language
        limits = self._adapter(creation).copy_limits
        return Brief(creation.spec.objective, language, limits, creation.spec.voice or Voice())

    def _adapter(self, creation: Creation) -> PlatformAdapter:
        return self._adapters[creation.spec.platform]

    async def _planned(self, creation: Creation) -> Planned:
        plan, account = creation.planned()
        account_id = account.ad_account_id or account.platform_account_id
        access = await self._accounts.access(creation.tenant, creation.spec.platform, account_id)
        return Planned(creation, plan, account, self._adapter(creation), access)

    def _made(self, creation: Creation) -> Campaign:
        campaign = creation.campaign()
        if campaign is None:
            raise RuntimeError(f"{creation.campaign_id} was not made by an earlier step")
        return campaign


def _turns(creation: Creation) -> dict[str, Any]:
    """Return where the state machine turns; the ids for executions of an earlier version."""
    spec = creation.spec
    return {
        "creative_ids": creative_ids_of(spec),
        "dry_run": spec.dry_run,
        "is_test": creation.test is not None,
        "activate": spec.activate,
    }


def _orders(creation: Creation, creative_ids: Iterable[str]) -> list[CopyOrder]:
    given = {item.creative_id: item for item in creation.spec.texts or []}
    return [CopyOrder(creation.creatives[item], given.get(item)) for item in creative_ids]


async def _tree(planned: Planned) -> Tree:
    campaign_id = planned.made_id(planned.plan.tag)
    return await planned.adapter.read_tree(planned.access, campaign_id, planned.account.currency)


def _of_one_adset(creation: Creation, spec: CreateCampaign) -> CreateCampaign:
    """Return the request as the platform checks one ad set: in a test each shows one of the creatives."""
    if creation.test is None:
        return spec
    one = {
        name: value and value[:1] for name in ("creative_ids", "creatives") for value in [getattr(spec, name)]
    }
    return spec.model_copy(update=one)
