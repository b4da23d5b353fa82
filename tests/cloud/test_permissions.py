"""What requests need to be allowed, and which statements allow it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from local.cloud.aws import arn
from local.cloud.stack.permissions import Need, Permissions, needs_of

TABLE = arn("dynamodb", "table/t")
SCHEDULE = arn("scheduler", "schedule/rules/one")


def request(target: str = "", body: Any = None, **environ: Any) -> tuple[dict[str, Any], bytes]:
    signed = "AWS4-HMAC-SHA256 Credential=fn/20261125/us-east-1/dynamodb/aws4_request, Signature=0"
    content = body if isinstance(body, bytes) else json.dumps(body or {}).encode()
    return {"HTTP_AUTHORIZATION": signed, "HTTP_X_AMZ_TARGET": target, **environ}, content


def dynamodb(operation: str, body: Any) -> tuple[dict[str, Any], bytes]:
    return request(f"DynamoDB_20120810.{operation}", body)


def allow(action: Any, resource: Any = "*", effect: str = "Allow") -> dict[str, Any]:
    return {"Effect": effect, "Action": action, "Resource": resource}


@pytest.mark.parametrize(
    ("asked", "needs"),
    [
        (dynamodb("GetItem", {"TableName": "t"}), [Need("dynamodb:GetItem", TABLE)]),
        (
            dynamodb("Query", {"TableName": TABLE, "IndexName": "i"}),
            [Need("dynamodb:Query", f"{TABLE}/index/i")],
        ),
        (
            dynamodb("BatchWriteItem", {"RequestItems": {"t": []}}),
            [Need("dynamodb:BatchWriteItem", TABLE)],
        ),
        (dynamodb("BatchGetItem", {"RequestItems": {"t": {}}}), [Need("dynamodb:BatchGetItem", TABLE)]),
        (
            dynamodb(
                "TransactWriteItems",
                {
                    "TransactItems": [
                        {"Update": {"TableName": "t"}},
                        {"Put": {"TableName": "t"}},
                        {"Put": {"TableName": "t"}},
                        {"ConditionCheck": {"TableName": "t"}},
                    ]
                },
            ),
            [
                Need("dynamodb:ConditionCheckItem", TABLE),
                Need("dynamodb:PutItem", TABLE),
                Need("dynamodb:UpdateItem", TABLE),
            ],
        ),
        (
            request("secretsmanager.GetSecretValue", {"SecretId": "a/b"}),
            [Need("secretsmanager:GetSecretValue", arn("secretsmanager", "secret:a/b-??????"))],
        ),
        (
            request("AmazonSQS.SendMessage", {"QueueUrl": "http://host/123456789012/q"}),
            [Need("sqs:SendMessage", arn("sqs", "q"))],
        ),
        (
            request("AWSStepFunctions.StartExecution", {"stateMachineArn": "arn:m"}),
            [Need("states:StartExecution", "arn:m")],
        ),
        (
            request(PATH_INFO="/2015-03-31/functions/f/invocations", body=b"not JSON"),
            [Need("lambda:InvokeFunction", arn("lambda", "function:f"))],
        ),
        (
            request(
                PATH_INFO="/schedules/one",
                REQUEST_METHOD="PUT",
                body={"GroupName": "rules", "Target": {"RoleArn": "arn:role"}},
            ),
            [Need("scheduler:UpdateSchedule", SCHEDULE), Need("iam:PassRole", "arn:role")],
        ),
        (
            request(PATH_INFO="/schedules/one", REQUEST_METHOD="DELETE", QUERY_STRING="groupName=rules"),
            [Need("scheduler:DeleteSchedule", SCHEDULE)],
        ),
        (
            request(PATH_INFO="/schedules", REQUEST_METHOD="GET", QUERY_STRING="ScheduleGroup=rules"),
            [Need("scheduler:ListSchedules", arn("scheduler", "schedule/rules/*"))],
        ),
        (
            request(PATH_INFO="/", body=b"Action=Publish&TopicArn=arn%3At&Message=m"),
            [Need("sns:Publish", "arn:t")],
        ),
        (request(PATH_INFO="/elsewhere", body=b"x"), [Need("unknown:*", "/elsewhere")]),
    ],
)
def test_a_request_needs(asked: tuple[dict[str, Any], bytes], needs: list[Need]) -> None:
    assert list(needs_of(*asked)) == needs


@pytest.mark.parametrize(
    ("statements", "is_allowed"),
    [
        ([], False),
        ([allow("dynamodb:GetItem", TABLE)], True),
        ([allow(["dynamodb:Query", "dynamodb:Get*"], [arn("dynamodb", "table/other"), TABLE])], True),
        ([allow("dynamodb:PutItem", TABLE)], False),
        ([allow("dynamodb:GetItem", arn("dynamodb", "table/other"))], False),
        ([allow("dynamodb:*"), allow("dynamodb:GetItem", TABLE, effect="Deny")], False),
    ],
)
def test_a_role_allows_what_its_statements_say(statements: list[dict[str, Any]], is_allowed: bool) -> None:
    refusal = Permissions({"fn": statements}).refusal(*dynamodb("GetItem", {"TableName": "t"}))
    if is_allowed:
        assert refusal is None
    else:
        assert refusal == f"fn is not authorized to perform: dynamodb:GetItem on resource: {TABLE}"


def test_a_schedule_delivers_as_its_role() -> None:
    role, target = "arn:aws:iam::123456789012:role/r", arn("lambda", "function:f:live")
    need = Need("lambda:InvokeFunction", target)
    assert Permissions({role: [allow("lambda:InvokeFunction", target)]}).refusal_of(role, need) is None
    assert "not authorized" in str(Permissions({role: [allow("sqs:SendMessage")]}).refusal_of(role, need))


def test_who_is_no_function_may_do_everything() -> None:
    asked = dynamodb("GetItem", {"TableName": "t"})
    assert Permissions({"other": []}).refusal(*asked) is None
    assert Permissions({"fn": []}).refusal({**asked[0], "HTTP_AUTHORIZATION": ""}, asked[1]) is None


def test_a_statement_for_one_partition_allows_no_other() -> None:
    allowed = allow("dynamodb:*") | {
        "Condition": {"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": ["metrics"]}}
    }
    permissions = Permissions({"fn": [allowed]})
    own = {"TableName": "t", "Key": {"pk": {"S": "metrics"}, "sk": {"S": "0"}}}
    other = {"TableName": "t", "Key": {"pk": {"S": "user_1#campaign"}, "sk": {"S": "0"}}}
    query = {"TableName": "t", "ExpressionAttributeValues": {":v0": {"S": "metrics"}}}
    assert permissions.refusal(*dynamodb("UpdateItem", own)) is None
    assert permissions.refusal(*dynamodb("Query", query)) is None
    assert permissions.refusal(*dynamodb("UpdateItem", other)) is not None
    transaction = {"TransactItems": [{"Update": own}, {"Put": {"TableName": "t", "Item": other["Key"]}}]}
    assert permissions.refusal(*dynamodb("TransactWriteItems", transaction)) is not None
