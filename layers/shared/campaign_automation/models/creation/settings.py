"""The settings of existing objects that a platform lets be changed: name, end, bidding and copy.

Each has one text, under which plans, audit records and read-backs compare it.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Literal, NamedTuple, Self, get_args

from campaign_automation.models.creation.options import BidStrategy

SettingField = Literal["name", "end_time", "bid_strategy", "copy"]
NO_END = "none"
MIXED = "mixed"  # stands for a target that is not the same in all ad sets
_STRATEGIES = get_args(BidStrategy)


class Name(NamedTuple):
    """The name of a campaign."""

    text: str


class End(NamedTuple):
    """The moment at which the platform stops the delivery; None lets it go on."""

    moment: datetime | None

    @property
    def text(self) -> str:
        """The moment in UTC, to the second."""
        if self.moment is None:
            return NO_END
        return self.moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class Bidding(NamedTuple):
    """A bid strategy with its target, the cost per result or the return."""

    strategy: str
    target: Decimal | None = None

    @property
    def text(self) -> str:
        """The strategy and its target, as "target_cpa 12.5"."""
        if self.strategy not in ("target_cpa", "target_roas"):
            return self.strategy
        return f"{self.strategy} {MIXED if self.target is None else format(self.target.normalize(), 'f')}"

    @classmethod
    def of(cls, text: str) -> Self | None:
        """Return the bidding with this text; None for a platform's own strategy, or mixed targets."""
        strategy, _, target = text.partition(" ")
        if strategy not in _STRATEGIES or target == MIXED:
            return None
        return cls(strategy, Decimal(target) if target else None)


class Copy(NamedTuple):
    """The lines of an ad that is edited in place."""

    headlines: tuple[str, ...]
    descriptions: tuple[str, ...]

    @property
    def text(self) -> str:
        """The lines as JSON, as they stand in the ad."""
        return json.dumps(self._asdict(), ensure_ascii=False)

    @classmethod
    def of(cls, text: str) -> Self:
        """Return the copy with this text."""
        lines = json.loads(text)
        return cls(tuple(lines["headlines"]), tuple(lines["descriptions"]))


CampaignSetting = Name | End | Bidding
Setting = CampaignSetting | Copy


def field_of(setting: Setting) -> SettingField:
    if isinstance(setting, Name):
        return "name"
    if isinstance(setting, Copy):
        return "copy"
    return "end_time" if isinstance(setting, End) else "bid_strategy"


def setting_of(field: SettingField, text: str) -> Setting | None:
    """Return the setting of a field with this text; None for a bidding that is not one of ours."""
    if field == "name":
        return Name(text)
    if field == "copy":
        return Copy.of(text)
    if field == "end_time":
        return End(None if text == NO_END else datetime.fromisoformat(text))
    return Bidding.of(text)
