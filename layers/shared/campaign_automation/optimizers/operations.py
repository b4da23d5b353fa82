"""The computations that run apart from the platforms, by name: JSON values in, JSON values out."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from typing import Any

from campaign_automation.models.ab_analysis import AbTestProblem, TestPlanRequest
from campaign_automation.models.budget_problem import BudgetProblem
from campaign_automation.optimizers.ab_test_manager import plan_test
from campaign_automation.optimizers.ab_test_reading import read_test
from campaign_automation.optimizers.budget_optimizer import optimize_budget
from campaign_automation.utils.error_handler import CampaignAutomationError, InvalidRequestError, error_body
from campaign_automation.utils.packing import unpacked
from campaign_automation.utils.snapshots import keep_loaded
from campaign_automation.utils.validation import parse

Payload = dict[str, Any]


def _optimize_budget(payload: Payload) -> Payload:
    return optimize_budget(parse(BudgetProblem, payload)).model_dump(mode="json", exclude_defaults=True)


def _plan_ab_test(payload: Payload) -> Payload:
    return plan_test(parse(TestPlanRequest, payload)).model_dump(mode="json")


def _analyze_ab_test(payload: Payload) -> Payload:
    return read_test(parse(AbTestProblem, payload)).model_dump(mode="json")


OPERATIONS: dict[str, Callable[[Payload], Payload]] = {
    "optimize_budget": _optimize_budget,
    "plan_ab_test": _plan_ab_test,
    "analyze_ab_test": _analyze_ab_test,
}


def preload() -> None:
    """Import numpy and scipy and build the models: what each computation would begin with."""
    importlib.import_module("scipy.special")
    for model in (BudgetProblem, TestPlanRequest, AbTestProblem):
        model.model_rebuild()
    keep_loaded()


def run(operation: str, payload: Payload) -> Payload:
    """Return the result of `operation`; InvalidRequestError for an unknown one or impossible numbers."""
    compute = OPERATIONS.get(operation)
    if compute is None:
        raise InvalidRequestError(
            f"operation: {operation} is not known", field="operation", allowed=sorted(OPERATIONS)
        )
    return compute(payload)


def answer(event: Mapping[str, Any]) -> Payload:
    """Answer {"operation", "payload" or "packed"} with {"result"}, or {"error"} for an expected failure."""
    payload = unpacked(event["packed"]) if "packed" in event else event["payload"]
    # Errors travel as values: of an exception the caller of a Lambda sees a name and a text only.
    try:
        return {"result": run(event["operation"], payload)}
    except CampaignAutomationError as error:
        return {"error": error_body(error)}
