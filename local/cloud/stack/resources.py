"""How each type of the template comes to life here: one short function per type."""

from __future__ import annotations

import json
import re
import secrets
import shutil
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from local.cloud.aws import ACCOUNT, Clients, arn
from local.cloud.stack.intrinsics import Physical, TemplateError
from local.cloud.stack.permissions import Statement
from local.cloud.stack.template import LOCAL_BUCKET
from local.cloud.workers.worker import Function
from local.release import release_id

Properties = Mapping[str, Any]
Deploy = Callable[["Stack", str, Properties], Physical]

DEFINITION_VARIABLE = re.compile(r"\$\{([^{}]+)\}")

# Types without a meaning on one machine, each with the reason that `up` prints.
SKIPPED = {
    "AWS::ApiGateway::Account": "the gateway writes no log",
    "AWS::ApiGateway::Deployment": "one deployment, at start",
    "AWS::ApiGateway::UsagePlan": "no throttling",
    "AWS::ApiGateway::UsagePlanKey": "no throttling",
    "AWS::CodeDeploy::Application": "aliases move at once",
    "AWS::CodeDeploy::DeploymentGroup": "aliases move at once",
    "AWS::CloudWatch::Alarm": "metrics are read at /_local/metrics",
    "AWS::CloudWatch::CompositeAlarm": "metrics are read at /_local/metrics",
    "AWS::CloudWatch::Dashboard": "metrics are read at /_local/metrics",
    "AWS::EC2::SecurityGroup": "no VPC",
    "AWS::EC2::SecurityGroupEgress": "no VPC",
    "AWS::EC2::SecurityGroupIngress": "no VPC",
    "AWS::EC2::VPCEndpoint": "no VPC",
    "AWS::ElastiCache::ServerlessCache": "a Valkey server of our own stands in",
    "AWS::IAM::Policy": "only policies that a role names are enforced",
    "AWS::Lambda::Permission": "permissions are not enforced",
    "AWS::Logs::MetricFilter": "metrics are read at /_local/metrics",
    "AWS::SNS::Subscription": "nobody to notify",
    "AWS::SNS::TopicPolicy": "permissions are not enforced",
    "AWS::SQS::QueuePolicy": "permissions are not enforced",
    "AWS::WAFv2::WebACL": "no firewall",
    "AWS::WAFv2::WebACLAssociation": "no firewall",
    "AWS::XRay::Group": "no traces",
}


@dataclass
class RestApi:
    """A deployed REST API: its OpenAPI body, every intrinsic resolved."""

    api_id: str
    body: dict[str, Any]
    stage: str = "local"


@dataclass(frozen=True)
class Role:
    """An IAM role: its own statements, and the ARNs of the managed policies that it names."""

    own: list[Statement]
    policies: list[str]


@dataclass(frozen=True)
class Deployed:
    """A resource that stands: of which type, made from which properties, under which names."""

    kind: str
    properties: Properties
    physical: Physical


@dataclass
class Stack:
    """The resources that deployments have made. `archive` keeps published code; else it is not copied."""

    name: str
    aws: Clients
    archive: Path | None = None
    deployed: dict[str, Deployed] = field(default_factory=dict)
    functions: dict[str, Function] = field(default_factory=dict)
    versions: dict[str, Function] = field(default_factory=dict)
    aliases: dict[str, str] = field(default_factory=dict)
    numbers: Counter[str] = field(default_factory=Counter)
    layers: dict[str, Path] = field(default_factory=dict)
    contents: dict[str, str] = field(default_factory=dict)
    apis: dict[str, RestApi] = field(default_factory=dict)
    roles: dict[str, Role] = field(default_factory=dict)
    policies: dict[str, list[Statement]] = field(default_factory=dict)
    destinations: dict[str, str] = field(default_factory=dict)

    def physical_name(self, logical_id: str, given: str | None = None) -> str:
        """The name the template gives, or one made from stack and logical id as CloudFormation does."""
        return given or f"{self.name}-{logical_id}"

    def served(self) -> dict[str, Function]:
        """Every function under each name it can be invoked by: its own, and its versions and aliases."""
        versions = {_function_name(arn): function for arn, function in self.versions.items()}
        aliases = {_function_name(arn): self.versions[version] for arn, version in self.aliases.items()}
        return {**self.functions, **versions, **aliases}

    def statements(self) -> dict[str, list[Statement]]:
        """Return the statements of each role by its ARN, and of each function by its name.

        Computed on demand: a managed policy may change while the roles that name it stay as they are.
        AWS's own managed policies are not known here; the template uses those for logs and traces alone.
        """
        by_role = {
            role_arn: [*role.own, *(item for name in role.policies for item in self.policies.get(name, []))]
            for role_arn, role in self.roles.items()
        }
        return {**by_role, **{f.name: by_role.get(f.role, []) for f in self.functions.values()}}

    def kept(self, folder: Path, name: str) -> Path:
        """A copy of `folder` as it is now."""
        if self.archive is None:
            return folder
        return Path(shutil.copytree(folder, self.archive / name, dirs_exist_ok=True))


