"""The table of actions: one decorated function per action, with its route, models, role and idempotency.

`execute`, the HTTP routes and handlers, the OpenAPI document and the README's table all come from it.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from enum import StrEnum
from itertools import chain
from typing import TYPE_CHECKING, Any, TypeVar, get_args, get_type_hints

from pydantic import BaseModel

from campaign_automation.managers.shared.idempotency import Now, action_claim
from campaign_automation.models.campaign import Campaign, Creation
from campaign_automation.models.common import Context, Proposable, Role
from campaign_automation.models.proposals import ProposalMade
from campaign_automation.stores.answer_store import Claim
from campaign_automation.utils.validation import models_within

if TYPE_CHECKING:
    from campaign_automation.wiring import Wiring

R = TypeVar("R", bound=BaseModel)
A = TypeVar("A", bound=BaseModel)
Perform = Callable[["Wiring", R, Context], Awaitable[A]]
# Shows a kept answer with the state of what it made as that is now.
Refresh = Callable[["Wiring", Context, Any], Awaitable[Now]]


class Key(StrEnum):
    """The idempotency key under which an action happens once."""

    NONE = "none"
    GIVEN = "given"  # the caller's; without one the action runs every time
    DERIVED = "derived"  # the caller's, else one derived from user, session and request
    CAMPAIGN = "campaign"  # like DERIVED, claimed in one transaction with the campaign that it makes


@dataclass(frozen=True)
class Action:
    """One action that callers may ask for: its route, request, role and answers."""

    name: str
    method: str
    path: str
    summary: str
    role: Role
    key: Key
    is_destructive: bool
    is_public: bool
    request: type[BaseModel]
    answers: dict[int, tuple[type[BaseModel], ...]]  # by HTTP status; those of changes are an Answer
    perform: Perform[Any, Any]
    refresh: Refresh | None

    @property
    def changes(self) -> bool:
        return self.key is not Key.NONE

    def allows(self, roles: Collection[Role]) -> bool:
        """Return whether a caller with `roles` may call; every role may read."""
        return self.role in roles or (self.role is Role.VIEWER and bool(roles))

    @property
    def success(self) -> int:
        """The HTTP status of an answer that is neither an error nor `accepted`."""
        return min(self.answers)

    @property
    def path_names(self) -> list[str]:
        return [part[1:-1] for part in self.path.split("/") if part.startswith("{")]

    @property
    def query_names(self) -> list[str]:
        """The parameters of a GET that its path does not name."""
        fields = self.request.model_fields.items()
        own = [field.alias or name for name, field in fields if name not in self.path_names]
        return own if self.method == "GET" else []

    @property
    def has_body(self) -> bool:
        return self.method in ("POST", "PUT", "PATCH")

    @property
    def models(self) -> list[type[BaseModel]]:
        """The models that a function with this action builds while it starts."""
        # Answers are made of their parts; the parts of what is read are built with the whole.
        answers = models_within(chain.from_iterable(self.answers.values()))
        return [Context, Creation, Campaign, self.request, *answers]

    def kept_answer(self, text: str) -> BaseModel:
        """Return the answer that an idempotency key repeats, of the kind that it was."""
        # Of the two that may answer 202, a creation that goes on is never kept.
        is_accepted = json.loads(text)["status"] == "accepted"
        kind = self.answers[202][-1] if is_accepted else self.answers[self.success][0]
        return kind.model_validate_json(text)

    def claim(self, caller: Context, request: BaseModel) -> Claim | None:
        """Return the claim under which `request` is carried out once, or None.

        A dry run claims no key: a caller plans, and then carries out under the same one. A creation that is
        only proposed makes no campaign, with which its key would be claimed.
        """
        proposes = isinstance(request, Proposable) and request.proposes
        if self.key is Key.NONE or getattr(request, "dry_run", False):
            return None
        if self.key is Key.CAMPAIGN and not proposes:
            return None
        return action_claim(caller, self.name, request, derive=self.key is not Key.GIVEN)


ACTIONS: dict[str, Action] = {}


async def proposal_as_it_is_now(parts: Wiring, caller: Context, answer: BaseModel) -> Now:
    """Return an earlier answer as it was, but of a proposal with its state as it is now."""
    if not isinstance(answer, ProposalMade):
        return Now(answer, is_over=False)
    return await parts.proposal_maker.as_it_is_now(caller.user_id, answer)


def action(
    method: str,
    path: str,
    *,
    key: Key = Key.NONE,
    success: int = 200,
    destructive: bool = False,
    public: bool = False,
    role: Role | None = None,
    refresh: Refresh | None = None,
) -> Callable[[Perform[R, A]], Perform[R, A]]:
    """Enter the decorated function into ACTIONS under its own name.

    Its `request` parameter's type parses the parameters; the types it returns are the answers, `success` the
    status of the first; the others mean that the work goes on, or waits for a person (202). Without `role`
    buyers may call an action that changes, viewers one that only reads; a `public` one needs no token over
    HTTP. `refresh` brings an answer that is repeated up to date.
    """

    def register(perform: Perform[R, A]) -> Perform[R, A]:
        name: str = perform.__name__
        # The parts are left out: with them come all managers, and the document of the API needs none.
        hints = get_type_hints(perform, localns={"Wiring": object})
        first, *later = get_args(hints["return"]) or (hints["return"],)
        ACTIONS[name] = Action(
            name=name,
            method=method,
            path=path,
            summary=(perform.__doc__ or "").partition("\n")[0],
            role=role or (Role.VIEWER if key is Key.NONE else Role.BUYER),
            key=key,
            is_destructive=destructive,
            is_public=public,
            request=hints["request"],
            answers={success: (first,), **({202: tuple(later)} if later else {})},
            perform=perform,
            refresh=refresh,
        )
        return perform

    return register
