"""State machines, stores, queue, cache, secrets and schedules of a running cloud."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
import redis
from botocore.exceptions import ClientError
from moto.stepfunctions.parser.asl.component.common.retry import retrier_decl

from local.cloud import Cloud
from local.cloud.moto_aws import seams
from tests.support.aws import is_busy

Client = Callable[[str], Any]


@pytest.fixture
def table(cloud: Cloud) -> str:
    return str(cloud.info["outputs"]["TableName"])


def execute(cloud: Cloud, aws: Client, document: dict[str, Any]) -> dict[str, Any]:
    """Run the fixture's state machine to its end; while it runs, whoever waits for quiet is told so."""
    states = aws("stepfunctions")
    arn = states.start_execution(
        stateMachineArn=cloud.info["outputs"]["MachineArn"], name=uuid.uuid4().hex, input=json.dumps(document)
    )["executionArn"]
    deadline = time.monotonic() + 600
    while True:
        counted = is_busy(cloud)
        found = states.describe_execution(executionArn=arn)
        if found["status"] != "RUNNING":
            return dict(found)
        assert counted
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_machine_runs_handlers_maps_items_and_assigns(cloud: Cloud, aws: Client) -> None:
    found = execute(cloud, aws, {"try": {"do": "echo"}, "items": [1, 2, 3, 4]})
    output = json.loads(found["output"])
    assert found["status"] == "SUCCEEDED"
    assert output["tried"]["greeting"] == "hello from the layer"
    assert output["done"] == [{"item": 1}, {"item": 2}, {"item": 3}, {"item": 4}]


def test_transient_error_is_retried_by_name(cloud: Cloud, aws: Client) -> None:
    document = {"try": {"do": "fail_times", "key": "retry", "times": 3}, "items": []}
    found = execute(cloud, aws, document)
    assert json.loads(found["output"])["tried"] == {"attempts": 4}


def test_waits_between_tries_are_shortened(monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []
    monkeypatch.setattr(retrier_decl, "time", None)
    monkeypatch.setattr(seams.time, "sleep", waits.append)
    seams._scale_retries(seams.DEFAULT_RETRY_SCALE)
    for seconds in (1, 2, 4):
        retrier_decl.time.sleep(seconds)
    assert waits == pytest.approx([0.1, 0.2, 0.4])


def test_retries_end_and_the_failure_is_caught(cloud: Cloud, aws: Client) -> None:
    document = {"try": {"do": "fail_times", "key": "too-often", "times": 9}, "items": []}
    found = execute(cloud, aws, document)
    assert (found["status"], found["error"], found["cause"]) == (
        "FAILED",
        "RolledBack",
        "PlatformUnavailableError",
    )


@pytest.mark.parametrize(
    ("step", "error"),
    [
        ({"do": "reject"}, "PlatformRejectedError"),
        ({"do": "sleep", "seconds": 30}, "Sandbox.Timedout"),
        ({"do": "exit"}, "Runtime.ExitError"),
    ],
)
def test_final_error_is_caught_at_once(cloud: Cloud, aws: Client, step: dict[str, Any], error: str) -> None:
    found = execute(cloud, aws, {"try": step, "items": []})
    assert (found["status"], found["cause"]) == ("FAILED", error)


def test_executions_with_one_name_exist_once(cloud: Cloud, aws: Client) -> None:
    request = {
        "stateMachineArn": cloud.info["outputs"]["MachineArn"],
        "name": "once",
        "input": json.dumps({"try": {"do": "echo"}, "items": []}),
    }
    aws("stepfunctions").start_execution(**request)
    with pytest.raises(ClientError, match="ExecutionAlreadyExists"):
        aws("stepfunctions").start_execution(**{**request, "input": "{}"})


def test_table_has_its_index_and_its_expiry(aws: Client, table: str) -> None:
    described = aws("dynamodb").describe_table(TableName=table)["Table"]
    ttl = aws("dynamodb").describe_time_to_live(TableName=table)["TimeToLiveDescription"]
    assert [index["IndexName"] for index in described["GlobalSecondaryIndexes"]] == ["gsi1"]
    assert (ttl["TimeToLiveStatus"], ttl["AttributeName"]) == ("ENABLED", "expires_at")


def test_concurrent_updates_lose_nothing(aws: Client, table: str) -> None:
    def add(_: int) -> None:
        aws("dynamodb").update_item(
            TableName=table,
            Key={"pk": {"S": "counter"}, "sk": {"S": "n"}},
            UpdateExpression="ADD n :one",
            ExpressionAttributeValues={":one": {"N": "1"}},
        )

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(add, range(80)))
    item = aws("dynamodb").get_item(TableName=table, Key={"pk": {"S": "counter"}, "sk": {"S": "n"}})["Item"]
    assert item["n"]["N"] == "80"


