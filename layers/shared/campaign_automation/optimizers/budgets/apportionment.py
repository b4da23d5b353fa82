"""Rounding to whole steps so that the parts add up to the total.

Largest remainders (Balinski and Young, Fair Representation, 1982) within a box for each part.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import NamedTuple

Share = int | float | Fraction
_BISECTIONS = 100  # more than a float can tell apart
_FAR = 10**30  # steps; a bound that no amount of money reaches


class Apportioned(NamedTuple):
    """`amounts` in minor units; their sum + unallocatable + unallocated - shortfall is the total asked for.

    unallocatable: less than a step, so no part can take it. unallocated: every part is at its upper bound.
    shortfall: every part is at its lower bound, and these need more than the total.
    """

    amounts: list[int]
    unallocatable: int
    unallocated: int
    shortfall: int


def apportion(
    shares: Sequence[Share],
    total: int,
    *,
    low: Sequence[int],
    high: Sequence[int],
    ids: Sequence[str],
    step: int = 1,
) -> Apportioned:
    """`shares` rounded to whole steps within [low, high], so that their sum is `total` as far as it can be.

    All in minor units and all of one length. Bounds are rounded inwards; a part with no choice between them
    stays at its lower bound, step or not. Ties go by id. Raises ValueError for bounds that cross.
    """
    if any(least > most for least, most in zip(low, high, strict=True)):
        raise ValueError("a lower bound is above its upper bound")
    amounts = list(low)
    free = [index for index in range(len(low)) if _has_choice(low[index], high[index], step)]
    fixed = sum(low) - sum(low[index] for index in free)
    steps, unallocatable = divmod(total - fixed, step)
    floors = [_steps_up(low[index], step) for index in free]
    ceilings = [high[index] // step for index in free]
    wanted = min(max(steps, sum(floors)), sum(ceilings))
    counts = _round_within(
        [shares[index] for index in free], step, wanted, floors, ceilings, _pick(ids, free)
    )
    for index, count in zip(free, counts, strict=True):
        amounts[index] = count * step
    missing = steps - wanted
    result = Apportioned(amounts, unallocatable, max(missing, 0) * step, max(-missing, 0) * step)
    assert sum(amounts) + result.unallocatable + result.unallocated - result.shortfall == total
    return result


def scaled_within(amounts: Sequence[int], total: int, low: Sequence[int], high: Sequence[int]) -> list[float]:
    """`amounts` times the one factor with which they, each within [low, high], sum to `total`."""
    least, most = (
        0.0,
        max((top / max(amount, 1) for amount, top in zip(amounts, high, strict=True)), default=1),
    )

    def at(factor: float) -> list[float]:
        bounds = zip(amounts, low, high, strict=True)
        return [float(min(max(amount * factor, down), up)) for amount, down, up in bounds]

    for _ in range(_BISECTIONS):
        middle = (least + most) / 2
        least, most = (middle, most) if sum(at(middle)) < total else (least, middle)
    return at(most)


class Limit(NamedTuple):
    """At most `total` for the parts `members` (indices) together. Limits are nested or apart."""

    name: str
    members: frozenset[int]
    total: int


def apportion_within(
    shares: Sequence[Share],
    total: int,
    limits: Sequence[Limit],
    *,
    low: Sequence[int],
    high: Sequence[int],
    ids: Sequence[str],
    step: int = 1,
) -> Apportioned:
    """`apportion` that keeps limits too: the total goes to the outermost groups first, and on inwards.

    Raises ValueError when lower bounds break a limit.
    """
    amounts = list(low)
    free = [index for index in range(len(low)) if _has_choice(low[index], high[index], step)]
    used = {
        limit: sum(low[index] for index in limit.members if not _has_choice(low[index], high[index], step))
        for limit in limits
    }
    parts = {
        index: _Part(
            ids[index], shares[index], _steps_up(low[index], step) * step, high[index] // step * step
        )
        for index in free
    }
    outer = _nest(parts, sorted(limits, key=lambda limit: len(limit.members)), used, step)
    fixed = sum(low) - sum(low[index] for index in free)
    rest = _share_out(outer, total - fixed, step, amounts)
    assert sum(amounts) + rest.unallocatable + rest.unallocated - rest.shortfall == total
    return rest._replace(amounts=amounts)


class _Part(NamedTuple):
    """A part to be given money: a leaf, or a group with parts of its own. Bounds in whole steps."""

    name: str
    share: Share
    low: int
    high: int
    inner: dict[int, _Part] | None = None


def _nest(
    parts: dict[int, _Part], limits: Sequence[Limit], used: dict[Limit, int], step: int
) -> dict[int, _Part]:
    """Parts by (any) member's index with every group's members gathered into one part, small groups first."""
    for limit in limits:
        inner = {index: part for index, part in parts.items() if index in limit.members}
        if not inner:
            continue
        room = (limit.total - used[limit]) // step * step
        most = min(room, sum(part.high for part in inner.values()))
        least = sum(part.low for part in inner.values())
        share = sum(part.share for part in inner.values())
        outer = {index: part for index, part in parts.items() if index not in limit.members}
        parts = outer | {min(inner): _Part(limit.name, share, least, most, inner)}
    return parts


def _share_out(parts: dict[int, _Part], total: int, step: int, amounts: list[int]) -> Apportioned:
    """Writes the leaves' amounts into `amounts`."""
    given = apportion(
        [part.share for part in parts.values()],
        total,
        low=[part.low for part in parts.values()],
        high=[part.high for part in parts.values()],
        ids=[part.name for part in parts.values()],
        step=step,
    )
    for (index, part), amount in zip(parts.items(), given.amounts, strict=True):
        if part.inner is None:
            amounts[index] = amount
        else:
            _share_out(part.inner, amount, step, amounts)
    return given


