"""The allocator from 10 to 100,000 ad sets, beside scipy's general SLSQP where that can keep up."""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Callable

import numpy as np

from campaign_automation.optimizers.budgets.allocator import Floats, Michaelis, Solution, allocate
from campaign_automation.optimizers.budgets.apportionment import apportion
from campaign_automation.optimizers.budgets.response_curves import Panel, fit_curves

SIZES = (10, 100, 1_000, 100_000)
SLSQP_SIZES = (10, 100, 1_000)
SLSQP_ITERATIONS = {1_000: 2}  # each takes seconds there
CENTS = 10_000  # mean budget


def run() -> str:
    """Times are the best of three; memory is the peak of what Python and numpy allocated meanwhile."""
    lines = [
        f"{'ad sets':>8} {'solve':>10} {'round':>10} {'memory':>9} {'gap':>8}"
        f" {'SLSQP':>10} {'ratio':>8} {'SLSQP result':>14}"
    ]
    lines += [_row(n) for n in SIZES]
    panel = _panel(30, 30)
    fitting = best_of(3, lambda: fit_curves(panel, 1.0, ["pool"] * 30))
    return "\n".join([*lines, f"fit of 30 ad sets x 30 days: {_time(fitting)}"])


def _row(n: int) -> str:
    curves, low, high = _market(n)
    total = float(n * CENTS)
    result = allocate(curves, low, high, total)
    solving = best_of(3, lambda: allocate(curves, low, high, total))
    rounding = best_of(3, lambda: _round(result, low, high, n))
    memory = _peak(lambda: _round(allocate(curves, low, high, total), low, high, n))
    line = (
        f"{n:>8} {_time(solving):>10} {_time(rounding):>10}"
        f" {memory / 2**20:>6.1f} MB {result.relative_gap:>8.0e}"
    )
    if n not in SLSQP_SIZES:
        return f"{line} {'-':>10} {'-':>8} {'-':>14}"
    seconds, value, limited = _slsqp(curves, low, high, total)
    note = f"{value / result.value - 1:+.1e}" + (" cut" if limited else "")
    return f"{line} {_time(seconds):>10} {seconds / solving:>7.0f}x {note:>14}"


def _market(n: int) -> tuple[Michaelis, Floats, Floats]:
    generator = np.random.default_rng(n)
    curves = Michaelis(generator.lognormal(2, 1, n), CENTS * generator.lognormal(0.7, 0.7, n))
    return curves, np.full(n, CENTS * 0.5), np.full(n, CENTS * 1.5)


def _panel(n: int, days: int) -> Panel:
    generator = np.random.default_rng(0)
    spend = generator.lognormal(0, 0.3, (n, days))
    counts = generator.poisson(10 * spend / (2 + spend)).astype(float)
    return Panel(spend, counts, np.arange(days - 1, -1, -1).astype(float), np.ones(days))


def _round(result: Solution, low: Floats, high: Floats, n: int) -> None:
    apportion(
        result.amounts.tolist(),
        n * CENTS,
        low=low.astype(int).tolist(),
        high=high.astype(int).tolist(),
        ids=[f"adset_{index:06d}" for index in range(n)],
    )


def _slsqp(curves: Michaelis, low: Floats, high: Floats, total: float) -> tuple[float, float, bool]:
    """Seconds, the result reached, and whether the iteration limit ended it. Budgets scaled to about 1."""
    from scipy.optimize import minimize

    n = len(low)
    limit = SLSQP_ITERATIONS.get(n, 1_000)
    start = time.perf_counter()
    answer = minimize(
        lambda x: -float(curves.value(x * CENTS).sum()),
        np.full(n, total / n / CENTS),
        jac=lambda x: -curves.slope(x * CENTS) * CENTS,
        bounds=list(zip(low / CENTS, high / CENTS, strict=True)),
        constraints={"type": "eq", "fun": lambda x: x.sum() - total / CENTS, "jac": np.ones_like},
        method="SLSQP",
        options={"maxiter": limit, "ftol": 1e-12},
    )
    return time.perf_counter() - start, -float(answer.fun), answer.nit >= limit


def best_of(times: int, call: Callable[[], object]) -> float:
    """Seconds of the fastest of some calls."""
    seconds = []
    for _ in range(times):
        start = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - start)
    return min(seconds)


def _peak(call: Callable[[], object]) -> int:
    tracemalloc.start()
    call()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


def _time(seconds: float) -> str:
    return f"{seconds:.2f} s" if seconds >= 1 else f"{seconds * 1000:.2f} ms"