def test_transaction_with_a_token_is_applied_once(aws: Client, table: str) -> None:
    def transact(amount: int) -> None:
        update = {
            "TableName": table,
            "Key": {"pk": {"S": "token"}, "sk": {"S": "n"}},
            "UpdateExpression": "ADD n :n",
            "ExpressionAttributeValues": {":n": {"N": str(amount)}},
        }
        aws("dynamodb").transact_write_items(TransactItems=[{"Update": update}], ClientRequestToken="once")

    transact(1)
    transact(1)
    with pytest.raises(ClientError, match="IdempotentParameterMismatch"):
        transact(2)
    item = aws("dynamodb").get_item(TableName=table, Key={"pk": {"S": "token"}, "sk": {"S": "n"}})["Item"]
    assert item["n"]["N"] == "1"


def test_transaction_that_fails_may_be_tried_again(aws: Client, table: str) -> None:
    put = {"TableName": table, "Item": {"pk": {"S": "late"}, "sk": {"S": "y"}}}
    check = {
        "TableName": table,
        "Key": {"pk": {"S": "late"}, "sk": {"S": "x"}},
        "ConditionExpression": "attribute_exists(pk)",
    }
    items = [{"Put": put}, {"ConditionCheck": check}]
    request = {"TransactItems": items, "ClientRequestToken": "again"}
    with pytest.raises(ClientError, match="TransactionCanceled"):
        aws("dynamodb").transact_write_items(**request)
    aws("dynamodb").put_item(TableName=table, Item={"pk": {"S": "late"}, "sk": {"S": "x"}})
    aws("dynamodb").transact_write_items(**request)
    assert "Item" in aws("dynamodb").get_item(TableName=table, Key=put["Item"])


def test_transaction_that_fails_leaves_every_row_of_its_partition_as_it_was(aws: Client, table: str) -> None:
    def key(pk: str, sk: str) -> dict[str, dict[str, str]]:
        return {"pk": {"S": pk}, "sk": {"S": sk}}

    before = [key("whole", "a") | {"n": {"N": "1"}}, key("whole", "b") | {"on": {"BOOL": True}}]
    for item in [*before, key("other", "a")]:
        aws("dynamodb").put_item(TableName=table, Item=item)
    add = {"UpdateExpression": "ADD n :one", "ExpressionAttributeValues": {":one": {"N": "1"}}}
    operations = [
        {"Update": {"TableName": table, "Key": key("whole", "a"), **add}},
        {"Delete": {"TableName": table, "Key": key("whole", "b")}},
        {"Put": {"TableName": table, "Item": key("whole", "c")}},
        {
            "ConditionCheck": {
                "TableName": table,
                "Key": key("whole", "none"),
                "ConditionExpression": "attribute_exists(pk)",
            }
        },
    ]
    with pytest.raises(ClientError, match="TransactionCanceled"):
        aws("dynamodb").transact_write_items(TransactItems=operations)
    asked = {"KeyConditionExpression": "pk = :pk", "ExpressionAttributeValues": {":pk": {"S": "whole"}}}
    assert aws("dynamodb").query(TableName=table, **asked)["Items"] == before
    aws("dynamodb").transact_write_items(TransactItems=operations[:3])
    after = [key("whole", "a") | {"n": {"N": "2"}}, key("whole", "c")]
    assert aws("dynamodb").query(TableName=table, **asked)["Items"] == after


def test_queue_delivers(cloud: Cloud, aws: Client) -> None:
    url = cloud.info["environment"]["QUEUE_URL"]
    aws("sqs").send_message(QueueUrl=url, MessageBody="hello")
    (message,) = aws("sqs").receive_message(QueueUrl=url, WaitTimeSeconds=2)["Messages"]
    assert message["Body"] == "hello"


