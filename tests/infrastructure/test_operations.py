"""The surroundings of a deployment: alarms, canaries, dashboards, and two stages in one account."""

from __future__ import annotations

import ast
import asyncio
import copy
import json
import re
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from campaign_automation.actions import ACTIONS
from campaign_automation.api.http import respond
from campaign_automation.settings import Settings
from campaign_automation.steps import creation_step
from campaign_automation.stores.engines.sqlite import SqliteTable
from campaign_automation.utils.error_handler import CampaignAutomationError
from campaign_automation.utils.observability import NAMESPACE
from campaign_automation.wiring import Wiring
from local.cloud.stack.deployer import active_resources
from local.cloud.stack.intrinsics import Physical, Resolver, parameter_values, pseudo_parameters
from local.cloud.stack.resources import DEPLOY
from local.cloud.stack.template import transform
from local.deploy_check import UNSUPPORTED, is_unsupported, known
from local.source import template

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
        *("EvaluateRule", "MetaStep", "TikTokStep", "GoogleStep", "Proposals", "ReconcileCampaigns"),
    )
}
SCHEDULED = {
    f"{name}Function"
    for name in (
        *("Outbox", "EvaluateRule", "ReconcileCampaigns", "ReconcileRules", "CheckAbTest"),
        "CollectInsights",
    )
}
MOST_METRICS = 10  # of one alarm
CANARY = ("SpendingFunctionsAlarm", "CreationStepsAlarm", "SpendingInternalErrorsAlarm", "ProposalsAlarm")


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


def test_each_function_has_alarms_on_its_errors_and_throttles_of_ten_metrics_at_most(
    resources: dict[str, Any],
) -> None:
    alarms = of_type(resources, "AWS::CloudWatch::Alarm")
    maths = {name: watched(alarm) for name, alarm in alarms.items() if "Metrics" in alarm}
    assert all(0 < len(found) <= MOST_METRICS for found in maths.values()), maths
    functions = sorted(of_type(resources, "AWS::Lambda::Function"))
    for name in ("Errors", "Throttles"):
        seen = [function for found in maths.values() for metric, function in found if metric == name]
        assert sorted(seen) == functions, name
    ended = {metric for metric, _ in maths["ExecutionsEndedAlarm"]}
    assert ended == {"ExecutionsTimedOut", "ExecutionsAborted"}


def test_faults_that_are_answered_for_have_alarms_of_their_own(resources: dict[str, Any]) -> None:
    """Lambda counts no error of a function that answers 500, or goes on with the next of its campaigns."""
    alarms = of_type(resources, "AWS::CloudWatch::Alarm")
    seen = {
        function: name
        for name, alarm in alarms.items()
        for metric, function in watched(alarm)
        if metric == "internal_errors_total"
    }
    apps = {name: (ROOT / folder / "app.py").read_text() for name, folder in folders().items()}
    # A computation, the authorizer, the document and the scrape raise what they do not expect.
    answering = {name for name, text in apps.items() if re.search(r"import (handler|.*(task|step))\n", text)}
    assert answering - {"WriteCopyFunction"} == set(seen)
    assert {name for name, alarm in seen.items() if alarm in CANARY} == SPENDING


def folders() -> dict[str, str]:
    functions = template()["Resources"]
    return {
        name: item["Properties"]["CodeUri"]
        for name, item in functions.items()
        if item["Type"] == "AWS::Serverless::Function"
    }


def test_errors_that_are_answers_are_taken_off_lambdas_count(resources: dict[str, Any]) -> None:
    alarms = of_type(resources, "AWS::CloudWatch::Alarm")
    for name, alarm in alarms.items():
        found = watched(alarm)
        answers = {function for metric, function in found if metric == "errors_as_answers_total"}
        assert answers <= {function for metric, function in found if metric == "Errors"}, name
        if not answers:
            continue
        (expression,) = [query["Expression"] for query in alarm["Metrics"] if "Expression" in query]
        added, taken = expression.split(" - ")
        ids = {
            query["Id"]: query["MetricStat"]["Metric"] for query in alarm["Metrics"] if "MetricStat" in query
        }
        plus = {key for key, metric in ids.items() if metric["MetricName"] != "errors_as_answers_total"}
        assert set(re.findall(r"\b[am]\d+", added)) == plus, name
        # A count that there never was has no data; a series of zeros beside it has.
        of_answers = set(re.findall(r"\ba\d+\b", taken))
        zeros = {ids[key]["Dimensions"][0]["Value"]["Ref"] for key in re.findall(r"\b(m\d+) \* 0", taken)}
        assert of_answers == ids.keys() - plus
        assert zeros >= answers, name


