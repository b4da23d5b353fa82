"""The surroundings of a deployment: alarms, canaries, dashboards, and two stages in one account."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from local.cloud.stack.deployer import active_resources
from local.cloud.stack.intrinsics import Physical, Resolver, parameter_values, pseudo_parameters
from local.cloud.stack.resources import DEPLOY
from local.cloud.stack.template import transform
from local.deploy_check import UNSUPPORTED, is_unsupported

ROOT = Path(__file__).parents[2]
PARAMETERS = {
    "ReleaseId": "test",
    "JwtIssuer": "https://issuer",
    "JwtAudience": "audience",
    "JwksUrl": "https://issuer/keys",
    "AccountDailyBudgetCaps": "USD:1",
    "VpcId": "vpc-1",
    "SubnetIds": "subnet-1",
    "WafRequestLimit": "1000",
}
# Functions that can raise what a campaign spends.
SPENDING = {
    f"{name}Function"
    for name in (
        *("ManageCampaign", "UndoChange", "OptimizeBudget", "CreateAbTest", "AnalyzeAbTest", "CheckAbTest"),
        *("EvaluateRule", "MetaStep", "TikTokStep", "GoogleStep", "Proposals"),
    )
}
SCHEDULED = {
    f"{name}Function"
    for name in ("Outbox", "EvaluateRule", "ReconcileCampaigns", "ReconcileRules", "CheckAbTest")
}
MOST_METRICS = 10  # of one alarm


@pytest.fixture(scope="module")
def resources() -> dict[str, Any]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        found: dict[str, Any] = transform(ROOT / "template.yaml", PARAMETERS, [])["Resources"]
        return found


def of_type(resources: dict[str, Any], kind: str) -> dict[str, Any]:
    return {name: item["Properties"] for name, item in resources.items() if item["Type"] == kind}


def watched(alarm: dict[str, Any]) -> list[tuple[str, str]]:
    """Metric and function of each query of an alarm of metric maths."""
    stats = [query["MetricStat"]["Metric"] for query in alarm.get("Metrics", []) if "MetricStat" in query]
    return [(item["MetricName"], item["Dimensions"][0]["Value"].get("Ref")) for item in stats]


def test_each_function_has_an_alarm_on_its_errors_of_ten_metrics_at_most(
    resources: dict[str, Any],
) -> None:
    alarms = of_type(resources, "AWS::CloudWatch::Alarm")
    maths = {name: watched(alarm) for name, alarm in alarms.items() if "Metrics" in alarm}
    assert all(0 < len(found) <= MOST_METRICS for found in maths.values()), maths
    errors = {function for found in maths.values() for metric, function in found if metric == "Errors"}
    functions = set(of_type(resources, "AWS::Lambda::Function"))
    # The document's function and the scrape's own change nothing, and the API's 5xx alarm sees them.
    assert functions - errors <= {"GetOpenapiFunction", "GetMetricsFunction"}
    throttled = {function for found in maths.values() for metric, function in found if metric == "Throttles"}
    assert throttled >= SPENDING
    ended = {metric for metric, _ in maths["ExecutionsEndedAlarm"]}
    assert ended == {"ExecutionsTimedOut", "ExecutionsAborted"}


def test_what_is_left_behind_has_an_alarm_apart_from_harmless_rollbacks(resources: dict[str, Any]) -> None:
    alarms = of_type(resources, "AWS::CloudWatch::Alarm")
    left = alarms["LeftBehindAlarm"]
    assert {"Name": "outcome", "Value": "needs_reconciliation"} in left["Dimensions"]
    assert (left["Threshold"], alarms["CreationFailedAlarm"]["Threshold"]) == (1, 5)


def test_functions_that_spend_are_replaced_by_canaries_under_an_alarm(
    resources: dict[str, Any],
) -> None:
    groups = of_type(resources, "AWS::CodeDeploy::DeploymentGroup")
    assert {name.removesuffix("DeploymentGroup") for name in groups} == SPENDING
    alarms, seen = of_type(resources, "AWS::CloudWatch::Alarm"), set()
    for name, group in groups.items():
        (alarm,) = (item["Name"]["Ref"] for item in group["AlarmConfiguration"]["Alarms"])
        assert ("Errors", name.removesuffix("DeploymentGroup")) in watched(alarms[alarm])
        assert "DEPLOYMENT_STOP_ON_ALARM" in group["AutoRollbackConfiguration"]["Events"]
        seen |= {function for _, function in watched(alarms[alarm])}
    assert seen == SPENDING  # what only reads takes no version back
    for name in SPENDING:
        assert "CodeDeployLambdaAliasUpdate" in resources[f"{name}Aliaslive"]["UpdatePolicy"]


def test_what_a_scheduled_function_fails_at_is_kept(resources: dict[str, Any]) -> None:
    configured = of_type(resources, "AWS::Lambda::EventInvokeConfig").values()
    destinations = {
        item["FunctionName"]["Ref"]: item["DestinationConfig"]["OnFailure"]["Destination"]
        for item in configured
    }
    assert set(destinations) == SCHEDULED
    assert all(item == {"Fn::GetAtt": ["ScheduleDeadLetters", "Arn"]} for item in destinations.values())


def test_snapshots_are_for_functions_whose_callers_wait(resources: dict[str, Any]) -> None:
    functions = of_type(resources, "AWS::Lambda::Function")
    without = {name for name, item in functions.items() if item["SnapStart"] == {"ApplyOn": "None"}}
    assert without == {*SCHEDULED, "GetOpenapiFunction", "GetMetricsFunction"}
    assert not any("ReservedConcurrentExecutions" in item for item in functions.values())


def test_the_authorizer_is_called_through_its_alias(resources: dict[str, Any]) -> None:
    (api,) = of_type(resources, "AWS::ApiGateway::RestApi").values()
    scheme = api["Body"]["components"]["securitySchemes"]["JwtAuthorizer"]
    _, names = scheme["x-amazon-apigateway-authorizer"]["authorizerUri"]["Fn::Sub"]
    assert names["__FunctionArn__"] == {"Ref": "AuthorizerFunctionAliaslive"}


def test_functions_in_the_vpc_reach_the_cache_by_its_group_and_everything_else_by_tls(
    resources: dict[str, Any],
) -> None:
    clients = of_type(resources, "AWS::EC2::SecurityGroup")["CacheClientSecurityGroup"]
    assert [(rule["FromPort"], rule["ToPort"]) for rule in clients["SecurityGroupEgress"]] == [(443, 443)]
    (egress,) = of_type(resources, "AWS::EC2::SecurityGroupEgress").values()
    assert (egress["FromPort"], egress["ToPort"]) == (6379, 6380)
    assert "DestinationSecurityGroupId" in egress
    assert "CidrIp" not in egress


def test_secrets_of_a_failed_first_create_do_not_stay(resources: dict[str, Any]) -> None:
    secrets = [item for item in resources.values() if item["Type"] == "AWS::SecretsManager::Secret"]
    assert {item["DeletionPolicy"] for item in secrets} == {"RetainExceptOnCreate"}
    assert {item["UpdateReplacePolicy"] for item in secrets} == {"Retain"}


def resolved(stage: str) -> dict[str, Any]:
    """The properties of a stage's stack by logical id, its own resources named after it."""
    parameters = {**PARAMETERS, "Stage": stage}
    template = transform(ROOT / "template.yaml", parameters, [])
    values = {
        **pseudo_parameters(f"campaign-automation-{stage}"),
        **parameter_values(template["Parameters"], parameters),
    }
    resolver = Resolver(template, values)
    names = template["Resources"]
    resolver.resources = {name: Physical(f"{stage}:{name}", _Anything(f"{stage}:{name}")) for name in names}
    active = active_resources(names, resolver)
    return {name: resolver.resolve(item["Properties"]) for name, item in active.items()}


