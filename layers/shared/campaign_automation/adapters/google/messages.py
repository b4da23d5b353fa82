"""The vendor's messages, raw: the operation of a mutate, and enums by the names of their values."""

from __future__ import annotations

from typing import Any

from google.ads.googleads.v26.services.types.google_ads_service import MutateOperation

Operation = Any  # a raw MutateOperation; the vendor's package carries no types for it
_OPERATION = type(MutateOperation.pb(MutateOperation()))


def new_operation() -> Operation:
    """Return an empty operation."""
    return _OPERATION()


def set_enum(message: Any, field: str, name: str) -> None:
    """Set an enum field by the name of its value."""
    values = message.DESCRIPTOR.fields_by_name[field].enum_type.values_by_name
    setattr(message, field, values[name].number)


def enum_name(message: Any, field: str) -> str:
    """The name of an enum field's value; a number newer than this version is UNKNOWN."""
    descriptor = message.DESCRIPTOR.fields_by_name[field]
    value = descriptor.enum_type.values_by_number.get(getattr(message, field))
    return value.name if value else "UNKNOWN"
