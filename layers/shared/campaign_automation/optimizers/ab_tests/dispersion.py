"""Variance of the arms' daily differences beyond chance: delivery moves separate ad sets apart.

Noise that lasts for days hides in the variance of single days, so blocks of five days are measured too. Below
four blocks slow drift cannot be measured; a guard then assumes one, which can only hold a decision back.

Source: McCullagh and Nelder, Generalized Linear Models (1989), for the dispersion; Student, The Probable
Error of a Mean (1908), for bounds on few days.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from campaign_automation.models.ab_values import SLOW_DRIFT_DAYS
from campaign_automation.optimizers.ab_tests.sequential import DayPairs, p_of
from campaign_automation.optimizers.ab_tests.tables import P_FLOOR, Floats

ROBUST_FROM_DAYS = 7
PRIOR_DAYS = 3
MIN_DAYS = 2
BLOCK_DAYS = 5  # so that there are four blocks at least
# Standard deviation of each arm's level that is assumed while slow drift cannot be measured: the largest
# delivery noise under which the error rates are kept.
ASSUMED_DRIFT = 0.3
# The dispersion is estimated anew at every look, which the bounds' integration does not know: simulated looks
# under strong delivery noise stay within alpha when this share of it is spent.
SPENDABLE = 0.65


class Dispersion(NamedTuple):
    """Variance of the differences over that of chance alone: by day, and by block of days.

    `by_block` is None while there are too few blocks. `assumed` is with a slow drift of the ad sets,
    and 1 as soon as blocks can show one.
    """

    days: int
    by_day: float
    blocks: int
    by_block: float | None
    assumed: float

    @property
    def measured(self) -> float:
        """Return the dispersion that the days have shown."""
        return max(self.by_day, self.by_block or 1.0)

    @property
    def guarded(self) -> float:
        """Return the dispersion with the slow drift that is assumed while none can be measured."""
        return max(self.measured, self.assumed)

    def deviate(self, z: float, *, guarded: bool = True) -> float:
        """Return the normal deviate that `z` is worth; few days may look quieter than they are."""
        size = abs(z)
        found = [size, self._by_day(size)]
        if self.by_block is not None:
            # One degree of freedom less: every look measures the blocks anew, and the quietest decides.
            found.append(_normal_of(size / math.sqrt(self.by_block), self.blocks - 2))
        elif guarded:
            found.append(size / math.sqrt(self.assumed))
        return math.copysign(min(found), z)

    def _by_day(self, size: float) -> float:
        """Correct for the days' variance around equal rates, of which `size` itself is a part."""
        if self.days < MIN_DAYS:
            return size / math.sqrt(self.by_day)
        square = size * size / self.by_day * self.days / (PRIOR_DAYS + self.days)
        if square >= self.days:
            return size / math.sqrt(self.by_day)
        return _normal_of(math.sqrt(square * (self.days - 1) / (self.days - square)), self.days - 1)


UNDISPERSED = Dispersion(0, 1.0, 0, None, 1.0)


def dispersion(pairs: DayPairs) -> Dispersion:
    """Measure the dispersion of the days so far."""
    kept = pairs.variance > 0
    excess, variance = (pairs.second - pairs.share * pairs.converted)[kept], pairs.variance[kept]
    days = len(excess)
    if not days:
        return UNDISPERSED
    by_day = max(1.0, (PRIOR_DAYS + float((excess**2 / variance).sum())) / (PRIOR_DAYS + days))
    if days < SLOW_DRIFT_DAYS:
        # Two arms drift, each by itself; an excess grows with the variance times the log of the rate ratio.
        drift = 2 * ASSUMED_DRIFT**2 * BLOCK_DAYS * float(variance.mean())
        return Dispersion(days, by_day, 0, None, 1 + drift)
    # The last block takes the days that make no block of their own.
    starts = np.arange(days // BLOCK_DAYS) * BLOCK_DAYS
    by_block = _around_the_difference(np.add.reduceat(excess, starts), np.add.reduceat(variance, starts))
    return Dispersion(days, by_day, len(starts), by_block, 1.0)


def robust_p(log_e: Floats, noise: Dispersion, *, guarded: bool = True) -> float:
    """Return p from today's evidence tempered by the dispersion; 1 before seven days are there to measure it.

    No running minimum: the dispersion moves, and with it what earlier days were worth.
    """
    if len(log_e) < ROBUST_FROM_DAYS:
        return 1.0
    return p_of(noise.deviate(math.sqrt(2 * max(float(log_e[-1]), 0.0)), guarded=guarded) ** 2 / 2)


def _around_the_difference(excess: Floats, variance: Floats) -> float:
    """Return the dispersion of blocks around the arms' own difference, which would fill so few of them."""
    rest = excess - variance * (excess.sum() / variance.sum())
    return max(1.0, float((rest**2 / variance).sum()) / (len(excess) - 1))


def _normal_of(t: float, freedom: int) -> float:
    """Return the normal deviate with as much beyond it as Student's distribution has beyond `t`."""
    from scipy.special import ndtri, stdtr

    return -float(ndtri(max(float(stdtr(freedom, -t)), P_FLOOR)))
