"""A/B tests begun, looked at and ended."""

from __future__ import annotations

from pydantic import BaseModel

from campaign_automation.actions.kinds import Action, changes
from campaign_automation.managers.ab_tests.ab_test_manager import patient
from campaign_automation.models import Context
from campaign_automation.models.ab_tests import (
    AbTestAnalysis,
    AbTestCancelled,
    AnalyzeAbTest,
    CancelAbTest,
    CreateAbTest,
)
from campaign_automation.wiring import Wiring


async def _create(wiring: Wiring, request: CreateAbTest, context: Context) -> BaseModel:
    opened = await wiring.ab_tests.open(request, context)
    await wiring.runner.run(opened.opened, patient(context))
    return await wiring.ab_tests.outcome(opened)


ACTIONS = {
    "create_ab_test": Action(CreateAbTest, _create, "ab_tests"),
    "analyze_ab_test": changes(
        "analyze_ab_test", AnalyzeAbTest, AbTestAnalysis, "ab_test_analyst", "analyze"
    ),
    "cancel_ab_test": changes("cancel_ab_test", CancelAbTest, AbTestCancelled, "ab_tests", "cancel"),
}
