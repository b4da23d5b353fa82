"""The vendor's client against the sandbox's Search and SearchStream."""

from __future__ import annotations

from typing import Any

import pytest

from tests.sandbox.google_client import CUSTOMER, GoogleClient, removal, status, tree
from tests.sandbox.support import Sandbox

FIGURES = "metrics.cost_micros, metrics.clicks, metrics.conversions, metrics.conversions_value"


def names(rows: list[Any]) -> list[str]:
    return [row.campaign.name for row in rows]


@pytest.fixture
def three(google: GoogleClient) -> list[list[str]]:
    """Three trees; the second is removed, the third enabled."""
    made = [google.names(*tree(name)) for name in ("One 100%", "Two", "Thr'ee")]
    google.mutate(removal("campaign", made[1][1]))
    google.mutate(status("campaign", made[2][1], "ENABLED"))
    return made


@pytest.mark.parametrize(
    ("where", "found"),
    [
        ("", ["One 100%", "Two", "Thr'ee"]),  # removed ones stay readable
        ("WHERE campaign.status != 'REMOVED'", ["One 100%", "Thr'ee"]),
        ("WHERE campaign.status IN ('PAUSED', 'REMOVED')", ["One 100%", "Two"]),
        ("WHERE campaign.status NOT IN ('PAUSED')", ["Two", "Thr'ee"]),
        (r"WHERE campaign.name = 'Thr\'ee'", ["Thr'ee"]),
        ('WHERE campaign.name = "Thr\'ee"', ["Thr'ee"]),
        ("WHERE campaign.name LIKE '%o%'", ["One 100%", "Two"]),
        ("WHERE campaign.name LIKE '%[%]'", ["One 100%"]),
        ("WHERE campaign.name NOT LIKE 'T%'", ["One 100%"]),
        ("WHERE campaign_budget.amount_micros BETWEEN 1 AND 50000000", ["One 100%", "Two", "Thr'ee"]),
        ("WHERE campaign_budget.amount_micros > 50000000", []),
        ("WHERE campaign.name IS NOT NULL AND campaign.end_date_time IS NULL LIMIT 1", ["One 100%"]),
        ("WHERE campaign.primary_status_reasons CONTAINS ANY (CAMPAIGN_REMOVED)", ["Two"]),
        ("ORDER BY campaign.name DESC LIMIT 2", ["Two", "Thr'ee"]),
        ("ORDER BY campaign.name PARAMETERS include_drafts=true", ["One 100%", "Thr'ee", "Two"]),
    ],
)
def test_conditions_order_and_limit(
    google: GoogleClient, three: list[list[str]], where: str, found: list[str]
) -> None:
    query = f"SELECT campaign.name, campaign_budget.amount_micros FROM campaign {where}"
    assert names(google.rows(query)) == found
    assert names(google.streamed(query)) == found


