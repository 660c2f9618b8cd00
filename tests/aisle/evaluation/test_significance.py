"""evaluation/significance.py: paired tests of folds, and of two fixed models."""

import numpy as np
import pytest
from scipy import stats

from aisle.evaluation import significance


def test_corrected_t_test_by_hand():
    """Mean 0.03, variance 0.001; error = sqrt((1/5 + 1/4) 0.001) = 0.0212132; t = sqrt(2).

    For 4 degrees of freedom P(T > t) = 1/2 - (t / sqrt(4 + t^2)) (1 + 2 / (4 + t^2)) / 2
    = 0.5 - (sqrt(2) / sqrt(6)) (1 + 1/3) / 2 = 0.1151, and the 97.5% point is 2.7764.
    """
    found = significance.corrected_t_test(np.array([0.03, 0.07, -0.01, 0.05, 0.01]), 0.25, 0.95)
    assert found["gain"] == pytest.approx(0.03)
    assert found["gain_p"] == pytest.approx(2 * (0.5 - (2 / 6) ** 0.5 * (4 / 3) / 2), abs=1e-9)
    assert found["gain_low"] == pytest.approx(0.03 - 2.776445 * 0.45**0.5 * 0.001**0.5, abs=1e-7)
    assert found["gain_high"] == pytest.approx(0.03 + 2.776445 * 0.45**0.5 * 0.001**0.5, abs=1e-7)


def test_the_correction_makes_the_test_more_careful():
    difference = np.random.default_rng(0).normal(0.02, 0.02, 15)
    corrected = significance.corrected_t_test(difference, 0.25, 0.95)
    assert corrected["gain_p"] > stats.ttest_1samp(difference, 0).pvalue
    plain = significance.corrected_t_test(difference, 0, 0.95)
    assert plain["gain_p"] == pytest.approx(stats.ttest_1samp(difference, 0).pvalue)
    assert significance.corrected_t_test(-difference, 0.25, 0.95)["gain_p"] == pytest.approx(
        corrected["gain_p"]
    )


@pytest.mark.parametrize(("constant", "p"), [(0.0, 1.0), (0.125, 0.0)])
def test_differences_that_never_vary(constant, p):
    found = significance.corrected_t_test(np.full(6, constant), 0.25, 0.95)
    assert found == {"gain": constant, "gain_low": constant, "gain_high": constant, "gain_p": p}


@pytest.mark.parametrize("counts", [(0, 0), (3, 3), (1, 9), (9, 1), (0, 5), (40, 20)])
def test_mcnemar_is_the_exact_binomial_test(counts):
    only_first, only_second = counts
    first = np.r_[np.ones(7 + only_first), np.zeros(only_second), np.zeros(4)].astype(bool)
    second = np.r_[np.ones(7), np.zeros(only_first), np.ones(only_second), np.zeros(4)].astype(bool)
    expected = stats.binomtest(only_first, sum(counts)).pvalue if sum(counts) else 1.0
    assert significance.mcnemar_p(first, second) == pytest.approx(expected)