class Sum(NamedTuple):
    """One metric's sum of a period as metric maths takes it: None where nothing was counted."""

    value: float | None

    def __mul__(self, factor: object) -> Sum:  # type: ignore[override]
        assert isinstance(factor, int)
        return Sum(None if self.value is None else self.value * factor)

    def __sub__(self, other: Sum) -> Sum:
        return Sum(None if self.value is None or other.value is None else self.value - other.value)


def total(sums: list[Sum]) -> Sum:
    """SUM skips what has no data, and has none itself when nothing has."""
    found = [item.value for item in sums if item.value is not None]
    return Sum(sum(found) if found else None)


def evaluated(alarm: dict[str, Any], counted: dict[str, float]) -> float | None:
    """Compute the value that the alarm compares in a period in which only `counted` has data."""
    (expression,) = [query["Expression"] for query in alarm["Metrics"] if "Expression" in query]
    names = [query["Id"] for query in alarm["Metrics"] if "MetricStat" in query]
    sums = {name: Sum(counted.get(name)) for name in names}
    found: Sum = eval(expression, {"SUM": total, "METRICS": lambda: list(sums.values()), **sums})
    return found.value


def test_each_metric_alone_moves_its_alarm_whatever_else_had_no_data(resources: dict[str, Any]) -> None:
    """A function that nobody called has no data, and a difference with no data is none."""
    alarms = of_type(resources, "AWS::CloudWatch::Alarm")
    maths = [alarm for alarm in alarms.values() if "Metrics" in alarm]
    assert maths
    for alarm in maths:
        metrics = {
            query["Id"]: query["MetricStat"]["Metric"] for query in alarm["Metrics"] if "MetricStat" in query
        }
        for one, metric in metrics.items():
            if metric["MetricName"] == "errors_as_answers_total":
                function = metric["Dimensions"][0]["Value"]
                (errors,) = [
                    name
                    for name, item in metrics.items()
                    if item["MetricName"] == "Errors" and item["Dimensions"][0]["Value"] == function
                ]
                assert evaluated(alarm, {errors: 7, one: 5}) == 2
            else:
                assert evaluated(alarm, {one: 3}) == 3, (alarm["AlarmDescription"], one)
                assert evaluated(alarm, dict.fromkeys(metrics, 0) | {one: 3}) == 3


RAISING = {
    "MetaStepFunction": "CreationStepsAlarm",
    "TikTokStepFunction": "CreationStepsAlarm",
    "GoogleStepFunction": "CreationStepsAlarm",
    "WriteCopyFunction": "OtherFunctionsAlarm",
    "AuthorizerFunction": "FrontFunctionsAlarm",
}


def test_functions_that_answer_by_an_error_are_those_whose_answers_are_taken_off(
    resources: dict[str, Any],
) -> None:
    apps = {name: (ROOT / folder / "app.py").read_text() for name, folder in folders().items()}
    raising = {name for name, text in apps.items() if re.search(r"creation_step|raised_as_answer", text)}
    assert raising == RAISING.keys()
    alarms = of_type(resources, "AWS::CloudWatch::Alarm")
    for function, alarm in RAISING.items():
        assert ("errors_as_answers_total", function) in watched(alarms[alarm])


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
    for group in groups.values():
        assert group["AlarmConfiguration"]["Alarms"] == [{"Name": {"Ref": name}} for name in CANARY]
        assert "DEPLOYMENT_STOP_ON_ALARM" in group["AutoRollbackConfiguration"]["Events"]
    alarms = of_type(resources, "AWS::CloudWatch::Alarm")
    found = [pair for name in CANARY for pair in watched(alarms[name])]
    assert {name for name, _ in found} == {"Errors", "internal_errors_total", "errors_as_answers_total"}
    for metric in ("Errors", "internal_errors_total"):
        assert {function for name, function in found if name == metric} == SPENDING
    told = (ROOT / "docs/deploying.md").read_text()
    assert "Four alarms take" in told
    assert all(name in told for name in CANARY)
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


