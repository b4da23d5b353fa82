"""The caller's own texts stand as they are; the model writes only what is missing of them."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaign_automation.adapters.base import CopyLimits
from campaign_automation.managers.campaigns.copywriting import Copywriter, claim_warnings
from campaign_automation.managers.campaigns.planning import plan_campaign, request_warnings
from campaign_automation.models.campaigns import AdCopy
from campaign_automation.models.creation.options import GivenTexts
from campaign_automation.utils.error_handler import InvalidRequestError
from tests.support.builders import account, creative, spec

META = CopyLimits(125, 40, 30)
GOOGLE = CopyLimits(90, 30, 90, headlines=5, descriptions=3, emoji=False, fewest_headlines=3)
TIKTOK = CopyLimits(100, 40, 30, emoji=False, shows_parts=False)
GOOD = {
    "primary_text": "Made for muddy paths.",
    "headline": "Trail shoe",
    "description": "Take a look",
    "more_headlines": ["Run on", "For the trail", "Over hills", "Through mud"],
}


class Model:
    def __init__(self) -> None:
        self.prompts: list[str] = []

    async def generate_content(self, prompt: str, *, model: str) -> dict[str, Any]:
        self.prompts.append(prompt)
        return {"text": json.dumps(GOOD)}


def write(model: Model | None, limits: CopyLimits, **parts: Any) -> AdCopy:
    texts = GivenTexts(creative_id="1", **parts)
    return asyncio.run(Copywriter(model, ["strong"]).write(creative(), "sales", "en", limits, texts))


def test_whole_texts_ask_no_model() -> None:
    model = Model()
    copy = write(model, META, primary_text="Mine", headline="My own", description="All mine")
    assert (copy.primary_text, copy.headline, copy.description) == ("Mine", "My own", "All mine")
    assert (copy.source, model.prompts) == ("request", [])


def test_the_model_writes_the_rest_and_is_told_what_stands() -> None:
    model = Model()
    copy = write(model, META, headline="My own")
    assert (copy.primary_text, copy.headline, copy.source) == (
        GOOD["primary_text"],
        "My own",
        "request, strong",
    )
    assert '{"headline": "My own"}' in model.prompts[0]


def test_where_an_ad_shows_one_text_that_text_is_enough() -> None:
    model = Model()
    copy = write(model, TIKTOK, primary_text="Mine")
    assert (copy.primary_text, copy.source, model.prompts) == ("Mine", "request", [])


def test_further_lines_are_filled_up_to_what_an_ad_needs() -> None:
    own = {"primary_text": "Mine", "headline": "One", "description": "See"}
    two = write(Model(), GOOGLE, **own, more_headlines=["Two"])
    assert [two.headline, *two.more_headlines] == ["One", "Two", "Run on"]
    model = Model()
    four = write(model, GOOGLE, **own, more_headlines=["Two", "Three", "Four"])
    assert (four.more_headlines, model.prompts) == (["Two", "Three", "Four"], [])
    assert len(write(Model(), GOOGLE, **own).more_headlines) == 4


def test_without_a_model_the_template_fills_the_rest() -> None:
    copy = write(None, META, primary_text="Mine")
    assert (copy.primary_text, copy.source) == ("Mine", "request, template")
    assert copy.headline == "Trail shoe"


LINES = st.text(st.characters(codec="latin-1", categories=["Lu", "Ll"]), min_size=1, max_size=30)
GIVEN = st.fixed_dictionaries(
    {},
    optional={
        "primary_text": LINES,
        "headline": LINES,
        "description": LINES,
        "more_headlines": st.lists(LINES, max_size=6, unique=True),
    },
)


@given(parts=GIVEN, limits=st.sampled_from([META, GOOGLE, TIKTOK]))
def test_property_what_is_given_stands_and_nothing_is_empty(
    parts: dict[str, Any], limits: CopyLimits
) -> None:
    copy = write(Model(), limits, **parts)
    for name in ("primary_text", "headline", "description"):
        assert getattr(copy, name) == parts.get(name, getattr(copy, name))
        assert getattr(copy, name)
    own = parts.get("more_headlines", [])
    assert copy.more_headlines[: len(own)] == own


def test_claims_that_the_product_does_not_make_are_told() -> None:
    asked = spec(
        creative_ids=["1"],
        texts=[{"creative_id": "1", "headline": "The best shoe", "more_headlines": ["50 % off"]}],
    )
    told = claim_warnings(asked, [creative()], META)
    assert [text.partition(" ")[0] for text in told] == ["texts.0.headline:", "texts.0.more_headlines:"]
    assert "'best'" in told[0]
    assert not claim_warnings(asked, [creative(tags=["best", "50 %"])], META)


@pytest.mark.parametrize(("language", "copy_language", "warns"), [("zh", None, True), ("zh", "zh", False)])
def test_the_old_way_to_choose_the_language_of_the_copy_is_warned_of(
    language: str, copy_language: str | None, warns: bool
) -> None:
    told = request_warnings(spec(copy_language=copy_language), language)
    assert any("copy_language" in text for text in told) is warns
    assert not request_warnings(spec(), "en")


def test_the_plan_holds_the_people_of_each_cell() -> None:
    asked = spec(
        genders=["female"], languages=["en", "de"], split_by="country_age", target_countries=["US", "DE"]
    )
    plan = plan_campaign(asked, account(), "cmp_1")
    assert {(tuple(item.targeting.genders), tuple(item.targeting.languages)) for item in plan.adsets} == {
        (("female",), ("en", "de"))
    }
    both = plan_campaign(spec(genders=["female", "male"]), account(), "cmp_1")
    assert both.adsets[0].targeting.genders == []


def test_targets_without_their_strategy_are_said_not_to_be_bid_for() -> None:
    (told,) = request_warnings(spec(target_roas=3), "en")
    assert "target_roas is used by optimisations and rules and not for bidding" in told
    assert not request_warnings(spec(target_roas=3, bid_strategy="target_roas"), "en")
    with pytest.raises(InvalidRequestError, match="target_cpa: is required by bid_strategy target_cpa"):
        spec(bid_strategy="target_cpa")
    with pytest.raises(InvalidRequestError, match="bid_strategy: should be 'lowest_cost'") as refused:
        spec(bid_strategy="bid_cap")
    assert refused.value.details["field"] == "bid_strategy"
