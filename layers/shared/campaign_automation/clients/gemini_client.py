"""The client of Gemini, google-generativeai over REST; only the function that writes copy loads the SDK."""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Callable
from threading import Lock
from typing import Any, Protocol

from campaign_automation.utils.error_handler import AiModelError
from campaign_automation.utils.event_loop import in_thread
from campaign_automation.utils.observability import emit, logger
from campaign_automation.utils.validation import whole

_MODELS_PER_PAGE = 1000


def load_sdk() -> Any:
    """Import the SDK, close to a second; its end-of-support notice is known and kept out of the logs."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        return importlib.import_module("google.generativeai")


class TextModel(Protocol):
    """Gemini's client, ours or any object with this method."""

    async def generate_content(self, prompt: str, *, model: str) -> dict[str, Any]: ...


def as_answer(answer: Any) -> Any:
    """Return a model's answer as a mapping: clients handed in may answer the text itself."""
    return whole({"text": answer} if isinstance(answer, str) else answer)


class GeminiClient:
    """The client: `generate_content(prompt, model=...) -> {"text", "model", "tokens"}`, without retries.

    With `response_schema` (the SDK's schema subset) every answer is JSON of that shape. The SDK would retry
    a 503 for ten minutes whatever the timeout says, so its retry is switched off. Before the first text the
    service is asked once for its models: one that it does not list is named in the log and never called.
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
        self._lock = Lock()
        self._listed: frozenset[str] | None = None
        self._named: set[str] = set()

    async def generate_content(self, prompt: str, *, model: str) -> dict[str, Any]:
        """Return the answer; AiModelError when the model does not answer, is gone, or refuses the prompt."""
        return await in_thread(self._generate, prompt, model)

    def _generate(self, prompt: str, model: str) -> dict[str, Any]:
        genai = load_sdk()
        self._configure(genai)
        self._refuse_unlisted(genai, model)
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

    def _refuse_unlisted(self, genai: Any, model: str) -> None:
        """Raise AiModelError for a model that the service does not have; named once per process."""
        with self._lock:
            if self._listed is None:
                self._listed = self._read_list(genai)
            if not self._listed or model in self._listed:
                return
            if model not in self._named:
                self._named.add(model)
                logger.warning("model not listed", model=model, listed=sorted(self._listed))
        raise AiModelError(f"{model} is not a model of the service", model=model)

    def _read_list(self, genai: Any) -> frozenset[str]:
        """The models that write text; empty when the list cannot be read, and every model is then tried."""
        options = {"timeout": self._timeout, "retry": None}
        try:
            models = list(genai.list_models(page_size=_MODELS_PER_PAGE, request_options=options))
        except Exception as error:  # as above; the list only spares calls that would fail
            logger.warning("models not listed", reason=type(error).__name__)
            return frozenset()
        writers = (item for item in models if "generateContent" in item.supported_generation_methods)
        return frozenset(item.name.removeprefix("models/") for item in writers)

    def _configure(self, genai: Any) -> None:
        if self._configured:
            return
        # Late: the key is a secret, read only when a text is needed.
        options = {"api_endpoint": self._endpoint} if self._endpoint else None
        genai.configure(api_key=self._api_key(), transport="rest", client_options=options)
        self._configured = True


def _generation_config(response_schema: dict[str, Any] | None) -> dict[str, Any]:
    # No temperature and no other sampling parameter: Gemini's current models deprecate them.
    if response_schema is None:
        return {}
    return {"response_mime_type": "application/json", "response_schema": response_schema}
