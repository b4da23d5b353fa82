"""Budgets: minor units in, minor-unit strings out."""

from local.sandbox.meta.errors import GraphError, invalid
from local.sandbox.meta.params import Params
from local.sandbox.meta.store import Account, Json, Node

BUDGETS = ("daily_budget", "lifetime_budget")


def read_budget(params: Params, account: Account) -> Json:
    """The budget fields sent, checked against each other and the account's minimum."""
    budget = {name: amount for name in BUDGETS if (amount := params.integer(name)) is not None}
    if len(budget) > 1:
        raise invalid(
            1885023,
            "Only One Budget Allowed",
            "Set either a daily budget or a lifetime budget, not both.",
            *BUDGETS,
        )
    for name, amount in budget.items():
        _check_minimum(name, amount, account)
    return budget


def _check_minimum(name: str, amount: int, account: Account) -> None:
    minimum = account.min_daily_budget
    if amount < minimum:
        shown = minimum / account.offset
        raise invalid(
            1885272,
            "Your budget is too low",
            f"Your budget must be at least {shown:.2f} {account.currency} a day to run this ad set.",
            name,
        )


def owns_budget(node: Node) -> bool:
    return any(node.data.get(name) for name in BUDGETS)


def both_levels() -> GraphError:
    return invalid(
        1885621,
        "Can't set budget on both campaign and ad set",
        "You can only set an ad set budget or a campaign budget. Please remove one of them.",
        "daily_budget",
    )