def deploy_function(stack: Stack, logical_id: str, properties: Properties) -> Physical:
    """AWS::Lambda::Function: noted for the runtime, which starts it when it is first invoked."""
    name = stack.physical_name(logical_id, properties.get("FunctionName"))
    function = Function(
        name=name,
        arn=arn("lambda", f"function:{name}"),
        handler=properties["Handler"],
        directory=_local_folder(logical_id, properties["Code"]),
        role=properties.get("Role", ""),
        layers=_import_paths(stack, properties.get("Layers", [])),
        environment={k: str(v) for k, v in properties.get("Environment", {}).get("Variables", {}).items()},
        timeout=float(properties.get("Timeout", 3)),
        memory=int(properties.get("MemorySize", 128)),
        log_format=properties.get("LoggingConfig", {}).get("LogFormat", "Text"),
    )
    stack.functions[name] = function
    return Physical(name, {"Arn": function.arn})


def deploy_role(stack: Stack, logical_id: str, properties: Properties) -> Physical:
    """AWS::IAM::Role: what the front door holds its function to."""
    name = stack.physical_name(logical_id, properties.get("RoleName"))
    role_arn = f"arn:aws:iam::{ACCOUNT}:role/{name}"
    documents = (policy["PolicyDocument"] for policy in properties.get("Policies", []))
    own = [statement for document in documents for statement in _statements(document)]
    stack.roles[role_arn] = Role(own, properties.get("ManagedPolicyArns", []))
    return Physical(name, {"Arn": role_arn})


def deploy_managed_policy(stack: Stack, logical_id: str, properties: Properties) -> Physical:
    """AWS::IAM::ManagedPolicy: statements that roles name by its ARN."""
    name = stack.physical_name(logical_id, properties.get("ManagedPolicyName"))
    policy_arn = f"arn:aws:iam::{ACCOUNT}:policy/{name}"
    stack.policies[policy_arn] = _statements(properties["PolicyDocument"])
    return Physical(policy_arn)


def deploy_layer(stack: Stack, logical_id: str, properties: Properties) -> Physical:
    """AWS::Lambda::LayerVersion: a folder on the import path, as it is now."""
    name = stack.physical_name(logical_id, properties.get("LayerName"))
    folder = _local_folder(logical_id, properties["Content"])
    if _has_packages(folder) and stack.contents.get(name) != (content := release_id([folder], {})):
        stack.contents[name] = content
        stack.numbers[name] += 1
        folder = stack.kept(folder, f"{name}/{stack.numbers[name]}")
    layer_arn = arn("lambda", f"layer:{name}:{max(stack.numbers[name], 1)}")
    stack.layers.setdefault(layer_arn, folder)
    return Physical(layer_arn, {"LayerVersionArn": layer_arn})


def deploy_version(stack: Stack, logical_id: str, properties: Properties) -> Physical:
    """AWS::Lambda::Version: the function's code and variables, kept as they are now."""
    function = stack.functions[_function_name(properties["FunctionName"])]
    stack.numbers[function.name] += 1
    number = str(stack.numbers[function.name])
    version_arn = f"{function.arn}:{number}"
    directory = stack.kept(function.directory, f"{function.name}/{number}")
    stack.versions[version_arn] = replace(function, arn=version_arn, version=number, directory=directory)
    return Physical(version_arn, {"Version": number, "FunctionArn": version_arn})


def deploy_alias(stack: Stack, logical_id: str, properties: Properties) -> Physical:
    """AWS::Lambda::Alias: a name for one version."""
    function_arn = _function_arn(properties["FunctionName"])
    alias_arn = f"{function_arn}:{properties['Name']}"
    stack.aliases[alias_arn] = f"{function_arn}:{properties['FunctionVersion']}"
    return Physical(alias_arn, {"AliasArn": alias_arn})


def deploy_failure_destination(stack: Stack, logical_id: str, properties: Properties) -> Physical:
    """AWS::Lambda::EventInvokeConfig: where failed asynchronous calls go; they are tried once here."""
    name = f"{_function_name(properties['FunctionName'])}:{properties['Qualifier']}"
    on_failure = properties.get("DestinationConfig", {}).get("OnFailure")
    if on_failure is not None:
        stack.destinations[name] = on_failure["Destination"]
    return Physical(name)


