"""Answers that are not kept under an idempotency key, as asking again may do more."""

from __future__ import annotations

import pytest

from campaign_automation.models.ab_test_answers import AbTestAnalysis, Applied
from campaign_automation.models.changes import FailedItem
from campaign_automation.utils.error_handler import (
    PlatformError,
    PlatformRateLimitError,
    PlatformRejectedError,
    error_body,
)


@pytest.mark.parametrize(
    ("errors", "is_final"),
    [
        ([], True),
        ([PlatformRejectedError("no", platform="meta")], True),
        ([PlatformRateLimitError("slow down", platform="meta")], False),
    ],
)
def test_an_analysis_is_final_unless_a_change_failed_in_passing(
    errors: list[PlatformError], is_final: bool
) -> None:
    failed = [FailedItem(id="1", error=error_body(error)) for error in errors]
    applied = Applied(run_id="run_1", failed=failed, test_ended=False)
    assert AbTestAnalysis.model_construct(applied=applied).is_final is is_final
    assert AbTestAnalysis.model_construct(applied=None).is_final
