"""The outcomes of a change on TikTok, which may be carried out for some of its ids alone."""

from __future__ import annotations

from collections.abc import Sequence

from campaign_automation.adapters.base import Outcome, failed
from campaign_automation.adapters.common.outcomes import left_open
from campaign_automation.adapters.tiktok.answers import has_unnamed, partial_errors
from campaign_automation.adapters.tiktok.facts import PLATFORM
from campaign_automation.adapters.tiktok.wire import Answer
from campaign_automation.utils.error_handler import PlatformRejectedError, PlatformUnavailableError


def change_outcomes(ids: Sequence[str], answer: Answer) -> list[Outcome]:
    """One outcome per id of a change that TikTok carried out, wholly or in part.

    Beside a problem that names none of the ids, every id that no other names is of unknown outcome.
    """
    problems = partial_errors(answer.data)
    is_open = answer.problem is not None and has_unnamed(answer.data, ids)
    return [
        _open(item, answer)
        if is_open and item not in problems
        else _changed(item, problems.get(item), answer.request_id)
        for item in ids
    ]


def _open(platform_id: str, answer: Answer) -> Outcome:
    reason = PlatformUnavailableError(
        f"tiktok: {answer.problem}", platform=PLATFORM, platform_request_id=answer.request_id
    )
    return left_open(PLATFORM, platform_id, reason)


def _changed(platform_id: str, problem: str | None, request_id: str | None) -> Outcome:
    if problem is None:
        return Outcome(platform_id, platform_id, request_id=request_id)
    error = PlatformRejectedError(
        f"tiktok: {problem}", platform=PLATFORM, code="1001", platform_request_id=request_id
    )
    return failed(platform_id, error)
