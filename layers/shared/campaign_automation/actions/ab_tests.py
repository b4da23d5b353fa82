"""The actions on A/B tests: create, analyse and cancel."""

from __future__ import annotations

from typing import TYPE_CHECKING

from campaign_automation.actions.action import Key, action
from campaign_automation.models.ab_test_answers import AbTestAnalysis
from campaign_automation.models.ab_tests import (
    AbTestAccepted,
    AbTestCancelled,
    AbTestCreated,
    AnalyzeAbTest,
    CancelAbTest,
    CreateAbTest,
)
from campaign_automation.models.common import Context

if TYPE_CHECKING:
    from campaign_automation.wiring import Wiring


@action("POST", "/v1/ab-tests", key=Key.CAMPAIGN, success=201)
async def create_ab_test(
    parts: Wiring, request: CreateAbTest, caller: Context
) -> AbTestCreated | AbTestAccepted:
    """Size a test of creatives, create its campaign with equal budgets and start it."""
    opened = await parts.ab_tests.open(request, caller)
    await parts.runner.run(opened.opened, parts.ab_tests.patient(caller))
    return await parts.ab_tests.outcome(opened)


@action("POST", "/v1/ab-tests/{test_id}/analyses", key=Key.GIVEN)
async def analyze_ab_test(parts: Wiring, request: AnalyzeAbTest, caller: Context) -> AbTestAnalysis:
    """Analyse a test, and on request carry out what it recommends."""
    return await parts.ab_test_analyst.analyze(request, caller)


@action("POST", "/v1/ab-tests/{test_id}/cancellation", key=Key.GIVEN, destructive=True)
async def cancel_ab_test(parts: Wiring, request: CancelAbTest, caller: Context) -> AbTestCancelled:
    """End a test early and pause its campaign."""
    return await parts.ab_tests.cancel(request, caller)
