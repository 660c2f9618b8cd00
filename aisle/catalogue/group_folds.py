"""Stratified folds of groups: those of scikit-learn's StratifiedGroupKFold, in a fraction of the time."""

import numpy as np
from scipy.sparse import csr_array

ROWS = 4096
"""Groups whose counts of all categories are in memory at a time."""


def fold_numbers(categories: np.ndarray, group: np.ndarray, n_splits: int, seed: int) -> np.ndarray:
    """Return the test fold (0 to n_splits - 1) of each product: stratified, groups never split.

    The folds are those of `StratifiedGroupKFold(n_splits, shuffle=True, random_state=seed)`, to the last one:
    groups, those of the most uneven counts of categories first, go one by one to the fold by which the
    categories' shares differ least between the folds. That one computes all categories' shares anew for each
    group and fold, and holds a table of groups x categories; here are only those of the group's own.

    Parameters
    ----------
    categories
        Of each product, (n,).
    group
        Of each product, (n,); more groups than there are folds.
    n_splits
        Folds, at least 2.
    seed
        Of the order of the groups of equal counts.
    """
    _, code, total = np.unique(categories, return_inverse=True, return_counts=True)
    _, place, sizes = np.unique(group, return_inverse=True, return_counts=True)
    shuffled = np.arange(len(sizes))
    np.random.RandomState(seed).shuffle(shuffled)
    position = np.empty_like(shuffled)
    position[shuffled] = np.arange(len(shuffled))
    place = position[place]
    counts = csr_array((np.ones(len(place)), (place, code)), shape=(len(sizes), len(total)))
    counts.sum_duplicates()
    spread = [np.std(counts[start : start + ROWS].toarray(), axis=1) for start in range(0, len(sizes), ROWS)]
    order = np.argsort(-np.concatenate(spread), kind="stable")
    return _assigned(counts, order, total, n_splits)[place]


def _assigned(counts: csr_array, order: np.ndarray, total: np.ndarray, n_splits: int) -> np.ndarray:
    """Return the fold of each group.

    Sums are taken in scikit-learn's order, for a fold may be chosen by the last bit of two of them.
    """
    fold = np.empty(len(order), int)
    per_fold = np.zeros((n_splits, len(total)))
    products = [0.0] * n_splits  # in each fold
    uneven = np.zeros(
        (n_splits, len(total))
    )  # sd over the folds of each category's share, a row per proposal
    own = np.eye(n_splits)[:, :, None]
    for number in order.tolist():
        part = slice(counts.indptr[number], counts.indptr[number + 1])
        columns, added = counts.indices[part], counts.data[part]
        # (folds, proposals, the group's categories): what each fold would have if the group went to each
        share = (per_fold[:, None, columns] + own * added) / total[columns]
        share -= np.add.reduce(share, axis=0) / n_splits
        proposed = np.sqrt(np.add.reduce(share * share, axis=0) / n_splits)
        uneven[:, columns] = proposed
        best = _best((np.add.reduce(uneven, axis=1) / len(total)).tolist(), products)
        uneven[:, columns] = proposed[best]
        per_fold[best, columns] += added
        products[best] += float(added.sum())
        fold[number] = best
    return fold


def _best(scores: list[float], products: list[float]) -> int:
    """Return the fold of the lowest score; of those as good as the same, one with fewer products."""
    best, lowest, fewest = 0, np.inf, np.inf
    for i, score in enumerate(scores):
        same = abs(score - lowest) <= 1e-8 + 1e-5 * lowest  # numpy.isclose
        if score < lowest or (same and products[i] < fewest):
            best, lowest, fewest = i, score, products[i]
    return best
