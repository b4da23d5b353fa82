"""Deploys a transformed template: conditions, order, one call per resource, outputs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any

from local.cloud.aws import Clients
from local.cloud.stack.intrinsics import (
    Physical,
    Resolver,
    TemplateError,
    parameter_values,
    pseudo_parameters,
    references,
)
from local.cloud.stack.resources import DEPLOY, SKIPPED, Deployed, Stack

VERSION = "AWS::Lambda::Version"
MANAGED_POLICY = "AWS::IAM::ManagedPolicy"
# Their properties may be what they were and the folders behind them other ones.
WITH_CONTENT = {"AWS::Lambda::Function", "AWS::Lambda::LayerVersion"}
CHANGEABLE = {
    *WITH_CONTENT,
    *SKIPPED,
    "AWS::ApiGateway::RestApi",
    "AWS::ApiGateway::Stage",
    MANAGED_POLICY,
    "AWS::IAM::Role",
    "AWS::Lambda::Alias",
    "AWS::Lambda::EventInvokeConfig",
    "AWS::Logs::LogGroup",
}


@dataclass(frozen=True)
class Deployment:
    """What a template became: stack, outputs, the functions' variables, and what was left out on purpose."""

    stack: Stack
    outputs: dict[str, str]
    environment: dict[str, str]
    skipped: dict[str, str]


def deploy(
    template: Mapping[str, Any],
    parameters: Mapping[str, str],
    name: str,
    aws: Clients,
    *,
    archive: Path | None = None,
    onto: Stack | None = None,
) -> Deployment:
    """Create every resource of the transformed `template` whose condition holds.

    With `onto`, a stack that stands, only what differs from it; data and schedules stay. Raises
    TemplateError naming types that the local cloud does not know, before anything is created, and for
    what it cannot change.
    """
    declared = template.get("Parameters", {})
    values = {**pseudo_parameters(name), **parameter_values(declared, parameters)}
    resolver = Resolver(template, values)
    resources = active_resources(template["Resources"], resolver)
    refuse_unknown_types(resources)
    stack = onto or Stack(name, aws, archive)
    for logical_id in deployment_order(resources, values):
        resolver.resources[logical_id] = _create(stack, logical_id, resources[logical_id], resolver)
    _remove(stack, set(stack.deployed) - set(resources))
    return Deployment(
        stack=stack,
        outputs=_outputs(template.get("Outputs", {}), resolver),
        environment=common_environment(function.environment for function in stack.functions.values()),
        skipped={t: SKIPPED[t] for t in sorted({r["Type"] for r in resources.values()}) if t in SKIPPED},
    )


def active_resources(resources: Mapping[str, Any], resolver: Resolver) -> dict[str, Any]:
    """The resources whose condition holds, with every Fn::If in them decided."""
    return {
        logical_id: resolver.prune(resource)
        for logical_id, resource in resources.items()
        if "Condition" not in resource or resolver.condition(resource["Condition"])
    }


def refuse_unknown_types(resources: Mapping[str, Any]) -> None:
    """Raise TemplateError for types that are neither deployed nor skipped on purpose."""
    unknown = [f"{name} ({r['Type']})" for name, r in sorted(resources.items()) if r["Type"] not in DEPLOY]
    if unknown:
        raise TemplateError(f"the local cloud does not know the type of {', '.join(unknown)}")


def deployment_order(resources: Mapping[str, Any], values: Iterable[str]) -> list[str]:
    """Logical ids, each after those it refers to. `values` are the names that are no resources.

    Raises TemplateError for a reference to nothing, or a circle.
    """
    others = set(values)
    needs = {logical_id: _needs(resource) - others for logical_id, resource in resources.items()}
    for logical_id, names in needs.items():
        if missing := sorted(names - set(resources)):
            raise TemplateError(f"{logical_id} refers to {', '.join(missing)}, which the template lacks")
    try:
        return list(TopologicalSorter(needs).static_order())
    except CycleError as error:
        raise TemplateError(f"resources refer to each other in a circle: {error.args[1]}") from None


def common_environment(environments: Iterable[Mapping[str, str]]) -> dict[str, str]:
    """All functions' variables together, for code that runs in one process instead of several.

    A variable that functions set to different values is left out.
    """
    values: dict[str, set[str]] = {}
    for environment in environments:
        for name, value in environment.items():
            values.setdefault(name, set()).add(value)
    return {name: next(iter(found)) for name, found in values.items() if len(found) == 1}


def _create(stack: Stack, logical_id: str, resource: Mapping[str, Any], resolver: Resolver) -> Physical:
    from botocore.exceptions import BotoCoreError, ClientError

    kind = resource["Type"]
    properties = {} if kind in SKIPPED else resolver.resolve(resource.get("Properties", {}))
    standing = stack.deployed.get(logical_id)
    if standing and kind not in WITH_CONTENT and standing.properties == properties:
        return standing.physical
    if standing and kind not in CHANGEABLE:
        raise TemplateError(f"{logical_id}: the local cloud cannot change a {kind} that stands")
    try:
        physical = DEPLOY[kind](stack, logical_id, properties)
    except (ClientError, BotoCoreError) as error:
        raise TemplateError(f"{logical_id}: {error}") from error
    stack.deployed[logical_id] = Deployed(kind, properties, physical)
    return physical


def _remove(stack: Stack, logical_ids: Iterable[str]) -> None:
    """Forget what a later template no longer has: versions, managed policies, and what is skipped."""
    for logical_id in logical_ids:
        gone = stack.deployed.pop(logical_id)
        if gone.kind == VERSION:
            del stack.versions[gone.physical.ref]
        elif gone.kind == MANAGED_POLICY:
            del stack.policies[gone.physical.ref]
        elif gone.kind not in SKIPPED:
            raise TemplateError(f"{logical_id}: the local cloud cannot delete a {gone.kind}")


def _needs(resource: Mapping[str, Any]) -> set[str]:
    explicit = resource.get("DependsOn", [])
    return {
        *references(resource.get("Properties", {})),
        *([explicit] if isinstance(explicit, str) else explicit),
    }


def _outputs(outputs: Mapping[str, Any], resolver: Resolver) -> dict[str, str]:
    return {
        name: resolver.resolve(output["Value"])
        for name, output in outputs.items()
        if "Condition" not in output or resolver.condition(output["Condition"])
    }
