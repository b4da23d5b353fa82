"""Gemini's list of models and generateContent: text shaped by the schema it was asked for, the same for the
same prompt."""

import json
import re
from dataclasses import dataclass, field
from datetime import datetime
from random import Random
from typing import Any, Literal, get_args

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from local.sandbox.core.faults import Kind
from local.sandbox.core.http import exchange
from local.sandbox.core.world import World
from local.sandbox.gemini_tools import refusal, type_of
from local.sandbox.seeds import GEMINI_KEY

Json = dict[str, Any]
Behaviour = Literal["normal", "too_long", "invented_price", "not_json", "blocked"]
BEHAVIOURS: tuple[str, ...] = get_args(Behaviour)
MODELS = ("gemini-3.8-flash", "gemini-3.5-flash-lite")
SAMPLING = ("temperature", "topP", "topK")
_LIST_LENGTH = 3

# Copy that claims nothing: no price, number, award or promise. {name} is the product, where it is known.
_HEADLINES = ("Meet {name}", "Step into {name}", "{name} for your day", "Take {name} along")
_DESCRIPTIONS = ("Find your fit", "See the colours", "Take a closer look", "Made for moving")
_TEXTS = (
    "Light on your feet and ready for every path. Find the pair that fits your day.",
    "From the first step to the last mile, comfort you can feel. Take a look today.",
    "Made for people who keep moving. Discover what a good fit does for you.",
)
_LONGEST_NAME = 18
_CHINESE = ("轻盈每一步，舒适整天。", "为热爱出发的你而设计。", "换一种脚感，走得更远。")
_PRICES = " Now only $19.99, 70% off!"


@dataclass
class Gemini:
    """State: how each model behaves, an empty key standing for all models; and the tokens it has used."""

    world: World
    behaviours: dict[str, Behaviour] = field(default_factory=dict)
    tokens: int = 0

    def reset(self) -> None:
        self.behaviours = {}
        self.tokens = 0

    def state(self) -> Json:
        return {"behaviours": self.behaviours, "models": list(MODELS), "tokens": self.tokens}

    def advance(self, now: datetime) -> None:
        """Nothing here happens with time."""

    def set_behaviour(self, changes: Json) -> Json:
        """{"behaviour": ..., "model"?: only this one}. Raises ValueError."""
        if changes.get("behaviour") not in BEHAVIOURS:
            raise ValueError(f"behaviour must be one of {list(BEHAVIOURS)}")
        self.behaviours[str(changes.get("model", ""))] = changes["behaviour"]
        return self.state()

    def behaviour(self, model: str) -> Behaviour:
        return self.behaviours.get(model) or self.behaviours.get("", "normal")


def gemini_app(gemini: Gemini) -> Starlette:
    """The HTTP face, for `v1` and `v1beta`."""

    async def endpoint(request: Request) -> Response:
        return await _serve(gemini, request)

    async def models(request: Request) -> Response:
        return await _serve_models(gemini, request)

    path = "/{version}/models/{model}:generateContent"
    return Starlette(
        routes=[Route(path, endpoint, methods=["POST"]), Route("/{version}/models", models, methods=["GET"])]
    )


async def _serve_models(gemini: Gemini, request: Request) -> Response:
    async def act() -> Response:
        if request.headers.get("x-goog-api-key") != GEMINI_KEY:
            return _bad_key()
        entries = [
            {"name": f"models/{name}", "displayName": name, "supportedGenerationMethods": ["generateContent"]}
            for name in MODELS
        ]
        embedding = {"name": "models/gemini-embedding-2", "supportedGenerationMethods": ["embedContent"]}
        return JSONResponse({"models": [*entries, embedding]})

    def fault_answer(kind: Kind) -> Response:
        return _FAULTS.get(kind, _internal)()

    path = request.url.path
    return await exchange(gemini.world, "gemini", "list_models", "GET", path, act, fault_answer)


