"""The transformed template and the state machine behind it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from cfnlint.api import lint
from cfnlint.config import ManualArgs

from campaign_automation.managers.campaigns.creation import STEPS
from campaign_automation.utils.error_handler import TRANSIENT
from local.cloud.template import transform

ROOT = Path(__file__).parents[2]
MACHINE = json.loads((ROOT / "statemachines" / "create_campaign.asl.json").read_text())
# Functions whose campaigns may be on any platform.
EVERY_PLATFORM = {
    f"{action}FunctionRole"
    for action in (
        "GetCampaignStatus",
        "ManageCampaign",
        "UndoChange",
        "OptimizeBudget",
        "CreateRule",
        "ManageRules",
        "EvaluateRule",
        "CreateAbTest",
        "AnalyzeAbTest",
        "CancelAbTest",
        "CheckAbTest",
    )
}
# Log delivery is managed for the whole account and tracing writes to no resource: these know no ARN.
WITHOUT_RESOURCE = re.compile(
    r"^(logs:(\w*LogDelivery|ListLogDeliveries|PutResourcePolicy|Describe\w+)|xray:\w+)$"
)


@pytest.fixture(scope="module")
def transformed() -> dict[str, Any]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        return transform(ROOT / "template.yaml", {"Stage": "dev", "ReleaseId": "test"}, [])


def test_no_statement_allows_a_wildcard_without_a_written_reason(transformed: dict[str, Any]) -> None:
    wildcards = []
    for name, resource in transformed["Resources"].items():
        if resource["Type"] != "AWS::IAM::Role":
            continue
        for policy in resource["Properties"].get("Policies", []):
            policy = policy.get("Fn::If", [None, policy])[1]  # for a parameter that may be empty
            statements = policy["PolicyDocument"]["Statement"]
            for statement in statements if isinstance(statements, list) else [statements]:
                actions = statement["Action"]
                actions = actions if isinstance(actions, list) else [actions]
                if "*" in (statement["Resource"], *actions):
                    wildcards += [(name, action) for action in actions if not WITHOUT_RESOURCE.match(action)]
    assert wildcards == []


def test_each_secret_is_readable_only_by_the_functions_that_need_it(transformed: dict[str, Any]) -> None:
    readers: dict[str, set[str]] = {}
    for name, resource in transformed["Resources"].items():
        if resource["Type"] == "AWS::IAM::Role":
            for secret in re.findall(
                r'"Ref": "(\w+Secret)"', json.dumps(resource["Properties"].get("Policies", []))
            ):
                readers.setdefault(secret, set()).add(name)
    steps = {f"{platform}StepFunctionRole" for platform in ("Meta", "TikTok", "Google")}
    assert readers == {
        "MetaSecret": {"MetaStepFunctionRole", *EVERY_PLATFORM},
        "TikTokSecret": {"TikTokStepFunctionRole", *EVERY_PLATFORM},
        "GoogleSecret": {"GoogleStepFunctionRole", *EVERY_PLATFORM},
        "WebPlatformSecret": {*steps, *EVERY_PLATFORM, "OutboxFunctionRole"},
        "GeminiSecret": {"WriteCopyFunctionRole"},
    }


def test_every_route_but_the_document_asks_for_a_token(transformed: dict[str, Any]) -> None:
    (api,) = (
        item for item in transformed["Resources"].values() if item["Type"] == "AWS::ApiGateway::RestApi"
    )
    open_routes = [
        path
        for path, methods in api["Properties"]["Body"]["paths"].items()
        for method in methods.values()
        if method.get("security", [{}]) in ([], [{"NONE": []}])
    ]
    assert open_routes == ["/v1/openapi.json"]


def test_the_table_survives_a_deleted_stack(transformed: dict[str, Any]) -> None:
    table = transformed["Resources"]["Table"]
    assert (table["DeletionPolicy"], table["UpdateReplacePolicy"]) == ("Retain", "Retain")
    assert table["Properties"]["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"]


# --- the state machine -------------------------------------------------------------------------------


def test_the_definition_passes_the_linter() -> None:
    """cfn-lint does not look behind DefinitionUri, so the definition is put into a template of its own."""
    filled = re.sub(r"\$\{\w+\}", "arn:aws:lambda:us-east-1:123456789012:function:f", json.dumps(MACHINE))
    machine = {
        "Type": "AWS::StepFunctions::StateMachine",
        "Properties": {"RoleArn": "arn:aws:iam::123456789012:role/r", "Definition": json.loads(filled)},
    }
    found = lint(json.dumps({"Resources": {"Machine": machine}}), config=ManualArgs(regions=["us-east-1"]))
    assert [str(match) for match in found] == []


def tasks() -> dict[str, dict[str, Any]]:
    inner = MACHINE["States"]["Write Copy"]["ItemProcessor"]["States"]
    return {name: state for name, state in (MACHINE["States"] | inner).items() if state["Type"] == "Task"}


def test_each_task_has_a_time_limit_retries_and_a_way_out() -> None:
    for name, task in tasks().items():
        assert task["TimeoutSeconds"], name
        for retry in task["Retry"]:
            assert retry["JitterStrategy"] == "FULL"
            assert retry["MaxDelaySeconds"] <= 60
        assert "Catch" in task or name == "Use Template", name


def test_each_step_of_the_code_is_a_state_and_each_state_a_step() -> None:
    assert {task["Parameters"]["Payload"]["step"] for task in tasks().values()} == set(STEPS)


def test_exactly_the_transient_classes_are_retried() -> None:
    names = {kind.__name__ for kind in TRANSIENT}
    for name, task in tasks().items():
        retried = {
            error
            for retry in task["Retry"]
            for error in retry["ErrorEquals"]
            if not error.startswith("Lambda.")
        }
        expected = names
        if name in ("Undo", "Give Up"):
            expected = {"States.ALL"}
        elif name in ("Write One Copy", "Use Template"):
            expected = {"StoreError"}
        assert retried == expected, name


def test_every_failure_before_the_end_is_undone() -> None:
    for name, state in MACHINE["States"].items():
        if name in ("Undo", "Give Up") or state["Type"] not in ("Task", "Map"):
            continue
        (catch,) = state["Catch"]
        assert (catch["ErrorEquals"], catch["Next"]) == (["States.ALL"], "Undo"), name


def test_every_state_can_be_reached_and_ends() -> None:
    states = MACHINE["States"]
    reached, open_ = set(), {MACHINE["StartAt"]}
    while open_:
        name = open_.pop()
        reached.add(name)
        state = states[name]
        targets = {state.get("Next"), state.get("Default")}
        targets |= {choice["Next"] for choice in state.get("Choices", [])}
        targets |= {catch["Next"] for catch in state.get("Catch", [])}
        assert state["Type"] in ("Succeed", "Fail") or targets - {None}
        open_ |= targets - {None} - reached
    assert reached == set(states)
