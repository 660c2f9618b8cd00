"""Fields that a batch lacks more often than the reference."""

import numpy as np
from scipy.stats import fisher_exact, hypergeom


def one_of_each(group: np.ndarray) -> np.ndarray:
    """Return the place of the first product of each group."""
    return np.unique(group, return_index=True)[1]


def test(
    present: tuple[np.ndarray, np.ndarray], groups: tuple[np.ndarray, np.ndarray]
) -> tuple[float, float]:
    """Return the p value that a batch lacks a field no more often, and the share that lacks it.

    Fisher's exact test, one-sided: the binomial test of two shares, neither of which is known. One product of
    each near-duplicate group counts.

    Parameters
    ----------
    present, groups
        Of reference and batch: whether each product has the field, and its group.
    """
    (lacking, having), (lacking_new, having_new) = _counts(present, groups)
    table = [[lacking_new, having_new], [lacking, having]]
    return float(fisher_exact(table, alternative="greater").pvalue), float((~present[1]).mean())


def least(present: tuple[np.ndarray, np.ndarray], groups: tuple[np.ndarray, np.ndarray]) -> float:
    """Return the least p value of `test`: as many products lack the field, and all of them are new."""
    (lacking, having), (lacking_new, having_new) = _counts(present, groups)
    total, new = lacking + lacking_new, lacking_new + having_new
    return float(hypergeom.pmf(min(total, new), new + lacking + having, total, new))


def _counts(
    present: tuple[np.ndarray, np.ndarray], groups: tuple[np.ndarray, np.ndarray]
) -> list[tuple[int, int]]:
    """Return how many groups of each side lack the field, and have it."""
    kept = [there[one_of_each(group)] for there, group in zip(present, groups, strict=True)]
    return [(int((~each).sum()), int(each.sum())) for each in kept]
