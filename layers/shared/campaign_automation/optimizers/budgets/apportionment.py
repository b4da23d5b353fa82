"""Rounding to whole steps so that the parts add up to the total.

Largest remainders (Balinski and Young, Fair Representation, 1982) within a box for each part.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import NamedTuple

Part = int | float | Fraction
_BISECTIONS = 100  # more than a float can tell apart


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
    shares: Sequence[Part],
    total: int,
    *,
    low: Sequence[int],
    high: Sequence[int],
    ids: Sequence[str],
    step: int = 1,
) -> Apportioned:
    """Round `shares` to whole steps within [low, high], so that their sum is `total` as far as possible.

    All in minor units and all of one length. Bounds are rounded inwards; a part with no choice between them
    stays at its lower bound, step or not. Ties go by id. Raises ValueError for bounds that cross.
    """
    if any(least > most for least, most in zip(low, high, strict=True)):
        raise ValueError("a lower bound is above its upper bound")
    amounts = list(low)
    free = [index for index in range(len(low)) if _has_choice(low[index], high[index], step)]
    fixed = sum(low) - sum(low[index] for index in free)
    # Fixed parts may stand off the step, so the steps are counted in what they leave.
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
    """Multiply `amounts` by the one factor with which they, each within [low, high], sum to `total`."""
    least = 0.0
    most = max((top / max(amount, 1) for amount, top in zip(amounts, high, strict=True)), default=1)

    def at(factor: float) -> list[float]:
        bounds = zip(amounts, low, high, strict=True)
        return [float(min(max(amount * factor, down), up)) for amount, down, up in bounds]

    for _ in range(_BISECTIONS):
        middle = (least + most) / 2
        least, most = (middle, most) if sum(at(middle)) < total else (least, middle)
    return at(most)


def _round_within(
    shares: Sequence[Part],
    step: int,
    total: int,
    floors: Sequence[int],
    ceilings: Sequence[int],
    ids: Sequence[str],
) -> list[int]:
    """Return whole numbers of steps that sum to `total`, which must lie within the bounds' sums."""
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
    """Give or take one step each in `order`, round after round, until `rest` steps are handed out.

    Rounds in which every part gets one are taken together: a rest of millions would need as many rounds.
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
