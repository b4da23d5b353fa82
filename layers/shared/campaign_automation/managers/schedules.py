"""The schedules that drive rules: one per active rule, in one group per stage."""

from __future__ import annotations


def count_active_rules(group: str) -> int:
    """How many schedules of `group` are enabled."""
    import boto3

    pages = boto3.client("scheduler").get_paginator("list_schedules").paginate(GroupName=group)
    return sum(schedule["State"] == "ENABLED" for page in pages for schedule in page["Schedules"])
