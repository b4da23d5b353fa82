"""Keywords of search campaigns: asked with match types, else made of creatives, and read as they are."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from campaign_automation.adapters.base import AdOrder, CreativeOrder
from campaign_automation.adapters.common.options.rules import check_options
from campaign_automation.adapters.google import facts
from campaign_automation.adapters.google.answers import adset_node, campaign_node
from campaign_automation.adapters.google.checks import warnings_for
from campaign_automation.adapters.google.options.criteria import Stored, stored_of
from campaign_automation.adapters.google.options.rules import rules
from campaign_automation.adapters.google.requests import ad_operations
from campaign_automation.managers.campaigns.planning import plan_campaign, with_keywords
from campaign_automation.models.campaigns import CampaignPlan, CreateCampaign
from campaign_automation.models.common import Objective
from campaign_automation.models.creation.options import Keyword
from campaign_automation.utils.error_handler import InvalidRequestError
from local.sandbox.google.messages import GoogleAdsRow, Message, set_enum
from tests.support import builders

ACCOUNT = builders.account()
LINES = {"more_headlines": ["Find out more", "Take a look"], "more_descriptions": ["Have a look"]}
EXACT = {"text": "trail shoe", "match_type": "exact"}


def asked(**changes: object) -> CreateCampaign:
    return builders.spec(platform="google", creative_ids=["1"], eu_political_advertising=False, **changes)


def plan(**changes: object) -> CampaignPlan:
    return plan_campaign(asked(**changes), ACCOUNT, "cmp_1")


def sent(planned: CampaignPlan) -> list[tuple[str, int]]:
    """The keywords that the request for the ads of the first ad set carries."""
    shoe = builders.creative(name="Trail shoe", tags=["running"])
    order = CreativeOrder("ca-1", "n", shoe, builders.copy(**LINES), "")
    ad = planned.ads[0]
    orders = [AdOrder(ad.tag, ad.name, "7", order, None)]
    operations = ad_operations("1", facts.SEARCH, orders, {}, {}, planned)
    criteria = [item.ad_group_criterion_operation.create for item in operations]
    return [(item.keyword.text, item.keyword.match_type) for item in criteria if item.keyword.text]


def test_planned_keywords_are_sent_with_their_match_types() -> None:
    names = {"exact": 2, "phrase": 3, "broad": 4}  # KeywordMatchTypeEnum
    keywords = [{"text": f"{name} shoe", "match_type": name} for name in names]
    assert sent(plan(keywords=keywords)) == [(f"{name} shoe", number) for name, number in names.items()]


def test_a_plan_of_before_sends_the_names_and_tags_as_it_did() -> None:
    assert sent(plan()) == [("trail shoe", 4), ("running", 4)]


def test_keywords_of_creatives_stand_in_for_missing_ones_only() -> None:
    def made(_: object) -> list[Keyword]:
        return [Keyword(text="running")]

    shoe = [builders.creative()]
    assert [item.keywords for item in with_keywords(plan(), shoe, made).adsets] == [
        [Keyword(text="running")] for _ in plan().adsets
    ]
    own = plan(keywords=[EXACT])
    assert with_keywords(own, shoe, made) == own


def test_broad_match_of_names_and_tags_is_told_and_asked_keywords_are_not() -> None:
    told = [text for text in warnings_for(asked(), ACCOUNT) if "broad match" in text]
    assert len(told) == 1
    assert not [text for text in warnings_for(asked(keywords=[EXACT]), ACCOUNT) if "broad match" in text]
    demand = asked(objective="awareness", age_groups=[[18, 65]])
    assert not [text for text in warnings_for(demand, ACCOUNT) if "broad match" in text]


@pytest.mark.parametrize("field", ["keywords", "negative_keywords"])
@pytest.mark.parametrize(
    ("second", "problem"),
    [
        ({"text": "Trail  Shoe", "match_type": "exact"}, "once per match type"),
        ({"text": "[shoe]"}, "the match type is a field"),
        ({"text": "a b c d e f g h i j k"}, "at most 10 words"),
    ],
)
def test_what_google_does_not_take_is_refused_by_name(
    field: str, second: dict[str, str], problem: str
) -> None:
    spec = asked(**{field: [EXACT, second]})
    with pytest.raises(InvalidRequestError, match=problem) as refused:
        check_options(spec, rules(spec.objective), ACCOUNT, datetime(2026, 11, 28, tzinfo=UTC))
    assert str(refused.value.details["field"]).startswith(f"{field}.1")


def test_one_text_may_have_several_match_types() -> None:
    spec = asked(keywords=[EXACT, {"text": "trail shoe", "match_type": "phrase"}])
    check_options(spec, rules(spec.objective), ACCOUNT, datetime(2026, 11, 28, tzinfo=UTC))


def test_campaigns_other_than_search_have_none() -> None:
    spec = asked(objective="awareness", negative_keywords=[EXACT])
    with pytest.raises(InvalidRequestError, match="has no keywords"):
        check_options(spec, rules(Objective.AWARENESS), ACCOUNT, datetime(2026, 11, 28, tzinfo=UTC))


def _row() -> Message:
    row = GoogleAdsRow()
    row.campaign.id, row.campaign.name = 5, "C"
    row.ad_group.id, row.ad_group.name = 7, "G"
    return row


def _keyword(row: Message, level: str, text: str, match_type: str, *, negative: bool = False) -> Message:
    criterion = getattr(row, level)
    set_enum(criterion, "type_", "KEYWORD")
    criterion.keyword.text, criterion.negative = text, negative
    set_enum(criterion.keyword, "match_type", match_type)
    return row


def test_keywords_are_read_by_ad_group_and_negative_ones_of_the_campaign() -> None:
    places = [_keyword(_row(), "campaign_criterion", "used", "PHRASE", negative=True)]
    people = [
        _keyword(_row(), "ad_group_criterion", "trail shoe", "EXACT"),
        _keyword(_row(), "ad_group_criterion", "cheap", "BROAD", negative=True),
    ]
    stored = stored_of(Decimal(5), places, people)
    assert adset_node(_row(), stored).keywords == [Keyword(text="trail shoe", match_type="exact")]
    assert campaign_node(_row(), stored).negative_keywords == [Keyword(text="used", match_type="phrase")]
    assert stored.countries == []
    assert adset_node(_row(), stored_of(Decimal(5), [], [])).keywords == []
    assert adset_node(_row(), Stored(Decimal(5), [], {})).keywords is None


def test_an_odd_keyword_of_somebody_leaves_the_campaign_readable() -> None:
    people = [_keyword(_row(), "ad_group_criterion", "x" * 90, "EXACT")]
    node = adset_node(_row(), stored_of(Decimal(5), [], people))
    assert (node.platform_id, node.keywords) == ("7", None)
    assert "keywords" in node.unread
