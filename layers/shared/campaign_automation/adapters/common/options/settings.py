"""The refusal of a name, an end or a bidding that a platform does not give to an existing campaign."""

from __future__ import annotations

from datetime import datetime

from campaign_automation.adapters.common.options.rules import OptionRules, check_bidding, refused
from campaign_automation.adapters.common.text import display_width, has_emoji
from campaign_automation.models.common import AdAccount, Objective
from campaign_automation.models.creation.settings import Bidding, CampaignSetting, Copy, End, Name, Setting
from campaign_automation.utils.error_handler import InvalidRequestError


def of_campaign(setting: Setting) -> CampaignSetting:
    """Return a setting on a platform whose ads are not edited. Raises TypeError for a copy."""
    if isinstance(setting, Copy):
        raise TypeError("the ads of this platform are not edited")
    return setting


def check_setting(
    setting: Setting,
    before: Bidding | None,
    objective: Objective,
    account: AdAccount,
    rules: OptionRules,
    now: datetime,
) -> None:
    """Raise InvalidRequestError by field; `before` is the bidding so far, None for one that is not known."""
    if isinstance(setting, Bidding):
        check_bidding(setting, objective, rules, account)
        _check_switch(setting, before, rules)
    elif isinstance(setting, End):
        if setting.moment is not None and setting.moment <= now:
            raise InvalidRequestError(
                "end_time: lies in the past; pause the campaign to stop it now", field="end_time"
            )
    elif isinstance(setting, Name):
        _check_name(setting.text, rules)


def _check_switch(setting: Bidding, before: Bidding | None, rules: OptionRules) -> None:
    if before is None:
        problem = "bids here in a way that this module does not change; change it on the platform"
        raise refused("bid_strategy", rules.name, problem)
    if setting.strategy == before.strategy or {setting.strategy, before.strategy} in rules.bid_switches:
        return
    problem = (
        f"does not move an existing campaign from {before.strategy} to {setting.strategy}; duplicate it with"
        f" bid_strategy {setting.strategy}"
    )
    raise refused("bid_strategy", rules.name, problem, [before.strategy])


def _check_name(name: str, rules: OptionRules) -> None:
    if not rules.name_emoji and has_emoji(name):
        raise refused("name", rules.name, "takes no emoji in names")
    width = display_width(name)
    if width > rules.name_width:
        problem = f"takes names of at most {rules.name_width} characters, and this has {width} with our mark"
        raise refused("name", rules.name, problem, f"<= {rules.name_width} characters")