def test_only_functions_that_reach_the_cache_know_it(resources: dict[str, Any]) -> None:
    """One outside the VPC would wait for a cache that it cannot reach, request by request."""
    names = {"CACHE_URL", "CACHE_CLUSTER", "CACHE_SECRET_ID"}
    functions = of_type(resources, "AWS::Lambda::Function")
    for name, item in functions.items():
        known = names & item["Environment"]["Variables"].keys()
        assert known == (names if "VpcConfig" in item else set()), name
    in_vpc = {
        name for name, item in of_type(resources, "AWS::Lambda::Function").items() if "VpcConfig" in item
    }
    assert len(in_vpc) == 5


def test_secrets_of_a_failed_first_create_do_not_stay(resources: dict[str, Any]) -> None:
    secrets = [item for item in resources.values() if item["Type"] == "AWS::SecretsManager::Secret"]
    assert {item["DeletionPolicy"] for item in secrets} == {"RetainExceptOnCreate"}
    assert {item["UpdateReplacePolicy"] for item in secrets} == {"Retain"}


@lru_cache
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
    "AWS::Events::EventBus": "Name",
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


def test_no_text_that_the_second_emulator_deploys_is_made_of_what_it_is_spared(
    resources: dict[str, Any],
) -> None:
    """A function with the address of a cache that is not there answers nothing."""
    deployed = known({"Resources": copy.deepcopy(resources)})["Resources"]
    spared = resources.keys() - deployed.keys()
    assert "Cache" in spared
    assert not spared & set(re.findall(r"\$\{(\w+)", json.dumps(deployed)))


class Failing(SqliteTable):
    """A table whose reads meet a fault of the module itself."""

    async def _query(self, *arguments: Any, **options: Any) -> Any:
        raise ZeroDivisionError

    _get = _get_many = _query


@pytest.fixture
def in_lambda(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "campaign-automation-dev")
    return lambda function: monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", f"dev:{function}")


def watched_series(alarm: str, function: str) -> tuple[str, str, dict[str, str]]:
    """Namespace, name and dimensions of the module's own metric that `alarm` of stage dev watches."""
    metrics = [query["MetricStat"]["Metric"] for query in resolved("dev")[alarm]["Metrics"][1:]]
    (found,) = [
        (metric["Namespace"], metric["MetricName"], dimensions)
        for metric in metrics
        if metric["Namespace"] == NAMESPACE
        and (dimensions := {item["Name"]: item["Value"] for item in metric["Dimensions"]})["function"]
        == f"dev:{function}"
    ]
    return found


def printed_series(output: str) -> list[tuple[str, str, dict[str, str]]]:
    """Namespace, name and dimensions of each metric in the lines that a function printed."""
    records = [json.loads(line) for line in output.splitlines() if '"_aws"' in line]
    return [
        (entry["Namespace"], metric["Name"], {name: record[name] for name in names})
        for record in records
        for entry in record["_aws"]["CloudWatchMetrics"]
        for names in entry["Dimensions"]
        for metric in entry["Metrics"]
    ]


