"""The functions and conditions of CloudFormation templates, evaluated on this machine."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from local.cloud.aws import ACCOUNT, REGION

Node = Any  # a piece of the template: what JSON can hold

NO_VALUE = object()
SUB_VARIABLE = re.compile(r"\$\{([^!{}][^{}]*)\}")
SUB_LITERAL = re.compile(r"\$\{!([^{}]*)\}")


class TemplateError(Exception):
    """The template asks for something that CloudFormation, or the local cloud, would refuse."""


@dataclass(frozen=True)
class Physical:
    """What a deployed resource answers to `Ref` and `Fn::GetAtt`."""

    ref: str
    attributes: Mapping[str, str] = field(default_factory=dict)


def pseudo_parameters(stack: str) -> dict[str, Node]:
    """Values of AWS::Region and its siblings for a stack of that name."""
    return {
        "AWS::AccountId": ACCOUNT,
        "AWS::NoValue": NO_VALUE,
        "AWS::NotificationARNs": [],
        "AWS::Partition": "aws",
        "AWS::Region": REGION,
        "AWS::StackId": f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/{stack}/local",
        "AWS::StackName": stack,
        "AWS::URLSuffix": "amazonaws.com",
    }


def parameter_values(declared: Mapping[str, Node], given: Mapping[str, str]) -> dict[str, Node]:
    """Value of every declared parameter: the given one, else its Default; lists come back as lists.

    Raises TemplateError naming parameters that are not declared, have no value, or one that is not allowed.
    """
    if unknown := sorted(set(given) - set(declared)):
        raise TemplateError(f"the template declares no parameter named {', '.join(unknown)}")
    missing = sorted(name for name, spec in declared.items() if name not in given and "Default" not in spec)
    if missing:
        raise TemplateError(f"no value for the template's parameter {', '.join(missing)}")
    return {name: _parameter(name, spec, given.get(name)) for name, spec in declared.items()}


def _parameter(name: str, spec: Mapping[str, Node], given: str | None) -> Node:
    value = str(spec.get("Default", "")) if given is None else given
    if "AllowedValues" in spec and value not in map(str, spec["AllowedValues"]):
        raise TemplateError(f"parameter {name} must be one of {spec['AllowedValues']}, not {value!r}")
    if "AllowedPattern" in spec and not re.fullmatch(spec["AllowedPattern"], value):
        raise TemplateError(f"parameter {name} must be of the form {spec['AllowedPattern']}, not {value!r}")
    if spec["Type"] == "Number":
        _check_number(name, spec, value)
    is_list = spec["Type"] == "CommaDelimitedList" or spec["Type"].startswith("List<")
    return [item.strip() for item in value.split(",") if item.strip()] if is_list else value


def _check_number(name: str, spec: Mapping[str, Node], value: str) -> None:
    try:
        number = float(value)
    except ValueError:
        raise TemplateError(f"parameter {name} must be a number, not {value!r}") from None
    if number < spec.get("MinValue", number):
        raise TemplateError(f"parameter {name} must be at least {spec['MinValue']}, not {value}")
    if number > spec.get("MaxValue", number):
        raise TemplateError(f"parameter {name} must be at most {spec['MaxValue']}, not {value}")


class Resolver:
    """Evaluates a template's functions against parameters, mappings, conditions and what is deployed.

    `resources` starts empty; the deployer adds each resource once it exists.
    """

    def __init__(self, template: Mapping[str, Node], values: Mapping[str, Node]) -> None:
        self._values = values
        self._mappings = template.get("Mappings", {})
        self._conditions = template.get("Conditions", {})
        self.resources: dict[str, Physical] = {}
        self._functions: dict[str, Callable[[Node], Node]] = {
            "Ref": self._ref,
            "Fn::Base64": lambda text: base64.b64encode(self.resolve(text).encode()).decode(),
            "Fn::FindInMap": self._find_in_map,
            "Fn::GetAtt": self._get_att,
            "Fn::If": self._if,
            "Fn::Join": self._join,
            "Fn::Select": self._select,
            "Fn::Split": self._split,
            "Fn::Sub": self._sub,
        }

    def resolve(self, node: Node) -> Node:
        """`node` with every function replaced by its value and every AWS::NoValue taken out."""
        if isinstance(node, list):
            return [value for item in node if (value := self.resolve(item)) is not NO_VALUE]
        if not isinstance(node, dict):
            return node
        if name := function_of(node):
            return self._call(name, node[name])
        return {key: value for key, item in node.items() if (value := self.resolve(item)) is not NO_VALUE}

    def prune(self, node: Node) -> Node:
        """`node` with only the `Fn::If`s decided, so that what is left names what is really needed."""
        if isinstance(node, list):
            return [value for item in node if (value := self.prune(item)) is not NO_VALUE]
        if not isinstance(node, dict):
            return node
        if node == {"Ref": "AWS::NoValue"}:
            return NO_VALUE
        if function_of(node) == "Fn::If":
            return self.prune(self._branch(node["Fn::If"]))
        return {key: value for key, item in node.items() if (value := self.prune(item)) is not NO_VALUE}

    def condition(self, name: str) -> bool:
        """Whether the template's condition of that name holds."""
        if name not in self._conditions:
            raise TemplateError(f"unknown condition {name}")
        return self._holds(self._conditions[name])

    def _holds(self, node: Node) -> bool:
        (name, argument), *_ = node.items()
        match name:
            case "Condition":
                return self.condition(argument)
            case "Fn::Equals":
                left, right = (self.resolve(side) for side in argument)
                return bool(left == right)
            case "Fn::Not":
                return not self._holds(argument[0])
            case "Fn::And":
                return all(self._holds(item) for item in argument)
            case "Fn::Or":
                return any(self._holds(item) for item in argument)
        raise TemplateError(f"{name} is no condition function")

    def _call(self, name: str, argument: Node) -> Node:
        if name not in self._functions:
            raise TemplateError(f"unknown template function {name}")
        return self._functions[name](argument)

    def _ref(self, name: str) -> Node:
        if name in self._values:
            return self._values[name]
        if name in self.resources:
            return self.resources[name].ref
        raise TemplateError(f"Ref to unknown {name}")

    def _get_att(self, argument: Node) -> str:
        logical_id, attribute = argument.split(".", 1) if isinstance(argument, str) else argument
        if logical_id not in self.resources:
            raise TemplateError(f"Fn::GetAtt of unknown {logical_id}")
        attributes = self.resources[logical_id].attributes
        if attribute not in attributes:
            raise TemplateError(f"{logical_id} has no attribute {attribute} in the local cloud")
        return attributes[attribute]

    def _branch(self, argument: Node) -> Node:
        name, then, otherwise = argument
        return then if self.condition(name) else otherwise

    def _if(self, argument: Node) -> Node:
        return self.resolve(self._branch(argument))

    def _join(self, argument: Node) -> str:
        separator, parts = argument
        return str(separator).join(str(part) for part in self.resolve(parts))

    def _select(self, argument: Node) -> Node:
        index, items = self.resolve(argument)
        try:
            return items[int(index)]
        except IndexError:
            raise TemplateError(f"Fn::Select: no item {index} in {items}") from None

    def _split(self, argument: Node) -> list[str]:
        separator, text = argument
        return str(self.resolve(text)).split(separator)

    def _find_in_map(self, argument: Node) -> Node:
        name, top, second = self.resolve(argument)
        try:
            return self._mappings[name][top][second]
        except KeyError:
            raise TemplateError(f"Fn::FindInMap: nothing at {name}.{top}.{second}") from None

    def _sub(self, argument: Node) -> str:
        text, own = (argument, {}) if isinstance(argument, str) else argument
        variables = {name: self.resolve(value) for name, value in own.items()}

        def value(match: re.Match[str]) -> str:
            name = match[1].strip()
            if name in variables:
                return str(variables[name])
            return str(self._get_att(name) if "." in name else self._ref(name))

        return SUB_LITERAL.sub(r"${\1}", SUB_VARIABLE.sub(value, text))


def function_of(node: Mapping[str, Node]) -> str | None:
    """Name of the template function that this one-key mapping calls, if it is one."""
    if len(node) != 1:
        return None
    (name,) = node
    return name if name == "Ref" or name.startswith("Fn::") else None


def references(node: Node) -> Iterator[str]:
    """Every name that `node` reads through Ref, Fn::GetAtt or Fn::Sub: resources and parameters alike."""
    if isinstance(node, list):
        for item in node:
            yield from references(item)
    elif isinstance(node, dict):
        match function_of(node):
            case "Ref":
                yield node["Ref"]
            case "Fn::GetAtt":
                argument = node["Fn::GetAtt"]
                yield argument.split(".", 1)[0] if isinstance(argument, str) else argument[0]
            case "Fn::Sub":
                yield from _sub_references(node["Fn::Sub"])
            case _:
                for item in node.values():
                    yield from references(item)


def _sub_references(argument: Node) -> Iterator[str]:
    text, own = (argument, {}) if isinstance(argument, str) else argument
    yield from references(list(own.values()))
    names = (match.strip().split(".", 1)[0] for match in SUB_VARIABLE.findall(text))
    yield from (name for name in names if name not in own)
