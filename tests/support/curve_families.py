"""Concave curves beside the product's own: oracles for the solver, which knows only value, slope, demand."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from campaign_automation.optimizers.budgets.allocator import Floats, Michaelis

_TINY = 1e-250


@dataclass(frozen=True, slots=True)
class Log:
    """a ln(1 + x/k)."""

    a: Floats
    k: Floats

    def value(self, x: Floats) -> Floats:
        return self.a * np.log1p(x / self.k)

    def slope(self, x: Floats) -> Floats:
        return self.a / (self.k + x)

    def demand(self, price: float, low: Floats, high: Floats) -> Floats:
        return np.clip(self.a / price - self.k, low, high)


@dataclass(frozen=True, slots=True)
class Power:
    """a x^s, 0 < s <= 1."""

    a: Floats
    s: Floats

    def value(self, x: Floats) -> Floats:
        return self.a * x**self.s

    def slope(self, x: Floats) -> Floats:
        return self.a * self.s * x ** (self.s - 1)

    def demand(self, price: float, low: Floats, high: Floats) -> Floats:
        straight = self.s == 1
        ratio = np.log(self.a * self.s) - np.log(price)
        log_x = np.divide(ratio, 1 - self.s, out=np.zeros_like(high), where=~straight)
        curved = np.exp(np.minimum(log_x, np.log(high)))
        return np.clip(np.where(straight, np.where(self.a > price, high, low), curved), low, high)


@dataclass(frozen=True, slots=True)
class Hill:
    """a x^s / (k^s + x^s), 0 < s <= 1."""

    a: Floats
    k: Floats
    s: Floats

    def value(self, x: Floats) -> Floats:
        share = (x / self.k) ** self.s
        return self.a * share / (1 + share)

    def slope(self, x: Floats) -> Floats:
        share = (x / self.k) ** self.s
        return self.a * self.s * share / (1 + share) ** 2 / x

    def demand(self, price: float, low: Floats, high: Floats) -> Floats:
        """Newton on ln slope - ln price in w = ln(x/k), which falls and is concave: no safeguard needed."""
        top = np.maximum(high, _TINY)
        floor, ceiling = np.log(np.maximum(low, top * 1e-30) / self.k), np.log(top / self.k)
        c = np.log(self.a * self.s / self.k) - np.log(price)
        w = np.clip(np.minimum(c / (1 + self.s), c / np.maximum(1 - self.s, 1e-16)), floor, ceiling)
        for _ in range(60):
            excess = c + (self.s - 1) * w - 2 * np.logaddexp(0, self.s * w)
            fall = 1 - self.s + 2 * self.s / (1 + np.exp(-self.s * w))
            after = np.clip(w + excess / fall, floor, ceiling)
            moved = np.max(np.abs(after - w), initial=0.0)
            w = after
            if moved < 1e-13:
                break
        newton = np.clip(self.k * np.exp(w), low, high)
        return np.where(self.s == 1, Michaelis(self.a, self.k).demand(price, low, high), newton)
