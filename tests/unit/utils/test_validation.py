"""Bad input: the field, what is wrong, what is allowed."""

import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from pydantic import BaseModel

from campaign_automation.actions import ACTIONS
from campaign_automation.models.campaigns import CreateCampaign
from campaign_automation.models.changes import ManageCampaign, UndoChange
from campaign_automation.models.common import Context
from campaign_automation.utils.error_handler import InvalidRequestError
from campaign_automation.utils.validation import parse
from tests.support.builders import request_body


@pytest.mark.parametrize(
    ("change", "field", "words"),
    [
        ({"objective": "fame"}, "objective", "'sales', 'traffic'"),
        ({"daily_budget": 0}, "daily_budget", "greater than 0"),
        ({"daily_budget": -5}, "daily_budget", "greater than 0"),
        ({"daily_budget": float("nan")}, "daily_budget", "finite"),
        ({"daily_budget": float("inf")}, "daily_budget", "finite"),
        ({"daily_budget": True}, "daily_budget", "should be a number"),
        ({"daily_budget": "100"}, "daily_budget", "should be a number"),
        ({"daily_budget": None}, "daily_budget", "should be a number"),
        ({"platform": "myspace"}, "platform", "'meta'"),
        ({"creative_ids": []}, "creative_ids", "at least 1"),
        ({"creative_ids": ["1", "1"]}, "creative_ids", "twice"),
        ({"creative_ids": ["a\x00b"]}, "creative_ids.0", "control characters"),
        ({"creative_ids": ["1" * 65]}, "creative_ids.0", "at most 64"),
        ({"ad_account_id": "1" * 65}, "ad_account_id", "at most 64"),
        ({"creative_ids": None}, "parameters", "creative_ids or creatives"),
        ({"target_countries": ["ZZ"]}, "target_countries.0", "ISO 3166"),
        ({"target_countries": []}, "target_countries", "at least 1"),
        ({"age_groups": [[12, 20]]}, "age_groups.0.0", "greater than or equal to 13"),
        ({"age_groups": [[40, 30]]}, "age_groups.0", "begins above its end"),
        ({"age_groups": [[18, 70]]}, "age_groups.0.1", "less than or equal to 65"),
        ({"age_groups": [[18, 30], [18, 30]]}, "age_groups", "twice"),
        ({"split_by": "gender"}, "split_by", "'age', 'country' or 'country_age'"),
        ({"product_url": "not a url"}, "product_url", "valid URL"),
        ({"product_url": "file:///etc/passwd"}, "product_url", "URL scheme"),
        ({"name": "  "}, "name", "is empty"),
        ({"name": "\u200b\u200d\ufeff"}, "name", "no visible character"),
        ({"name": "\u3164\u2800 \u0301"}, "name", "no visible character"),
        ({"special_ad_categories": ["NONE", "HOUSING"]}, "special_ad_categories", "beside HOUSING"),
        (
            {"special_ad_categories": ["HOUSING", "NONE", "CREDIT"]},
            "special_ad_categories",
            "HOUSING, CREDIT",
        ),
        ({"audience": "everyone"}, "audience", "broad"),
        ({"activate": "yes"}, "activate", "boolean"),
        ({"dsa": {"beneficiary": "Me"}}, "dsa.payor", "is required"),
        ({"budget": 5}, "budget", "unknown field"),
    ],
)
def test_a_bad_field_is_named_with_what_is_wrong(change: dict[str, Any], field: str, words: str) -> None:
    with pytest.raises(InvalidRequestError) as refusal:
        parse(CreateCampaign, request_body() | change)
    assert refusal.value.code == "1001"
    assert refusal.value.http_status == 400
    assert refusal.value.details["field"] == field
    assert words in refusal.value.message


JARGON = (
    "tuple",
    "dictionary",
    "instance",
    "after validation",
    "Input",
    "valid string",
    "valid list",
    "parse",
)


@pytest.mark.parametrize(
    "change",
    [
        {"age_groups": [18, 30]},
        {"age_groups": [[18]]},
        {"age_groups": [[18, 20, 22]]},
        {"age_groups": [["x", 20]]},
        {"age_groups": [[18.5, 20]]},
        {"age_groups": "all"},
        {"age_groups": []},
        {"creative_ids": ["1"] * 60},
        {"creative_ids": "1"},
        {"creative_ids": [1]},
        {"target_countries": "US"},
        {"target_countries": [1]},
        {"audience": 5},
        {"audience": {}},
        {"dsa": "me"},
        {"name": 5},
        {"name": "x" * 500},
        {"product_url": 7},
        {"product_url": "shoes"},
        {"objective": 5},
        {"activate": "yes"},
        {"creatives": {}},
    ],
)
def test_messages_use_a_buyers_words(change: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequestError) as refusal:
        parse(CreateCampaign, request_body() | change)
    assert not [word for word in JARGON if word in refusal.value.message], refusal.value.message


