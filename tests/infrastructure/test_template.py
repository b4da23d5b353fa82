"""The transformed template and the state machine behind it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from campaign_automation.managers.campaigns.creation import STEPS
from campaign_automation.managers.rules.evaluation import CLAIM_SECONDS
from campaign_automation.utils.error_handler import CODES, TRANSIENT
from local.cloud.aws import ACCOUNT, REGION
from local.cloud.stack.template import transform
from tests.support.roles import Right, rights_of_roles

ROOT = Path(__file__).parents[2]
MACHINE = json.loads((ROOT / "statemachines" / "create_campaign.asl.json").read_text())
# Functions whose campaigns may be on any platform.
EVERY_PLATFORM = {
    f"{action}FunctionRole"
    for action in (
        "Account",
        "CreateCampaign",  # which looks at what an earlier call made
        "GetCampaignStatus",
        "ManageCampaign",
        "UndoChange",
        "OptimizeBudget",
        "CreateRule",
        "ManageRules",
        "EvaluateRule",
        "CreateAbTest",
        "AnalyzeAbTest",
        "Reports",
        "CollectInsights",
        "CancelAbTest",
        "CheckAbTest",
        "ReconcileCampaigns",
        "Proposals",
    )
}
PLATFORM_STEPS = {f"{platform}StepFunctionRole" for platform in ("Meta", "TikTok", "Google")}
ACCOUNTS = f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:campaign-automation/dev/accounts/*"
SCHEDULES = f"arn:aws:scheduler:{REGION}:{ACCOUNT}:schedule"
# Log delivery is managed for the whole account and tracing writes to no resource: these know no ARN.
WITHOUT_RESOURCE = re.compile(
    r"^(logs:(\w*LogDelivery|ListLogDeliveries|PutResourcePolicy|Describe\w+)|xray:\w+)$"
)


PARAMETERS = {
    "Stage": "dev",
    "ReleaseId": "test",
    "JwtIssuer": "https://issuer",
    "JwtAudience": "audience",
    "JwksUrl": "https://issuer/keys",
    "AccountDailyBudgetCaps": "USD:1",
}
# These decide which statements there are.
OPTIONAL = {"McpUrl": "https://mcp", "NotificationTopicArn": "arn:topic", "CacheSecretArn": "arn:cache"}


@pytest.fixture(scope="module")
def transformed() -> dict[str, Any]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        return transform(ROOT / "template.yaml", PARAMETERS, list(OPTIONAL))


@pytest.fixture(params=[{}, OPTIONAL], ids=["without the optional parts", "with all of them"])
def rights(transformed: dict[str, Any], request: pytest.FixtureRequest) -> dict[str, set[Right]]:
    return rights_of_roles(transformed, {**PARAMETERS, **request.param})


def holders(rights: dict[str, set[Right]], concerned: Callable[[Right], bool]) -> set[str]:
    return {role for role, found in rights.items() if any(concerned(right) for right in found)}


def test_no_statement_allows_a_wildcard_without_a_written_reason(rights: dict[str, set[Right]]) -> None:
    assert len(rights) > 20
    for role, found in rights.items():
        wildcards = {right.action for right in found if "*" in (right.resource, right.action)}
        assert {action for action in wildcards if not WITHOUT_RESOURCE.match(action)} == set(), role


def test_each_secret_is_readable_only_by_the_functions_that_need_it(rights: dict[str, set[Right]]) -> None:
    readers = {
        "MetaSecret": {"MetaStepFunctionRole", *EVERY_PLATFORM},
        "TikTokSecret": {"TikTokStepFunctionRole", *EVERY_PLATFORM},
        "GoogleSecret": {"GoogleStepFunctionRole", *EVERY_PLATFORM},
        "WebPlatformSecret": {*PLATFORM_STEPS, *EVERY_PLATFORM, "OutboxFunctionRole"},
        "GeminiSecret": {"WriteCopyFunctionRole"},
        # Functions that make links, or forms that decide.
        "LinksSecret": {
            *("AuthorizerFunctionRole", "ProposalsFunctionRole", "OutboxFunctionRole"),
            *("AccountFunctionRole", "ReportsFunctionRole"),
        },
    }
    others = {
        "arn:cache": {"GetCampaignStatusFunctionRole", "AccountFunctionRole", *PLATFORM_STEPS},
        ACCOUNTS: {*PLATFORM_STEPS, *EVERY_PLATFORM},
    }
    reads = {right for found in rights.values() for right in found if right.action.startswith("secrets")}
    assert {right.action for right in reads} == {"secretsmanager:GetSecretValue"}
    # The secrets of users' accounts may be read only where no Web Platform tells the accounts.
    assert {right.resource for right in reads} in ({*readers, ACCOUNTS}, {*readers, "arn:cache"})
    for right in reads:
        assert holders(rights, right.__eq__) == {**readers, **others}[right.resource], right.resource


def test_each_function_may_do_to_the_table_what_it_does(rights: dict[str, set[Right]]) -> None:
    query = "dynamodb:Query"
    get, put, update, delete = (f"dynamodb:{verb}Item" for verb in ("Get", "Put", "Update", "Delete"))
    writers = {*PLATFORM_STEPS, *EVERY_PLATFORM} - {"GetCampaignStatusFunctionRole"}
    expected = {
        **{role: {get, query, put, update, delete} for role in writers},
        # These write only what they count, metrics and calls to platforms.
        "GetCampaignStatusFunctionRole": {get, query, put, update},
        "GetAuditFunctionRole": {get, query, put, update},
        "CreateCampaignFunctionRole": {get, query, put, update, delete},
        "GetMetricsFunctionRole": {query},
        "OutboxFunctionRole": {get, query, put, update, delete},
        "NoticesFunctionRole": {get, query, put, update, delete},
        "ReconcileRulesFunctionRole": {get, query, update},
        "WriteCopyFunctionRole": {query, update},
    }
    for name in ("CreateRule", "ManageRules", "EvaluateRule", "Account"):  # they read whole accounts
        expected[f"{name}FunctionRole"].add("dynamodb:BatchGetItem")
    for role, found in rights.items():
        allowed = {right.action for right in found if right.action.startswith("dynamodb:")}
        assert allowed == expected.get(role, set()), role
    with_index = holders(rights, lambda right: right.resource == "Table/index/outbox")
    reconcilers = {
        "ReconcileRulesFunctionRole",
        "ReconcileCampaignsFunctionRole",
        "CollectInsightsFunctionRole",
    }
    operators = {"ManageCampaignFunctionRole", "AccountFunctionRole", "GetAuditFunctionRole"}
    assert with_index == {*operators, "OutboxFunctionRole", *reconcilers}


def test_schedules_functions_and_topics_are_for_those_who_need_them(rights: dict[str, set[Right]]) -> None:
    def who(action: str, resource: str) -> set[str]:
        found = holders(rights, lambda right: (right.action, right.resource) == (action, resource))
        return {role.removesuffix("Role").removesuffix("Function") for role in found}

    rules, tests, pauses = (f"{SCHEDULES}/{kind}ScheduleGroup/*" for kind in ("Rule", "AbTest", "Pause"))
    ab_tests = {"CreateAbTest", "AnalyzeAbTest", "CancelAbTest", "CheckAbTest"}
    steps = {"MetaStep", "TikTokStep", "GoogleStep"}
    expected = {
        ("scheduler:CreateSchedule", rules): {"CreateRule", "ManageRules", "ReconcileRules"},
        ("scheduler:UpdateSchedule", rules): {"CreateRule", "ManageRules", "ReconcileRules"},
        ("scheduler:DeleteSchedule", rules): {"ManageRules", "ReconcileRules"},
        ("scheduler:GetSchedule", rules): {"ReconcileRules"},
        ("scheduler:ListSchedules", f"{SCHEDULES}/*/*"): {"Outbox", "ReconcileRules"},
        ("scheduler:CreateSchedule", tests): {"CreateAbTest", "ReconcileRules"},
        ("scheduler:DeleteSchedule", tests): ab_tests,
        ("scheduler:CreateSchedule", pauses): {"ManageCampaign"},
        ("scheduler:UpdateSchedule", pauses): {"ManageCampaign"},
        ("scheduler:DeleteSchedule", pauses): {"ManageCampaign"},
        ("iam:PassRole", "PauseScheduleRole"): {"ManageCampaign"},
        ("iam:PassRole", "RuleScheduleRole"): {"CreateRule", "ManageRules", "ReconcileRules"},
        ("iam:PassRole", "AbTestScheduleRole"): {"CreateAbTest", "ReconcileRules"},
        ("sns:Publish", "arn:topic"): {
            *("Outbox", "EvaluateRule", "CheckAbTest", "ReconcileCampaigns", "CollectInsights"),
            *steps,
        },
        ("events:PutEvents", "EventBus"): {"Outbox"},
    }
    asked = {
        right
        for found in rights.values()
        for right in found
        if right.action.partition(":")[0] in ("scheduler", "iam", "sns", "events")
    }
    assert set(expected) - asked <= {("sns:Publish", "arn:topic")}
    assert {right: who(*right) for right in asked} == {right: expected[right] for right in asked}


def test_the_mcp_endpoint_may_call_the_functions_of_its_tools_and_nothing_else(
    rights: dict[str, set[Right]],
) -> None:
    tools = json.loads((ROOT / "functions/mcp/tools.json").read_text())["tools"]
    functions = {"".join(part.title() for part in tool["function"].split("_")) for tool in tools}
    calls = {("lambda:InvokeFunction", f"{name}FunctionAliaslive") for name in functions}
    found = {(right.action, right.resource) for right in rights["McpFunctionRole"]}
    assert {right for right in found if right[0].partition(":")[0] not in ("logs", "xray")} == calls


def test_texts_are_written_for_creations_and_for_added_ads(rights: dict[str, set[Right]]) -> None:
    writes = holders(
        rights, lambda right: right.action == "lambda:InvokeFunction" and "WriteCopy" in right.resource
    )
    assert writes == {"CreateCampaignStateMachineRole", "ManageCampaignFunctionRole"}
    keys = holders(rights, lambda right: right.resource == "GeminiSecret")
    assert keys == {"WriteCopyFunctionRole"}


def test_messages_are_handed_over_by_those_who_change_campaigns(rights: dict[str, set[Right]]) -> None:
    found = holders(
        rights, lambda right: right.action == "lambda:InvokeFunction" and "Outbox" in right.resource
    )
    changing = {"ManageCampaign", "UndoChange", "OptimizeBudget", "EvaluateRule", "ReconcileCampaigns"}
    tests = {"CreateAbTest", "AnalyzeAbTest", "CancelAbTest", "CheckAbTest"}
    telling = {"Proposals", "CreateCampaign", "CollectInsights"}  # of proposals, and of digests
    functions = {f"{name}FunctionRole" for name in changing | tests | telling}
    others = {"CreateCampaignStateMachineRole", "OutboxFunctionEveryFiveMinutesRole"}
    assert found == functions | others


def test_executions_are_stopped_by_a_pause_and_looked_at_by_the_reconciler(
    rights: dict[str, set[Right]],
) -> None:
    for action, role in (("Stop", "ManageCampaign"), ("Describe", "ReconcileCampaigns")):
        found = holders(rights, lambda right, name=action: right.action == f"states:{name}Execution")
        assert role in {item.removesuffix("FunctionRole") for item in found}
    stops = holders(rights, lambda right: right.action == "states:StopExecution")
    assert stops == {"ManageCampaignFunctionRole", "EvaluateRuleStateMachineRole"}  # of its own children


def test_runs_over_many_accounts_start_and_stop_executions_of_their_own_machine_alone(
    rights: dict[str, set[Right]],
) -> None:
    def of(role: str) -> set[tuple[str, str]]:
        found = {(right.action, right.resource.rpartition(":states:")[2]) for right in rights[role]}
        return {right for right in found if right[0].startswith("states:")}

    place = f"{REGION}:{ACCOUNT}"
    start = ("states:StartExecution", f"{place}:stateMachine:stack-evaluate-rule")
    children = {f"{place}:execution:stack-evaluate-rule{end}" for end in (":*", "/*")}
    assert of("EvaluateRuleFunctionRole") == {start}
    assert of("EvaluateRuleStateMachineRole") == {
        start,
        *((f"states:{verb}Execution", name) for verb in ("Describe", "Stop") for name in children),
    }
    calls = {right.resource for right in rights["EvaluateRuleStateMachineRole"] if "Invoke" in right.action}
    assert all("EvaluateRuleFunction" in name for name in calls)


def test_a_run_over_many_accounts_leaves_none_out_and_is_decided_in_the_end() -> None:
    machine = json.loads((ROOT / "statemachines" / "evaluate_rule.asl.json").read_text())
    looks, decide = machine["States"]["Look At Accounts"], machine["States"]["Decide"]
    assert looks["ToleratedFailurePercentage"] == 100
    assert looks["Catch"][0]["ErrorEquals"] == ["States.ALL"]
    assert machine["States"][looks["Catch"][0]["Next"]]["Next"] == looks["Next"] == "Decide"
    (retry,) = decide["Retry"]
    assert (retry["ErrorEquals"], "JitterStrategy" in retry) == (["States.ALL"], False)
    waits = [
        retry["IntervalSeconds"] * retry["BackoffRate"] ** tries for tries in range(retry["MaxAttempts"])
    ]
    assert sum(min(seconds, retry["MaxDelaySeconds"]) for seconds in waits) > CLAIM_SECONDS
    shortest_interval = 900
    assert machine["TimeoutSeconds"] < shortest_interval


def test_every_route_but_the_document_and_the_health_asks_for_a_token(transformed: dict[str, Any]) -> None:
    (api,) = (
        item for item in transformed["Resources"].values() if item["Type"] == "AWS::ApiGateway::RestApi"
    )
    open_routes = [
        path
        for path, methods in api["Properties"]["Body"]["paths"].items()
        for method in methods.values()
        if method.get("security", [{}]) in ([], [{"NONE": []}])
    ]
    assert sorted(open_routes) == [
        "/.well-known/oauth-protected-resource",
        "/v1/docs",
        "/v1/events.json",
        "/v1/health",
        "/v1/openapi.json",
        "/v1/tools",
    ]


def test_the_stack_stays_below_the_limits_of_aws(transformed: dict[str, Any]) -> None:
    """CloudFormation takes 500 resources, IAM ten managed policies on a role unless it is asked for more."""
    resources = transformed["Resources"].values()
    assert len(resources) < 450
    policies = [
        item["Properties"].get("ManagedPolicyArns", [])
        for item in resources
        if item["Type"] == "AWS::IAM::Role"
    ]
    assert 0 < max(map(len, policies)) <= 10


def test_the_template_stays_short() -> None:
    """1,300 lines for the 22 functions it began with, and 32 for each that came later; alarms and dashboard
    are counted apart, without the one line for each metric of an alarm."""
    text = (ROOT / "template.yaml").read_text()
    added = text.count("Type: AWS::Serverless::Function") - 22
    rest, alarms = text.split("  # --- Alarms and dashboard")
    assert len(rest.splitlines()) < 1300 + 32 * added
    assert (
        sum("MetricStat" not in line for line in alarms.splitlines()) < 157 + 6 * added
    )  # an alarm for each


def test_the_gateway_refuses_in_the_envelope(transformed: dict[str, Any]) -> None:
    """Its templates know simple variables only, and none of them is an RFC 3339 time."""
    (body,) = (
        item["Properties"]["Body"]
        for item in transformed["Resources"].values()
        if item["Type"] == "AWS::ApiGateway::RestApi"
    )
    answers = body["x-amazon-apigateway-gateway-responses"]
    assert {"DEFAULT_4XX", "DEFAULT_5XX"} <= answers.keys()
    for answer in answers.values():
        template = answer["responseTemplates"]["application/json"]
        filled = template.replace("$context.error.messageString", '"Unsupported Media Type"')
        filled = filled.replace("$context.requestTimeEpoch", "1764329293000")
        error = json.loads(filled.replace("$context.requestId", "r"))["error"]
        assert set(error) == {"code", "type", "message", "details", "timestamp", "request_id"}
        assert CODES[error["code"]].type == error["type"]
        assert error["timestamp"] is None
        assert error["details"]["timestamp_ms"] == 1764329293000


def test_the_table_survives_a_deleted_stack(transformed: dict[str, Any]) -> None:
    table = transformed["Resources"]["Table"]
    assert (table["DeletionPolicy"], table["UpdateReplacePolicy"]) == ("Retain", "Retain")
    assert table["Properties"]["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"]


# --- the state machine -------------------------------------------------------------------------------


def test_the_definition_passes_the_linter() -> None:
    """cfn-lint does not look behind DefinitionUri, so the definition is put into a template of its own."""
    from cfnlint.api import lint  # takes seconds, in one process of a run
    from cfnlint.config import ManualArgs

    filled = re.sub(r"\$\{\w+\}", "arn:aws:lambda:us-east-1:123456789012:function:f", json.dumps(MACHINE))
    machine = {
        "Type": "AWS::StepFunctions::StateMachine",
        "Properties": {"RoleArn": "arn:aws:iam::123456789012:role/r", "Definition": json.loads(filled)},
    }
    found = lint(json.dumps({"Resources": {"Machine": machine}}), config=ManualArgs(regions=["us-east-1"]))
    assert [str(match) for match in found] == []


WORKER_DIED = {"Runtime.ExitError", "Lambda.Unknown", "Sandbox.Timedout", "States.Timeout"}


def functions(transformed: dict[str, Any]) -> dict[str, dict[str, Any]]:
    found = transformed["Resources"].items()
    return {name: item for name, item in found if item["Type"] == "AWS::Lambda::Function"}


def branches() -> list[dict[str, Any]]:
    """The copy, and beside it the campaign with its ad sets."""
    return list(MACHINE["States"]["Write And Create"]["Branches"])


def tasks() -> dict[str, dict[str, Any]]:
    states = MACHINE["States"] | {name: item for part in branches() for name, item in part["States"].items()}
    return {name: item for name, item in states.items() if item["Type"] == "Task" and not hands_over(item)}


def hands_over(task: dict[str, Any]) -> bool:
    """Whether a task leaves what it begins to the outbox's own function."""
    return task.get("Parameters", {}).get("InvocationType") == "Event"


