"""CloudFormation's functions, conditions and parameters."""

from __future__ import annotations

from typing import Any

import pytest

from local.cloud.stack.intrinsics import (
    Physical,
    Resolver,
    TemplateError,
    parameter_values,
    pseudo_parameters,
    references,
)

TEMPLATE = {
    "Mappings": {"Sizes": {"local": {"Memory": 256}}},
    "Conditions": {
        "IsLocal": {"Fn::Equals": [{"Ref": "Stage"}, "local"]},
        "HasVpc": {"Fn::Not": [{"Fn::Equals": [{"Ref": "VpcId"}, ""]}]},
        "Both": {"Fn::And": [{"Condition": "IsLocal"}, {"Condition": "HasVpc"}]},
        "Either": {"Fn::Or": [{"Condition": "IsLocal"}, {"Condition": "HasVpc"}]},
    },
}


@pytest.fixture
def resolver() -> Resolver:
    values = {**pseudo_parameters("stack"), "Stage": "local", "VpcId": "", "Subnets": ["a", "b"]}
    resolver = Resolver(TEMPLATE, values)
    resolver.resources["Table"] = Physical("table-1", {"Arn": "arn:table-1"})
    resolver.resources["Cache"] = Physical("cache-1", {"Endpoint.Address": "host"})
    return resolver


@pytest.mark.parametrize(
    ("node", "value"),
    [
        ({"Ref": "Stage"}, "local"),
        ({"Ref": "Subnets"}, ["a", "b"]),
        ({"Ref": "Table"}, "table-1"),
        ({"Ref": "AWS::Region"}, "us-east-1"),
        ({"Fn::GetAtt": ["Table", "Arn"]}, "arn:table-1"),
        ({"Fn::GetAtt": "Cache.Endpoint.Address"}, "host"),
        (
            {"Fn::Sub": "${Stage}/${Table}/${Table.Arn}/${AWS::AccountId}"},
            "local/table-1/arn:table-1/123456789012",
        ),
        ({"Fn::Sub": "${!Stage} ${Cache.Endpoint.Address}"}, "${Stage} host"),
        ({"Fn::Sub": ["${own}-${Stage}", {"own": {"Ref": "Table"}}]}, "table-1-local"),
        ({"Fn::Join": ["-", ["a", {"Ref": "Stage"}, 3]]}, "a-local-3"),
        ({"Fn::Join": [",", {"Ref": "Subnets"}]}, "a,b"),
        ({"Fn::Select": ["1", {"Fn::Split": [":", "x:y:z"]}]}, "y"),
        ({"Fn::FindInMap": ["Sizes", {"Ref": "Stage"}, "Memory"]}, 256),
        ({"Fn::If": ["HasVpc", {"Ref": "Nowhere"}, "none"]}, "none"),
        ({"Fn::Base64": "text"}, "dGV4dA=="),
        ([{"Ref": "Stage"}, {"Ref": "AWS::NoValue"}], ["local"]),
        ({"a": {"Fn::If": ["HasVpc", 1, {"Ref": "AWS::NoValue"}]}, "b": 2}, {"b": 2}),
    ],
)
def test_function_resolves(resolver: Resolver, node: Any, value: Any) -> None:
    assert resolver.resolve(node) == value


@pytest.mark.parametrize(
    ("name", "holds"), [("IsLocal", True), ("HasVpc", False), ("Both", False), ("Either", True)]
)
def test_condition_is_evaluated(resolver: Resolver, name: str, holds: bool) -> None:
    assert resolver.condition(name) is holds


@pytest.mark.parametrize(
    ("node", "message"),
    [
        ({"Ref": "Nowhere"}, "Nowhere"),
        ({"Fn::GetAtt": ["Nowhere", "Arn"]}, "Nowhere"),
        ({"Fn::GetAtt": ["Table", "Colour"]}, "Colour"),
        ({"Fn::Sub": "${Nowhere}"}, "Nowhere"),
        ({"Fn::If": ["NoCondition", 1, 2]}, "NoCondition"),
        ({"Fn::FindInMap": ["Sizes", "prod", "Memory"]}, "Sizes.prod.Memory"),
        ({"Fn::Select": [5, ["a"]]}, "no item 5"),
        ({"Fn::Surprise": 1}, "Fn::Surprise"),
    ],
)
def test_mistake_is_named(resolver: Resolver, node: Any, message: str) -> None:
    with pytest.raises(TemplateError, match=message):
        resolver.resolve(node)


def test_prune_decides_branches_and_leaves_the_rest(resolver: Resolver) -> None:
    node = {"a": {"Fn::If": ["HasVpc", {"Ref": "Nowhere"}, {"Ref": "Table"}]}, "b": [{"Ref": "AWS::NoValue"}]}
    assert resolver.prune(node) == {"a": {"Ref": "Table"}, "b": []}


def test_references_are_found_wherever_they_hide() -> None:
    node = {
        "a": [{"Ref": "One"}, {"Fn::GetAtt": "Two.Arn"}, {"Fn::GetAtt": ["Three", "Arn"]}],
        "b": {"Fn::Sub": ["${Four.Arn} ${own} ${!Literal}", {"own": {"Ref": "Five"}}]},
        "c": {"Fn::Join": ["", [{"Fn::Sub": "${Six}"}]]},
    }
    assert set(references(node)) == {"One", "Two", "Three", "Four", "Five", "Six"}


def test_parameters_take_given_values_defaults_and_lists() -> None:
    declared = {
        "Stage": {"Type": "String", "Default": "dev"},
        "Url": {"Type": "String"},
        "Subnets": {"Type": "CommaDelimitedList", "Default": "a, b"},
        "Days": {"Type": "Number", "Default": 30},
    }
    values = parameter_values(declared, {"Url": "http://x"})
    assert values == {"Stage": "dev", "Url": "http://x", "Subnets": ["a", "b"], "Days": "30"}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"Url": "u", "Nope": "1", "Other": "2"}, "no parameter named Nope, Other"),
        ({}, "no value for the template's parameter Url"),
        ({"Url": "u", "Stage": "prod"}, "Stage must be one of"),
        ({"Url": "u", "Caps": "USD=5"}, "Caps must be of the form"),
        ({"Url": "u", "Percent": "51"}, "Percent must be at most 50"),
        ({"Url": "u", "Percent": "-1"}, "Percent must be at least 0"),
        ({"Url": "u", "Percent": "much"}, "Percent must be a number"),
    ],
)
def test_wrong_parameters_are_named(given: dict[str, str], message: str) -> None:
    declared = {
        "Url": {"Type": "String"},
        "Stage": {"Type": "String", "Default": "dev", "AllowedValues": ["dev", "local"]},
        "Caps": {"Type": "String", "Default": "", "AllowedPattern": "([A-Z]+:[0-9]+)?"},
        "Percent": {"Type": "Number", "Default": 50, "MinValue": 0, "MaxValue": 50},
    }
    with pytest.raises(TemplateError, match=message):
        parameter_values(declared, given)
