"""Fields that a batch lacks more often than the reference."""

import numpy as np
from scipy.stats import fisher_exact


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
    kept = [there[one_of_each(group)] for there, group in zip(present, groups, strict=True)]
    (lacking, having), (lacking_new, having_new) = ((int((~each).sum()), int(each.sum())) for each in kept)
    table = [[lacking_new, having_new], [lacking, having]]
    return float(fisher_exact(table, alternative="greater").pvalue), float((~present[1]).mean())
