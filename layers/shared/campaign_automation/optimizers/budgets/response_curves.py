"""Response curves of ad sets from their daily records: conversions a day = A u / (K + u), u a relative spend.

Penalised quasi-Poisson regression with level and bend of every ad set shrunk to their group, all ad sets at
once. Shapes: n ad sets x T days. Sources: Jin, Wang, Sun, Chan, Koehler, Bayesian Methods for Media Mix
Modeling with Carryover and Shape Effects (2017); Nuara, Trovo, Gatti, Restelli, Online Joint Bid/Daily Budget
Optimization of Internet Advertising Campaigns (2022).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from campaign_automation.optimizers.budgets.allocator import Michaelis

Floats = NDArray[np.float64]

ROUNDS = 12
DISPERSION_FROM_ROUND = 4
BEND_VARIANCE = 0.7**2
BEND_MEAN = float(np.log(2))
BEND_MEAN_WEIGHT = 4
BEND_SLOPE = 0.5  # of the bend on an ad set's own spend, both as logs
BEND_SLOPE_WEIGHT = 4
START_LEVEL_VARIANCE = 0.6
LEAST_LEVEL_VARIANCE = 0.05**2
DAY_PRIOR = 5.0
HALF_LIFE_DAYS = 30
MAX_DISPERSION = 6.0
MIN_POOL = 5  # ad sets; a smaller group says little about its own prior
VALUE_PRIOR = 10.0
# Of what all ad sets share on a day, relative: a week of days like those of the simulated markets.
SPREAD_PRIOR, SPREAD_PRIOR_DAYS = 0.1, 7


@dataclass(frozen=True, slots=True)
class Panel:
    """Daily `spend` (money) and `conversions`, n x T, NaN unknown; `ages` and `maturity` of the days, T."""

    spend: Floats
    conversions: Floats
    ages: Floats
    maturity: Floats


@dataclass(frozen=True, slots=True)
class CurveFit:
    """Posterior of level a = ln(conversions a day at spend `centre`) and bend k = ln K, n each.

    Spend is in units of `unit_spend` money. Covariance of (a, k): `var_level`, `cov`, `var_bend`.
    `dispersion` is the variance of a day's count over its mean, that of the ad set's pool; `day_spread` the
    standard deviation of the logs of what all ad sets of the pool share on a day. `known_share`: the share
    of all days' conversions that is known by now, recent days counting more.
    """

    level: Floats
    bend: Floats
    var_level: Floats
    cov: Floats
    var_bend: Floats
    centre: Floats
    dispersion: Floats
    day_spread: Floats
    unit_spend: float
    known_share: float

    def curves(self, values: Floats) -> Michaelis:
        """Return the fitted curves in money, each conversion of ad set i worth values[i]."""
        return self._curves(self.level, self.bend, values)

    def deviation(self, values: Floats, spend: Floats) -> Floats:
        """Return the standard deviation of the fitted results at a spend, by the delta method."""
        half = np.exp(self.bend)
        lean = half / (half + self.centre) - half / (half + spend / self.unit_spend)
        variance = self.var_level + 2 * lean * self.cov + lean**2 * self.var_bend
        result: Floats = self.curves(values).value(spend) * np.sqrt(np.maximum(variance, 0.0))
        return result

    def draw(self, values: Floats, generator: np.random.Generator) -> Michaelis:
        """Draw curves from the posterior."""
        first, second = generator.standard_normal((2, len(self.level)))
        root = np.sqrt(self.var_level)
        slope = self.cov / root
        rest = np.sqrt(np.maximum(self.var_bend - slope**2, 0.0))
        return self._curves(self.level + root * first, self.bend + slope * first + rest * second, values)

    def _curves(self, level: Floats, bend: Floats, values: Floats) -> Michaelis:
        half = np.exp(bend)
        ceiling = np.exp(level) * (half + self.centre) / self.centre
        return Michaelis(values * ceiling, half * self.unit_spend)


def fit_curves(panel: Panel, unit_spend: float, pools: Sequence[str]) -> CurveFit:
    """Fit curves for every ad set; `unit_spend` is the mean budget of an ad set, `pools` a label for each.

    A label with fewer than 5 ad sets borrows from all of them together. An ad set without data gets the
    prior of its pool. Days without spend do not count.
    """
    n = len(pools)
    parts = {name: np.array([pool == name for pool in pools]) for name in sorted(set(pools))}
    large = {name: mask for name, mask in parts.items() if mask.sum() >= MIN_POOL}
    rest = np.ones(n, dtype=bool)
    columns = np.empty((8, n))
    for mask in large.values():
        rest &= ~mask
        columns[:, mask] = _fit_pool(_rows(panel, mask), unit_spend)
    if rest.any():
        columns[:, rest] = _fit_pool(panel, unit_spend)[:, rest]
    level, bend, var_level, cov, var_bend, centre, dispersion, spread = columns
    known = float(np.average(panel.maturity, weights=_day_weights(panel.ages)))
    return CurveFit(level, bend, var_level, cov, var_bend, centre, dispersion, spread, unit_spend, known)


def _day_weights(ages: Floats) -> Floats:
    weights: Floats = 2.0 ** (-ages / HALF_LIFE_DAYS)
    return weights


def _rows(panel: Panel, mask: NDArray[np.bool_]) -> Panel:
    return Panel(panel.spend[mask], panel.conversions[mask], panel.ages, panel.maturity)


@dataclass(slots=True)
class _FitState:
    """State of the fit between rounds: estimates (n), day factors (T), priors and dispersion.

    `size` is the log of each ad set's own spend. The level's prior is on conversions per money, and that of
    the bend moves with the size by `slope`: a small ad set is not credited with what the large ones bring.
    """

    level: Floats
    bend: Floats
    day: Floats
    size: Floats
    level_mean: float
    level_variance: float = START_LEVEL_VARIANCE
    bend_mean: float = BEND_MEAN
    slope: float = BEND_SLOPE
    dispersion: float = 1.0


def _fit_pool(panel: Panel, unit_spend: float) -> Floats:
    """Return level, bend, their covariance (3), centre, dispersion and spread of the days, 8 x n."""
    seen = (panel.spend > 0) & np.isfinite(panel.conversions)  # NaN is not above 0
    weight = np.where(seen, _day_weights(panel.ages), 0.0)
    spend = np.where(seen, panel.spend / unit_spend, 1.0)
    count = np.where(seen, panel.conversions, 0.0)
    centre = np.exp((weight * np.log(spend)).sum(1) / np.maximum(weight.sum(1), 1e-300))
    state = _start(count, weight, panel.maturity, centre)
    covariance, mean = (np.zeros_like(centre),) * 3, np.zeros_like(count)
    for number in range(1, ROUNDS + 1):
        plain = _plain_mean(state, spend, centre, panel.maturity)
        state.day = _day_factors(count, np.where(seen, plain, 0.0))
        mean = plain * state.day
        if number >= DISPERSION_FROM_ROUND:
            state.dispersion = _dispersion(count, mean, weight)
        covariance = _newton(state, spend, centre, weight * mean, weight * (count - mean))
        _update_priors(state, covariance[0])
    shared = np.full_like(centre, state.dispersion), np.full_like(centre, _day_spread(state, mean))
    return np.array([state.level, state.bend, *covariance, centre, *shared])


def _start(count: Floats, weight: Floats, maturity: Floats, centre: Floats) -> _FitState:
    """Start every ad set at its own rate, pulled to the common one per money by one day's worth."""
    counts, days = (weight * count).sum(1), (weight * maturity).sum(1)
    common = (counts.sum() + 0.5) / ((days * centre).sum() + 1.0)
    size = np.log(centre)
    level = np.log((counts + common * centre) / (days + 1.0))
    bend = BEND_MEAN + BEND_SLOPE * size
    return _FitState(level, bend, np.ones_like(maturity), size, level_mean=float((level - size).mean()))


