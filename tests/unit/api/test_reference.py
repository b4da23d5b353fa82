"""The API's reference: every field has words, every action an example that can be sent, and callers' code
that a generator makes from it is whole."""

from __future__ import annotations

import copy
import json
import subprocess

import pytest
from openapi_spec_validator import validate

from campaign_automation.actions import ACTIONS
from campaign_automation.actions.action import Action
from campaign_automation.api.openapi import document, errors_of
from campaign_automation.api.reference.words import ANY, FIELDS, examples
from campaign_automation.utils.error_handler import CODES
from local.docs import OPENAPI, ROOT
from local.reference.compatibility import breaks

DOCUMENT = document()


def test_the_document_is_valid_and_says_what_each_field_means() -> None:
    validate(DOCUMENT)
    for name, schema in DOCUMENT["components"]["schemas"].items():
        assert schema["title"] == name
        for field, value in schema.get("properties", {}).items():
            assert value.get("description"), f"{name}.{field}"


def test_no_words_are_about_a_field_that_does_not_exist() -> None:
    fields = {
        (model, field)
        for model, schema in DOCUMENT["components"]["schemas"].items()
        for field in schema.get("properties", {})
    } | {
        (action.request.__name__, name)
        for action in ACTIONS.values()
        for name in [*action.path_names, *action.query_names]
    }
    names = {field for _, field in fields}
    for model, own in FIELDS.items():
        for field in own:
            assert field in names if model == ANY else (model, field) in fields, f"{model}.{field}"


@pytest.mark.parametrize("action", ACTIONS.values(), ids=ACTIONS)
def test_an_action_is_described_with_an_example_its_errors_and_its_role(action: Action) -> None:
    operation = DOCUMENT["paths"][action.path][action.method.lower()]
    assert operation["summary"] == action.summary
    assert operation["tags"][0] in {tag["name"] for tag in DOCUMENT["tags"]}
    assert action.is_public or f"Role: {action.role}." in operation["description"]
    assert ("example" in json.dumps(operation)) == bool(examples()[action.name] or action.has_body)
    shown = {code for codes in errors_of(action).values() for code in codes}
    assert {"1000", "1001"} <= shown <= set(CODES)


def test_each_example_is_a_request_that_its_action_takes() -> None:
    shown = examples()
    assert shown.keys() == ACTIONS.keys()
    for name, example in shown.items():
        ACTIONS[name].request.model_validate(example)


def test_what_breaks_callers_is_found_and_what_adds_is_not() -> None:
    changed = copy.deepcopy(DOCUMENT)
    schemas = changed["components"]["schemas"]
    schemas["CreateCampaign"]["properties"]["budget_note"] = {"type": "string"}
    schemas["CampaignCreated"]["properties"]["noted"] = {"type": "string"}
    assert breaks(DOCUMENT, changed) == []
    del schemas["CampaignCreated"]["properties"]["drift"]
    schemas["CreateCampaign"]["properties"]["name"]["anyOf"][0]["maxLength"] = 100
    schemas["CreateCampaign"]["required"].append("budget_note")
    schemas["Platform"]["enum"].remove("tiktok")
    schemas["ListedCampaign"]["properties"]["ad_account_id"] = {"type": ["string", "null"]}
    del changed["paths"]["/v1/limits"]
    found = set(breaks(DOCUMENT, changed))
    enums = {item for item in found if item.endswith("platform takes no tiktok any more")}
    assert "CreateCampaign.platform takes no tiktok any more" in enums
    assert found - enums == {
        "GET /v1/limits is gone",
        "CampaignCreated.drift is gone",
        "CreateCampaign.name: maxLength was 200 and is 100",
        "CreateCampaign.budget_note is required now",
        "ListedCampaign.ad_account_id may be null now",
        "get_report: platforms[] takes no tiktok any more",
    }


def test_no_earlier_document_of_this_version_has_callers_that_break() -> None:
    """Find a document that was edited past `make docs`, by those of the history that the clone has."""
    now = document()
    path = OPENAPI.relative_to(ROOT).as_posix()
    kept = _git("log", "--format=%H", "-n", "10", "--", path).split()
    assert kept
    for commit in kept:
        earlier = json.loads(_git("show", f"{commit}:{path}"))
        if earlier["info"]["version"].partition(".")[0] == now["info"]["version"].partition(".")[0]:
            assert breaks(earlier, now) == [], commit


def _git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True).stdout