async def _serve(gemini: Gemini, request: Request) -> Response:
    body = await request.body()
    model = request.path_params["model"]

    async def act() -> Response:
        return _answer(gemini, request.headers.get("x-goog-api-key"), model, body)

    def fault_answer(kind: Kind) -> Response:
        return _blocked(model) if kind == "policy" else _FAULTS.get(kind, _internal)()

    return await exchange(
        gemini.world, "gemini", "generate_content", "POST", request.url.path, act, fault_answer
    )


def _answer(gemini: Gemini, key: str | None, model: str, body: bytes) -> Response:
    if key != GEMINI_KEY:
        return _bad_key()
    if model not in MODELS:
        message = (
            f"models/{model} is not found for API version v1beta, or is not supported for generateContent. "
            "Call ListModels to see the list of available models and their supported methods."
        )
        return _error(404, message, "NOT_FOUND")
    try:
        asked = json.loads(body)
        prompt = _prompt(asked)
    except (ValueError, KeyError, TypeError):
        return _error(400, "Invalid JSON payload received.", "INVALID_ARGUMENT")
    config = asked.get("generationConfig", {})
    if sampling := [name for name in SAMPLING if name in config]:
        message = f"{', '.join(sampling)} is no longer supported by models/{model}."
        return _error(400, message, "INVALID_ARGUMENT")
    if (refused := refusal(asked)) is not None:
        return _error(400, refused, "INVALID_ARGUMENT")
    behaviour = gemini.behaviour(model)
    if behaviour == "blocked":
        return _blocked(model)
    return _candidate(gemini, model, prompt, _written(gemini.world.seed, model, prompt, config, behaviour))


def _prompt(asked: Json) -> str:
    contents = [*asked["contents"], asked.get("systemInstruction") or {}]
    return "\n".join(part.get("text", "") for content in contents for part in content.get("parts", []))


def _written(seed: int, model: str, prompt: str, config: Json, behaviour: Behaviour) -> str:
    schema = config.get("responseSchema") or config.get("responseJsonSchema")
    writer = _Writer(Random(f"{seed}/{model}/{prompt}"), prompt, behaviour)
    wants_json = schema or config.get("responseMimeType") == "application/json"
    if behaviour == "not_json" or not wants_json:
        return f"Sure! Here is some copy you could use: {writer.text('text')}"
    return json.dumps(writer.value(schema or _ANY_COPY, "copy"), ensure_ascii=False)


_ANY_COPY: Json = {"type": "OBJECT", "properties": {"text": {"type": "STRING"}}, "required": ["text"]}


class _Writer:
    """Fills a schema with copy; `behaviour` may spoil the texts."""

    def __init__(self, rng: Random, prompt: str, behaviour: Behaviour) -> None:
        self._rng = rng
        self._prompt = prompt
        self._behaviour = behaviour
        self._chinese = bool(re.search(r"[\u4e00-\u9fff]|\bChinese\b|\bzh\b", prompt))
        self._ids = _listed_ids(prompt)
        self._products = _products(prompt)
        self._product = _short(self._products[0])
        self._next_id = 0

    def value(self, schema: Json, name: str) -> Any:
        kind = type_of(schema)
        if kind == "OBJECT":
            return {key: self.value(part, key) for key, part in schema.get("properties", {}).items()}
        if kind == "ARRAY":
            items = schema.get("items", {})
            if "number" in items.get("properties", {}):
                return [self._numbered(items, name, number) for number in range(1, len(self._products) + 1)]
            return [self.value(items, name) for _ in range(self._length(schema))]
        if kind == "BOOLEAN":
            return True
        if kind in ("INTEGER", "NUMBER"):
            return self._number(name)
        return self._rng.choice(schema["enum"]) if schema.get("enum") else self.text(name)

    def _numbered(self, schema: Json, name: str, number: int) -> Json:
        """The answer for one of the products that the prompt numbers."""
        self._product = _short(self._products[number - 1])
        return {**self.value(schema, name), "number": number}

    def text(self, name: str) -> str:
        if name.endswith("_id") and self._ids:
            return self._listed_id()
        choices = _CHINESE if self._chinese else _choices(name)
        drafted = [choice.format(name=self._product) for choice in choices]
        longest = self._longest(name)
        text = self._rng.choice([draft for draft in drafted if len(draft) <= longest] or drafted)
        if self._behaviour == "too_long":
            return " ".join([text] * 40)
        return text + _PRICES if self._behaviour == "invented_price" else text

    def _longest(self, name: str) -> int:
        """The characters that the prompt allows for a part, as `headline: at most 30`."""
        part = name.removeprefix("more_").removesuffix("s")
        stated = re.search(rf"\b{part}: at most (\d+)", self._prompt)
        return int(stated[1]) if stated else len(self._prompt)

    def _number(self, name: str) -> int:
        return int(self._listed_id()) if name.endswith("_id") and self._ids else self._rng.randint(1, 10)

    def _listed_id(self) -> str:
        found = self._ids[self._next_id % len(self._ids)]
        self._next_id += 1
        return found

    def _length(self, schema: Json) -> int:
        least = int(schema.get("minItems", 0))
        most = int(schema.get("maxItems", 0)) or 100
        return max(least, min(len(self._ids) or _LIST_LENGTH, most))