def test_the_web_platform_is_told_in_states_that_wait_for_nothing_and_fail_nothing() -> None:
    told = {name: item for name, item in MACHINE["States"].items() if hands_over(item)}
    assert {name: task["Next"] for name, task in told.items()} == {
        "Tell Web Platform": "Done",
        "Tell Of Undo": "Rolled Back",
    }
    for task in told.values():
        (catch,) = task["Catch"]
        assert (catch["ErrorEquals"], catch["Next"]) == (["States.ALL"], task["Next"])


def test_each_task_has_a_time_limit_retries_and_a_way_out() -> None:
    for name, task in tasks().items():
        assert task["TimeoutSeconds"], name
        for retry in task["Retry"]:
            assert retry["JitterStrategy"] == "FULL"
            assert retry["MaxDelaySeconds"] <= 60
        assert "Catch" in task or name in branches()[1]["States"], name


def test_each_step_of_the_code_is_a_state_and_each_state_a_step() -> None:
    assert {task["Parameters"]["Payload"]["step"] for task in tasks().values()} == set(STEPS)


def test_exactly_the_transient_classes_are_retried() -> None:
    names = {kind.__name__ for kind in TRANSIENT}
    for name, task in tasks().items():
        retried = {
            error
            for retry in task["Retry"]
            for error in retry["ErrorEquals"]
            if not error.startswith("Lambda.") or error in WORKER_DIED
        }
        expected = names | WORKER_DIED
        if name == "Undo":
            # A wait of more than a minute is left to the reconciler.
            (never,) = (retry for retry in task["Retry"] if retry["MaxAttempts"] == 0)
            assert never["ErrorEquals"] == ["PlatformQuotaError"]
            expected = {"States.ALL", "PlatformQuotaError"}
        elif name == "Give Up":
            expected = {"States.ALL"}
        elif name in ("Write Copy", "Use Template"):
            expected = {"StoreError"} | WORKER_DIED
        assert retried == expected, name