def split_in_proportion(
    total: int, weights: Sequence[Share], *, step: int = 1, ids: Sequence[str] = ()
) -> list[int]:
    """`total`, a multiple of `step` and of either sign, split as `weights`: sums exactly, weight 0 gets 0.

    Without `ids` ties go by position. Raises ValueError when the weights sum to 0 or the total is no
    multiple of the step.
    """
    whole = sum(Fraction(weight) for weight in weights)
    if not whole:
        raise ValueError("the weights sum to 0")
    return round_to_total([total * Fraction(weight) / whole for weight in weights], total, step=step, ids=ids)


def round_to_total(
    parts: Sequence[Share], total: int, *, step: int = 1, ids: Sequence[str] = ()
) -> list[int]:
    """`parts` of a report, of either sign, in whole steps that add up to the printed `total`; 0 stays 0.

    Raises ValueError when the total is no multiple of the step, or no part is there to take it.
    """
    steps, rest = divmod(total, step)
    moving = [index for index, part in enumerate(parts) if part]
    if rest or (steps and not moving):
        raise ValueError(f"{total} cannot be made of {len(moving)} parts in steps of {step}")
    names = ids or [f"{index:012d}" for index in range(len(parts))]
    counts = _round_within(
        [parts[index] for index in moving],
        step,
        steps,
        [-_FAR] * len(moving),
        [_FAR] * len(moving),
        _pick(names, moving),
    )
    amounts = [0] * len(parts)
    for index, count in zip(moving, counts, strict=True):
        amounts[index] = count * step
    return amounts


def _round_within(
    shares: Sequence[Share],
    step: int,
    total: int,
    floors: Sequence[int],
    ceilings: Sequence[int],
    ids: Sequence[str],
) -> list[int]:
    """Whole numbers of steps that sum to `total`, which the caller knows to lie within the bounds' sums."""
    parts = [divmod(share, step) for share in shares]
    counts = [
        min(max(int(whole), least), most)
        for (whole, _), least, most in zip(parts, floors, ceilings, strict=True)
    ]
    rest = total - sum(counts)
    if rest > 0:
        order = sorted(range(len(parts)), key=lambda index: (-parts[index][1], ids[index]))
        _hand_out(counts, rest, order, +1, lambda index: ceilings[index] - counts[index])
    elif rest < 0:
        order = sorted(range(len(parts)), key=lambda index: (parts[index][1], ids[index]))
        _hand_out(counts, -rest, order, -1, lambda index: counts[index] - floors[index])
    return counts


def _hand_out(counts: list[int], rest: int, order: list[int], sign: int, room: Callable[[int], int]) -> None:
    """One step each in `order`, round after round, until `rest` steps are given or taken.

    Rounds in which everybody gets one are taken together.
    """
    while rest:
        order = [index for index in order if room(index)]
        each = max(1, min(rest // len(order), *(room(index) for index in order)))
        for index in order[:rest]:
            counts[index] += sign * each
        rest -= each * min(rest, len(order))


def _has_choice(low: int, high: int, step: int) -> bool:
    return low < high and _steps_up(low, step) <= high // step


def _steps_up(amount: int, step: int) -> int:
    return -(-amount // step)


def _pick(values: Sequence[str], indices: Sequence[int]) -> list[str]:
    return [values[index] for index in indices]