def test_only_selected_fields_and_resource_names_come(google: GoogleClient) -> None:
    made = google.names(*tree())
    (row,) = google.rows("SELECT ad_group.name, campaign.id, ad_group_ad.ad.final_urls FROM ad_group_ad")
    assert row.ad_group.name == "Everybody"
    assert list(row.ad_group_ad.ad.final_urls) == ["https://shop.example/p/1"]
    assert (row.ad_group_ad.resource_name, row.campaign.resource_name) == (made[4], made[1])
    assert (row.campaign.name, row.ad_group.status.name) == ("", "UNSPECIFIED")


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("campaign.id FROM campaign", "EXPECTED_SELECT"),
        ("SELECT campaign.id", "EXPECTED_FROM"),
        ("SELECT campaign.id FROM", "UNEXPECTED_END_OF_QUERY"),
        ("SELECT campaign.colour FROM campaign", "UNRECOGNIZED_FIELD"),
        ("SELECT campaign.id FROM campaigns", "BAD_RESOURCE_TYPE_IN_FROM_CLAUSE"),
        ("SELECT ad_group.id FROM campaign", "PROHIBITED_RESOURCE_TYPE_IN_SELECT_CLAUSE"),
        (
            "SELECT campaign_budget.amount_micros FROM ad_group",
            "PROHIBITED_RESOURCE_TYPE_IN_SELECT_CLAUSE",
        ),
        (
            "SELECT ad_group_ad.ad.id, ad_group_criterion.criterion_id FROM ad_group_ad",
            "PROHIBITED_RESOURCE_TYPE_IN_SELECT_CLAUSE",
        ),
        (
            "SELECT campaign.id FROM campaign WHERE ad_group.id = 1",
            "PROHIBITED_RESOURCE_TYPE_IN_WHERE_CLAUSE",
        ),
        (
            "SELECT asset.id, metrics.clicks FROM asset",
            "PROHIBITED_METRIC_IN_SELECT_OR_WHERE_CLAUSE",
        ),
        ("SELECT campaign.id FROM campaign WHERE campaign.status = 'ACTIVE'", "BAD_ENUM_CONSTANT"),
        ("SELECT campaign.id FROM campaign WHERE campaign.id = x", "BAD_NUMBER"),
        ("SELECT campaign.id FROM campaign WHERE campaign.name = 'open", "STRING_NOT_TERMINATED"),
        ("SELECT campaign.id FROM campaign WHERE campaign.id IN ()", "PROHIBITED_EMPTY_LIST_IN_CONDITION"),
        ("SELECT campaign.id FROM campaign WHERE campaign.id IS 3", "BAD_OPERATOR"),
        ("SELECT campaign.id FROM campaign LIMIT all", "BAD_LIMIT_VALUE"),
        (
            "SELECT campaign.id FROM campaign ORDER BY campaign.name",
            "EXPECTED_REFERENCED_FIELD_IN_SELECT_CLAUSE",
        ),
        (
            "SELECT campaign.id FROM campaign WHERE segments.date DURING SOMETIME",
            "INVALID_VALUE_WITH_DURING_OPERATOR",
        ),
    ],
)
def test_wrong_queries_are_refused(google: GoogleClient, sandbox: Sandbox, query: str, code: str) -> None:
    google.mutate(*tree())
    google.mutate(*[status("campaign", row.campaign.resource_name, "ENABLED") for row in _all(google)])
    sandbox.advance(advance_days=1)
    assert google.refused_query(query) == [f"query_error.{code}"]


def _all(google: GoogleClient) -> list[Any]:
    return google.rows("SELECT campaign.id FROM campaign")


def test_pages_have_one_size(google: GoogleClient) -> None:
    request = {"customer_id": CUSTOMER, "query": "SELECT campaign.id FROM campaign", "page_size": 5}
    with pytest.raises(Exception, match="PAGE_SIZE_NOT_SUPPORTED"):
        google.service.search(request=request, **google._call())


def test_customer_tells_currency_and_zone(google: GoogleClient) -> None:
    (row,) = google.rows("SELECT customer.currency_code, customer.time_zone, customer.status FROM customer")
    customer = row.customer
    assert (customer.currency_code, customer.time_zone) == ("USD", "America/New_York")
    assert (customer.status.name, customer.resource_name) == ("ENABLED", f"customers/{CUSTOMER}")


STATUSES = (
    "SELECT campaign.primary_status, campaign.primary_status_reasons, ad_group.primary_status,"
    " ad_group_ad.primary_status, ad_group_ad.primary_status_reasons,"
    " ad_group_ad.policy_summary.review_status, ad_group_ad.policy_summary.approval_status FROM ad_group_ad"
)


