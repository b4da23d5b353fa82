"""The creation of a campaign: all steps in order in this process, or one step for the state machine."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from campaign_automation.managers.campaigns import wording
from campaign_automation.managers.campaigns.journal import stopped
from campaign_automation.managers.campaigns.steps import CreationSteps
from campaign_automation.managers.shared.accounts import AccountDirectory, with_action
from campaign_automation.models.campaign import Creation
from campaign_automation.stores.campaign_store import CampaignStore
from campaign_automation.utils.error_handler import (
    TRANSIENT,
    CampaignAutomationError,
    NotFoundError,
    PlatformAuthError,
    PlatformQuotaError,
    PlatformRateLimitError,
    WebPlatformUnavailableError,
    error_body,
)
from campaign_automation.utils.observability import internal_error, logger
from campaign_automation.utils.retry_strategy import seconds_left, with_retries

LONGEST_WAIT_SECONDS = 60.0  # for a platform that throttles, where no caller's deadline says otherwise
# As in the state machine; those of 120 s send one request after the other.
_STEP_SECONDS = 60.0
_LONG_STEPS = dict.fromkeys(("create_adsets", "create_ads", "create_split", "undo"), 120.0)

_BACKWARD = ("undo", "give_up")  # a stopped creation takes no other step

Step = Callable[..., Awaitable[Any]]
STEPS: dict[str, Step] = {
    step.__name__: step
    for step in (
        CreationSteps.fetch_creatives,
        CreationSteps.write_copy,
        CreationSteps.plan,
        CreationSteps.finish_plan,
        CreationSteps.create_campaign,
        CreationSteps.create_adsets,
        CreationSteps.create_ads,
        CreationSteps.create_split,
        CreationSteps.read_back,
        CreationSteps.record,
        CreationSteps.activate,
        CreationSteps.undo,
        CreationSteps.give_up,
    )
}


class CampaignCreation:
    def __init__(
        self,
        store: CampaignStore,
        accounts: AccountDirectory,
        steps: CreationSteps,
        connect_url: str | None = None,
    ) -> None:
        self._store = store
        self._accounts = accounts
        self._steps = steps
        self._connect_url = connect_url

    async def run(self, tenant: str, campaign_id: str) -> None:
        """Run all steps in order, in this process; the state machine does the same with a Lambda per step."""
        try:
            await self._run_forward(tenant, campaign_id)
        except Exception as error:
            if not isinstance(error, CampaignAutomationError):
                internal_error("creation failed unexpectedly", campaign_id=campaign_id)
                error = CampaignAutomationError(wording.INTERNAL_ERROR)
            await self._run_back(tenant, campaign_id, error_body(error))

    async def _run_forward(self, tenant: str, campaign_id: str) -> None:
        await self._with_retries("fetch_creatives", tenant, campaign_id)
        # Only ads need the copy, which takes longest; the campaign is made meanwhile.
        copies = asyncio.create_task(self._with_retries("write_copy", tenant, campaign_id))
        try:
            turns = await self._run_until_ads(tenant, campaign_id)
            await self._written(copies, campaign_id)
        finally:
            copies.cancel()
            await asyncio.gather(copies, return_exceptions=True)
        if turns["dry_run"]:
            await self._with_retries("finish_plan", tenant, campaign_id)
            return
        split = ["create_split"] if turns["is_test"] else []
        for step in ("create_ads", *split, "read_back", "record"):
            await self._with_retries(step, tenant, campaign_id)
        # Last, since only an active campaign can spend: whatever fails before leaves paused objects.
        if turns["activate"]:
            await self._with_retries("activate", tenant, campaign_id)

    async def _run_until_ads(self, tenant: str, campaign_id: str) -> dict[str, Any]:
        """Make the campaign and its ad sets, of a dry run the plan alone; return where the steps turn."""
        turns = await self._with_retries("plan", tenant, campaign_id)
        if not turns["dry_run"]:
            for step in ("create_campaign", "create_adsets"):
                await self._with_retries(step, tenant, campaign_id)
        return turns

    async def _written(self, copies: asyncio.Task[Any], campaign_id: str) -> None:
        """Wait for the copies. They never end a creation: ads without a copy are given the template."""
        try:
            await copies
        except CampaignAutomationError as error:
            logger.warning("copy not written", campaign_id=campaign_id, reason=error.message)

    async def _run_back(self, tenant: str, campaign_id: str, failure: dict[str, Any]) -> None:
        try:
            await self._with_retries("undo", tenant, campaign_id, failure=failure)
        except CampaignAutomationError as error:
            logger.error("undo failed", campaign_id=campaign_id, reason=error.message)
            await self._with_retries("give_up", tenant, campaign_id, failure=failure)

    async def _with_retries(
        self, step: str, tenant: str, campaign_id: str, **arguments: Any
    ) -> dict[str, Any]:
        return await with_retries(
            lambda: self.run_step(step, tenant, campaign_id, **arguments),
            what=step,
            # The transient errors are those that the state machine's Retry names as well.
            is_retryable=lambda error: isinstance(error, TRANSIENT) and error.retryable,
            waits_as_asked=True,
            attempt_seconds=_LONG_STEPS.get(step, _STEP_SECONDS),
            # Cut by us: platform, Web Platform or model hung, and the step does not know which.
            late=lambda: WebPlatformUnavailableError(f"{step} did not end in time", code="4002"),
        )

    async def run_step(self, step: str, tenant: str, campaign_id: str, **arguments: Any) -> dict[str, Any]:
        """Run one step by name and return its answer, which steers the state machine.

        Everything else is in the store. Raises NotFoundError for an unknown campaign, PlatformQuotaError for
        a rate limit that lasts longer than the caller's deadline allows (without one, over a minute), and the
        error of the step.
        """
        creation = await self.load(tenant, campaign_id)
        if creation.stop_requested and step not in _BACKWARD:
            raise stopped(creation)
        try:
            answer: dict[str, Any] | None = await self._renewed(STEPS[step], creation, **arguments)
        except PlatformRateLimitError as error:
            left = seconds_left()
            if error.details.get("retry_after", 0) > (LONGEST_WAIT_SECONDS if left is None else left):
                # Retrying in time could not help: another class, which nobody retries.
                raise PlatformQuotaError(error.message, code=error.code, **error.details) from error
            raise
        logger.info("step done", step=step, campaign_id=campaign_id)
        return answer or {}

    async def look_again(self, creation: Creation) -> None:
        """Look up what the platform made late or twice, and clear it."""
        await self._renewed(CreationSteps.look_again, creation)

    async def clear_copy(self, creation: Creation, platform_id: str) -> None:
        """Clear a campaign under the creation's name that its journal does not have."""
        await self._renewed(CreationSteps.clear_copy, creation, platform_id=platform_id)

    async def _renewed(self, run: Step, creation: Creation, **arguments: Any) -> Any:
        """Run a step, and once more when the platform refused a token that was renewed meanwhile.

        A refused request did nothing.
        """
        try:
            return await run(self._steps, creation, **arguments)
        except PlatformAuthError as error:
            if not await self._is_renewed(creation):
                raise with_action(error, creation.spec.platform, self._connect_url) from error
            # Loaded anew: the step may have written to the journal before its token was refused.
            creation = await self.load(creation.tenant, creation.campaign_id)
            try:
                return await run(self._steps, creation, **arguments)
            except PlatformAuthError as error:
                raise with_action(error, creation.spec.platform, self._connect_url) from error

    async def _is_renewed(self, creation: Creation) -> bool:
        """Return whether the account's token is another one when it is read anew."""
        spec, account = creation.spec, creation.account
        asked = spec.ad_account_id if account is None else account.ad_account_id
        try:
            chosen = await self._accounts.choose(creation.tenant, spec.platform, asked)
            before = await self._accounts.access(creation.tenant, spec.platform, chosen)
            self._accounts.forget(creation.tenant)
            fresh = await self._accounts.access(creation.tenant, spec.platform, chosen)
        except CampaignAutomationError:
            return False  # the refusal stands, and says more than this failure
        return fresh.token != before.token

    async def load(self, tenant: str, campaign_id: str) -> Creation:
        creation = await self._store.load(tenant, campaign_id)
        if creation is None:
            raise NotFoundError(f"campaign {campaign_id} is not known", field="campaign_id")
        return creation
