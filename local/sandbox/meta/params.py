"""Reading a call's parameters, with the complaints the Graph API makes."""

import json
import re
from collections.abc import Collection, Mapping
from typing import Any

from local.sandbox.meta.errors import wrong_param

COMMON = {
    "access_token",
    "appsecret_proof",
    "execution_options",
    "fields",
    "format",
    "include_headers",
    "locale",
    "method",
    "pretty",
    "suppress_http_code",
}
EXECUTION_OPTIONS = ("validate_only", "include_recommendations", "synchronous_ad_review")
_INTEGER = re.compile(r"-?\d+")


class Params:
    """The flat text parameters of a call; nested values arrive JSON-encoded."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self.values = dict(values)

    def __contains__(self, name: str) -> bool:
        return name in self.values

    def text(self, name: str, default: str = "") -> str:
        return self.values.get(name, default)

    def required(self, name: str) -> str:
        value = self.values.get(name, "")
        if not value:
            raise wrong_param(f"The parameter {name} is required", name)
        return value

    def integer(self, name: str) -> int | None:
        """None when absent; amounts must be whole numbers of minor units."""
        value = self.values.get(name)
        if value is None:
            return None
        if not _INTEGER.fullmatch(value):
            raise wrong_param(f"Param {name} must be an integer", name)
        return int(value)

    def boolean(self, name: str) -> bool | None:
        value = self.values.get(name)
        if value is None:
            return None
        known = {"true": True, "1": True, "false": False, "0": False}
        if value.lower() not in known:
            raise wrong_param(f"Param {name} must be a boolean", name)
        return known[value.lower()]

    def choice(self, name: str, allowed: Collection[str]) -> str:
        value = self.required(name)
        if value not in allowed:
            raise wrong_param(f"Param {name} must be one of {{{', '.join(allowed)}}}", name)
        return value

    def json(self, name: str) -> Any:
        """The decoded value; None when absent."""
        if name not in self.values:
            return None
        try:
            return json.loads(self.values[name])
        except ValueError:
            raise wrong_param(f"Param {name} must be a valid JSON value", name) from None

    def mapping(self, name: str) -> dict[str, Any]:
        value = self.json(name)
        if not isinstance(value, dict):
            raise wrong_param(f"Param {name} must be a JSON object", name)
        return value

    def array(self, name: str) -> list[Any]:
        value = self.json(name)
        if not isinstance(value, list):
            raise wrong_param(f"Param {name} must be an array.", name)
        return value

    def only(self, allowed: Collection[str]) -> None:
        """The platform itself lets many unknown parameters pass; here they are refused, to find slips."""
        unknown = self.values.keys() - set(allowed) - COMMON
        if unknown:
            name = min(unknown)
            raise wrong_param(f"Unexpected parameter: {name}", name)

    @property
    def validate_only(self) -> bool:
        if "execution_options" not in self:
            return False
        options = self.array("execution_options")
        if any(option not in EXECUTION_OPTIONS for option in options):
            allowed = ", ".join(EXECUTION_OPTIONS)
            raise wrong_param(f"Param execution_options must hold only {{{allowed}}}", "execution_options")
        return "validate_only" in options


def section(parent: dict[str, Any], name: str) -> dict[str, Any]:
    """The nested object under `name`, empty when absent. Raises GraphError for any other shape."""
    value = parent.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise wrong_param(f"Param {name} must be a JSON object", name)
    return value


def listed(parent: dict[str, Any], name: str) -> list[Any]:
    """The list under `name`, empty when absent. Raises GraphError for any other shape."""
    value = parent.get(name)
    if value is None:
        return []
    if not isinstance(value, list):
        raise wrong_param(f"Param {name} must be an array.", name)
    return value
