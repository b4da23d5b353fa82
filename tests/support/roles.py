"""The rights of a transformed template's roles, as the local cloud reads them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from local.cloud.aws import Clients
from local.cloud.stack.deployer import MANAGED_POLICY, active_resources
from local.cloud.stack.intrinsics import Physical, Resolver, parameter_values, pseudo_parameters
from local.cloud.stack.resources import DEPLOY, Stack

ROLE = "AWS::IAM::Role"


class Right(NamedTuple):
    """One action on one resource. Resources of the template go by their logical ids."""

    action: str
    resource: str


class _Attributes(dict[str, str]):
    """Every attribute of a resource that nobody deployed."""

    def __init__(self, logical_id: str) -> None:
        self._logical_id = logical_id

    def __contains__(self, name: object) -> bool:
        return True

    def __getitem__(self, name: str) -> str:
        return self._logical_id if name == "Arn" else f"{self._logical_id}.{name}"


def rights_of_roles(template: Mapping[str, Any], parameters: Mapping[str, str]) -> dict[str, set[Right]]:
    """By logical id, what each role may do by its own statements and by the managed policies it names."""
    values = {**pseudo_parameters("stack"), **parameter_values(template["Parameters"], parameters)}
    resolver = Resolver(template, values)
    resources = active_resources(template["Resources"], resolver)
    resolver.resources = {name: Physical(name, _Attributes(name)) for name in resources}
    stack = Stack("stack", Clients("http://127.0.0.1:1"))  # nothing here calls it
    arns = {}
    for kind in (MANAGED_POLICY, ROLE):
        for name, resource in resources.items():
            if resource["Type"] == kind:
                physical = DEPLOY[kind](stack, name, resolver.resolve(resource["Properties"]))
                if kind == MANAGED_POLICY:
                    resolver.resources[name] = physical
                else:
                    arns[name] = physical.attributes["Arn"]
    statements = stack.statements()
    return {name: set(_rights(statements[arn])) for name, arn in arns.items()}


def _rights(statements: list[Mapping[str, Any]]) -> Iterator[Right]:
    for statement in statements:
        assert statement["Effect"] == "Allow"
        for action in _listed(statement["Action"]):
            for resource in _listed(statement["Resource"]):
                yield Right(action, resource)


def _listed(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value
