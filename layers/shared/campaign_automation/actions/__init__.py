"""What callers may ask for, by name: the parameters of each action and who carries it out.

An action's module, with its models and managers, is imported when the action is first asked for: a function
that serves one action does not pay for the others while it starts.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping

from campaign_automation.actions.kinds import Action

_HOMES = {
    "campaigns": ("create_campaign", "get_campaign_status"),
    "changes": ("manage_campaign", "get_audit", "undo_change"),
    "budgets": ("optimize_budget",),
    "ab_tests": ("create_ab_test", "analyze_ab_test", "cancel_ab_test"),
    "rules": (
        "create_rule",
        "create_rule_from_template",
        "list_rule_templates",
        "list_rules",
        "get_rule",
        "update_rule",
        "set_rule_state",
        "delete_rule",
    ),
}


class _Actions(Mapping[str, Action]):
    def __init__(self, homes: Mapping[str, tuple[str, ...]]) -> None:
        self._homes = {action: home for home, actions in homes.items() for action in actions}

    def __getitem__(self, action: str) -> Action:
        home = importlib.import_module(f"{__name__}.{self._homes[action]}")
        found: Action = home.ACTIONS[action]
        return found

    def __contains__(self, action: object) -> bool:
        return action in self._homes

    def __iter__(self) -> Iterator[str]:
        return iter(self._homes)

    def __len__(self) -> int:
        return len(self._homes)


ACTIONS: Mapping[str, Action] = _Actions(_HOMES)
