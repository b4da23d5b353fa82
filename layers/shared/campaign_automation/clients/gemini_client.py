"""The client of Gemini, google-generativeai over REST; only the function that writes copy loads the SDK."""

from __future__ import annotations

import asyncio
import importlib
import warnings
from collections.abc import Callable
from typing import Any, Protocol

from campaign_automation.utils.error_handler import AiModelError
from campaign_automation.utils.observability import emit


def load_sdk() -> Any:
    """Import the SDK, close to a second; its end-of-support notice is known and kept out of the logs."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        return importlib.import_module("google.generativeai")


class TextModel(Protocol):
    """Gemini's client, ours or any object with this method."""

    async def generate_content(self, prompt: str, *, model: str) -> dict[str, Any]: ...


class GeminiClient:
    """The client: `generate_content(prompt, model=...) -> {"text", "model", "tokens"}`, without retries.

    With `response_schema` (the SDK's schema subset) every answer is JSON of that shape. The SDK would retry
    a 503 for ten minutes whatever the timeout says, so its retry is switched off.
    """

    def __init__(
        self,
        api_key: Callable[[], str],
        *,
        endpoint: str | None = None,
        timeout_seconds: float = 8,
        response_schema: dict[str, Any] | None = None,
    ) -> None:
        self._api_key = api_key
        self._endpoint = endpoint
        self._timeout = timeout_seconds
        self._config = _generation_config(response_schema)
        self._configured = False

    async def generate_content(self, prompt: str, *, model: str) -> dict[str, Any]:
        """Return the answer; AiModelError when the model does not answer, is gone, or refuses the prompt."""
        return await asyncio.to_thread(self._generate, prompt, model)

    def _generate(self, prompt: str, model: str) -> dict[str, Any]:
        genai = load_sdk()
        self._configure(genai)
        try:
            answer = genai.GenerativeModel(model, generation_config=self._config).generate_content(
                prompt, request_options={"timeout": self._timeout, "retry": None}
            )
            text = answer.text
        except Exception as error:  # the SDK raises from four families, and ValueError for a blocked prompt
            raise AiModelError(f"{model} gave no answer: {type(error).__name__}", model=model) from error
        tokens = answer.usage_metadata.total_token_count
        emit("ai_tokens_total", tokens, model=model)
        return {"text": text, "model": model, "tokens": tokens}

    def _configure(self, genai: Any) -> None:
        if self._configured:
            return
        # Late: the key is a secret, read only when a text is needed.
        options = {"api_endpoint": self._endpoint} if self._endpoint else None
        genai.configure(api_key=self._api_key(), transport="rest", client_options=options)
        self._configured = True


def _generation_config(response_schema: dict[str, Any] | None) -> dict[str, Any]:
    config: dict[str, Any] = {"temperature": 0.7}
    if response_schema is not None:
        config |= {"response_mime_type": "application/json", "response_schema": response_schema}
    return config
