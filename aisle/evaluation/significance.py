"""Paired tests of two models: of their folds, and of two fixed models on one test part."""

import numpy as np


def corrected_error(difference: np.ndarray, test_share: float) -> float:
    """Return the standard error of a mean of fold-wise differences, corrected for overlapping training parts.

    Parameters are those of `corrected_t_test`.
    """
    return float(np.sqrt((1 / len(difference) + test_share) * np.var(difference, ddof=1)))


def corrected_t_test(difference: np.ndarray, test_share: float, confidence: float) -> dict[str, float]:
    """Return the Nadeau-Bengio corrected resampled t-test of fold-wise score differences.

    Parameters
    ----------
    difference
        Score of the model minus the reference's, for each fold of each repeat, (m,).
    test_share
        Test products per training product, 1 / (n_splits - 1) for k-fold.
    confidence
        Of the interval.

    Returns
    -------
    dict
        gain (mean difference), gain_low, gain_high, gain_p (two-sided; 1 where the folds never differ).
        Nadeau and Bengio 2003, Inference for the generalization error, equation 9.
    """
    from scipy import stats  # 0.5 s, like statsmodels below: not for those that only read the params

    m, mean = len(difference), float(np.mean(difference))
    error = corrected_error(difference, test_share)
    half = error * float(stats.t.ppf((1 + confidence) / 2, m - 1))
    with np.errstate(divide="ignore"):
        p = float(2 * stats.t.sf(np.abs(mean) / np.float64(error), m - 1)) if mean else 1.0
    return {"gain": mean, "gain_low": mean - half, "gain_high": mean + half, "gain_p": p}


def mcnemar_p(first: np.ndarray, second: np.ndarray) -> float:
    """Return the exact McNemar p value of two fixed models, from whether each is right on each product."""
    from statsmodels.stats.contingency_tables import mcnemar

    table = [
        [int((first & second).sum()), int((first & ~second).sum())],
        [int((~first & second).sum()), int((~first & ~second).sum())],
    ]
    return float(mcnemar(table, exact=True).pvalue)