def test_primary_status_follows_parents_and_review(google: GoogleClient, sandbox: Sandbox) -> None:
    made = google.names(*tree())
    (paused,) = google.rows(STATUSES)
    google.mutate(status("campaign", made[1], "ENABLED"))
    (reviewed,) = google.rows(STATUSES)
    sandbox.advance(advance_hours=1)
    (running,) = google.rows(STATUSES)
    google.mutate(status("ad_group", made[2], "PAUSED"))
    (held,) = google.rows(STATUSES)

    assert paused.campaign.primary_status.name == "PAUSED"
    assert paused.ad_group.primary_status.name == "NOT_ELIGIBLE"
    assert reviewed.ad_group_ad.primary_status.name == "PENDING"
    assert reviewed.ad_group_ad.policy_summary.review_status.name == "REVIEW_IN_PROGRESS"
    assert running.ad_group_ad.primary_status.name == "ELIGIBLE"
    assert running.ad_group_ad.policy_summary.approval_status.name == "APPROVED"
    assert running.campaign.primary_status.name == "LEARNING"
    assert [reason.name for reason in held.ad_group_ad.primary_status_reasons] == ["AD_GROUP_PAUSED"]


def test_search_group_without_keywords_says_so(google: GoogleClient, sandbox: Sandbox) -> None:
    made = google.names(*[item for item in tree() if "ad_group_criterion_operation" not in item])
    google.mutate(status("campaign", made[1], "ENABLED"))
    sandbox.advance(advance_days=1)
    (row,) = google.rows(STATUSES)
    assert "NO_KEYWORDS" in [reason.name for reason in row.campaign.primary_status_reasons]
    assert google.rows(f"SELECT {FIGURES}, segments.date FROM ad_group_ad") == []


def test_admin_ends_a_review(google: GoogleClient, sandbox: Sandbox) -> None:
    made = google.names(*tree())
    ad_id = made[4].rpartition("/")[2]
    sandbox.admin("PUT", f"/reviews/google/{ad_id}", {"outcome": "disapproved", "topic": "ALCOHOL"})
    (row,) = google.rows("SELECT ad_group_ad.policy_summary.policy_topic_entries FROM ad_group_ad")
    assert [entry.topic for entry in row.ad_group_ad.policy_summary.policy_topic_entries] == ["ALCOHOL"]


def test_figures_come_by_day_without_zeros(google: GoogleClient, sandbox: Sandbox) -> None:
    made = google.names(*tree())
    google.mutate(*tree("Idle"))
    google.mutate(status("campaign", made[1], "ENABLED"))
    sandbox.advance(advance_days=3)

    days = google.rows(f"SELECT campaign.name, segments.date, {FIGURES} FROM campaign")
    total = google.rows(f"SELECT campaign.name, {FIGURES} FROM campaign")
    ads = google.rows(f"SELECT ad_group_ad.ad.id, segments.date, {FIGURES} FROM ad_group_ad")

    assert names(days) == ["Autumn"] * len(days)
    assert len({row.segments.date for row in days}) == len(days) >= 3
    assert names(total) == ["Autumn", "Idle"]  # without a segment zeros stay
    assert total[1].metrics.cost_micros == 0
    spent = sum(row.metrics.cost_micros for row in days)
    assert spent == total[0].metrics.cost_micros == sum(row.metrics.cost_micros for row in ads) > 0
    assert spent <= 3 * 50_000_000 * 1.25


def test_periods_choose_days(google: GoogleClient, sandbox: Sandbox) -> None:
    made = google.names(*tree())
    google.mutate(status("campaign", made[1], "ENABLED"))
    sandbox.advance(advance_days=3)
    query = f"SELECT segments.date, {FIGURES} FROM campaign WHERE segments.date"
    (yesterday,) = google.rows(f"{query} DURING YESTERDAY")
    (named,) = google.rows(f"{query} = '{yesterday.segments.date}'")
    assert named == yesterday
    assert len(google.rows(f"{query} BETWEEN '2026-11-02' AND '{yesterday.segments.date}'")) == 3


def test_days_are_kept_for_the_shops_own_reports(google: GoogleClient, sandbox: Sandbox) -> None:
    made = google.names(*tree())
    google.mutate(status("campaign", made[1], "ENABLED"))
    sandbox.advance(advance_days=2)
    records = sandbox.state()["google"]["records"]
    assert {record["campaign_id"] for record in records} == {made[1].rpartition("/")[2]}