def test_cache_answers_with_scripts(cloud: Cloud) -> None:
    with redis.Redis.from_url(cloud.info["redis_url"]) as cache:
        assert cache.set("k", "v", ex=60)
        assert cache.eval("return redis.call('GET', KEYS[1])", 1, "k") == b"v"


def test_secrets_hold_the_sandbox_credentials(cloud: Cloud, aws: Client) -> None:
    stored = aws("secretsmanager").get_secret_value(SecretId=cloud.info["environment"]["SECRET_NAME"])
    assert json.loads(stored["SecretString"])["app_id"] == "900000000000001"


def fire(cloud: Cloud, name: str) -> httpx.Response:
    return httpx.post(f"{cloud.info['api_url']}/_local/schedules/{name}/fire", timeout=600, verify=False)


def schedule(
    aws: Client, name: str, target_arn: str, event: Any, role: str = "scheduler", **more: str
) -> None:
    target = {
        "Arn": target_arn,
        "RoleArn": f"arn:aws:iam::123456789012:role/{role}",
        "Input": json.dumps(event),
    }
    window = {"Mode": "OFF"}
    aws("scheduler").create_schedule(Name=name, FlexibleTimeWindow=window, Target=target, **more)


def tick(cloud: Cloud, now: str) -> list[dict[str, Any]]:
    answer = httpx.post(f"{cloud.info['api_url']}/_local/tick", json={"now": now}, timeout=600, verify=False)
    fired: list[dict[str, Any]] = answer.json()["fired"]
    return fired


def test_schedule_of_the_template_fires_on_demand_though_disabled(cloud: Cloud) -> None:
    firing = fire(cloud, "ProbeFunctionTick").json()
    assert firing["failed"] is False
    assert firing["answer"]["event"] == {"do": "echo", "at": firing["scheduled_time"]}
    assert fire(cloud, "fixture-local/ProbeFunctionTick").status_code == 200


def test_unknown_schedule_is_not_found(cloud: Cloud) -> None:
    assert fire(cloud, "nobody").status_code == 404


def test_tick_fires_what_is_due_in_its_time_zone(cloud: Cloud, aws: Client) -> None:
    event = {"do": "echo", "at": "<aws.scheduler.scheduled-time>"}
    noon = {
        "ScheduleExpression": "cron(0 12 * * ? *)",
        "ScheduleExpressionTimezone": "America/New_York",
        "GroupName": "fixture-local",
    }
    schedule(aws, "noon", cloud.info["outputs"]["ProbeArn"], event, **noon)
    # Daylight time in July, standard time in January: noon is 16:00, then 17:00 UTC.
    assert [f["scheduled_time"] for f in tick(cloud, "2030-07-05T16:00:30Z")] == ["2030-07-05T16:00:00Z"]
    assert tick(cloud, "2030-07-05T23:00:00Z") == []
    (winter,) = tick(cloud, "2031-01-05T17:00:00Z")
    assert winter["answer"]["event"]["at"] == "2031-01-05T17:00:00Z"
    aws("scheduler").delete_schedule(Name="noon", GroupName="fixture-local")


def test_a_schedule_whose_role_may_not_call_the_function_fails(cloud: Cloud, aws: Client) -> None:
    hourly, role = {"ScheduleExpression": "rate(1 hour)"}, "campaign-automation-local-ProbeFunctionRole"
    schedule(aws, "barred", cloud.info["outputs"]["ProbeArn"], {"do": "echo"}, role, **hourly)
    firing = fire(cloud, "barred").json()
    aws("scheduler").delete_schedule(Name="barred")
    assert firing["failed"] is True
    assert "not authorized to perform: lambda:InvokeFunction" in firing["answer"]["errorMessage"]


def test_schedule_can_start_a_machine_and_go_when_done(cloud: Cloud, aws: Client) -> None:
    once = {"ScheduleExpression": "at(2032-01-01T00:00:00)", "ActionAfterCompletion": "DELETE"}
    event = {"try": {"do": "echo"}, "items": []}
    schedule(aws, "once", cloud.info["outputs"]["MachineArn"], event, **once)
    (firing,) = tick(cloud, "2032-01-01T00:00:01Z")
    described = aws("stepfunctions").describe_execution(executionArn=firing["answer"]["executionArn"])
    assert json.loads(described["input"])["items"] == []
    with pytest.raises(ClientError, match="ResourceNotFound"):
        aws("scheduler").get_schedule(Name="once")
