"""The client of a text model in a function of its own: others have neither its SDK nor its key."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from campaign_automation.utils.error_handler import AiModelError
from campaign_automation.utils.event_loop import in_thread


class LambdaTextModel:
    """A text model; `client` gives a boto3 client for Lambda, made when it is first needed."""

    def __init__(self, function_name: str, client: Callable[[], Any]) -> None:
        self._function_name = function_name
        self._client = client

    async def generate_content(self, prompt: str, *, model: str) -> dict[str, Any]:
        """Return the model's answer; AiModelError when it or its function gave none."""
        event = json.dumps({"prompt": prompt, "model": model}).encode()
        answer = await in_thread(self._invoke, event, model)
        if "text" not in answer:
            raise AiModelError(f"{model} gave no answer: {answer.get('error')}", model=model)
        return answer

    def _invoke(self, event: bytes, model: str) -> dict[str, Any]:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            response = self._client().invoke(FunctionName=self._function_name, Payload=event)
            return dict(json.loads(response["Payload"].read()))
        except (BotoCoreError, ClientError, ValueError) as error:
            raise AiModelError(f"{model} gave no answer: {type(error).__name__}", model=model) from error
