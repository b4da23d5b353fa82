"""Lambda: real handlers in real processes, invoked through the AWS endpoint."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from botocore.exceptions import ClientError

from local.cloud import Cloud
from tests.cloud.support import FIXTURES, Invoke


def reports(cloud: Cloud, function: str) -> list[dict[str, Any]]:
    logs = httpx.get(cloud.info["api_url"] + "/_local/logs", timeout=600, verify=False).json()
    return [
        line["record"]
        for line in logs
        if line.get("type") == "platform.report" and line["function_name"].endswith(function)
    ]


def test_handler_runs_with_its_layer(invoke: Invoke) -> None:
    answer, error = invoke({"do": "echo", "n": 1})
    assert answer == {"event": {"do": "echo", "n": 1}, "greeting": "hello from the layer"}
    assert error is None


def test_environment_is_what_lambda_gives(invoke: Invoke, cloud: Cloud) -> None:
    answer, _ = invoke({"do": "environment"})
    variables = answer["variables"]
    name = "campaign-automation-local-ProbeFunction"
    assert variables["OWN"] == "probe"
    assert variables["AWS_ENDPOINT_URL"] == cloud.info["aws_endpoint"]
    assert variables["AWS_REGION"] == "us-east-1"
    assert variables["AWS_LAMBDA_FUNCTION_NAME"] == name
    assert variables["AWS_LAMBDA_LOG_GROUP_NAME"] == f"/aws/lambda/{name}"
    assert variables["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"] == answer["memory"] == "256"
    assert variables["TZ"] == ":UTC"
    assert "HOME" not in variables
    assert answer["directory"] == str(FIXTURES / "functions" / "probe")
    assert answer["arn"] == f"arn:aws:lambda:us-east-1:123456789012:function:{name}"
    assert 0 < answer["remaining_ms"] <= 2000


def test_variables_are_told_to_those_who_run_in_process(cloud: Cloud, invoke: Invoke) -> None:
    variables = invoke({"do": "environment"})[0]["variables"]
    told = {k: v for k, v in cloud.info["environment"].items() if k != "AWS_ACCESS_KEY_ID"}
    assert {"STAGE", "TABLE_NAME", "CACHE_URL", "AWS_ENDPOINT_URL", "AWS_REGION", "OWN", "ISSUER"} <= set(
        told
    )
    assert all(variables[name] == value for name, value in told.items() if name in variables)


def test_a_function_may_do_only_what_its_role_allows(invoke: Invoke) -> None:
    assert invoke({"do": "fail_times", "key": "allowed", "times": 0})[0] == {"attempts": 1}
    answer, error = invoke({"do": "read_secret"})
    assert (answer["errorType"], error) == ("ClientError", "Unhandled")
    words = "ProbeFunction is not authorized to perform: secretsmanager:GetSecretValue on resource"
    assert words in answer["errorMessage"]


def test_error_keeps_its_class_name(invoke: Invoke) -> None:
    answer, error = invoke({"do": "reject"})
    assert error == "Unhandled"
    assert answer["errorType"] == "PlatformRejectedError"
    assert answer["errorMessage"] == "the platform said no"


def test_timeout_kills_the_process_and_the_next_one_starts_cold(invoke: Invoke) -> None:
    answer, error = invoke({"do": "sleep", "seconds": 3600})
    assert error == "Unhandled"
    assert answer["errorType"] == "Sandbox.Timedout"
    assert answer["errorMessage"].endswith("Task timed out after 2.00 seconds")
    assert invoke({"do": "echo"})[1] is None


def test_process_that_exits_is_an_exit_error(invoke: Invoke) -> None:
    answer, error = invoke({"do": "exit"})
    assert error == "Unhandled"
    assert answer["errorType"] == "Runtime.ExitError"
    assert answer["errorMessage"].endswith("exit status 3")
    assert invoke({"do": "echo"})[1] is None


def test_module_that_does_not_import_fails_every_time(invoke: Invoke) -> None:
    for _ in range(2):
        answer, error = invoke({}, "BrokenFunction")
        assert (error, answer["errorType"]) == ("Unhandled", "Runtime.ImportModuleError")


def test_answer_over_six_megabytes_is_refused(invoke: Invoke) -> None:
    answer, error = invoke({"do": "huge"})
    assert (error, answer["errorType"]) == ("Unhandled", "Function.ResponseSizeTooLarge")


def test_unknown_function_is_not_found(aws: Callable[[str], Any]) -> None:
    with pytest.raises(ClientError) as raised:
        aws("lambda").invoke(FunctionName="nobody", Payload=b"{}")
    assert raised.value.response["Error"]["Code"] == "ResourceNotFoundException"


def test_environment_is_reused_and_only_its_first_report_is_cold(cloud: Cloud, invoke: Invoke) -> None:
    invoke({"do": "exit"})
    pids = {invoke({"do": "environment"})[0]["pid"] for _ in range(3)}
    assert len(pids) == 1
    assert "initDurationMs" not in reports(cloud, "ProbeFunction")[-1]["metrics"]
    assert any("initDurationMs" in report["metrics"] for report in reports(cloud, "ProbeFunction"))


def test_event_invocation_answers_at_once_and_runs_later(cloud: Cloud, aws: Callable[[str], Any]) -> None:
    line = {"message": "later", "correlation_id": "event-1"}
    answer = aws("lambda").invoke(
        FunctionName=cloud.info["outputs"]["ProbeArn"],
        InvocationType="Event",
        Payload=json.dumps({"do": "print", "lines": [line]}),
    )
    assert answer["StatusCode"] == 202
    url = cloud.info["api_url"] + "/_local/logs?correlation_id=event-1"
    deadline = time.monotonic() + 300
    while not (found := httpx.get(url, timeout=600, verify=False).json()) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert [record["message"] for record in found] == ["later"]


def test_logs_are_found_by_correlation_id(cloud: Cloud, invoke: Invoke) -> None:
    lines = [
        {"message": "mine", "correlation_id": "c-1"},
        {"message": "other", "correlation_id": "c-2"},
        "text",
    ]
    invoke({"do": "print", "lines": lines})
    found = httpx.get(
        cloud.info["api_url"] + "/_local/logs", params={"correlation_id": "c-1"}, timeout=600
    ).json()
    assert [record["message"] for record in found] == ["mine"]
    everything = httpx.get(cloud.info["api_url"] + "/_local/logs", timeout=600, verify=False).json()
    assert {"message": "text", "function_name": "campaign-automation-local-ProbeFunction"} in everything


def emf(value: Any, action: str) -> dict[str, Any]:
    directive = {
        "Namespace": "Fixture",
        "Dimensions": [["service", "action"]],
        "Metrics": [{"Name": "requests_total", "Unit": "Count"}],
    }
    return {
        "_aws": {"Timestamp": 1, "CloudWatchMetrics": [directive]},
        "service": "s",
        "action": action,
        "requests_total": value,
    }


def test_metrics_are_summed_by_dimension_and_kept_out_of_the_logs(cloud: Cloud, invoke: Invoke) -> None:
    broken = {"_aws": {"CloudWatchMetrics": [{"Namespace": "Fixture"}]}}
    invoke({"do": "print", "lines": [emf([1.0, 2.0], "create"), broken, emf(4, "create"), emf(1, "pause")]})
    metrics = httpx.get(cloud.info["api_url"] + "/_local/metrics", timeout=600, verify=False).json()
    assert metrics["Fixture"] == {
        "requests_total": {"action=create,service=s": 7, "action=pause,service=s": 1}
    }
    logs = httpx.get(cloud.info["api_url"] + "/_local/logs", timeout=600, verify=False).json()
    assert [line["_aws"] for line in logs if "_aws" in line] == [broken["_aws"]]
