"""Age groups as the whole age ranges that a platform can target."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from campaign_automation.models.common import AgeGroup
from campaign_automation.utils.error_handler import InvalidRequestError

ADULTS: AgeGroup = (18, 65)
OLDEST = 65  # on all three platforms 65 means 65 and older

Takes = Callable[[AgeGroup, AgeGroup, Sequence[AgeGroup]], bool]


def fit_to_buckets(
    groups: Sequence[AgeGroup], buckets: Sequence[AgeGroup], takes: Takes, problem: str
) -> list[AgeGroup]:
    """Return each group as the span of the buckets that it takes; `buckets` stand youngest first.

    `takes(group, bucket, groups)` decides on one bucket, since platforms differ in who gets a shared one.
    Raises InvalidRequestError for a group without a bucket; in `problem`, its wording, {ranges} is replaced
    by the buckets.
    """
    fitted = []
    for group in groups:
        taken = [bucket for bucket in buckets if takes(group, bucket, groups)]
        if not taken:
            raise _unfit(group, buckets, problem)
        fitted.append((taken[0][0], taken[-1][1]))
    return fitted


def _unfit(group: AgeGroup, buckets: Sequence[AgeGroup], problem: str) -> InvalidRequestError:
    ranges = ", ".join(f"{low}-{high}" for low, high in buckets)
    return InvalidRequestError(
        f"age_groups: {list(group)} {problem.format(ranges=ranges)}",
        field="age_groups",
        allowed=[list(bucket) for bucket in buckets],
    )


def years(group: AgeGroup) -> set[int]:
    """Every year of age in the group, both ends included."""
    return set(range(group[0], group[1] + 1))


def open_end_warnings(platform: str, groups: Sequence[AgeGroup]) -> list[str]:
    """One warning when a group ends at 65, which nobody can target without the older ones."""
    is_open = any(high == OLDEST for _, high in groups)
    return [f"{platform}: age {OLDEST} includes everybody older"] if is_open else []
