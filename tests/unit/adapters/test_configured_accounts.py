"""The ad accounts' part of a platform's secret, as people write it."""

from __future__ import annotations

from typing import Any

import pytest

from campaign_automation.adapters.common.accounts import configured
from campaign_automation.adapters.google.wire import _manager
from campaign_automation.utils.error_handler import ConfigurationError


@pytest.mark.parametrize(
    "accounts", [5, "act_1", ["act_1"], {"act_1": "x"}, {"act_1": {"page_id": "1"}, "act_2": None}]
)
def test_accounts_of_another_shape_are_no_answer_of_the_platform(accounts: Any) -> None:
    with pytest.raises(ConfigurationError, match="accounts in the platform's secret"):
        configured(lambda: {"accounts": accounts}, "act_1")


@pytest.mark.parametrize("app", [{}, {"accounts": None}, {"accounts": []}, {"accounts": {"2": {}}}])
def test_an_account_without_an_entry_has_nothing_configured(app: dict[str, Any]) -> None:
    assert configured(lambda: app, "act_1") == {}


def test_a_manager_account_that_is_none_is_the_operators_to_mend() -> None:
    with pytest.raises(ConfigurationError, match=r"login_customer_id in the secret of Google Ads: .*'123'"):
        _manager("123")
    assert _manager("123-456-7890") == "1234567890"
