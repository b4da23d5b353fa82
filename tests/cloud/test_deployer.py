"""Which resources are deployed, in which order, and what is refused."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest

from local.cloud.aws import Clients
from local.cloud.stack.deployer import Deployment, common_environment, deploy, deployment_order
from local.cloud.stack.intrinsics import TemplateError

NO_AWS = Clients("http://127.0.0.1:1")  # nothing here may call it
ROLE_ARN = {"Arn": {"Value": {"Fn::GetAtt": "Role.Arn"}}}


def deploy_resources(
    resources: dict[str, Any], onto: Deployment | None = None, **template: Any
) -> Deployment:
    standing = onto.stack if onto else None
    return deploy({"Resources": resources, **template}, {}, "stack", NO_AWS, onto=standing)


def function(folder: Path, **properties: Any) -> dict[str, Any]:
    code = {"S3Bucket": "local", "S3Key": str(folder)}
    return {
        "Type": "AWS::Lambda::Function",
        "Properties": {"Code": code, "Handler": "app.main"} | properties,
    }


def allow(action: str) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": {"Fn::Sub": "arn:${AWS::Partition}:sns:*"}}


def managed_policy(statements: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "Type": "AWS::IAM::ManagedPolicy",
        "Properties": {"PolicyDocument": {"Statement": statements}},
    }


def with_policies(folder: Path, **policies: list[dict[str, Any]]) -> dict[str, Any]:
    """A function whose role names these managed policies, beside one of AWS's and a statement of its own."""
    aws = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"
    properties = {
        "ManagedPolicyArns": [aws, *({"Ref": name} for name in policies)],
        "Policies": [{"PolicyDocument": {"Statement": allow("sqs:SendMessage")}}],
    }
    return {
        "Function": function(folder, Role={"Fn::GetAtt": "Role.Arn"}),
        "Role": {"Type": "AWS::IAM::Role", "Properties": properties},
        **{name: managed_policy(statements) for name, statements in policies.items()},
    }


def actions(statements: Iterable[Mapping[str, Any]]) -> list[str]:
    return [item["Action"] for item in statements]


def layer(folder: Path) -> dict[str, Any]:
    content = {"S3Bucket": "local", "S3Key": str(folder)}
    return {"Type": "AWS::Lambda::LayerVersion", "Properties": {"Content": content}}


def test_unknown_type_is_an_error_that_names_it() -> None:
    with pytest.raises(TemplateError, match=r"Robot \(AWS::RoboMaker::Robot\)"):
        deploy_resources({"Robot": {"Type": "AWS::RoboMaker::Robot"}})


def test_unknown_type_behind_a_false_condition_is_left_alone() -> None:
    resources = {"Robot": {"Type": "AWS::RoboMaker::Robot", "Condition": "Never"}}
    deployment = deploy_resources(resources, Conditions={"Never": {"Fn::Equals": ["a", "b"]}})
    assert deployment.skipped == {}


def test_types_without_local_meaning_are_listed_with_the_reason() -> None:
    group = {"Type": "AWS::EC2::SecurityGroup", "Properties": {"Anything": {"Fn::Sub": "${AWS::Region}"}}}
    deployment = deploy_resources(
        {"Group": group, "Other": group}, Outputs={"Id": {"Value": {"Fn::GetAtt": "Group.GroupId"}}}
    )
    assert deployment.skipped == {"AWS::EC2::SecurityGroup": "no VPC"}
    assert deployment.outputs == {"Id": "stack-Group"}


def test_a_role_holds_the_statements_of_all_its_policies() -> None:
    one, two, three = (allow(action) for action in ("sns:Publish", "sns:Subscribe", "sns:ListTopics"))
    policies = [{"PolicyDocument": {"Statement": statement}} for statement in (one, [two, three])]
    role = {"Type": "AWS::IAM::Role", "Properties": {"Policies": policies}}
    deployment = deploy_resources({"Role": role}, Outputs=ROLE_ARN)
    statements = deployment.stack.statements()[deployment.outputs["Arn"]]
    assert [item["Action"] for item in statements] == ["sns:Publish", "sns:Subscribe", "sns:ListTopics"]
    assert {item["Resource"] for item in statements} == {"arn:aws:sns:*"}


def test_a_function_may_do_what_the_managed_policies_of_its_role_say(tmp_path: Path) -> None:
    resources = with_policies(tmp_path, Send=[allow("sns:Publish")], Ask=[allow("sns:ListTopics")])
    deployment = deploy_resources(resources, Outputs=ROLE_ARN)
    statements = deployment.stack.statements()
    assert actions(statements["stack-Function"]) == ["sqs:SendMessage", "sns:Publish", "sns:ListTopics"]
    assert statements[deployment.outputs["Arn"]] == statements["stack-Function"]


