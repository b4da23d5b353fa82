"""Keywords of search campaigns: as they are asked, and as they are read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from campaign_automation.adapters.google.messages import Operation, enum_name, new_operation, set_enum
from campaign_automation.models.creation.options import Keyword


def keyword_operations(group_name: str, keywords: Iterable[Keyword]) -> Iterator[Operation]:
    """Operations for the keywords of one ad group."""
    for keyword in keywords:
        operation = new_operation()
        criterion = operation.ad_group_criterion_operation.create
        criterion.ad_group = group_name
        set_enum(criterion, "status", "ENABLED")
        _set(criterion, keyword)
        yield operation


def negative_operations(campaign_name: str, keywords: Iterable[Keyword]) -> Iterator[Operation]:
    """Operations for the keywords that keep a whole campaign from being shown."""
    for keyword in keywords:
        operation = new_operation()
        criterion = operation.campaign_criterion_operation.create
        criterion.campaign = campaign_name
        criterion.negative = True
        _set(criterion, keyword)
        yield operation


def _set(criterion: Any, keyword: Keyword) -> None:
    criterion.keyword.text = keyword.text
    set_enum(criterion.keyword, "match_type", keyword.match_type.upper())


def keyword_of(criterion: Any) -> Keyword:
    """Return the keyword of a criterion. Raises an error of UNREADABLE."""
    kind = enum_name(criterion.keyword, "match_type").lower()
    return Keyword.model_validate({"text": criterion.keyword.text, "match_type": kind})


def echoed(response: Any) -> dict[str, list[Any]]:
    """Return the criteria of keywords by ad group that the answer of a create tells as stored."""
    found: dict[str, list[Any]] = {}
    for answer in response.mutate_operation_responses:
        criterion = answer.ad_group_criterion_result.ad_group_criterion
        if criterion.keyword.text:
            group_id = criterion.ad_group.rpartition("/")[2]
            found.setdefault(group_id, []).append(criterion)
    return found
