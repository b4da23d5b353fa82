"""The kinds of actions: those that only read, those that change, and those that create."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple, TypeVar

from pydantic import BaseModel

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
        return await _once(wiring, name, request, context, answer, create, derive=True)

    return Action(parameters, run, part)


async def _once(
    wiring: Wiring,
    name: str,
    request: Any,
    context: Context,
    kind: type[M],
    method: Method[M],
    *,
    derive: bool = False,
) -> M:
    """A dry run claims no key: a caller plans, and then does it under the same one."""
    if getattr(request, "dry_run", False):
        return await method(request, context)
    return await wiring.idempotency.once(
        context, name, request, kind, lambda: method(request, context), derive=derive
    )
