"""The spend that platforms allow themselves on one daily budget."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import NamedTuple

from campaign_automation.models.common import Platform


class SpendEnvelope(NamedTuple):
    """The most that a platform may spend, in daily budgets: on one day, in a week, in a month."""

    day: Decimal
    week: Decimal
    month: Decimal


_WEEKLY = Decimal(7)
_LONGEST_MONTH = Decimal(31)
_MONTHLY = Decimal("30.4")

# Meta: its blog of 29 May 2025. TikTok: "Budget", for budgets that are an average over a week; it names no
# other excess. Google: "About average daily budgets", which limits a day and a month, and no week.
ENVELOPES: Mapping[str, SpendEnvelope] = {
    Platform.META: SpendEnvelope(Decimal("1.75"), _WEEKLY, _LONGEST_MONTH),
    Platform.TIKTOK: SpendEnvelope(Decimal("1.25"), _WEEKLY, _LONGEST_MONTH),
    Platform.GOOGLE: SpendEnvelope(Decimal(2), 7 * Decimal(2), _MONTHLY),
}
