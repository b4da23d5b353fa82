"""The real google-generativeai client against the Gemini sandbox."""

import json
import warnings
from importlib import import_module
from typing import Any

import pytest
from google.api_core import exceptions

from tests.sandbox.support import Sandbox

with warnings.catch_warnings():
    warnings.simplefilter("ignore", FutureWarning)  # the vendor's notice that support has ended
    genai: Any = import_module("google.generativeai")

PROMPT = 'Write ad copy in English. creatives: [{"creative_id": "7"}, {"creative_id": "9"}]'
SCHEMA = {
    "type": "object",
    "properties": {
        "ads": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "creative_id": {"type": "string"},
                    "headline": {"type": "string"},
                    "description": {"type": "string"},
                    "primary_text": {"type": "string"},
                    "tone": {"type": "string", "enum": ["warm", "bold"]},
                },
                "required": ["creative_id", "headline", "primary_text"],
            },
        }
    },
    "required": ["ads"],
}


def _ask(
    sandbox: Sandbox, prompt: str = PROMPT, model: str = "gemini-3.8-flash", key: str = "sandbox-gemini-key"
) -> Any:
    genai.configure(api_key=key, transport="rest", client_options={"api_endpoint": f"{sandbox.url}/gemini"})
    return genai.GenerativeModel(model).generate_content(
        prompt,
        generation_config={"response_mime_type": "application/json", "response_schema": SCHEMA},
        request_options={"timeout": 5, "retry": None},
    )


def _ads(answer: Any) -> list[dict[str, str]]:
    ads: list[dict[str, str]] = json.loads(answer.text)["ads"]
    return ads


def test_answer_fits_the_schema_and_the_prompt(sandbox: Sandbox) -> None:
    answer = _ask(sandbox)
    ads = _ads(answer)

    assert [ad["creative_id"] for ad in ads] == ["7", "9"]
    assert all(ad["tone"] in ("warm", "bold") for ad in ads)
    assert all(0 < len(ad["headline"]) <= 30 and len(ad["primary_text"]) <= 90 for ad in ads)
    assert answer.usage_metadata.total_token_count > 0
    assert sandbox.calls("gemini")[0]["operation"] == "generate_content"


def test_headline_names_the_product(sandbox: Sandbox) -> None:
    ads = _ads(_ask(sandbox, f'{PROMPT} Product: {{"name": "Trail Shoe 7"}}'))
    assert ads
    assert all("Trail Shoe 7" in ad["headline"] and len(ad["headline"]) <= 30 for ad in ads)


def test_same_prompt_gets_the_same_copy(sandbox: Sandbox) -> None:
    first, again = _ask(sandbox).text, _ask(sandbox).text
    others = {_ask(sandbox, f"{PROMPT} {n}").text for n in range(5)}
    assert first == again
    assert len(others) > 1


def test_chinese_prompt_gets_chinese_copy(sandbox: Sandbox) -> None:
    assert "。" in _ads(_ask(sandbox, f"{PROMPT} Language: Chinese"))[0]["headline"]


def test_retired_model_and_wrong_key_are_refused(sandbox: Sandbox) -> None:
    with pytest.raises(exceptions.NotFound, match="is not found for API version"):
        _ask(sandbox, model="gemini-1.5-pro")
    with pytest.raises(exceptions.BadRequest, match="API key not valid"):
        _ask(sandbox, key="nonsense")


def test_the_list_names_the_models_that_write(sandbox: Sandbox) -> None:
    _ask(sandbox)
    listed = [
        model.name for model in genai.list_models() if "generateContent" in model.supported_generation_methods
    ]
    assert listed == ["models/gemini-3.8-flash", "models/gemini-3.5-flash-lite"]


def test_sampling_parameters_are_refused(sandbox: Sandbox) -> None:
    _ask(sandbox)
    with pytest.raises(exceptions.BadRequest, match="temperature is no longer supported"):
        genai.GenerativeModel("gemini-3.8-flash").generate_content(
            PROMPT, generation_config={"temperature": 0.7}
        )


def test_behaviours_spoil_the_copy(sandbox: Sandbox) -> None:
    sandbox.admin("PUT", "/gemini", {"behaviour": "too_long"})
    assert len(_ads(_ask(sandbox))[0]["headline"]) > 400
    sandbox.admin("PUT", "/gemini", {"behaviour": "invented_price"})
    assert "$19.99" in _ads(_ask(sandbox))[0]["primary_text"]
    sandbox.admin("PUT", "/gemini", {"behaviour": "not_json"})
    with pytest.raises(ValueError):
        json.loads(_ask(sandbox).text)
    sandbox.admin("PUT", "/gemini", {"behaviour": "blocked"})
    blocked = _ask(sandbox)
    assert not blocked.candidates
    with pytest.raises(ValueError):
        _ = blocked.text


def test_one_model_can_misbehave_alone(sandbox: Sandbox) -> None:
    sandbox.admin("PUT", "/gemini", {"behaviour": "too_long", "model": "gemini-3.8-flash"})
    assert len(_ask(sandbox).text) > 1000 > len(_ask(sandbox, model="gemini-3.5-flash-lite").text)


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("http_500", exceptions.InternalServerError),
        ("rate_limit", exceptions.TooManyRequests),
        ("auth_expired", exceptions.BadRequest),
        ("garbage", exceptions.BadGateway),
    ],
)
def test_faults_raise_googles_errors(sandbox: Sandbox, kind: str, error: type[Exception]) -> None:
    sandbox.fault("gemini", "generate_content", kind)
    with pytest.raises(error):
        _ask(sandbox)
    assert _ads(_ask(sandbox))
