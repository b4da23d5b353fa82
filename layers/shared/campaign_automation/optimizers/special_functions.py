"""The incomplete gamma and beta functions and their inverses, without scipy.

Functions that call platforms cannot carry scipy (its layer does not fit beside an SDK), so rules use these:
within 1e-10 of scipy.special. Source: Press et al., Numerical Recipes, 6.2 and 6.4 (series and Lentz's
continued fractions); DLMF 8.9 and 8.17.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from statistics import NormalDist

_TINY = 1e-300  # stands in for 0 in a denominator of Lentz's method
_EPSILON = 1e-16
_MAX_TERMS = 100_000


def gamma_cdf(shape: float, x: float) -> float:
    """Return the regularised lower incomplete gamma P(shape, x): the share of a Gamma(shape, 1) below x."""
    if x <= 0:
        return 0.0
    # The series converges fast left of the mean, the continued fraction right of it.
    scale = x * gamma_density(shape, x)
    if x < shape + 1:
        return min(scale * _gamma_series(shape, x), 1.0)
    return max(1 - scale * _gamma_fraction(shape, x), 0.0)


def _gamma_series(shape: float, x: float) -> float:
    term = total = 1 / shape
    for step in range(1, _MAX_TERMS):
        term *= x / (shape + step)
        total += term
        if term < total * _EPSILON:
            break
    return total


def _gamma_fraction(shape: float, x: float) -> float:
    def coefficients(step: int) -> tuple[float, float]:
        return -step * (step - shape), x + 2 * step + 1 - shape

    return 1 / _lentz(x + 1 - shape, coefficients)


def beta_cdf(a: float, b: float, x: float) -> float:
    """Return the regularised incomplete beta I_x(a, b): the share of a Beta(a, b) below x."""
    if x <= 0 or x >= 1:
        return float(x >= 1)
    # The fraction converges fast only left of the mean.
    if x > (a + 1) / (a + b + 2):
        return 1 - beta_cdf(b, a, 1 - x)
    return x * (1 - x) * beta_density(a, b, x) / (a * _beta_fraction(a, b, x))


def _beta_fraction(a: float, b: float, x: float) -> float:
    def coefficients(step: int) -> tuple[float, float]:
        half, odd = divmod(step, 2)
        if odd:
            return -(a + half) * (a + b + half) * x / ((a + 2 * half) * (a + 2 * half + 1)), 1.0
        return half * (b - half) * x / ((a + 2 * half - 1) * (a + 2 * half)), 1.0

    return _lentz(1.0, coefficients)


def _lentz(first: float, coefficients: Callable[[int], tuple[float, float]]) -> float:
    """Return the continued fraction first + a1/(b1 + a2/(b2 + ...)) by the modified Lentz method."""
    value = numerator = first or _TINY
    denominator = 0.0
    for step in range(1, _MAX_TERMS):
        a, b = coefficients(step)
        denominator = 1 / ((b + a * denominator) or _TINY)
        numerator = (b + a / numerator) or _TINY
        change = numerator * denominator
        value *= change
        if abs(change - 1) < 1e-15:
            break
    return value


def gamma_density(shape: float, x: float) -> float:
    """Return the density of a Gamma(shape, rate 1) at x > 0, written so that large terms cancel unrounded."""
    log_kernel = shape * _log_less_linear((x - shape) / shape, x / shape) - _stirling_error(shape)
    return math.sqrt(shape / (2 * math.pi)) / x * math.exp(log_kernel)


def beta_density(a: float, b: float, x: float) -> float:
    """Return the density of a Beta(a, b) at 0 < x < 1, written so that large terms cancel unrounded."""
    total = a + b
    log_kernel = a * _log_less_linear((x * total - a) / a, x * total / a)
    log_kernel += b * _log_less_linear((a - x * total) / b, (1 - x) * total / b)
    log_kernel += _stirling_error(total) - _stirling_error(a) - _stirling_error(b)
    return math.sqrt(a * b / (2 * math.pi * total)) / (x * (1 - x)) * math.exp(log_kernel)


def _log_less_linear(excess: float, ratio: float) -> float:
    """Return log(ratio) - excess, where ratio = 1 + excess; each as exact as it is known."""
    # Near 0 the ratio has lost the digits of the excess that log1p still uses.
    return (math.log1p(excess) if abs(excess) < 0.5 else math.log(ratio)) - excess


def _stirling_error(z: float) -> float:
    """Return lgamma(z) less Stirling's formula."""
    if z < 10:
        return math.lgamma(z) - (z - 0.5) * math.log(z) + z - 0.5 * math.log(2 * math.pi)
    square = z * z
    return (1 / 12 - (1 / 360 - (1 / 1260 - 1 / (1680 * square)) / square) / square) / z


def gamma_quantile(shape: float, probability: float) -> float:
    """Return the x below which a Gamma(shape, rate 1) lies with `probability` (0 < probability < 1)."""
    z = NormalDist().inv_cdf(probability)
    guess = shape * (1 - 1 / (9 * shape) + z / (3 * math.sqrt(shape))) ** 3  # Wilson and Hilferty
    if guess <= 0 or shape < 0.5:
        guess = math.exp((math.log(probability) + math.lgamma(shape + 1)) / shape)
    high = 2.0 * max(guess, shape)
    while gamma_cdf(shape, high) < probability:
        high *= 2
    return _invert(lambda x: gamma_cdf(shape, x), lambda x: gamma_density(shape, x), probability, guess, high)


def beta_quantile(a: float, b: float, probability: float) -> float:
    """Return the x below which a Beta(a, b) lies with `probability` (0 < probability < 1)."""
    mean = a / (a + b)
    if mean > 0.5:  # near 1 the steps of a float are too coarse to search in
        return 1 - beta_quantile(b, a, 1 - probability)
    spread = math.sqrt(mean * (1 - mean) / (a + b + 1))
    guess = min(max(mean + NormalDist().inv_cdf(probability) * spread, mean / 10), 1 - (1 - mean) / 10)
    return _invert(lambda x: beta_cdf(a, b, x), lambda x: beta_density(a, b, x), probability, guess, 1.0)


def _invert(
    cdf: Callable[[float], float],
    density: Callable[[float], float],
    probability: float,
    guess: float,
    high: float,
) -> float:
    """Return the x with cdf(x) = probability, by Newton's steps inside a bracket from 0 to `high`."""
    low, x = 0.0, guess
    for _ in range(200):
        error = cdf(x) - probability
        low, high = (x, high) if error < 0 else (low, x)
        slope = density(x)
        moved = x - error / slope if slope > 0 else -1.0
        if not low < moved < high:
            moved = (low + high) / 2
        if abs(moved - x) <= 1e-12 * x:
            return moved
        x = moved
    return x
