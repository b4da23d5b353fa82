"""60 days on a noisy market: with certainty good ad sets are left alone, and nobody is turned to and fro."""

from __future__ import annotations

import pytest

from benchmarks.rules_on_noise import simulate
from tests.support.cuts import cut


@pytest.mark.parametrize("seed", cut([1, 2], 1))
def test_good_adsets_are_left_alone_and_bad_ones_curbed(seed: int) -> None:
    naive, sure = simulate(seed, None), simulate(seed, 0.9)
    print(f"good ad sets paused of {sure.good}: naive {naive.wrongly_paused}, sure {sure.wrongly_paused}")
    assert sure.wrongly_paused <= 0.1 * sure.good
    assert naive.wrongly_paused > 0.5 * naive.good  # why certainty is there
    assert sure.bad_curbed >= 0.9 * sure.bad
    assert max(naive.turns_in_a_week, sure.turns_in_a_week) <= 1