def test_a_changed_or_deleted_managed_policy_counts_at_once(tmp_path: Path) -> None:
    resources = with_policies(tmp_path, Send=[allow("sns:Publish")], Ask=[allow("sns:ListTopics")])
    first = deploy_resources(resources)
    changed = with_policies(tmp_path, Send=[allow("sns:Subscribe")], Ask=[allow("sns:ListTopics")])
    second = deploy_resources(changed, onto=first)
    assert actions(second.stack.statements()["stack-Function"]) == [
        "sqs:SendMessage",
        "sns:Subscribe",
        "sns:ListTopics",
    ]
    third = deploy_resources(with_policies(tmp_path, Ask=[allow("sns:ListTopics")]), onto=second)
    assert actions(third.stack.statements()["stack-Function"]) == ["sqs:SendMessage", "sns:ListTopics"]
    assert list(third.stack.policies) == ["arn:aws:iam::123456789012:policy/stack-Ask"]


def test_a_statement_of_a_managed_policy_may_depend_on_a_condition() -> None:
    only_if = {"Fn::If": ["Never", allow("sns:Publish"), {"Ref": "AWS::NoValue"}]}
    resources = {"Policy": managed_policy([only_if, allow("sns:ListTopics")])}
    deployment = deploy_resources(resources, Conditions={"Never": {"Fn::Equals": ["a", "b"]}})
    (statements,) = deployment.stack.policies.values()
    assert actions(statements) == ["sns:ListTopics"]


def test_order_follows_references_and_depends_on() -> None:
    resources = {
        "First": {"DependsOn": ["Second"], "Properties": {}},
        "Second": {"DependsOn": "Third"},
        "Third": {"Properties": {"x": {"Fn::Sub": "${Fourth.Arn} ${Stage}"}}},
        "Fourth": {},
    }
    assert deployment_order(resources, ["Stage"]) == ["Fourth", "Third", "Second", "First"]


def test_reference_to_nothing_is_an_error_even_in_a_skipped_type() -> None:
    alarm = {"Type": "AWS::CloudWatch::Alarm", "Properties": {"Dimensions": [{"Value": {"Ref": "Gone"}}]}}
    with pytest.raises(TemplateError, match="Alarm refers to Gone"):
        deploy_resources({"Alarm": alarm})


def test_reference_to_what_a_condition_left_out_is_an_error() -> None:
    resources = {
        "Group": {"Type": "AWS::EC2::SecurityGroup", "Condition": "Never"},
        "Alarm": {"Type": "AWS::CloudWatch::Alarm", "Properties": {"x": {"Ref": "Group"}}},
    }
    with pytest.raises(TemplateError, match="Alarm refers to Group"):
        deploy_resources(resources, Conditions={"Never": {"Fn::Equals": ["a", "b"]}})


def test_circle_is_an_error() -> None:
    with pytest.raises(TemplateError, match="circle"):
        deployment_order({"A": {"DependsOn": "B"}, "B": {"DependsOn": "A"}}, [])


def test_function_gets_the_layers_that_hold_packages(tmp_path: Path) -> None:
    (tmp_path / "shared" / "package").mkdir(parents=True)
    (tmp_path / "shared" / "package" / "__init__.py").touch()
    (tmp_path / "wheels").mkdir()
    (tmp_path / "wheels" / "requirements.txt").write_text("httpx")
    resources = {
        "Shared": layer(tmp_path / "shared"),
        "Wheels": layer(tmp_path / "wheels"),
        "Function": function(tmp_path, Layers=[{"Ref": "Shared"}, {"Ref": "Wheels"}]),
    }
    deployed = deploy_resources(resources).stack.functions["stack-Function"]
    assert deployed.layers == (tmp_path / "shared",)


def test_function_without_its_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(TemplateError, match="Function: no folder"):
        deploy_resources({"Function": function(tmp_path / "gone")})


def test_alias_and_version_lead_to_the_function(tmp_path: Path) -> None:
    resources = {
        "Function": function(tmp_path),
        "Version": {"Type": "AWS::Lambda::Version", "Properties": {"FunctionName": {"Ref": "Function"}}},
        "Alias": {
            "Type": "AWS::Lambda::Alias",
            "Properties": {"FunctionName": {"Ref": "Function"}, "Name": "live", "FunctionVersion": "1"},
        },
    }
    outputs = {"Alias": {"Value": {"Ref": "Alias"}}, "Version": {"Value": {"Fn::GetAtt": "Version.Version"}}}
    arn = "arn:aws:lambda:us-east-1:123456789012:function:stack-Function"
    assert deploy_resources(resources, Outputs=outputs).outputs == {"Alias": f"{arn}:live", "Version": "1"}


def test_definition_with_a_placeholder_nobody_fills_is_an_error() -> None:
    machine = {
        "Type": "AWS::StepFunctions::StateMachine",
        "Properties": {"DefinitionString": '{"x": "${Missing}"}', "RoleArn": "arn:aws:iam::1:role/x"},
    }
    with pytest.raises(TemplateError, match="Machine: no DefinitionSubstitution for"):
        deploy_resources({"Machine": machine})


def test_common_environment_leaves_out_what_functions_disagree_on() -> None:
    environments = [{"STAGE": "local", "NAME": "a"}, {"STAGE": "local", "NAME": "b", "OWN": "1"}]
    assert common_environment(environments) == {"STAGE": "local", "OWN": "1"}


def test_refusal_of_the_service_names_the_resource() -> None:
    with pytest.raises(TemplateError, match="Topic: Could not connect"):
        deploy_resources({"Topic": {"Type": "AWS::SNS::Topic"}})
