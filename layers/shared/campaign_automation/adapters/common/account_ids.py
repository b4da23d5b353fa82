"""The spellings of ad accounts' ids: people type them in several, each platform takes one."""

from __future__ import annotations

import re
from typing import NamedTuple

from campaign_automation.models.common import AdAccount, Platform
from campaign_automation.utils.error_handler import AccountError


class _Spelling(NamedTuple):
    """The pattern of an id without its dashes and spaces, what is put before its digits, and an example."""

    digits: re.Pattern[str]
    prefix: str
    wanted: str


_SPELLINGS = {
    Platform.META: _Spelling(re.compile(r"(?:act_)?([0-9]{1,20})", re.IGNORECASE), "act_", "act_123456"),
    Platform.TIKTOK: _Spelling(re.compile(r"([0-9]{1,20})"), "", "7000000000000000123"),
    Platform.GOOGLE: _Spelling(re.compile(r"([0-9]{10})"), "", "1234567890"),
}
# Also the dashes that word processors make of "-".
_BETWEEN = re.compile(r"[\s\u2010-\u2015-]+")


def platform_account_id(platform: str, typed: object) -> str:
    """Return an account's id as `platform` takes it. Raises AccountError that names the spelling wanted."""
    spelling = _SPELLINGS[Platform(platform)]
    text = str(typed) if isinstance(typed, str | int) and not isinstance(typed, bool) else ""
    found = spelling.digits.fullmatch(_BETWEEN.sub("", text))
    if found is None:
        raise AccountError(
            f"{platform}: {text[:80]!r} is no ad account's id; it should look like {spelling.wanted}",
            platform=platform,
            field="platform_account_id",
            expected=spelling.wanted,
        )
    return spelling.prefix + found[1]


def is_named(account: AdAccount, asked: str) -> bool:
    """Return whether `asked` is the account: the Web Platform's number of it, or its id in any spelling."""
    return asked == account.ad_account_id or bare_id(asked) == bare_id(account.platform_account_id)


def bare_id(account_id: str) -> str:
    """Return what is left of an id without the parts in which its spellings differ, to compare two."""
    return _BETWEEN.sub("", account_id).lower().removeprefix("act_")
