"""The lists of A/B tests, and one test as it stands."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from campaign_automation.models.ab_tests import RequiredSample, TestId, TestMetric, TestState
from campaign_automation.models.accounts import After
from campaign_automation.models.common import Model, Platform


class ListAbTests(Model):
    """Parameters of list_ab_tests: those in one state, or all; `after` is the `next` of the page before."""

    state: TestState | None = None
    after: After | None = None
    limit: Annotated[int, Field(ge=1, le=100)] = 50


class GetAbTest(Model):
    """Parameters of get_ab_test: the id of the test, or of its campaign."""

    test_id: TestId


class ListedAbTest(Model):
    """One test. `campaign_status` is that of its campaign as last seen here."""

    test_id: str
    test_name: str
    campaign_id: str
    platform: Platform
    test_state: TestState
    campaign_status: str
    metric: TestMetric
    starts_at: datetime
    ends_at: datetime
    ended_at: datetime | None = None
    end_reason: str | None = None


class AbTestList(Model):
    status: Literal["success"] = "success"
    tests: list[ListedAbTest]
    next: str | None = None


class AbTestShown(ListedAbTest):
    """One test with the sample that it needs."""

    status: Literal["success"] = "success"
    required_sample: RequiredSample