def _plain_mean(state: _FitState, spend: Floats, centre: Floats, maturity: Floats) -> Floats:
    """Return expected counts without the day factors, n x T."""
    half = np.exp(state.bend)
    scale = np.exp(state.level) * (half + centre) / centre
    mean: Floats = maturity * scale[:, None] * spend / (half[:, None] + spend)
    return mean


def _day_factors(count: Floats, plain: Floats) -> Floats:
    logs = np.log((count.sum(0) + DAY_PRIOR) / (plain.sum(0) + DAY_PRIOR))
    factors: Floats = np.exp(logs - logs.mean())
    return factors


def _day_spread(state: _FitState, mean: Floats) -> float:
    """Return the spread of the days' factors beyond that of their counts by chance."""
    chance = state.dispersion / (mean.sum(0) + DAY_PRIOR)
    excess = np.maximum(np.log(state.day) ** 2 - chance, 0.0).sum()
    days = len(state.day) + SPREAD_PRIOR_DAYS
    return float(np.sqrt((excess + SPREAD_PRIOR_DAYS * SPREAD_PRIOR**2) / days))


def _dispersion(count: Floats, mean: Floats, weight: Floats) -> float:
    n, days = count.shape
    weights = float(weight.sum())
    if weights == 0:
        return 1.0
    squares = float((weight * (count - mean) ** 2 / np.maximum(mean, 0.2)).sum())
    freedom = max(weights - 2 * n * min(1.0, days / 6), 0.2 * weights)
    return float(np.clip(squares / freedom, 1.0, MAX_DISPERSION))


