"""The OpenAPI document, from the same models that parse the requests."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from campaign_automation.models import CampaignAccepted, CampaignCreated, CampaignStatus, CreateCampaign
from campaign_automation.models.ab_tests import (
    AbTestAccepted,
    AbTestAnalysis,
    AbTestCancelled,
    AbTestCreated,
    AnalyzeAbTest,
    CancelAbTest,
    CreateAbTest,
)
from campaign_automation.models.budgets import BudgetOptimized, OptimizeBudget
from campaign_automation.models.changes import (
    AuditTrail,
    CampaignManaged,
    ChangeUndone,
    ManageCampaign,
    UndoChange,
)
from campaign_automation.models.rules import (
    CreateRule,
    RuleCreated,
    RuleFromTemplate,
    RuleList,
    RuleShown,
    RuleStateChanged,
    RuleTemplates,
    SetRuleState,
    UpdateRule,
)


class Route(NamedTuple):
    method: str
    path: str
    action: str
    body: type[BaseModel] | None
    answers: dict[int, type[BaseModel]]
    query: tuple[str, ...] = ()


ROUTES = (
    Route(
        "post",
        "/v1/campaigns",
        "create_campaign",
        CreateCampaign,
        {201: CampaignCreated, 202: CampaignAccepted},
    ),
    Route("get", "/v1/campaigns/{campaign_id}", "get_campaign_status", None, {200: CampaignStatus}),
    Route(
        "post",
        "/v1/campaigns/{campaign_id}/status",
        "manage_campaign",
        ManageCampaign,
        {200: CampaignManaged},
    ),
    Route(
        "post",
        "/v1/campaigns/{campaign_id}/budget-optimizations",
        "optimize_budget",
        OptimizeBudget,
        {200: BudgetOptimized},
    ),
    Route(
        "get", "/v1/campaigns/{campaign_id}/audit", "get_audit", None, {200: AuditTrail}, ("after", "limit")
    ),
    Route("post", "/v1/campaigns/{campaign_id}/undo", "undo_change", UndoChange, {200: ChangeUndone}),
    Route("post", "/v1/ab-tests", "create_ab_test", CreateAbTest, {201: AbTestCreated, 202: AbTestAccepted}),
    Route("post", "/v1/ab-tests/{test_id}/analyses", "analyze_ab_test", AnalyzeAbTest, {200: AbTestAnalysis}),
    Route(
        "post", "/v1/ab-tests/{test_id}/cancellation", "cancel_ab_test", CancelAbTest, {200: AbTestCancelled}
    ),
    Route("post", "/v1/rules", "create_rule", CreateRule, {201: RuleCreated}),
    Route(
        "post",
        "/v1/rule-templates/{template}/rules",
        "create_rule_from_template",
        RuleFromTemplate,
        {201: RuleCreated},
    ),
    Route("get", "/v1/rule-templates", "list_rule_templates", None, {200: RuleTemplates}),
    Route("get", "/v1/rules", "list_rules", None, {200: RuleList}, ("after", "limit")),
    Route("get", "/v1/rules/{rule_id}", "get_rule", None, {200: RuleShown}),
    Route("put", "/v1/rules/{rule_id}", "update_rule", UpdateRule, {200: RuleCreated}),
    Route("post", "/v1/rules/{rule_id}/state", "set_rule_state", SetRuleState, {200: RuleStateChanged}),
    Route("delete", "/v1/rules/{rule_id}", "delete_rule", None, {200: RuleStateChanged}),
)

_ERROR = {
    "type": "object",
    "required": ["status", "error"],
    "properties": {
        "status": {"const": "error"},
        "error": {
            "type": "object",
            "required": ["code", "type", "message", "details", "timestamp", "request_id"],
            "properties": {
                "code": {"type": "string"},
                "type": {"type": "string"},
                "message": {"type": "string"},
                "details": {"type": "object"},
                "timestamp": {"type": "string", "format": "date-time"},
                "request_id": {"type": "string"},
            },
        },
    },
}


def document() -> dict[str, Any]:
    """OpenAPI 3.1 for every route of ROUTES."""
    schemas = _schemas()
    paths: dict[str, Any] = {}
    for route in ROUTES:
        paths.setdefault(route.path, {})[route.method] = _operation(route)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Campaign Automation", "version": "1"},
        "paths": paths,
        "components": {
            "schemas": {**schemas, "Error": _ERROR},
            "securitySchemes": {"jwt": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}},
        },
        "security": [{"jwt": []}],
    }


def _schemas() -> dict[str, Any]:
    inputs = [(route.body, "validation") for route in ROUTES if route.body]
    outputs = [(model, "serialization") for route in ROUTES for model in route.answers.values()]
    _, definitions = models_json_schema(
        [*inputs, *outputs],  # type: ignore[list-item]
        ref_template="#/components/schemas/{model}",
    )
    # A model that is both asked and answered has two descriptions: "Rule-Input" and "Rule-Output".
    text = json.dumps(definitions.get("$defs", {})).replace("-Input", "").replace("-Output", "Answer")
    schemas: dict[str, Any] = json.loads(text)
    for route in ROUTES:
        if route.body:
            _leave_out(schemas[route.body.__name__], _path_names(route.path))
    return schemas


def _leave_out(schema: dict[str, Any], names: list[str]) -> None:
    """What the path tells is no part of the body."""
    for name in names:
        schema["properties"].pop(name, None)
        if name in schema.get("required", []):
            schema["required"].remove(name)


def _operation(route: Route) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": route.action,
        "parameters": [
            *_path_parameters(route.path),
            *({"name": name, "in": "query", "schema": {"type": "string"}} for name in route.query),
            *(_HEADERS if route.method == "post" else []),
        ],
        "responses": {
            str(status): _content(model.__name__, model.__doc__ or route.action)
            for status, model in route.answers.items()
        }
        | {"default": _content("Error", "the error envelope")},
    }
    if route.body:
        operation["requestBody"] = {"required": True, **_content(route.body.__name__, "")}
        operation["requestBody"].pop("description")
    return operation


_HEADERS: list[dict[str, Any]] = [
    {"name": "Idempotency-Key", "in": "header", "schema": {"type": "string", "maxLength": 255}},
    {
        "name": "Prefer",
        "in": "header",
        "schema": {"type": "string"},
        "description": "wait=N, or respond-async",
    },
    {"name": "Content-Language", "in": "header", "schema": {"enum": ["en", "zh"]}},
]


def _path_parameters(path: str) -> list[dict[str, Any]]:
    return [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in _path_names(path)
    ]


def _path_names(path: str) -> list[str]:
    return [part[1:-1] for part in path.split("/") if part.startswith("{")]


def _content(model: str, description: str) -> dict[str, Any]:
    schema = {"$ref": f"#/components/schemas/{model}"}
    return {"description": description, "content": {"application/json": {"schema": schema}}}
