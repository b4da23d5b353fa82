"""An agent on Gemini: the declarations of GET /v1/tools go to the service, its recorded calls to the module.

tests/fixtures/gemini_calls.json holds the answers, in the form of the API's; the vendor's SDK reads them.
"""

from __future__ import annotations

import ast
import asyncio
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from google.api_core import exceptions
from jsonschema import Draft202012Validator

from campaign_automation import CampaignAutomation
from campaign_automation.actions import ACTIONS
from campaign_automation.api.reference.words import examples
from campaign_automation.clients.gemini_client import load_sdk
from campaign_automation.utils.validation import parse, plain
from functions.get_openapi.app import lambda_handler
from tests.support.doc_blocks import code
from tests.support.sandbox import Sandbox

Json = dict[str, Any]
genai = load_sdk()
RECORDED = json.loads((Path(__file__).parents[1] / "fixtures/gemini_calls.json").read_text())
DOCUMENTED = code("docs/agents.md", "call = answer.candidates[0].content.parts[0].function_call")
MODEL = "gemini-3.8-flash"


@pytest.fixture(scope="module")
def declarations() -> Json:
    """The answer of GET /v1/tools?format=gemini."""
    asked = {"resource": "/v1/tools", "queryStringParameters": {"format": "gemini"}}
    answer = lambda_handler(asked, None)
    assert answer["statusCode"] == 200
    found: Json = json.loads(answer["body"])
    return found


@pytest.fixture
def model(declarations: Json, urls: dict[str, str], campaign_sandbox: Sandbox) -> Any:
    """The SDK's model with all functions."""
    endpoint = {"api_endpoint": urls["gemini"]}
    genai.configure(api_key="sandbox-gemini-key", transport="rest", client_options=endpoint)
    tool = genai.protos.Tool.from_json(json.dumps(declarations))
    return genai.GenerativeModel(MODEL, tools=[tool])


def ask(model: Any, contents: Any) -> Any:
    return model.generate_content(contents, request_options={"timeout": 60, "retry": None})


def test_the_recorded_calls_create_check_and_pause_a_campaign(
    model: Any, campaign_automation: CampaignAutomation, declarations: Json, campaign_sandbox: Sandbox
) -> None:
    called, answers = [], []
    contents: list[Any] = []
    known: dict[str, str] = {}

    async def talk() -> str:
        for turn in RECORDED["turns"]:
            recorded = _with_ids(known, json.dumps(turn["answer"]))
            campaign_sandbox.fault("gemini", "generate_content", "raw", body=recorded)
            if turn["says"]:
                contents.append({"role": "user", "parts": [turn["says"]]})
            answer = ask(model, contents)
            (part,) = answer.candidates[0].content.parts
            contents.append(answer.candidates[0].content)
            if not part.function_call:
                return str(answer.text)
            call = part.function_call
            assert_declared(declarations, call.name, json.loads(recorded))
            result = await carried_out(campaign_automation, answer)
            called.append(call.name)
            answers.append(result)
            known.setdefault(RECORDED["campaign_id"], result.get("campaign_id", ""))
            told = genai.protos.FunctionResponse(name=call.name, response=result)
            contents.append({"role": "user", "parts": [genai.protos.Part(function_response=told)]})
        raise AssertionError("the recording ends with a text")

    async def whole_talk() -> str:
        try:
            return await talk()
        finally:
            await campaign_automation.aclose()

    said = asyncio.run(whole_talk())
    assert [answer["status"] for answer in answers] == ["success"] * 3, answers
    assert called == ["create_campaign", "get_campaign_status", "manage_campaign"]
    created, shown, paused = answers
    assert [float(adset["daily_budget"]) for adset in created["adsets"]] == [60, 60]
    assert (len(created["ads"]), shown["campaign"]["status"]) == (4, "active")
    assert (paused["new_status"], said) == ("paused", "Trail shoes is paused: nothing is spent any more.")
    (campaign,) = campaign_sandbox.live("meta", "campaigns")
    assert (campaign["status"], campaign["id"]) == ("PAUSED", created["platform_campaign_id"])


async def carried_out(module: CampaignAutomation, answer: Any) -> Json:
    """Carry out the model's call by the lines of docs/agents.md, with the SDK's containers as they are."""
    known: dict[str, Any] = {"module": module, "answer": answer}
    await eval(compile(DOCUMENTED, "docs/agents.md", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT), known)
    result: Json = known["result"]
    return result


def assert_declared(declarations: Json, name: str, recorded: Json) -> None:
    """A call names a declared function, with arguments that its declaration describes."""
    (declared,) = [item for item in declarations["functionDeclarations"] if item["name"] == name]
    call = recorded["candidates"][0]["content"]["parts"][0]["functionCall"]
    assert call["name"] == name
    Draft202012Validator(_json_schema(declared["parameters"])).validate(call["args"])


def _json_schema(declared: Json) -> Json:
    """Return a schema of Gemini as JSON Schema, which takes no field that is not named."""
    kind = declared["type"].lower()
    schema = {key: declared[key] for key in ("enum", "minItems", "maxItems", "required") if key in declared}
    schema["type"] = [kind, "null"] if declared.get("nullable") else kind
    if kind == "array":
        schema["items"] = _json_schema(declared["items"])
    if kind == "object":
        fields = {name: _json_schema(inner) for name, inner in declared["properties"].items()}
        schema |= {"properties": fields, "additionalProperties": False}
    return schema


def _with_ids(known: Mapping[str, str], text: str) -> str:
    for recorded, own in known.items():
        text = text.replace(recorded, own)
    return text


def test_the_service_takes_all_declarations(model: Any) -> None:
    assert ask(model, "Which campaigns are there?").text


def test_the_service_refuses_an_object_without_fields(model: Any) -> None:
    kind = genai.protos.Type.OBJECT
    schema = genai.protos.Schema(type=kind, properties={"url_parameters": genai.protos.Schema(type=kind)})
    refused = genai.protos.FunctionDeclaration(name="track", parameters=schema)
    own = genai.GenerativeModel(MODEL, tools=[genai.protos.Tool(function_declarations=[refused])])
    with pytest.raises(exceptions.BadRequest, match="should be non-empty for OBJECT type"):
        ask(own, "Track it")


def _structs() -> Iterator[tuple[str, Json]]:
    yield from examples().items()
    texts = {"adset_budgets": json.dumps({"as_1": 30}), "campaign_id": "cmp_1"}
    yield "update_campaign", texts
    yield (
        "create_rule_from_template",
        {
            "template": "stop_loss",
            "applies_to": json.dumps({"campaign_ids": ["cmp_1"]}),
            "parameters": json.dumps({"roas_below": 2}),
        },
    )


@pytest.mark.parametrize(("name", "arguments"), [pytest.param(*item, id=item[0]) for item in _structs()])
def test_arguments_in_the_containers_of_the_sdk_are_the_same_request(name: str, arguments: Json) -> None:
    call = genai.protos.FunctionCall(name=name, args=arguments)
    request = ACTIONS[name].request
    assert parse(request, plain(dict(call.args))) == parse(request, arguments)