@pytest.mark.parametrize("name", [1, None, (1, 2), b"name", 1.5])
@pytest.mark.parametrize(("where", "field"), [((), "parameters"), (("dsa",), "dsa")])
def test_the_name_of_a_field_is_a_text(name: Any, where: tuple[str, ...], field: str) -> None:
    body = request_body(dsa={"beneficiary": "Me", "payor": "Me"})
    for part in where:
        body[part] = {**body[part], name: 2}
    with pytest.raises(InvalidRequestError) as refusal:
        parse(CreateCampaign, body if where else {**body, name: 2})
    assert refusal.value.message == f"{field}: the name of each field should be text"
    assert refusal.value.details["field"] == field


def test_a_deletion_without_its_confirmation_names_confirm() -> None:
    with pytest.raises(InvalidRequestError) as refusal:
        parse(ManageCampaign, {"campaign_id": "cmp_1", "action": "delete"})
    assert refusal.value.details["field"] == "confirm"
    assert refusal.value.message == "confirm: a deletion cannot be undone; give confirm: true"


def test_a_name_with_an_emoji_of_several_characters_is_a_name() -> None:
    family = "\U0001f468\u200d\U0001f469\u200d\U0001f467"
    assert parse(CreateCampaign, request_body() | {"name": family}).name == family


def test_every_wrong_field_is_listed() -> None:
    with pytest.raises(InvalidRequestError) as refusal:
        parse(CreateCampaign, request_body() | {"daily_budget": -1, "objective": "x", "extra": 1})
    assert {error["field"] for error in refusal.value.details["errors"]} == {
        "daily_budget",
        "objective",
        "extra",
    }


def test_a_text_is_bounded_in_characters_and_a_list_in_entries() -> None:
    changes = {"name": "x" * 999, "creative_ids": ["1" * 300]}
    with pytest.raises(InvalidRequestError) as refusal:
        parse(CreateCampaign, request_body() | changes)
    assert "entries" not in refusal.value.message
    assert refusal.value.message.count("characters") == 2
    with pytest.raises(InvalidRequestError, match=r"at most [0-9]+ entries"):
        parse(CreateCampaign, request_body() | {"creative_ids": [str(number) for number in range(999)]})


def test_an_unknown_field_is_answered_with_the_known_ones() -> None:
    with pytest.raises(InvalidRequestError) as refusal:
        parse(CreateCampaign, request_body() | {"budget": 5})
    assert "daily_budget" in refusal.value.details["allowed"]


def test_amounts_have_no_float_noise() -> None:
    spec = parse(CreateCampaign, request_body() | {"daily_budget": 100.1})
    assert spec.daily_budget == Decimal("100.1")
    assert spec.model_dump(mode="json")["daily_budget"] == 100.1


def test_spellings_that_mean_the_same() -> None:
    spec = parse(CreateCampaign, request_body() | {"objective": "conversions", "target_countries": ["uk"]})
    assert (spec.objective, spec.target_countries) == ("sales", ["GB"])


@pytest.mark.parametrize("user_id", ["", "a#b", "a/b", "x" * 200])
def test_a_user_id_that_could_address_another_row_is_refused(user_id: str) -> None:
    with pytest.raises(InvalidRequestError) as refusal:
        parse(Context, {"user_id": user_id})
    assert refusal.value.details["field"] == "user_id"


# Parameters of this kind become keys of rows, of caches and of the platforms' requests.
IDS = re.compile(r"(^|_)ids?$")


def fields(schema: dict[str, Any], models: dict[str, Any], name: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the name of each parameter with the schema of each text that it may be."""
    if "$ref" in schema:
        yield from fields(models[schema["$ref"].rpartition("/")[2]], models, name)
    for part in schema.get("anyOf", []):
        yield from fields(part, models, name)
    if "items" in schema:
        yield from fields(schema["items"], models, name)
    if schema.get("type") == "string":
        yield name, schema
    for inner, part in schema.get("properties", {}).items():
        if inner not in ("condition", "rule"):  # of words that are checked one by one
            yield from fields(part, models, inner)


@pytest.mark.parametrize("model", [Context, *dict.fromkeys(action.request for action in ACTIONS.values())])
def test_ids_of_any_kind_are_bounded(model: type[BaseModel]) -> None:
    schema = model.model_json_schema()
    ids = [(name, text) for name, text in fields(schema, schema.get("$defs", {})) if IDS.search(name)]
    assert [name for name, text in ids if text.get("maxLength", 1000) > 255] == []


@pytest.mark.parametrize("name", ["campaign_id", "run_id"])
@pytest.mark.parametrize("value", ["x" * 129, "\ud83d", "a\x00", "", 7, None])
def test_an_id_that_is_none_is_refused_by_its_field(name: str, value: Any) -> None:
    with pytest.raises(InvalidRequestError) as refused:
        parse(UndoChange, {"campaign_id": "cmp_1", "run_id": "run_1", name: value})
    assert refused.value.details["field"] == name