def _newton(
    state: _FitState, spend: Floats, centre: Floats, weighted: Floats, residual: Floats
) -> tuple[Floats, Floats, Floats]:
    """Take one step in all 2 x 2 systems; return the covariance (level, mixed, bend), n each."""
    half = np.exp(state.bend)[:, None]
    lean = half / (half + centre[:, None]) - half / (half + spend)  # d ln(mean) / d bend
    weighted, residual = weighted / state.dispersion, residual / state.dispersion
    level_prior, bend_prior = state.level_mean + state.size, state.bend_mean + state.slope * state.size
    pull_level = residual.sum(1) - (state.level - level_prior) / state.level_variance
    pull_bend = (residual * lean).sum(1) - (state.bend - bend_prior) / BEND_VARIANCE
    level = weighted.sum(1) + 1 / state.level_variance
    mixed = (weighted * lean).sum(1)
    bend = (weighted * lean**2).sum(1) + 1 / BEND_VARIANCE
    determinant = level * bend - mixed**2
    var_level, cov, var_bend = bend / determinant, -mixed / determinant, level / determinant
    state.level = state.level + np.clip(var_level * pull_level + cov * pull_bend, -1, 1)
    state.bend = state.bend + np.clip(cov * pull_level + var_bend * pull_bend, -1, 1)
    return var_level, cov, var_bend


def _update_priors(state: _FitState, var_level: Floats) -> None:
    per_money = state.level - state.size
    state.level_mean = float(per_money.mean())
    spread = float(per_money.var() + var_level.mean())
    state.level_variance = max(spread, LEAST_LEVEL_VARIANCE)
    n, sizes = len(state.bend), state.size - state.size.mean()
    if n >= MIN_POOL:
        steep = float(sizes @ state.bend) + BEND_SLOPE_WEIGHT * BEND_SLOPE
        state.slope = steep / (float(sizes @ sizes) + BEND_SLOPE_WEIGHT)
    level_bend = float((state.bend - state.slope * state.size).sum())
    state.bend_mean = (level_bend + BEND_MEAN_WEIGHT * BEND_MEAN) / (n + BEND_MEAN_WEIGHT)


@dataclass(frozen=True, slots=True)
class ConversionValues:
    """Value of a conversion by ad set, n, in money, and over all; `assumed` where the latter stands in."""

    value: Floats
    mean: float
    assumed: NDArray[np.bool_]


def conversion_values(revenue: Floats, conversions: Floats) -> ConversionValues | None:
    """Return values shrunk to their mean by ten conversions' worth, from daily n x T, NaN unknown.

    Only days with both numbers count. None when no conversion has a known revenue.
    """
    known = np.isfinite(revenue) & np.isfinite(conversions)
    money = np.where(known, revenue, 0.0).sum(1)
    counts = np.where(known, conversions, 0.0).sum(1)
    if not np.any(counts > 0):
        return None
    mean = float(np.sum(money)) / float(np.sum(counts))
    assumed: NDArray[np.bool_] = np.logical_not(known.any(axis=1))
    return ConversionValues((money + VALUE_PRIOR * mean) / (counts + VALUE_PRIOR), mean, assumed)
