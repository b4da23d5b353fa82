"""The columns of an insights row, in the platform's shapes: numbers as text, empty ones left out."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from local.sandbox.core.records import DayRecord
from local.sandbox.meta.store import Account, Json

# The same conversions under overlapping names: whoever adds them up counts thrice.
ACTION_TYPES = {
    "PURCHASE": ("purchase", "omni_purchase", "offsite_conversion.fb_pixel_purchase"),
    "LEAD": ("lead", "offsite_conversion.fb_pixel_lead"),
    "ADD_TO_CART": ("add_to_cart", "omni_add_to_cart", "offsite_conversion.fb_pixel_add_to_cart"),
    "INSTALL": ("mobile_app_install", "omni_app_install"),
}
_OTHER_ACTIONS = ("offsite_conversion.fb_pixel_custom",)


@dataclass
class Row:
    """The delivery of one object in one period; `events` splits it by what counts as a conversion."""

    account: Account
    total: DayRecord
    events: dict[str, DayRecord]
    first: date
    last: date
    windows: list[str]

    @property
    def frequency(self) -> float:
        """Impressions per person: one on a day, more over weeks."""
        return 1 + 0.04 * min((self.last - self.first).days + 1, 30)

    def money(self, amount: Decimal) -> str:
        return f"{amount:.2f}" if self.account.offset == 100 else f"{amount:.0f}"


def _actions(row: Row) -> list[Json] | None:
    clicks = row.total.clicks
    counts = _click_actions(clicks) if clicks else []
    for event, record in row.events.items():
        if record.conversions:
            counts += [(action, record.conversions) for action in ACTION_TYPES.get(event, _OTHER_ACTIONS)]
    return [_windowed(action, count, row.windows) for action, count in counts] or None


def _click_actions(clicks: int) -> list[tuple[str, int]]:
    """Landing page views and reactions: most clicks arrive, and some people react without a click."""
    engaged = clicks + clicks // 4
    counts = {"link_click": clicks, "landing_page_view": clicks * 4 // 5}
    counts |= {"post_engagement": engaged, "page_engagement": engaged}
    return [(action, count) for action, count in counts.items() if count]


def _windowed(action: str, count: int, windows: list[str]) -> Json:
    """The count, and with windows asked for, which part came after a view and which after a click."""
    viewed = count // 8
    parts = {"1d_view": viewed, "7d_click": count - viewed, "28d_click": count - viewed}
    parts["1d_click"] = parts["7d_click"] * 3 // 4
    shown = {window: str(parts[window]) for window in windows if parts.get(window)}
    return {"action_type": action, "value": str(count), **shown}


def _purchases(row: Row) -> DayRecord | None:
    bought = row.events.get("PURCHASE")
    return bought if bought and bought.revenue else None


def _action_values(row: Row) -> list[Json] | None:
    bought = _purchases(row)
    if bought is None:
        return None
    value = row.money(bought.revenue)
    return [{"action_type": action, "value": value} for action in ACTION_TYPES["PURCHASE"]]


def _purchase_roas(row: Row) -> list[Json] | None:
    bought = _purchases(row)
    if bought is None or not row.total.spend:
        return None
    return [{"action_type": "omni_purchase", "value": f"{bought.revenue / row.total.spend:.6f}"}]


def _cost_per_action(row: Row) -> list[Json] | None:
    costs = [
        {"action_type": action["action_type"], "value": f"{row.total.spend / int(action['value']):.6f}"}
        for action in _actions(row) or []
    ]
    return costs or None


def _ratio(above: Decimal | int, below: int) -> str | None:
    return f"{Decimal(above) / below:.6f}" if below else None


METRICS: dict[str, Callable[[Row], Any]] = {
    "account_id": lambda row: row.account.id,
    "account_name": lambda row: row.account.binding.account_name,
    "account_currency": lambda row: row.account.currency,
    "impressions": lambda row: str(row.total.impressions),
    "reach": lambda row: str(round(row.total.impressions / row.frequency)),
    "frequency": lambda row: f"{row.frequency:.6f}",
    "clicks": lambda row: str(row.total.clicks),
    "inline_link_clicks": lambda row: str(row.total.clicks) if row.total.clicks else None,
    "spend": lambda row: row.money(row.total.spend),
    "ctr": lambda row: _ratio(100 * row.total.clicks, row.total.impressions),
    "cpc": lambda row: _ratio(row.total.spend, row.total.clicks),
    "cpm": lambda row: _ratio(1000 * row.total.spend, row.total.impressions),
    "actions": _actions,
    "action_values": _action_values,
    "purchase_roas": _purchase_roas,
    "cost_per_action_type": _cost_per_action,
}
