"""The OpenAPI document, from the table of actions and the models that parse the requests."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from functools import cache
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from campaign_automation.actions import ACTIONS
from campaign_automation.actions.action import Action, Key
from campaign_automation.api.reference.words import described, examples
from campaign_automation.models.common import DEFAULT_WAIT_SECONDS, LONGEST_WAIT_SECONDS
from campaign_automation.utils.error_handler import CODES

# Raised by hand: the first number when a change breaks callers, the second when it adds.
VERSION = "3.1"
_SCHEMAS = "#/components/schemas/"
_ABOUT = (
    "Creates, manages and optimises ad campaigns on Meta, TikTok and Google Ads. Amounts are numbers in the"
    " account currency's major unit, times RFC 3339 UTC, days those of the ad account's time zone; null is"
    " unknown, never 0."
)
_TAGS = {
    "campaigns": "Create, copy, add to and show campaigns",
    "changes": "Pause, start, delete, update; the audit trail and undo",
    "budgets": "Optimise budgets",
    "ab_tests": "A/B tests of creatives",
    "rules": "Automation rules",
    "accounts": "Ad accounts, their campaigns, and health",
    "reports": "Figures by day and in total",
    "proposals": "Plans that wait for a person",
    "notices": "Webhooks, channels and the digest",
    "messages": "Messages and calls that were given up",
    "operations": "Kill switches, caps and stops",
}
# Answered as a page, too, where the Accept header asks for HTML.
AS_PAGES = ("get_report", "get_proposal", "get_ab_test", "get_rule", "list_accounts")
# Subjects of which nothing asks an advertising platform or the Web Platform.
_AT_HOME = ("messages", "notices")


def document() -> dict[str, Any]:
    """Return the OpenAPI 3.1 document of all actions."""
    schemas, shown_once = _schemas(), examples()
    paths: dict[str, Any] = defaultdict(dict)
    for action in ACTIONS.values():
        paths[action.path][action.method.lower()] = _operation(action, schemas, shown_once[action.name])
    shown = {name: schemas[name] for name in sorted(_named(schemas, paths))}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Campaign Automation",
            "version": VERSION,
            "description": _ABOUT,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [
            {
                "url": "{url}",
                "description": "The output ApiUrl of the deployment, or of `make up`",
                "variables": {"url": {"default": "http://127.0.0.1:3000"}},
            }
        ],
        "tags": [{"name": name, "description": text} for name, text in _TAGS.items()],
        "paths": dict(paths),
        "components": {
            "schemas": {**shown, "Error": _ERROR},
            "securitySchemes": {"jwt": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}},
        },
        "security": [{"jwt": []}],
    }


def request_schema(action: Action) -> dict[str, Any]:
    """Return the schema of all parameters of an action, with those of its path, in one piece."""
    schemas = _schemas()
    asked = schemas[action.request.__name__]
    models = {name: schemas[name] for name in sorted(_named(schemas, asked))}
    whole = {**asked, **({"$defs": models} if models else {})}
    found: dict[str, Any] = json.loads(json.dumps(whole).replace(f'"{_SCHEMAS}', '"#/$defs/'))
    return {"type": "object", "properties": {}, **found}


def errors_of(action: Action) -> dict[int, list[str]]:
    """Return the codes of the errors that an action may answer, by HTTP status."""
    codes = {"1000", "1001", "4000", "5002"}
    if not action.is_public:
        codes |= {"1002", "1004"}
    if action.path_names:
        codes.add("5000")
    if action.changes:
        codes |= {"4005", "5004"}
    if _tag(action) not in _AT_HOME and not action.is_public:
        codes |= {"1003", "1005", "4002", "6000", "6001"}
        codes |= {code for code in CODES if code.startswith("3")}
    if action.key is Key.CAMPAIGN or action.name in ("add_ads", "replace_copy", "create_ab_test"):
        codes |= {"4001", "4003"} | {code for code in CODES if code.startswith("6")}
    found: dict[int, list[str]] = defaultdict(list)
    for code in sorted(codes):
        found[CODES[code].http_status].append(code)
    return dict(sorted(found.items()))


@cache
def _kept_schemas() -> str:
    return json.dumps(_made_schemas())


def _schemas() -> dict[str, Any]:
    """Return the schemas of all requests and answers by name, for the caller to change."""
    found: dict[str, Any] = json.loads(_kept_schemas())
    return found


def _made_schemas() -> dict[str, Any]:
    """Return the schemas of all requests and answers by name, each field with its meaning."""
    actions = ACTIONS.values()
    inputs = [(action.request, "validation") for action in actions]
    outputs = [
        (model, "serialization")
        for action in actions
        for models in action.answers.values()
        for model in models
    ]
    _, definitions = models_json_schema(
        [*inputs, *outputs],  # type: ignore[list-item]
        ref_template=f"{_SCHEMAS}{{model}}",
    )
    # A model that is both asked and answered has two descriptions: "Rule-Input" and "Rule-Output".
    both = [name.removesuffix("-Output") for name in definitions["$defs"] if name.endswith("-Output")]
    text = json.dumps(definitions["$defs"]).replace("-Input", "").replace("-Output", "Answer")
    schemas: dict[str, Any] = json.loads(text)
    base = {f"{name}Answer": name for name in both}
    return {
        name: {**described(base.get(name, name), schema), "title": name} for name, schema in schemas.items()
    }


def _named(schemas: dict[str, Any], value: Any) -> set[str]:
    """Return the names of the schemas that `value` refers to, and those that these refer to."""
    found: set[str] = set()
    waiting = [value]
    while waiting:
        texts = json.dumps(waiting.pop()).split(f'"{_SCHEMAS}')[1:]
        new = {text.partition('"')[0] for text in texts} - found - {"Error"}
        found |= new
        waiting += [schemas[name] for name in new]
    return found


def _operation(action: Action, schemas: dict[str, Any], example: dict[str, Any]) -> dict[str, Any]:
    asked = schemas[action.request.__name__]
    operation: dict[str, Any] = {
        "operationId": action.name,
        "tags": [_tag(action)],
        "summary": action.summary,
        "description": _description(action),
        "parameters": [
            *(_parameter(name, "path", asked, example) for name in action.path_names),
            *(_parameter(name, "query", asked, example) for name in action.query_names),
            _LANGUAGE,
            *(_HEADERS if action.changes else []),
        ],
        "responses": {
            str(status): _answer(action, status, models) for status, models in action.answers.items()
        }
        | {str(status): _refusal(codes) for status, codes in errors_of(action).items()}
        | {"default": _content(["Error"], "the error envelope")},
    }
    if action.is_public:
        operation["security"] = []
    if action.has_body:
        _leave_out(asked, action.path_names)
        body = {name: value for name, value in example.items() if name not in action.path_names}
        schema = {"$ref": f"{_SCHEMAS}{action.request.__name__}"}
        operation["requestBody"] = {
            "required": bool(asked.get("required")),
            "content": {"application/json": {"schema": schema, "example": body}},
        }
    return operation


def _answer(action: Action, status: int, models: Sequence[type[BaseModel]]) -> dict[str, Any]:
    answer = _content([model.__name__ for model in models], models[0].__doc__ or action.name)
    if action.name in AS_PAGES and status == action.success:
        answer["content"]["text/html"] = {"schema": {"type": "string"}}
    return answer


def _tag(action: Action) -> str:
    """The subject of an action: the module that it stands in."""
    return action.perform.__module__.rpartition(".")[2]


def _description(action: Action) -> str:
    role = "Needs no token." if action.is_public else f"Role: {action.role}."
    return f"{' '.join((action.request.__doc__ or '').split())} {role}"


def _parameter(name: str, place: str, asked: dict[str, Any], example: dict[str, Any]) -> dict[str, Any]:
    schema = dict(asked["properties"][name])
    about = schema.pop("description")
    if "anyOf" in schema:
        # A query cannot carry null: what is not given is left out.
        kinds = [kind for kind in schema["anyOf"] if kind != {"type": "null"}]
        schema = {"anyOf": kinds} if len(kinds) > 1 else kinds[0]
    is_needed = place == "path" or name in asked.get("required", [])
    # Several values stand in one text, with commas between them.
    style = {"explode": False} if schema.get("type") == "array" else {}
    shown = {"example": example[name]} if name in example else {}
    return {
        "name": name,
        "in": place,
        "required": is_needed,
        "description": about,
        **style,
        "schema": schema,
        **shown,
    }


def _leave_out(schema: dict[str, Any], names: list[str]) -> None:
    """Remove the parameters of the path from the schema of the body."""
    for name in names:
        schema["properties"].pop(name, None)
        if name in schema.get("required", []):
            schema["required"].remove(name)


_ERROR = {
    "title": "Error",
    "type": "object",
    "required": ["status", "error"],
    "properties": {
        "status": {"description": "Always error", "const": "error"},
        "error": {
            "title": "ErrorBody",
            "description": "The failure",
            "type": "object",
            "required": ["code", "type", "message", "details", "timestamp", "request_id"],
            "properties": {
                "code": {"description": "Code of the failure", "type": "string", "enum": [*CODES]},
                "type": {"description": "Name of the code", "type": "string"},
                "message": {"description": "The failure in a sentence", "type": "string"},
                "details": {
                    "title": "ErrorDetails",
                    "description": "What helps: field, allowed, platform, platform_code,"
                    " platform_request_id, retryable, retry_after (seconds), action_url",
                    "type": "object",
                },
                "timestamp": {
                    "type": ["string", "null"],
                    "format": "date-time",
                    "description": "null in refusals of the gateway itself, with details.timestamp_ms",
                },
                "request_id": {"description": "Id of the request, also in the logs", "type": "string"},
            },
        },
    },
}
_LANGUAGE: dict[str, Any] = {
    "name": "Accept-Language",
    "in": "header",
    "schema": {"type": "string"},
    "description": "Language of the answer's sentences: en (default) or zh, as in zh-CN,zh;q=0.9",
}
_HEADERS: list[dict[str, Any]] = [
    {
        "name": "Idempotency-Key",
        "in": "header",
        "schema": {"type": "string", "maxLength": 255},
        "description": "The same key with the same request is carried out once, for at least 7 days",
    },
    {
        "name": "Prefer",
        "in": "header",
        "schema": {"type": "string"},
        "description": f"wait=N: seconds (default {DEFAULT_WAIT_SECONDS}, at most {LONGEST_WAIT_SECONDS})"
        " before a creation that goes on answers 202; respond-async does not wait",
    },
    {
        "name": "Content-Language",
        "in": "header",
        "schema": {"type": "string", "enum": ["en", "zh"]},
        "description": "Language of texts that are written for ads",
    },
]


def _content(models: list[str], description: str) -> dict[str, Any]:
    references = [{"$ref": f"{_SCHEMAS}{model}"} for model in models]
    schema = references[0] if len(references) == 1 else {"oneOf": references}
    about = " ".join(description.split())
    return {"description": about, "content": {"application/json": {"schema": schema}}}


def _refusal(codes: list[str]) -> dict[str, Any]:
    return _content(["Error"], ", ".join(f"{code} {CODES[code].type}" for code in codes))