def _listed_ids(prompt: str) -> list[str]:
    """Creative ids the prompt names, such as `"creative_id": "7"` or `creative 7`, each once."""
    return list(dict.fromkeys(re.findall(r"creative(?:_id)?\W{1,5}(\d+)", prompt, re.IGNORECASE)))


def _products(prompt: str) -> list[str]:
    """The products that the prompt names as `"name": "..."`, in its order; at least one."""
    return re.findall(r'"name":\s*"((?:[^"\\]|\\.)*)"', prompt) or [""]


def _short(product: str) -> str:
    """The product's name where it is known and short enough for a headline."""
    is_plain = product and not set(product) & set('"\\{}')
    return product if is_plain and len(product) <= _LONGEST_NAME else "something new"


def _choices(name: str) -> tuple[str, ...]:
    if "headline" in name or "title" in name:
        return _HEADLINES
    return _DESCRIPTIONS if "description" in name else _TEXTS


# Answers


def _candidate(gemini: Gemini, model: str, prompt: str, text: str) -> Response:
    asked, written = max(1, len(prompt) // 4), max(1, len(text) // 4)
    gemini.tokens += asked + written
    return JSONResponse(
        {
            "candidates": [
                {"content": {"role": "model", "parts": [{"text": text}]}, "finishReason": "STOP", "index": 0}
            ],
            "usageMetadata": {
                "promptTokenCount": asked,
                "candidatesTokenCount": written,
                "totalTokenCount": asked + written,
            },
            "modelVersion": model,
        }
    )


def _blocked(model: str) -> Response:
    return JSONResponse({"promptFeedback": {"blockReason": "SAFETY"}, "modelVersion": model})


def _error(code: int, message: str, status: str, details: list[Json] | None = None) -> Response:
    error: Json = {"code": code, "message": message, "status": status}
    if details:
        error["details"] = details
    return JSONResponse({"error": error}, code)


def _bad_key() -> Response:
    reason = {
        "@type": "type.googleapis.com/google.rpc.ErrorInfo",
        "reason": "API_KEY_INVALID",
        "domain": "googleapis.com",
    }
    return _error(
        400, "API key not valid. Please pass a valid API key.", "INVALID_ARGUMENT", details=[reason]
    )


def _exhausted() -> Response:
    retry = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "5s"}
    message = "You exceeded your current quota, please check your plan and billing details."
    return _error(429, message, "RESOURCE_EXHAUSTED", details=[retry])


def _internal() -> Response:
    return _error(500, "An internal error has occurred. Please retry.", "INTERNAL")


_FAULTS = {"http_500": _internal, "rate_limit": _exhausted, "auth_expired": _bad_key}
