"""The door to the computations: the function and this process answer alike, errors keep their type."""

from __future__ import annotations

import asyncio
import io
import json
from typing import Any

import pytest

from campaign_automation.clients.functions.statistics import LambdaStatistics
from campaign_automation.managers.shared.statistics import InProcessStatistics
from campaign_automation.optimizers import operations
from campaign_automation.utils.error_handler import CampaignAutomationError, InvalidRequestError
from tests.support.budget_problems import days, problem, unit


class Client:
    """Lambda, with the statistics function behind it."""

    def __init__(self, *, crashes: bool = False) -> None:
        self._crashes = crashes
        self.sent = b""

    def invoke(self, FunctionName: str, Payload: bytes) -> dict[str, Any]:
        assert FunctionName == "statistics"
        self.sent = Payload
        if self._crashes:
            answer: dict[str, Any] = {"errorType": "MemoryError"}
            return {"FunctionError": "Unhandled", "Payload": io.BytesIO(json.dumps(answer).encode())}
        return {"Payload": io.BytesIO(json.dumps(operations.answer(json.loads(Payload))).encode())}


def remote(client: Client) -> LambdaStatistics:
    return LambdaStatistics("statistics", lambda: client)


def payload(count: int = 3, **numbers: Any) -> dict[str, Any]:
    values = {"spend_minor": 10_000, "conversions": 9, "revenue_minor": 40_000} | numbers
    units = [unit(f"s{index:04}", records=days(60, **values), target_cpa_minor=500) for index in range(count)]
    return problem(*units).model_dump(mode="json", exclude_defaults=True)


def test_the_function_and_this_process_give_the_same_plan() -> None:
    here = asyncio.run(InProcessStatistics().compute("optimize_budget", payload()))
    there = asyncio.run(remote(Client()).compute("optimize_budget", payload()))
    assert here == there
    assert len(there["decisions"]) == 3


@pytest.mark.parametrize("where", [InProcessStatistics(), remote(Client())])
def test_an_error_comes_back_with_its_code_and_details(where: Any) -> None:
    with pytest.raises(CampaignAutomationError) as refused:
        asyncio.run(where.compute("optimize_budget", payload(conversions=-1)))
    assert (refused.value.code, refused.value.details["unit"]) == ("1001", "s0000")
    with pytest.raises(CampaignAutomationError) as unknown:
        asyncio.run(where.compute("guess", {}))
    assert unknown.value.details["allowed"] == sorted(operations.OPERATIONS)


def test_a_crash_is_a_module_that_may_be_asked_again() -> None:
    with pytest.raises(CampaignAutomationError) as crashed:
        asyncio.run(remote(Client(crashes=True)).compute("optimize_budget", payload()))
    assert (crashed.value.code, crashed.value.retryable) == ("4000", True)


def test_a_thousand_ad_sets_fit_into_a_call_and_too_many_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    client = Client(crashes=True)
    with pytest.raises(CampaignAutomationError):
        asyncio.run(remote(client).compute("optimize_budget", payload(1000)))
    assert 0 < len(client.sent) < 1_000_000
    monkeypatch.setattr("campaign_automation.clients.functions.statistics.MAX_PAYLOAD_BYTES", 1000)
    with pytest.raises(InvalidRequestError, match="fewer objects"):
        asyncio.run(remote(client).compute("optimize_budget", payload()))
