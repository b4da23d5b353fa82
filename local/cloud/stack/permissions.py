"""What functions and schedules may ask of AWS: the statements of their roles, held to as IAM would.

A function signs with its own name as access key, a schedule delivers as its target's role. Whoever signs
otherwise (the deployer, state machines, tests) may do everything. Of conditions the one on the partitions
of a table is held to; others are taken as met.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any, NamedTuple
from urllib.parse import parse_qs, unquote

from local.cloud.aws import arn

Statement = Mapping[str, Any]

ACCESS_KEY = re.compile(r"Credential=([^/]+)/")
INVOKE = re.compile(r"/2015-03-31/functions/([^/]+)/invocations")
SCHEDULE = re.compile(r"/schedules(?:/([^/]+))?")
SERVICES = {
    "AWSStepFunctions": "states",
    "AmazonSQS": "sqs",
    "secretsmanager": "secretsmanager",
}
# A transaction needs what each of its parts would need alone.
TRANSACTION_PARTS = {
    "ConditionCheck": "ConditionCheckItem",
    "Delete": "DeleteItem",
    "Put": "PutItem",
    "Update": "UpdateItem",
}
SCHEDULE_VERBS = {"DELETE": "Delete", "GET": "Get", "POST": "Create", "PUT": "Update"}


class Need(NamedTuple):
    """An action on a resource, as IAM names them."""

    action: str
    resource: str
    partitions: frozenset[str] = frozenset()  # of a table


class Permissions:
    """`statements` by caller: a function's name, or the ARN of a role that a schedule delivers as."""

    def __init__(self, statements: Mapping[str, Iterable[Statement]]) -> None:
        self._statements = {name: list(found) for name, found in statements.items()}

    def refusal(self, environ: Mapping[str, Any], body: bytes) -> str | None:
        """Why the caller of this request may not have it, in AWS's words; None when it may."""
        signed = ACCESS_KEY.search(environ.get("HTTP_AUTHORIZATION", ""))
        if signed is None or signed[1] not in self._statements:
            return None
        refusals = (self.refusal_of(signed[1], need) for need in needs_of(environ, body))
        return next((refusal for refusal in refusals if refusal), None)

    def refusal_of(self, caller: str, need: Need) -> str | None:
        """The same for one need."""
        if caller not in self._statements or _allows(self._statements[caller], need):
            return None
        return f"{caller} is not authorized to perform: {need.action} on resource: {need.resource}"


def needs_of(environ: Mapping[str, Any], body: bytes) -> Iterator[Need]:
    """What a request needs to be allowed. One that is not known here needs what nobody has."""
    path = environ.get("PATH_INFO", "")
    service, _, operation = environ.get("HTTP_X_AMZ_TARGET", "").partition(".")
    if service == "DynamoDB_20120810":
        yield from _table_needs(operation, json.loads(body))
    elif service == "AWSEvents" and operation == "PutEvents":
        for name in {entry["EventBusName"] for entry in json.loads(body)["Entries"]}:
            yield Need("events:PutEvents", _full(name, "events", "event-bus/{}"))
    elif service in SERVICES:
        operation = operation.removesuffix("Batch")  # a batch needs the right to its single requests
        yield Need(f"{SERVICES[service]}:{operation}", _named_resource(SERVICES[service], json.loads(body)))
    elif invoke := INVOKE.fullmatch(path):
        yield Need("lambda:InvokeFunction", _full(unquote(invoke[1]), "lambda", "function:{}"))
    elif schedule := SCHEDULE.fullmatch(path):
        yield from _schedule_needs(environ, schedule[1], json.loads(body or b"{}"))
    elif action := parse_qs(body.decode(errors="replace")).get("Action"):
        topic = parse_qs(body.decode()).get("TopicArn", ["*"])[0]
        yield Need(f"sns:{action[0]}", topic)
    else:
        yield Need("unknown:*", path)


def _table_needs(operation: str, request: Mapping[str, Any]) -> Iterator[Need]:
    if operation == "TransactWriteItems":
        parts = (part for item in request["TransactItems"] for part in item.items())
        found = {
            Need(f"dynamodb:{TRANSACTION_PARTS[kind]}", _table(part), _partitions(part))
            for kind, part in parts
        }
        yield from sorted(found, key=lambda need: need[:2])
    elif operation in ("BatchWriteItem", "BatchGetItem"):
        for name in request["RequestItems"]:
            yield Need(f"dynamodb:{operation}", _table({"TableName": name}))
    else:
        yield Need(f"dynamodb:{operation}", _table(request), _partitions(request))


def _table(request: Mapping[str, Any]) -> str:
    table = _full(request["TableName"], "dynamodb", "table/{}")
    return f"{table}/index/{request['IndexName']}" if "IndexName" in request else table


def _partitions(request: Mapping[str, Any]) -> frozenset[str]:
    """The partition that a request concerns; the first value of a query's expression names its own."""
    found = (request.get("Key") or request.get("Item") or {}).get("pk")
    found = found or request.get("ExpressionAttributeValues", {}).get(":v0", {})
    return frozenset(found.values())


def _named_resource(service: str, request: Mapping[str, Any]) -> str:
    if service == "secretsmanager":
        # The ARN of a secret ends in a hyphen and six characters, which its name does not tell.
        return _full(request["SecretId"], service, "secret:{}-??????")
    if service == "sqs":
        return arn(service, request["QueueUrl"].rpartition("/")[2])
    return str(request.get("stateMachineArn") or request.get("executionArn"))


def _schedule_needs(
    environ: Mapping[str, Any], name: str | None, request: Mapping[str, Any]
) -> Iterator[Need]:
    query = parse_qs(environ.get("QUERY_STRING", ""))
    if name is None:
        yield Need("scheduler:ListSchedules", arn("scheduler", f"schedule/{query['ScheduleGroup'][0]}/*"))
        return
    group = request.get("GroupName") or query["groupName"][0]
    verb = SCHEDULE_VERBS[environ["REQUEST_METHOD"]]
    yield Need(f"scheduler:{verb}Schedule", arn("scheduler", f"schedule/{group}/{unquote(name)}"))
    if "Target" in request:
        yield Need("iam:PassRole", request["Target"]["RoleArn"])


def _full(name: str, service: str, pattern: str) -> str:
    return name if name.startswith("arn:") else arn(service, pattern.format(name))


def _allows(statements: Iterable[Statement], need: Need) -> bool:
    effects = {item["Effect"] for item in statements if _concerns(item, need)}
    return effects == {"Allow"}


def _concerns(statement: Statement, need: Need) -> bool:
    allowed = statement.get("Condition", {}).get("ForAllValues:StringEquals", {}).get("dynamodb:LeadingKeys")
    return (
        any(fnmatchcase(need.action, item) for item in _listed(statement["Action"]))
        and any(fnmatchcase(need.resource, item) for item in _listed(statement["Resource"]))
        and (allowed is None or need.partitions <= set(_listed(allowed)))
    )


def _listed(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value