def test_an_internal_error_of_a_function_that_spends_is_what_the_canarys_alarm_watches(
    in_lambda: Callable[[str], None], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    in_lambda("ManageCampaignFunction")
    parts = Wiring(Settings(), table=Failing(tmp_path / "table"))
    event = {
        "pathParameters": {"campaign_id": "c-1"},
        "body": '{"action": "pause"}',
        "requestContext": {"requestId": "r1", "authorizer": {"principalId": "user_1"}},
    }
    answer = asyncio.run(respond(parts, ACTIONS["manage_campaign"], event))
    assert (answer["statusCode"], json.loads(answer["body"])["error"]["code"]) == (500, "1000")
    watched = watched_series("SpendingInternalErrorsAlarm", "ManageCampaignFunction")
    assert printed_series(capsys.readouterr().out).count(watched) == 1


def test_an_expected_error_is_no_internal_one(
    in_lambda: Callable[[str], None], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    in_lambda("ManageCampaignFunction")
    parts = Wiring(Settings(), table=SqliteTable(tmp_path / "table"))
    event = {"body": "{}", "requestContext": {"requestId": "r1", "authorizer": {"principalId": "user_1"}}}
    assert asyncio.run(respond(parts, ACTIONS["manage_campaign"], event))["statusCode"] == 400
    names = {name for _, name, _ in printed_series(capsys.readouterr().out)}
    assert "campaign_automation_requests_total" in names
    assert "internal_errors_total" not in names


def test_a_step_that_is_refused_is_taken_off_and_one_that_crashes_is_not(
    in_lambda: Callable[[str], None], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    in_lambda("MetaStepFunction")
    event = {"step": "plan", "tenant": "user_1", "campaign_id": "c-1"}
    watched = watched_series("CreationStepsAlarm", "MetaStepFunction")
    with pytest.raises(CampaignAutomationError):
        asyncio.run(creation_step(Wiring(Settings(), table=SqliteTable(tmp_path / "table")), event))
    assert printed_series(capsys.readouterr().out) == [watched]
    with pytest.raises(ZeroDivisionError):
        asyncio.run(creation_step(Wiring(Settings(), table=Failing(tmp_path / "failing")), event))
    assert printed_series(capsys.readouterr().out) == []


def emitted() -> dict[str, set[frozenset[str]]]:
    """The dimensions that the code gives each metric."""
    found: dict[str, set[frozenset[str]]] = {}
    for path in (ROOT / "layers/shared/campaign_automation").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            match node:
                case ast.Call(func=ast.Name(id="emit"), args=[ast.Constant(value=str(name)), *_]):
                    given = {keyword.arg or "" for keyword in node.keywords} - {"value", "at_ms"}
                    found.setdefault(name, set()).add(frozenset({*given, "service"}))
    return found


def test_alarms_dashboard_and_table_name_the_dimensions_that_are_emitted(resources: dict[str, Any]) -> None:
    """CloudWatch shows a metric under exactly its dimensions; under others there is no data, and no alarm."""
    known, named = emitted(), set()
    for alarm in of_type(resources, "AWS::CloudWatch::Alarm").values():
        queries = [item["MetricStat"]["Metric"] for item in alarm.get("Metrics", []) if "MetricStat" in item]
        for metric in [item for item in queries or [alarm] if item["Namespace"] == NAMESPACE]:
            named.add((metric["MetricName"], frozenset(item["Name"] for item in metric["Dimensions"])))
    body = of_type(resources, "AWS::CloudWatch::Dashboard")["Dashboard"]["DashboardBody"]["Fn::Sub"]
    for dimensions, name in re.findall(r"\{CampaignAutomation,([\w,]+)\} MetricName=(\w+)", body):
        named.add((name, frozenset(dimensions.split(","))))
    named |= {(name, frozenset({"service"})) for name in re.findall(r'"CampaignAutomation", "(\w+)"', body)}
    section = (ROOT / "docs/operating.md").read_text().partition("## Metrics\n")[2].partition("\n## ")[0]
    for row in re.findall(r"^\| (\w+_[\w, ]+) \| .* \| ([^|]+) \|$", section, re.MULTILINE):
        names, of_each = row[0].split(", "), row[1].split("; ")
        for name, dimensions in zip(
            names, of_each if len(of_each) > 1 else of_each * len(names), strict=True
        ):
            named.add((name, frozenset({*dimensions.replace("-", "").split(", "), "service"} - {""})))
    assert len(named) > 40
    assert {pair for pair in named if known.get(pair[0]) != {pair[1]}} == set()


def test_the_metrics_that_have_an_alarm_are_told(resources: dict[str, Any]) -> None:
    alarms = of_type(resources, "AWS::CloudWatch::Alarm").values()
    single = {item["MetricName"] for item in alarms if item.get("Namespace") == NAMESPACE}
    seen = single | {name for item in alarms for name, _ in watched(item)}
    assert {"event_bus_failures_total", "rule_accounts_left_total"} <= seen
    section = (ROOT / "docs/operating.md").read_text().partition("## Metrics\n")[2].partition("\n## ")[0]
    for names, meaning in re.findall(r"^\| (\w+_[\w, ]+) \| (.*) \| [^|]+ \|$", section, re.MULTILINE):
        assert ("alarm" in meaning) is bool(seen & set(names.split(", "))), names
