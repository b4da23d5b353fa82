"""Partial failures of every form: an operation that nothing names is of unknown outcome."""

from __future__ import annotations

from typing import Any

import pytest
from google.ads.googleads.v26.errors.types.errors import GoogleAdsFailure
from google.ads.googleads.v26.services.types.google_ads_service import MutateGoogleAdsResponse

from campaign_automation.adapters.google.answers import outcomes_of

IDS = ["11", "12", "13"]
NAMED = [("mutate_operations", 1), ("campaign_operation", None)]
ONLY_A_FIELD = [("resource_name", None)]
WITHOUT_INDEX = [("mutate_operations", None)]
BEYOND = [("mutate_operations", 9)]


def response(*paths: list[tuple[str, int | None]] | None, done: tuple[int, ...] = ()) -> Any:
    """An answer with one error per path, and a result for the operations of `done`."""
    made = MutateGoogleAdsResponse.pb(MutateGoogleAdsResponse())
    made.partial_failure_error.code = 3
    made.partial_failure_error.message = "Multiple errors in details."
    failure = GoogleAdsFailure.pb(GoogleAdsFailure())
    for path in paths:
        error = failure.errors.add(message="refused")
        for name, index in path or ():
            element = error.location.field_path_elements.add(field_name=name)
            if index is not None:
                element.index = index
    if paths:
        made.partial_failure_error.details.add(value=failure.SerializeToString())
    for index in range(len(IDS) if done else 0):
        answer = made.mutate_operation_responses.add()
        if index in done:
            answer.campaign_result.resource_name = f"customers/1/campaigns/{IDS[index]}"
    return made


def states(answer: Any) -> list[str]:
    return [
        "done" if item.error is None else "unknown" if item.error.details.get("outcome_unknown") else "failed"
        for item in outcomes_of(answer, IDS, "r-1")
    ]


@pytest.mark.parametrize("path", [ONLY_A_FIELD, WITHOUT_INDEX, BEYOND, [], None])
def test_an_error_without_an_operation_leaves_all_open(path: Any) -> None:
    assert states(response(path)) == ["unknown"] * 3


def test_a_failure_without_details_leaves_all_open() -> None:
    assert states(response()) == ["unknown"] * 3


def test_a_detail_of_another_kind_leaves_all_open() -> None:
    answer = response()
    answer.partial_failure_error.details.add(value=b"\xff\xff\xff")
    assert states(answer) == ["unknown"] * 3


def test_named_operations_fail_and_the_others_are_open_beside_an_unnamed_error() -> None:
    assert states(response(NAMED, ONLY_A_FIELD)) == ["unknown", "failed", "unknown"]


def test_beside_a_named_operation_those_with_a_result_were_done() -> None:
    assert states(response(NAMED, done=(0, 2))) == ["done", "failed", "done"]
    assert states(response(NAMED, done=(0,))) == ["done", "failed", "unknown"]
    assert states(response(NAMED)) == ["unknown", "failed", "unknown"]


def test_a_result_of_its_own_tells_that_an_operation_was_done() -> None:
    assert states(response(ONLY_A_FIELD, done=(0, 2))) == ["done", "unknown", "done"]


def test_without_a_failure_all_is_done() -> None:
    assert states(MutateGoogleAdsResponse.pb(MutateGoogleAdsResponse())) == ["done"] * 3