class _Anything(dict[str, str]):
    def __init__(self, name: str) -> None:
        self._name = name

    def __contains__(self, key: object) -> bool:
        return True

    def __getitem__(self, key: str) -> str:
        return f"{self._name}.{key}"


# Names that must differ within an account; a schedule's differs by its group.
PHYSICAL = {
    "AWS::ElastiCache::ServerlessCache": "ServerlessCacheName",
    "AWS::Lambda::LayerVersion": "LayerName",
    "AWS::Logs::LogGroup": "LogGroupName",
    "AWS::Scheduler::Schedule": "GroupName",
    "AWS::Scheduler::ScheduleGroup": "Name",
    "AWS::SecretsManager::Secret": "Name",
}
GIVEN = {"RoleName", "QueueName", "TableName", "AlarmName", "DashboardName"}


def test_two_stages_in_one_account_share_no_name_metric_or_alarm(
    resources: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    one, other = resolved("dev"), resolved("prod")
    assert len(one) > 150
    for name, properties in one.items():
        # CloudFormation names everything else after the stack.
        assert GIVEN.isdisjoint(properties), name
        if (key := PHYSICAL.get(resources[name]["Type"])) and key in properties:
            assert properties[key] != other[name][key], name
    for name in of_type(resources, "AWS::CloudWatch::Alarm"):
        assert queries(one[name]) != queries(other[name]), name
    assert one["Dashboard"]["DashboardBody"] != other["Dashboard"]["DashboardBody"]


def queries(alarm: dict[str, Any]) -> Any:
    """The metrics that an alarm watches."""
    return alarm.get("Metrics") or [alarm["Namespace"], alarm["MetricName"], alarm["Dimensions"]]


def test_both_dashboards_have_the_same_panels(resources: dict[str, Any]) -> None:
    body = of_type(resources, "AWS::CloudWatch::Dashboard")["Dashboard"]["DashboardBody"]["Fn::Sub"]
    widgets = json.loads(body)["widgets"]
    panels = json.loads((ROOT / "docs" / "grafana.json").read_text())["panels"]
    titles = [widget["properties"]["title"] for widget in widgets]
    assert titles == [panel["title"] for panel in panels]
    for widget, panel in zip(widgets, panels, strict=True):
        queries = " ".join(target["expr"] for target in panel["targets"])
        shown = set(re.findall(r"MetricName=(\w+)|CampaignAutomation\", \"(\w+)", json.dumps(widget)))
        for name in {one or two for one, two in shown}:
            assert name in queries, panel["title"]


def test_the_second_emulator_is_spared_few_types_each_with_its_reason(resources: dict[str, Any]) -> None:
    assert len(UNSUPPORTED) <= 6
    assert all(UNSUPPORTED.values())
    spared = {item["Type"] for item in resources.values() if is_unsupported(item)}
    assert spared == set(UNSUPPORTED)
    assert set(UNSUPPORTED) <= set(DEPLOY)