def test_a_step_ends_before_the_state_machine_starts_it_again(transformed: dict[str, Any]) -> None:
    """Two runs of a step at once could both find that an object is missing, and make it twice."""
    limits = {name: item["Properties"]["Timeout"] for name, item in functions(transformed).items()}
    steps = max(limits[f"{platform}StepFunction"] for platform in ("Meta", "TikTok", "Google"))
    for name, task in tasks().items():
        limit = limits["WriteCopyFunction"] if name == "Write Copy" else steps
        assert task["TimeoutSeconds"] > limit, name


def test_every_failure_before_the_end_is_undone() -> None:
    for name, state in MACHINE["States"].items():
        if name in ("Undo", "Give Up") or state["Type"] not in ("Task", "Parallel") or hands_over(state):
            continue
        (catch,) = state["Catch"]
        assert (catch["ErrorEquals"], catch["Next"]) == (["States.ALL"], "Undo"), name


def test_the_copy_cannot_fail_while_the_campaign_is_made() -> None:
    """Undo would begin while a create is under way, the other branch being stopped but not its function."""
    copy, _ = branches()
    for name, state in copy["States"].items():
        if state["Type"] != "Pass":
            assert [catch["ErrorEquals"] for catch in state["Catch"]] == [["States.ALL"]], name


@pytest.mark.parametrize("machine", [MACHINE, *branches()])
def test_every_state_can_be_reached_and_ends(machine: dict[str, Any]) -> None:
    states = machine["States"]
    reached, open_ = set(), {machine["StartAt"]}
    while open_:
        name = open_.pop()
        reached.add(name)
        state = states[name]
        targets = {state.get("Next"), state.get("Default")}
        targets |= {choice["Next"] for choice in state.get("Choices", [])}
        targets |= {catch["Next"] for catch in state.get("Catch", [])}
        assert state["Type"] in ("Succeed", "Fail") or state.get("End") or targets - {None}
        open_ |= targets - {None} - reached
    assert reached == set(states)
