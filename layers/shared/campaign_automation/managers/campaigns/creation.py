"""The steps that create a campaign: one set behind the state machine and behind execute().

Each step loads the campaign from the store, does one level, and writes the journal before and after it
sends. So a step may be run again at any time: what exists is kept, what may exist is looked up, only what is
missing is made.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from campaign_automation.adapters.base import (
    Access,
    AdOrder,
    CreativeOrder,
    Outcome,
    PlatformAdapter,
    SplitOrder,
    Tree,
)
from campaign_automation.adapters.platform_facts import sunset_warnings
from campaign_automation.managers.campaigns.copywriting import Copywriter
from campaign_automation.managers.campaigns.creatives import CreativeLibrary
from campaign_automation.managers.campaigns.planning import (
    creative_ids_of,
    plan_campaign,
    plan_test,
    split_tag,
)
from campaign_automation.managers.campaigns.read_back import compare
from campaign_automation.managers.changes.gate import Run, Wanted, WriteGate
from campaign_automation.managers.shared import outbox as web_platform
from campaign_automation.managers.shared.accounts import AccountDirectory, with_action
from campaign_automation.managers.shared.outbox import Outbox
from campaign_automation.models.campaigns import CampaignPlan, CreateCampaign, Creative, CreativePlan
from campaign_automation.models.common import AdAccount, Level
from campaign_automation.stores.campaign_store import CampaignStore, Creation, ObjectEntry, OutboxEntry, State
from campaign_automation.utils import clock
from campaign_automation.utils.error_handler import (
    CampaignAutomationError,
    GuardRefusedError,
    NotFoundError,
    PlatformAuthError,
    PlatformQuotaError,
    PlatformRateLimitError,
    PlatformRejectedError,
    PlatformUnavailableError,
    StoreError,
    WebPlatformUnavailableError,
    error_body,
)
from campaign_automation.utils.observability import emit, logger
from campaign_automation.utils.retry_strategy import with_retries

# The classes that statemachines/ retries too; everything else goes straight to Undo.
TRANSIENT = (PlatformRateLimitError, PlatformUnavailableError, WebPlatformUnavailableError, StoreError)
LONGEST_WAIT_SECONDS = 60
# The platform's own end of a test comes after ours, which also tells what was found.
PLATFORM_END_AFTER = timedelta(days=1)
_CONCURRENT_COPIES = 5
_PERHAPS_A_MISSING_FILE = frozenset({"1001", "5000", "6003"})

Send = Callable[[Sequence[str]], Awaitable[list[Outcome]]]


class CampaignCreation:
    def __init__(
        self,
        store: CampaignStore,
        accounts: AccountDirectory,
        library: CreativeLibrary,
        copywriter: Copywriter,
        adapters: Mapping[str, PlatformAdapter],
        outbox: Outbox,
        gate: WriteGate,
        defaults: Mapping[str, Any],
        connect_url: str | None = None,
    ) -> None:
        self._store = store
        self._accounts = accounts
        self._library = library
        self._copywriter = copywriter
        self._adapters = adapters
        self._outbox = outbox
        self._gate = gate
        self._defaults = defaults
        self._connect_url = connect_url

    async def run(self, tenant: str, campaign_id: str) -> None:
        """All steps in order, in this process; the state machine does the same with a Lambda per step."""
        try:
            await self._run_forward(tenant, campaign_id)
        except Exception as error:
            if not isinstance(error, CampaignAutomationError):
                logger.exception("creation failed unexpectedly", campaign_id=campaign_id)
                error = CampaignAutomationError("an internal error while the campaign was being created")
            await self._run_back(tenant, campaign_id, error_body(error))

    async def _run_forward(self, tenant: str, campaign_id: str) -> None:
        for step in ("plan", "fetch_creatives"):
            await self._with_retries(step, tenant, campaign_id)
        creation = await self.load(tenant, campaign_id)
        limit = asyncio.Semaphore(_CONCURRENT_COPIES)

        async def write(creative_id: str) -> None:
            async with limit:
                await self._with_retries("write_copy", tenant, campaign_id, creative_id=creative_id)

        await asyncio.gather(*map(write, creation.creatives))
        if creation.spec.dry_run:
            await self._with_retries("finish_plan", tenant, campaign_id)
            return
        split = ["create_split"] if creation.test else []
        for step in ("create_campaign", "create_adsets", "create_ads", *split, "read_back", "record"):
            await self._with_retries(step, tenant, campaign_id)
        if creation.spec.activate:
            await self._with_retries("activate", tenant, campaign_id)

    async def _run_back(self, tenant: str, campaign_id: str, failure: dict[str, Any]) -> None:
        try:
            await self._with_retries("undo", tenant, campaign_id, failure=failure)
        except CampaignAutomationError as error:
            logger.error("undo failed", campaign_id=campaign_id, reason=error.message)
            await self._with_retries("give_up", tenant, campaign_id, failure=failure)

    async def _with_retries(self, step: str, tenant: str, campaign_id: str, **arguments: Any) -> None:
        await with_retries(
            lambda: self.run_step(step, tenant, campaign_id, **arguments),
            what=step,
            is_retryable=lambda error: isinstance(error, TRANSIENT) and error.retryable,
        )

    async def run_step(self, step: str, tenant: str, campaign_id: str, **arguments: Any) -> dict[str, Any]:
        """One step by name. What it returns steers the state machine; everything else is in the store."""
        creation = await self.load(tenant, campaign_id)
        try:
            answer = await self._run_renewed(step, creation, **arguments)
        except PlatformRateLimitError as error:
            if error.details.get("retry_after", 0) > LONGEST_WAIT_SECONDS:
                # Retrying within seconds could not help: another class, which nobody retries.
                raise PlatformQuotaError(error.message, code=error.code, **error.details) from error
            raise
        logger.info("step done", step=step, campaign_id=campaign_id)
        return answer or {}

    async def _run_renewed(self, step: str, creation: Creation, **arguments: Any) -> dict[str, Any] | None:
        """The step, once more when the platform refused the token: the Web Platform may have renewed it
        meanwhile, and what was refused did nothing."""
        run = STEPS[step]
        try:
            answer: dict[str, Any] | None = await run(self, creation, **arguments)
        except PlatformAuthError:
            self._accounts.forget(creation.tenant)
            creation = await self.load(creation.tenant, creation.campaign_id)
            try:
                answer = await run(self, creation, **arguments)
            except PlatformAuthError as error:
                raise with_action(error, creation.spec.platform, self._connect_url) from error
        return answer

    async def load(self, tenant: str, campaign_id: str) -> Creation:
        creation = await self._store.load(tenant, campaign_id)
        if creation is None:
            raise NotFoundError(f"campaign {campaign_id} is not known", field="campaign_id")
        return creation

    # --- before the first write ------------------------------------------------------------------------

    async def plan(self, creation: Creation) -> dict[str, Any]:
        spec = self._with_defaults(creation.spec)
        adapter = self._adapter(creation)
        ad_account_id = await self._accounts.choose(creation.tenant, spec.platform, spec.ad_account_id)
        access = await self._accounts.access(creation.tenant, spec.platform, ad_account_id)
        account = await self._account(creation, adapter, access)
        account = account.model_copy(update={"ad_account_id": ad_account_id})
        today = clock.now().date()
        warnings = [
            *adapter.check(_of_one_adset(creation, spec), account),
            *sunset_warnings(adapter.platform, today),
        ]
        fitted = spec.model_copy(update={"age_groups": adapter.fit_ages(spec.age_groups)})
        make_plan = plan_test if creation.test else plan_campaign
        plan = make_plan(fitted, account, creation.campaign_id)
        if creation.test:
            plan = plan.model_copy(update={"ends_at": test_end(creation) + PLATFORM_END_AFTER})
        await self._gate.check_creation(creation, account, spec.daily_budget)
        await self._store.update(creation, account=account, plan=plan, warnings=warnings)
        return {
            "creative_ids": creative_ids_of(spec),
            "dry_run": spec.dry_run,
            "is_test": creation.test is not None,
            "activate": spec.activate,
        }

    async def _account(self, creation: Creation, adapter: PlatformAdapter, access: Access) -> AdAccount:
        """Read now, or kept from an earlier creation where the adapter allows it."""
        key = f"{adapter.platform}:{access.platform_account_id}"
        if adapter.account_seconds and (kept := await self._store.kept_account(creation.tenant, key)):
            return kept
        account = await adapter.describe_account(access)
        if adapter.account_seconds:
            await self._store.keep_account(creation.tenant, key, account, adapter.account_seconds)
        return account

    def _with_defaults(self, spec: CreateCampaign) -> CreateCampaign:
        missing = {
            name: value
            for name, value in self._defaults.items()
            if getattr(spec, name) is None and value is not None
        }
        return spec.model_copy(update=missing)

    async def fetch_creatives(self, creation: Creation) -> None:
        creatives = await self._library.fetch(creation.tenant, creation.spec)
        self._adapter(creation).check_creatives(creation.spec, creatives)
        await self._store.save_creatives(creation, creatives)

    async def write_copy(self, creation: Creation, *, creative_id: str) -> None:
        if creative_id in creation.copies:
            return
        spec = creation.spec
        copy = await self._copywriter.write(
            creation.creatives[creative_id],
            spec.objective,
            creation.context.language,
            self._adapter(creation).copy_limits,
        )
        await self._store.save_copy(creation, creative_id, copy)

    async def finish_plan(self, creation: Creation) -> None:
        """A dry run ends here."""
        await self._store.finish(creation, "planned")

    # --- creating --------------------------------------------------------------------------------------

    async def create_campaign(self, creation: Creation) -> None:
        adapter, plan, account, access = await self._tools(creation)

        async def send(tags: Sequence[str]) -> list[Outcome]:
            return [await adapter.create_campaign(access, plan, account)]

        await self._make(creation, access, Level.CAMPAIGN, {plan.tag: plan.name}, send)

    async def create_adsets(self, creation: Creation) -> None:
        adapter, plan, account, access = await self._tools(creation)
        campaign_id = _known_id(creation, plan.tag)

        async def send(tags: Sequence[str]) -> list[Outcome]:
            missing = [adset for adset in plan.adsets if adset.tag in tags]
            return await adapter.create_adsets(access, plan, account, campaign_id, missing)

        names = {adset.tag: adset.name for adset in plan.adsets}
        await self._make(creation, access, Level.ADSET, names, send)

    async def create_ads(self, creation: Creation) -> None:
        """Files, then creative objects where the platform has them, then the ads."""
        adapter, plan, _, access = await self._tools(creation)
        assets = await self._known_assets(creation, access)
        try:
            await self._create_ads_with(creation, access, await self._upload(creation, access, assets))
        except PlatformRejectedError as error:
            if not assets or error.code not in _PERHAPS_A_MISSING_FILE:
                raise
            # A file that was uploaded long ago may have been deleted since: upload once more.
            logger.info("files uploaded anew", campaign_id=plan.tag, platform=adapter.platform)
            await self._create_ads_with(creation, access, await self._upload(creation, access, {}))

    async def _create_ads_with(
        self, creation: Creation, access: Access, orders: Mapping[str, CreativeOrder]
    ) -> None:
        adapter, plan, account, _ = await self._tools(creation)
        if Level.CREATIVE in adapter.levels:

            async def send_creatives(tags: Sequence[str]) -> list[Outcome]:
                missing = [order for order in orders.values() if order.tag in tags]
                return await adapter.create_creatives(access, plan, account, missing)

            names = {item.tag: item.name for item in plan.creatives}
            await self._make(creation, access, Level.CREATIVE, names, send_creatives)

        async def send_ads(tags: Sequence[str]) -> list[Outcome]:
            missing = [_ad_order(creation, ad, orders) for ad in plan.ads if ad.tag in tags]
            return await adapter.create_ads(access, plan, account, _known_id(creation, plan.tag), missing)

        await self._make(creation, access, Level.AD, {ad.tag: ad.name for ad in plan.ads}, send_ads)

    async def _known_assets(self, creation: Creation, access: Access) -> dict[str, str]:
        """The platform's references of files uploaded before, by creative."""
        asked = list(creation.creatives.values())
        known = await asyncio.gather(
            *(self._store.asset(*_asset_key(creation, access, item)) for item in asked)
        )
        return {item.creative_id: asset for item, asset in zip(asked, known, strict=True) if asset}

    async def _upload(
        self, creation: Creation, access: Access, known: Mapping[str, str]
    ) -> dict[str, CreativeOrder]:
        """An order for each creative, its file uploaded once per account and URL."""

        async def order(item: CreativePlan) -> CreativeOrder:
            creative = creation.creatives[item.creative_id]
            before = known.get(item.creative_id)
            asset = await self._adapter(creation).upload(access, creative, before)
            if asset != before:
                await self._store.save_asset(*_asset_key(creation, access, creative), asset)
            return CreativeOrder(item.tag, item.name, creative, creation.copies[item.creative_id], asset)

        orders = await asyncio.gather(*map(order, _plan(creation).creatives))
        return {order.creative.creative_id: order for order in orders}

    async def _make(
        self, creation: Creation, access: Access, level: Level, names: Mapping[str, str], send: Send
    ) -> None:
        """Makes what is missing of one level. `names` maps the tags to exact names.

        An object journaled as sent and never answered may exist: it is looked up and adopted.
        """
        await self._adopt(creation, access, level, names)
        missing = [tag for tag in names if creation.platform_id(tag) is None]
        if not missing:
            return
        await self._journal(creation, [_sent(creation, level, tag, names[tag]) for tag in missing])
        outcomes = await send(missing)
        answered = [_answered(creation, outcome) for outcome in outcomes]
        await self._journal(creation, answered)
        refused = {outcome.tag: outcome.error for outcome in outcomes if outcome.error}
        await self._gate.record_created(creation, answered, refused)
        errors = [outcome.error for outcome in outcomes if outcome.error is not None]
        if errors:
            # A refusal decides; only if nothing was refused is it worth asking again.
            raise min(errors, key=lambda error: isinstance(error, TRANSIENT))

    async def _adopt(
        self, creation: Creation, access: Access, level: Level, names: Mapping[str, str]
    ) -> None:
        doubtful = {
            entry.name: entry
            for entry in creation.objects.values()
            if entry.level is level and entry.state == "sent" and entry.tag in names
        }
        if not doubtful:
            return
        adapter, plan = self._adapter(creation), _plan(creation)
        found = await adapter.find(access, level, list(doubtful), creation.platform_id(plan.tag))
        entries = [
            doubtful[name].model_copy(update={"state": "created", "platform_id": ids[0]})
            for name, ids in found.items()
        ]
        logger.info("unknown outcomes resolved", level=level, asked=len(doubtful), found=len(entries))
        await self._journal(creation, entries)
        await self._gate.record_created(creation, entries, {})
        second = [item for ids in found.values() for item in ids[1:]]
        if second:
            _raise_first(await adapter.remove(access, level, second))

    async def _journal(self, creation: Creation, entries: Sequence[ObjectEntry]) -> None:
        await self._store.journal(creation, entries)
        creation.objects.update({entry.tag: entry for entry in entries})

    async def create_split(self, creation: Creation) -> None:
        """The platform's own split test over the ad sets of an A/B test, where it has one that takes them;
        without one auctions decide who sees what. It is found when it exists, so it may be asked again."""
        tag = split_tag(creation.campaign_id)
        if creation.test is None or creation.platform_id(tag):
            return
        await self._journal(creation, [_sent(creation, Level.SPLIT, tag, f"{creation.test.test_name} {tag}")])
        try:
            split_id = await self._split(creation, tag)
        except PlatformRejectedError as error:
            logger.warning("split test refused", campaign_id=creation.campaign_id, reason=error.message)
            split_id = None
            words = f"the platform's own split test was refused: {error.message}"
            await self._store.update(creation, warnings=[*creation.warnings, words])
        state = "created" if split_id else "gone"
        entry = creation.objects[tag].model_copy(update={"state": state, "platform_id": split_id})
        await self._journal(creation, [entry])
        await self._gate.record_created(creation, [entry], {})

    async def _split(self, creation: Creation, tag: str) -> str | None:
        adapter, plan, account, access = await self._tools(creation)
        assert creation.test is not None
        adset_ids = [_known_id(creation, adset.tag) for adset in plan.adsets]
        order = SplitOrder(creation.objects[tag].name, adset_ids, clock.now(), test_end(creation))
        return await adapter.create_split(access, account, order)

    # --- after the last create -------------------------------------------------------------------------

    async def read_back(self, creation: Creation) -> None:
        """What the platform stored must be what was asked, and nothing more of ours."""
        adapter, plan, account, access = await self._tools(creation)
        tree = await adapter.read_tree(access, _known_id(creation, plan.tag), account.currency)
        if await self._remove_surplus(creation, adapter, access, tree):
            tree = await adapter.read_tree(access, _known_id(creation, plan.tag), account.currency)
        drift = compare(plan, tree, creation)
        serious = [item.words for item in drift if item.is_serious]
        if serious:
            raise PlatformRejectedError(
                f"{adapter.platform} stored something else than was asked: {'; '.join(serious)}",
                platform=adapter.platform,
                code="4002",
                retryable=False,
                drift=serious,
            )
        await self._store.update(creation, drift=[item.words for item in drift])

    async def _remove_surplus(
        self, creation: Creation, adapter: PlatformAdapter, access: Access, tree: Tree
    ) -> bool:
        """A lookup that came too early for the platform's lists may have let a second copy be made."""
        mine = {entry.platform_id for entry in creation.objects.values()}
        surplus = {
            level: [
                node.platform_id
                for node in nodes
                # Our tag ends every name, also where the platform itself has no names for its ads.
                if node.name.rpartition(" ")[2] in creation.objects and node.platform_id not in mine
            ]
            for level, nodes in ((Level.AD, tree.ads), (Level.ADSET, tree.adsets))
        }
        campaigns = await self._campaigns_by_name(creation, adapter, access)
        surplus[Level.CAMPAIGN] = [item for item in campaigns if item not in mine]
        for level, ids in surplus.items():
            if ids:
                logger.warning("second copies removed", level=level, platform_ids=ids)
                _raise_first(await adapter.remove(access, level, ids))
        return any(surplus.values())

    async def _campaigns_by_name(
        self, creation: Creation, adapter: PlatformAdapter, access: Access
    ) -> list[str]:
        """Every campaign under our tag, asked only when the create was sent more than once."""
        entry = creation.objects[_plan(creation).tag]
        if entry.attempts == 1:
            return []
        found = await adapter.find(access, Level.CAMPAIGN, [entry.name], None)
        return found.get(entry.name, [])

    async def record(self, creation: Creation) -> None:
        """The Web Platform's message is stored with the state it reports. A campaign still to be activated
        is not finished yet."""
        if creation.outbox:
            return await self._outbox.deliver(creation.tenant, creation.campaign_id)
        arguments = web_platform.create_arguments(creation, _known_id(creation, _plan(creation).tag))
        messages = self._outbox.entry(creation, web_platform.CREATE, arguments)
        state: State = "creating" if creation.spec.activate else "created"
        await self._store.finish(creation, state, outbox=messages)
        await self._outbox.deliver(creation.tenant, creation.campaign_id)
        return None

    async def activate(self, creation: Creation) -> None:
        """Ads, then ad sets, then the campaign: nothing spends until the whole tree is on."""
        wanted = [
            Wanted(level, entry.tag, "status", "active")
            for level in (Level.AD, Level.ADSET, Level.CAMPAIGN)
            for entry in creation.objects.values()
            if entry.level is level and entry.state == "created"
        ]
        run = Run(f"run_{creation.campaign_id}_start", creation.context.actor, "asked for with the creation")
        for item in await self._gate.apply(creation, wanted, run):
            if item.result == "failed" and item.error:
                raise item.error
            if item.result == "skipped":
                raise GuardRefusedError(item.reason, guard=item.reason.partition(":")[0])
        await self._store.finish(creation, "created", activated=True)

    # --- undoing ---------------------------------------------------------------------------------------

    async def undo(self, creation: Creation, *, failure: dict[str, Any]) -> None:
        """Removes whatever was made, children first; safe to run again until nothing is left."""
        if creation.state != "creating":
            return
        if any(entry.state != "gone" for entry in creation.objects.values()):
            adapter, _, _, access = await self._tools(creation)
            await self._end_split(creation, access)
            await self._adopt_all(creation, access)
            for level in reversed(adapter.levels):
                await self._remove_level(creation, adapter, access, level)
        messages: list[OutboxEntry] = []
        if creation.outbox:
            messages = self._outbox.entry(creation, web_platform.DELETE, {})
        await self._store.finish(creation, "rolled_back", failure=failure, outbox=messages)
        await self._gate.release(creation)
        emit("compensations_total", outcome="rolled_back")
        await self._outbox.deliver(creation.tenant, creation.campaign_id)

    async def _end_split(self, creation: Creation, access: Access) -> None:
        entry = creation.objects.get(split_tag(creation.campaign_id))
        if entry is None or entry.state == "gone":
            return
        split_id = entry.platform_id or await self._find_split(creation, entry.tag)
        if split_id and creation.account:
            await self._adapter(creation).end_split(access, creation.account, split_id)
        await self._journal(creation, [entry.model_copy(update={"state": "gone", "platform_id": split_id})])

    async def _find_split(self, creation: Creation, tag: str) -> str | None:
        """Asked again the platform gives the one that exists, which nobody else can tell us."""
        try:
            return await self._split(creation, tag)
        except PlatformRejectedError:
            return None

    async def _adopt_all(self, creation: Creation, access: Access) -> None:
        for level in self._adapter(creation).levels:
            names = {entry.tag: entry.name for entry in creation.objects.values() if entry.level is level}
            await self._adopt(creation, access, level, names)

    async def _remove_level(
        self, creation: Creation, adapter: PlatformAdapter, access: Access, level: Level
    ) -> None:
        entries = [entry for entry in creation.objects.values() if entry.level is level]
        ids = _ids(creation, level)
        if level is Level.CAMPAIGN:
            ids = list(dict.fromkeys(ids + await self._campaigns_by_name(creation, adapter, access)))
        outcomes = await adapter.remove(access, level, ids) if ids else []
        failed = {outcome.tag for outcome in outcomes if outcome.error is not None}
        gone = [
            entry.model_copy(update={"state": "gone"})
            for entry in entries
            if entry.state != "gone" and entry.platform_id not in failed
        ]
        await self._journal(creation, gone)
        await self._gate.record_removed(creation, [entry for entry in gone if entry.platform_id])
        _raise_first(outcomes)

    async def give_up(self, creation: Creation, *, failure: dict[str, Any]) -> None:
        """Undo could not finish: a person must look. What is left is paused unless it was just activated."""
        left = [entry for entry in creation.objects.values() if entry.state != "gone"]
        failure = {**failure, "details": {**failure["details"], "left_behind": [item.name for item in left]}}
        notice = {
            "notification_type": "urgent",
            "category": "general",
            "title": "A campaign could not be taken back",
            "message": f"{creation.campaign_id}: {len(left)} objects left on {creation.spec.platform}.",
        }
        messages = self._outbox.entry(creation, web_platform.NOTIFY, notice)
        await self._store.finish(creation, "needs_reconciliation", failure=failure, outbox=messages)
        emit("compensations_total", outcome="needs_reconciliation")
        await self._outbox.deliver(creation.tenant, creation.campaign_id)

    # --- small things ----------------------------------------------------------------------------------

    def _adapter(self, creation: Creation) -> PlatformAdapter:
        return self._adapters[creation.spec.platform]

    async def _tools(self, creation: Creation) -> tuple[PlatformAdapter, CampaignPlan, AdAccount, Access]:
        account = creation.account
        assert account is not None  # written by plan
        access = await self._accounts.access(
            creation.tenant, creation.spec.platform, account.ad_account_id or account.platform_account_id
        )
        return self._adapter(creation), _plan(creation), account, access


