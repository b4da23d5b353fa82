"""The lines of Google's ads: those that fit, those of an ad that is edited, those that an ad shows."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from campaign_automation.adapters.common.text import display_width
from campaign_automation.adapters.google import facts
from campaign_automation.adapters.google.facts import PLATFORM
from campaign_automation.adapters.google.messages import Operation, new_operation
from campaign_automation.models.campaigns import AdCopy
from campaign_automation.models.creation.settings import Copy
from campaign_automation.utils.error_handler import PlatformRejectedError

AD_KINDS = {
    facts.SEARCH: "responsive_search_ad",
    facts.DEMAND_GEN: "demand_gen_multi_asset_ad",
    facts.APP: "app_ad",
}


def add_lines(content: Any, copy: AdCopy, channel: str) -> None:
    for line in headlines(copy, channel):
        content.headlines.add(text=line)
    for line in descriptions(copy, channel):
        content.descriptions.add(text=line)


def headlines(copy: AdCopy, channel: str) -> list[str]:
    """Return different headlines that fit. Raises PlatformRejectedError (6003) when there are too few."""
    return _fitting([copy.headline, *copy.more_headlines], facts.HEADLINES[channel], "headlines")


def descriptions(copy: AdCopy, channel: str) -> list[str]:
    """Return the descriptions that fit, led by the primary text, for which Google has no field of its own."""
    lines = [copy.primary_text, copy.description, *copy.more_descriptions]
    return _fitting(lines, facts.DESCRIPTIONS[channel], "descriptions")


def lines_of(copy: AdCopy, channel: str) -> Copy:
    """Return the lines that an ad of this copy has. Raises as headlines() and descriptions() do."""
    return Copy(tuple(headlines(copy, channel)), tuple(descriptions(copy, channel)))


def _fitting(lines: Iterable[str], limits: facts.LineLimits, what: str) -> list[str]:
    """Return the different lines that fit, uncut."""
    different: dict[str, str] = {}
    for line in lines:
        different.setdefault(line.casefold(), line)
    fitting = [line for line in different.values() if display_width(line) <= limits.width]
    if len(fitting) < limits.fewest:
        raise PlatformRejectedError(
            f"google: the copy has {len(fitting)} {what} of at most {limits.width} characters (East Asian"
            f" ones count two), and an ad needs {limits.fewest}",
            platform=PLATFORM,
            code="6003",
            field=what,
        )
    return fitting[: limits.most]


def copy_operation(customer_id: str, ad_id: str, kind: str, copy: Copy) -> Operation:
    """Give an ad of this kind other lines; `ad_id` is "<ad group>~<ad>"."""
    operation = new_operation()
    inner = operation.ad_operation
    inner.update.resource_name = f"customers/{customer_id}/ads/{ad_id.rpartition('~')[2]}"
    content = getattr(inner.update, kind)
    for name, lines in copy._asdict().items():
        for line in lines:
            getattr(content, name).add(text=line)
        inner.update_mask.paths.append(f"{kind}.{name}")
    return operation


def kind_of(ad: Any) -> str | None:
    """Return the field that holds the texts of an ad; None of one without such texts."""
    kinds = AD_KINDS.values()
    return next((kind for kind in kinds if getattr(ad, kind).descriptions), None)


def lines_shown(ad: Any) -> Copy | None:
    if (kind := kind_of(ad)) is None:
        return None
    content = getattr(ad, kind)
    return Copy(*(tuple(str(line.text) for line in getattr(content, name)) for name in Copy._fields))
