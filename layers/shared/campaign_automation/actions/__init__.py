"""What callers may ask for, by name: the parameters of each action and who carries it out.

An action's module, with its models and managers, is imported when the action is first asked for: a function
that serves one action does not pay for the others while it starts.
"""

from __future__ import annotations

import importlib
from collections.abc import Awaitable, Callable, Iterator, Mapping
from functools import partial
from typing import Any, NamedTuple, TypeVar

from pydantic import BaseModel

from campaign_automation.managers.idempotency import DERIVED_SECONDS, derived_key
from campaign_automation.models import Context
from campaign_automation.wiring import Wiring

M = TypeVar("M", bound=BaseModel)
Run = Callable[[Wiring, Any, Context], Awaitable[BaseModel]]
Method = Callable[[Any, Context], Awaitable[M]]


class Action(NamedTuple):
    """What an action takes, who does it, and the part of the wiring that this needs."""

    parameters: type[BaseModel]
    run: Run
    part: str


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


def reads(parameters: type[BaseModel], part: str, method: str) -> Action:
    """An action that changes nothing: `method` of a part of the wiring."""

    async def run(wiring: Wiring, request: Any, context: Context) -> BaseModel:
        answer: BaseModel = await getattr(getattr(wiring, part), method)(request, context)
        return answer

    return Action(parameters, run, part)


def changes(
    name: str, parameters: type[BaseModel], answer: type[BaseModel], part: str, method: str
) -> Action:
    """An action that the caller's idempotency key makes happen once."""

    async def run(wiring: Wiring, request: Any, context: Context) -> BaseModel:
        return await _once(wiring, name, request, context, answer, getattr(getattr(wiring, part), method))

    return Action(parameters, run, part)


def creates(
    name: str, parameters: type[BaseModel], answer: type[BaseModel], part: str, method: str
) -> Action:
    """The same for a create, which without a key has one derived from what it asks, good for a quarter of an
    hour."""

    async def run(wiring: Wiring, request: Any, context: Context) -> BaseModel:
        create = getattr(getattr(wiring, part), method)
        if request.dry_run or context.idempotency_key is not None:
            return await _once(wiring, name, request, context, answer, create)
        keyed = context.model_copy(update={"idempotency_key": derived_key(context, name, request)})
        once = partial(wiring.idempotency.once, seconds=DERIVED_SECONDS)
        return await once(keyed, name, request, answer, lambda: create(request, context))

    return Action(parameters, run, part)


async def _once(
    wiring: Wiring, name: str, request: Any, context: Context, kind: type[M], method: Method[M]
) -> M:
    """A dry run claims no key: a caller plans, and then does it under the same one."""
    if getattr(request, "dry_run", False):
        return await method(request, context)
    return await wiring.idempotency.once(context, name, request, kind, lambda: method(request, context))