STEPS: dict[str, Callable[..., Awaitable[Any]]] = {
    step.__name__: step
    for step in (
        CampaignCreation.plan,
        CampaignCreation.fetch_creatives,
        CampaignCreation.write_copy,
        CampaignCreation.finish_plan,
        CampaignCreation.create_campaign,
        CampaignCreation.create_adsets,
        CampaignCreation.create_ads,
        CampaignCreation.create_split,
        CampaignCreation.read_back,
        CampaignCreation.record,
        CampaignCreation.activate,
        CampaignCreation.undo,
        CampaignCreation.give_up,
    )
}


def test_end(creation: Creation) -> datetime:
    """When a test is over, whatever it has found by then."""
    assert creation.test is not None  # only tests end by themselves
    return clock.at_ms(creation.created_at) + timedelta(days=creation.test.test_duration_days)


def _of_one_adset(creation: Creation, spec: CreateCampaign) -> CreateCampaign:
    """What the platform shall check: in a test each ad set shows one of the creatives."""
    if creation.test is None:
        return spec
    one = {
        name: value and value[:1] for name in ("creative_ids", "creatives") for value in [getattr(spec, name)]
    }
    return spec.model_copy(update=one)


def _plan(creation: Creation) -> CampaignPlan:
    assert creation.plan is not None  # written by plan
    return creation.plan


