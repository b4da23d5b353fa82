"""Reading a call's parameters, with the complaints the Business API makes."""

import json
import re
from collections.abc import Collection
from decimal import Decimal
from typing import Any

from local.sandbox.tiktok.errors import Json, missing, wrong

_DIGITS = re.compile(r"\d{5,20}")


class Params:
    """The members of a JSON body, or of a query whose lists and objects are JSON text."""

    def __init__(self, values: Json) -> None:
        self.values = values

    def __contains__(self, name: str) -> bool:
        return self.values.get(name) is not None

    def text(self, name: str) -> str:
        """Empty when absent. Ids may come as numbers."""
        value = self.values.get(name)
        if value is None:
            return ""
        if isinstance(value, bool) or not isinstance(value, str | int):
            raise wrong(f"{name}: Not a valid string.")
        return str(value)

    def required(self, name: str) -> str:
        value = self.text(name)
        if not value:
            raise missing(name)
        return value

    def choice(self, name: str, allowed: Collection[str], default: str | None = None) -> str:
        value = self.text(name) or default
        if value is None:
            raise missing(name)
        if value not in allowed:
            raise wrong(f"{name}: Must be one of: {', '.join(sorted(allowed))}.")
        return value

    def amount(self, name: str) -> Decimal | None:
        """A number of major units; text is refused."""
        value = self.values.get(name)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise wrong(f"{name}: Not a valid number.")
        return Decimal(str(value))

    def boolean(self, name: str, default: bool) -> bool:
        value = self.values.get(name, default)
        if not isinstance(value, bool):
            raise wrong(f"{name}: Not a valid boolean.")
        return value

    def integer(self, name: str, default: int, lowest: int, highest: int) -> int:
        text = self.text(name) or str(default)
        if not text.isdigit() or not lowest <= int(text) <= highest:
            raise wrong(f"{name}: Must be between {lowest} and {highest}.")
        return int(text)

    def listed(self, name: str) -> list[Any]:
        """The list, decoded when it came in a query; empty when absent."""
        value = self._decoded(name)
        if value is None:
            return []
        if not isinstance(value, list):
            raise wrong(f"{name}: Not a valid list.")
        return value

    def mapping(self, name: str) -> "Params":
        value = self._decoded(name)
        if value is not None and not isinstance(value, dict):
            raise wrong(f"{name}: Not a valid mapping type.")
        return Params(value or {})

    def entries(self, name: str, lowest: int, highest: int) -> list["Params"]:
        """A list of objects within bounds."""
        items = self.listed(name)
        if not lowest <= len(items) <= highest:
            raise wrong(f"{name}: Length must be between {lowest} and {highest}.")
        if not all(isinstance(item, dict) for item in items):
            raise wrong(f"{name}: Not a valid mapping type.")
        return [Params(item) for item in items]

    def ids(self, name: str, highest: int) -> list[str]:
        """A required list of ids."""
        found = [str(item) for item in self.listed(name)]
        if not found:
            raise missing(name)
        if len(found) > highest:
            raise wrong(f"{name}: Length must be between 1 and {highest}.")
        if not all(map(_DIGITS.fullmatch, found)):
            raise wrong(f"{name}: Not a valid id.")
        return found

    def only(self, allowed: Collection[str]) -> None:
        """The platform itself lets many unknown parameters pass; here they are refused, to find slips."""
        unknown = self.values.keys() - set(allowed) - {"advertiser_id"}
        if unknown:
            raise wrong(f"{min(unknown)}: Unknown field.")

    def _decoded(self, name: str) -> Any:
        value = self.values.get(name)
        if not isinstance(value, str):
            return value
        try:
            return json.loads(value)
        except ValueError:
            raise wrong(f"{name}: Not a valid JSON value.") from None
