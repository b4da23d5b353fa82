"""The findings of checkov that are left: each has a reason, and the template bears it out."""

from __future__ import annotations

from typing import Any

import pytest

from local.cloud.stack.template import transform
from local.lint_deploy import PARAMETERS, ROOT, SKIPS, judged


@pytest.fixture(scope="module")
def resources() -> dict[str, Any]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        found: dict[str, Any] = transform(ROOT / "template.yaml", PARAMETERS, ())["Resources"]
    return found


def of_type(resources: dict[str, Any], kind: str) -> dict[str, Any]:
    return {name: item["Properties"] for name, item in resources.items() if item["Type"] == kind}


def finding(check: str) -> dict[str, str]:
    return {"check_id": check, "resource": "AWS::SQS::Queue.Queue", "check_name": "Ensure something"}


def test_a_finding_without_a_reason_and_a_reason_without_a_finding_fail() -> None:
    assert judged([finding(check) for check in SKIPS]) == []
    assert judged([finding("CKV_AWS_27")], {}) == ["CKV_AWS_27 AWS::SQS::Queue.Queue: Ensure something"]
    assert judged([], {"CKV_AWS_1": "a reason"}) == ["CKV_AWS_1: nothing needs this skip any more"]


def test_each_skip_has_a_sentence() -> None:
    assert all(reason.endswith(".") and len(reason) > 40 for reason in SKIPS.values())


def test_no_function_reserves_concurrency(resources: dict[str, Any]) -> None:
    functions = of_type(resources, "AWS::Lambda::Function")
    assert functions
    assert not [name for name, item in functions.items() if "ReservedConcurrentExecutions" in item]


def test_failures_of_scheduled_functions_go_to_a_queue(resources: dict[str, Any]) -> None:
    targets = [item["Target"] for item in of_type(resources, "AWS::Scheduler::Schedule").values()]
    assert targets
    caught = of_type(resources, "AWS::Lambda::EventInvokeConfig").values()
    names = {item["FunctionName"]["Ref"] for item in caught if item["DestinationConfig"]["OnFailure"]}
    for target in targets:
        assert target["DeadLetterConfig"]["Arn"]
        assert any(name in str(target["Arn"]) for name in names)


def test_functions_of_the_cache_stand_in_the_vpc_and_no_others(resources: dict[str, Any]) -> None:
    functions = of_type(resources, "AWS::Lambda::Function")
    inside = {name for name, item in functions.items() if "VpcConfig" in item}
    assert inside
    assert inside != set(functions)