def _known_id(creation: Creation, tag: str) -> str:
    platform_id = creation.platform_id(tag)
    assert platform_id is not None  # made by an earlier step
    return platform_id


def _ids(creation: Creation, level: Level) -> list[str]:
    return [
        entry.platform_id
        for entry in creation.objects.values()
        if entry.level is level and entry.state == "created" and entry.platform_id
    ]


def _asset_key(creation: Creation, access: Access, creative: Creative) -> tuple[str, str, str]:
    digest = hashlib.sha256(creative.file_url.encode()).hexdigest()
    return creation.tenant, f"{creation.spec.platform}:{access.platform_account_id}", digest


def _sent(creation: Creation, level: Level, tag: str, name: str) -> ObjectEntry:
    before = creation.objects.get(tag)
    return ObjectEntry(level=level, tag=tag, name=name, attempts=before.attempts + 1 if before else 1)


def _answered(creation: Creation, outcome: Outcome) -> ObjectEntry:
    """Created, refused, or still unknown: only a definite refusal says that nothing is there."""
    entry = creation.objects[outcome.tag]
    if outcome.error is None:
        return entry.model_copy(update={"state": "created", "platform_id": outcome.platform_id})
    is_unknown = bool(outcome.error.details.get("outcome_unknown"))
    return entry if is_unknown else entry.model_copy(update={"state": "gone"})


def _ad_order(creation: Creation, ad: Any, orders: Mapping[str, CreativeOrder]) -> AdOrder:
    creative = orders[ad.creative_id]
    adset_id = _known_id(creation, ad.adset_tag)
    return AdOrder(ad.tag, ad.name, adset_id, creative, creation.platform_id(creative.tag))


def _raise_first(outcomes: Sequence[Outcome]) -> None:
    for outcome in outcomes:
        if outcome.error is not None:
            raise outcome.error