def deploy_rest_api(stack: Stack, logical_id: str, properties: Properties) -> Physical:
    """AWS::ApiGateway::RestApi: its body goes to our gateway."""
    api_id = re.sub(r"[^a-z0-9]", "", logical_id.lower())[:10]
    stack.apis[api_id] = RestApi(api_id, properties["Body"])
    return Physical(api_id, {"RootResourceId": "root", "RestApiId": api_id})


def deploy_stage(stack: Stack, logical_id: str, properties: Properties) -> Physical:
    """AWS::ApiGateway::Stage: its name appears in events and method ARNs."""
    stack.apis[properties["RestApiId"]].stage = properties["StageName"]
    return Physical(properties["StageName"])


def deploy_state_machine(stack: Stack, logical_id: str, properties: Properties) -> Physical:
    """AWS::StepFunctions::StateMachine in moto, the definition's ${Names} filled in."""
    substitutions = properties.get("DefinitionSubstitutions", {})

    def value(match: re.Match[str]) -> str:
        if match[1] not in substitutions:
            raise TemplateError(f"{logical_id}: no DefinitionSubstitution for {match[0]}")
        return json.dumps(str(substitutions[match[1]]))[1:-1]

    name = stack.physical_name(logical_id, properties.get("StateMachineName"))
    # moto reads no Express children of a Map; here they would differ in nothing.
    definition = _definition(properties).replace('"ExecutionType": "EXPRESS"', '"ExecutionType": "STANDARD"')
    created = stack.aws["stepfunctions"].create_state_machine(
        name=name,
        definition=DEFINITION_VARIABLE.sub(value, definition),
        roleArn=properties["RoleArn"],
        type=properties.get("StateMachineType", "STANDARD"),
    )
    machine_arn = created["stateMachineArn"]
    return Physical(machine_arn, {"Arn": machine_arn, "Name": name})


def deploy_table(stack: Stack, logical_id: str, properties: Properties) -> Physical:
    """AWS::DynamoDB::Table with its indexes, stream and TTL attribute."""
    name = stack.physical_name(logical_id, properties.get("TableName"))
    kept = ("AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes", "LocalSecondaryIndexes")
    request = {key: properties[key] for key in kept if key in properties}
    if "StreamSpecification" in properties:
        request["StreamSpecification"] = {"StreamEnabled": True, **properties["StreamSpecification"]}
    dynamodb = stack.aws["dynamodb"]
    table = dynamodb.create_table(TableName=name, BillingMode="PAY_PER_REQUEST", **request)[
        "TableDescription"
    ]
    if ttl := properties.get("TimeToLiveSpecification"):
        dynamodb.update_time_to_live(TableName=name, TimeToLiveSpecification=ttl)
    return Physical(name, {"Arn": table["TableArn"], "StreamArn": table.get("LatestStreamArn", "")})


def deploy_secret(stack: Stack, logical_id: str, properties: Properties) -> Physical:
    """AWS::SecretsManager::Secret, with a value only if the template states or generates one."""
    name = stack.physical_name(logical_id, properties.get("Name"))
    value = {"SecretString": properties["SecretString"]} if "SecretString" in properties else {}
    if made := properties.get("GenerateSecretString"):
        filled = json.loads(made["SecretStringTemplate"]) | {made["GenerateStringKey"]: secrets.token_hex(32)}
        value = {"SecretString": json.dumps(filled)}
    secret_arn = stack.aws["secretsmanager"].create_secret(Name=name, **value)["ARN"]
    return Physical(secret_arn, {"Id": secret_arn})


def deploy_log_group(stack: Stack, logical_id: str, properties: Properties) -> Physical:
    """AWS::Logs::LogGroup: only its name matters, for the workers' lines are kept in memory."""
    name = stack.physical_name(logical_id, properties.get("LogGroupName"))
    return Physical(name, {"Arn": arn("logs", f"log-group:{name}:*")})


def deploy_queue(stack: Stack, logical_id: str, properties: Properties) -> Physical:
    """AWS::SQS::Queue; a redrive policy and the timing properties are kept."""
    suffix = ".fifo" if properties.get("FifoQueue") else ""
    name = properties.get("QueueName") or stack.physical_name(logical_id) + suffix
    ignored = {"QueueName", "Tags", "KmsMasterKeyId", "SqsManagedSseEnabled", "RedriveAllowPolicy"}
    attributes = {
        key: value if isinstance(value, str) else json.dumps(value)
        for key, value in properties.items()
        if key not in ignored
    }
    url = stack.aws["sqs"].create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
    return Physical(url, {"Arn": arn("sqs", name), "QueueName": name, "QueueUrl": url})


