"""The text model in a function of its own, and the function that answers for it."""

from __future__ import annotations

import asyncio
import io
import json
from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError

from campaign_automation.clients.functions.copy import LambdaTextModel
from campaign_automation.settings import parse_settings
from campaign_automation.steps import creation_step_or_text
from campaign_automation.utils.error_handler import AiModelError
from campaign_automation.wiring import Wiring
from tests.support.memory_table import MemoryTable


class Writer:
    """A text model in memory."""

    async def generate_content(self, prompt: str, *, model: str) -> dict[str, Any]:
        if model == "gone":
            raise AiModelError("gone is not a model of the service", model=model)
        return {"text": f"{model}: {prompt}", "model": model}


class Functions:
    """The functions of Lambda, of which one writes texts."""

    def __init__(self, model: Any = None, failure: Exception | None = None) -> None:
        self._parts = Wiring(parse_settings({}), gemini_client=model, table=MemoryTable())
        self._failure = failure

    def invoke(self, FunctionName: str, Payload: bytes) -> dict[str, Any]:
        assert FunctionName == "writer"
        if self._failure:
            raise self._failure
        answer = asyncio.run(creation_step_or_text(self._parts, json.loads(Payload)))
        return {"Payload": io.BytesIO(json.dumps(answer).encode())}


def text_of(functions: Functions, model: str) -> Any:
    return asyncio.run(LambdaTextModel("writer", lambda: functions).generate_content("Shoes", model=model))


def test_a_text_is_written_by_the_function() -> None:
    assert text_of(Functions(Writer()), "strong") == {"text": "strong: Shoes", "model": "strong"}


@pytest.mark.parametrize(
    ("functions", "model"),
    [
        (Functions(Writer()), "gone"),
        (Functions(), "strong"),
        (Functions(failure=ReadTimeoutError(endpoint_url="https://lambda")), "strong"),
    ],
)
def test_no_text_is_the_models_failure(functions: Functions, model: str) -> None:
    with pytest.raises(AiModelError, match=f"{model} gave no answer"):
        text_of(functions, model)
