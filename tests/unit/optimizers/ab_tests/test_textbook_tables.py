"""Data sets everybody knows, with the figures that were printed for them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pytest

from campaign_automation.models.ab_values import (
    Interval,
)
from campaign_automation.optimizers.ab_tests.effects import cohens_h, difference, odds_ratio, ratio, wilson
from campaign_automation.optimizers.ab_tests.power import power_of, visitors_needed
from campaign_automation.optimizers.ab_tests.tables import Arm, chi_square, cmh, fisher, holm, split_p


class Published(NamedTuple):
    source: str
    arms: list[Arm]
    statistic: float
    p_value: float | None = None


CHI_SQUARES = [
    Published(
        "Fleiss 1981, smokers in four hospitals; R, prop.test",
        [Arm(86, 83), Arm(93, 90), Arm(136, 129), Arm(82, 70)],
        12.600,
        0.005585,
    ),
    Published(
        "Bickel, Hammel, O'Connell 1975, Berkeley admissions; SAS, PROC FREQ",
        [Arm(2691, 1198), Arm(1835, 557)],
        92.2053,
    ),
    Published("the same, department A", [Arm(825, 512), Arm(108, 89)], 17.2480),
    Published(
        "Physicians' Health Study 1988, aspirin; Agresti, Categorical Data Analysis",
        [Arm(11034, 189), Arm(11037, 104)],
        25.01,
    ),
    Published(
        "Board of Trade 1912, Titanic by class; R, Titanic",
        [Arm(325, 203), Arm(285, 118), Arm(706, 178), Arm(885, 212)],
        190.40,
    ),
    Published("the same, by sex", [Arm(1731, 367), Arm(470, 344)], 456.87),
    Published(
        "Pauling 1971, vitamin C and colds; Agresti, Categorical Data Analysis, exercise",
        [Arm(140, 31), Arm(139, 17)],
        4.81,
        0.028,
    ),
    Published(
        "Doll and Hill 1950, smoking and lung cancer; Agresti, Categorical Data Analysis",
        [Arm(709, 688), Arm(709, 650)],
        19.13,
    ),
    Published(
        "Appleton, French, Vanderpump 1996, smoking and survival; Faraway, Extending the Linear Model with R",
        [Arm(732, 230), Arm(582, 139)],
        9.121,
        0.002527,
    ),
    Published("Francis 1955, the Salk vaccine trial", [Arm(200745, 57), Arm(201229, 142)], 36.12),
]


@pytest.mark.parametrize("published", CHI_SQUARES, ids=lambda item: item.source)
def test_chi_square_is_the_published_one(published: Published) -> None:
    found = chi_square(published.arms)
    assert found.statistic == pytest.approx(published.statistic, rel=5e-4)
    assert found.df == len(published.arms) - 1
    if published.p_value:
        assert found.p_value == pytest.approx(published.p_value, rel=2e-2)


@pytest.mark.parametrize(
    ("first", "second", "p_value"),
    [
        pytest.param(Arm(4, 3), Arm(4, 1), 0.4857, id="Fisher 1935, the lady tasting tea; R, fisher.test"),
        pytest.param(Arm(13, 10), Arm(17, 2), 0.0005367, id="Fisher 1962, criminal twins; R, fisher.test"),
    ],
)
def test_fisher_is_the_published_one(first: Arm, second: Arm, p_value: float) -> None:
    assert fisher(first, second).p_value == pytest.approx(p_value, rel=2e-4)


STRATA = {
    "Agresti 1990, penicillin and rabbits; R, mantelhaen.test without correction": (
        [(0, 6, 0, 5), (3, 3, 0, 6), (6, 0, 2, 4), (5, 1, 6, 0), (2, 0, 5, 0)],
        5.6571,
        0.01738,
    ),
    "Bickel 1975, Berkeley admissions by department; R, mantelhaen.test without correction": (
        [
            (512, 313, 89, 19),
            (353, 207, 17, 8),
            (120, 205, 202, 391),
            (138, 279, 131, 244),
            (53, 138, 94, 299),
            (22, 351, 24, 317),
        ],
        1.5246,
        0.2169,
    ),
    "Beitler and Landis 1985, cream in eight centres; Agresti, Categorical Data Analysis": (
        [
            (11, 25, 10, 27),
            (16, 4, 22, 10),
            (14, 5, 7, 12),
            (2, 14, 1, 16),
            (6, 11, 0, 12),
            (1, 10, 0, 10),
            (1, 4, 1, 8),
            (4, 2, 6, 1),
        ],
        6.38,
        0.012,
    ),
    "Liu 1992, smoking and lung cancer in eight Chinese cities; Agresti, Introduction": (
        [
            (126, 100, 35, 61),
            (908, 688, 497, 807),
            (913, 747, 336, 598),
            (235, 172, 58, 121),
            (402, 308, 121, 215),
            (182, 156, 72, 98),
            (60, 99, 11, 43),
            (104, 89, 21, 36),
        ],
        280.1,
        None,
    ),
}


@pytest.mark.parametrize("source", STRATA)
def test_cochran_mantel_haenszel_is_the_published_one(source: str) -> None:
    rows, statistic, p_value = STRATA[source]
    cells = np.array(rows, dtype=float).reshape(-1, 2, 2)
    found = cmh(cells.sum(axis=2), cells[:, :, 0]).test
    assert found.statistic == pytest.approx(statistic, rel=1e-3)
    if p_value:
        assert found.p_value == pytest.approx(p_value, rel=5e-2)


def rounded(interval: Interval, digits: int) -> tuple[float, float]:
    assert interval.low is not None
    assert interval.high is not None
    return round(interval.low, digits), round(interval.high, digits)


@pytest.mark.parametrize(
    ("first", "second", "low", "high"),
    [
        (Arm(70, 56), Arm(80, 48), 0.0524, 0.3339),
        (Arm(10, 9), Arm(10, 3), 0.1705, 0.8090),
        (Arm(7, 6), Arm(7, 2), 0.0582, 0.8062),
        (Arm(56, 5), Arm(29, 0), -0.0381, 0.1926),
        (Arm(10, 0), Arm(20, 0), -0.1611, 0.2775),
        (Arm(10, 0), Arm(10, 0), -0.2775, 0.2775),
        (Arm(10, 10), Arm(20, 0), 0.6791, 1.0),
        (Arm(10, 10), Arm(10, 0), 0.6075, 1.0),
    ],
)
def test_difference_has_the_limits_of_newcombe_1998_table_ii_method_10(
    first: Arm, second: Arm, low: float, high: float
) -> None:
    assert rounded(difference(first, second, 0.05), 4) == (low, high)


@pytest.mark.parametrize(
    ("arm", "low", "high"),
    [
        (Arm(263, 81), 0.2553, 0.3662),
        (Arm(148, 15), 0.0624, 0.1605),
        (Arm(20, 0), 0.0, 0.1611),
        (Arm(29, 1), 0.0061, 0.1718),
    ],
)
def test_rate_has_the_limits_of_newcombe_1998_two_sided_intervals_for_the_single_proportion(
    arm: Arm, low: float, high: float
) -> None:
    assert rounded(wilson(arm, 0.05), 4) == (low, high)


def test_ratios_have_the_published_limits() -> None:
    # SAS, PROC FREQ, Berkeley department A; Agresti, aspirin (printed as 1.43 to 2.30, truncated).
    assert rounded(odds_ratio(Arm(108, 89), Arm(825, 512), 0.05), 4) == (1.7112, 4.7921)
    assert rounded(ratio(Arm(825, 512), Arm(108, 89), 0.05), 4) == (0.6799, 0.8341)
    assert rounded(odds_ratio(Arm(11034, 189), Arm(11037, 104), 0.05), 2) == (1.44, 2.33)
    assert rounded(ratio(Arm(11034, 189), Arm(11037, 104), 0.05), 2) == (1.43, 2.31)


def test_effect_size_is_cohens() -> None:
    # R, pwr, ES.h; Cohen, Statistical Power Analysis for the Behavioral Sciences (1988), section 6.2.
    assert cohens_h(Arm(10, 5), Arm(10, 4)) == pytest.approx(0.2013579, abs=1e-7)
    assert cohens_h(Arm(100, 65), Arm(100, 50)) == pytest.approx(0.30, abs=5e-3)


def test_sample_size_and_power_are_those_of_power_prop_test() -> None:
    # R, power.prop.test, examples.
    assert visitors_needed(0.50, 0.75, 0.05, 0.90) == pytest.approx(76.7, abs=0.05)
    assert power_of(50, 0.50, 0.75, 0.05) == pytest.approx(0.740, abs=5e-4)


def test_sample_ratio_mismatch_is_that_of_kohavi() -> None:
    # Kohavi, Tang, Xu, Trustworthy Online Controlled Experiments (2020), chapter 3.
    assert split_p([821_588, 815_482], [0.5, 0.5]) == pytest.approx(1.8e-6, rel=2e-2)


def test_adjusted_p_values_are_holms() -> None:
    # Holm's procedure by hand: 4 x 0.01, 3 x 0.02, and then never below what came before.
    assert holm([0.03, 0.01, 0.04, 0.02]) == pytest.approx([0.06, 0.04, 0.06, 0.06])