def deploy_topic(stack: Stack, logical_id: str, properties: Properties) -> Physical:
    """AWS::SNS::Topic."""
    name = stack.physical_name(logical_id, properties.get("TopicName"))
    topic_arn = stack.aws["sns"].create_topic(Name=name)["TopicArn"]
    return Physical(topic_arn, {"TopicArn": topic_arn, "TopicName": name})


def deploy_event_bus(stack: Stack, logical_id: str, properties: Properties) -> Physical:
    """AWS::Events::EventBus; rules that tests put on it deliver to queues."""
    name = stack.physical_name(logical_id, properties["Name"])
    return Physical(
        name, {"Arn": stack.aws["events"].create_event_bus(Name=name)["EventBusArn"], "Name": name}
    )


def deploy_schedule_group(stack: Stack, logical_id: str, properties: Properties) -> Physical:
    """AWS::Scheduler::ScheduleGroup."""
    name = stack.physical_name(logical_id, properties.get("Name"))
    group_arn = stack.aws["scheduler"].create_schedule_group(Name=name)["ScheduleGroupArn"]
    return Physical(name, {"Arn": group_arn})


def deploy_schedule(stack: Stack, logical_id: str, properties: Properties) -> Physical:
    """AWS::Scheduler::Schedule, stored in moto and fired by our ticker."""
    name = stack.physical_name(logical_id, properties.get("Name"))
    made = stack.aws["scheduler"].create_schedule(**{**properties, "Name": name})
    return Physical(name, {"Arn": made["ScheduleArn"]})


def skip(stack: Stack, logical_id: str, properties: Properties) -> Physical:
    """A type of SKIPPED: others may refer to it, so it gets a name and the usual attributes."""
    name = stack.physical_name(logical_id)
    attributes = {"Arn": f"arn:aws:iam::{ACCOUNT}:role/{name}", "GroupId": name}
    return Physical(name, {**attributes, "Endpoint.Address": "127.0.0.1", "Endpoint.Port": "6379"})


DEPLOY: dict[str, Deploy] = {
    "AWS::ApiGateway::RestApi": deploy_rest_api,
    "AWS::ApiGateway::Stage": deploy_stage,
    "AWS::DynamoDB::Table": deploy_table,
    "AWS::Events::EventBus": deploy_event_bus,
    "AWS::IAM::ManagedPolicy": deploy_managed_policy,
    "AWS::IAM::Role": deploy_role,
    "AWS::Lambda::Alias": deploy_alias,
    "AWS::Lambda::EventInvokeConfig": deploy_failure_destination,
    "AWS::Lambda::Function": deploy_function,
    "AWS::Lambda::LayerVersion": deploy_layer,
    "AWS::Lambda::Version": deploy_version,
    "AWS::Logs::LogGroup": deploy_log_group,
    "AWS::SNS::Topic": deploy_topic,
    "AWS::SQS::Queue": deploy_queue,
    "AWS::Scheduler::Schedule": deploy_schedule,
    "AWS::Scheduler::ScheduleGroup": deploy_schedule_group,
    "AWS::SecretsManager::Secret": deploy_secret,
    "AWS::StepFunctions::StateMachine": deploy_state_machine,
    **dict.fromkeys(SKIPPED, skip),
}


def _statements(document: Properties) -> list[Statement]:
    statements = document["Statement"]
    return [statements] if isinstance(statements, dict) else statements


def _local_folder(logical_id: str, code: Properties) -> Path:
    if code.get("S3Bucket") != LOCAL_BUCKET:
        raise TemplateError(f"{logical_id}: only code in a local folder can run here")
    folder = Path(code["S3Key"]).resolve()
    if not folder.is_dir():
        raise TemplateError(f"{logical_id}: no folder {code['S3Key']}")
    return folder


def _import_paths(stack: Stack, layers: list[str]) -> tuple[Path, ...]:
    """Folders of the layers that hold packages of their own.

    A layer made of a requirements list has none: its packages are in the virtual environment.
    """
    folders = [stack.layers[layer] for layer in layers]
    return tuple(folder for folder in folders if _has_packages(folder))


def _has_packages(folder: Path) -> bool:
    return any(folder.glob("*/__init__.py"))


def _function_arn(name: str) -> str:
    return name if name.startswith("arn:") else arn("lambda", f"function:{name}")


def _function_name(name_or_arn: str) -> str:
    return name_or_arn.split(":function:")[-1]


def _definition(properties: Properties) -> str:
    text = properties.get("DefinitionString") or json.dumps(properties["Definition"])
    return str(text)
