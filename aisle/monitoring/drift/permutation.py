"""Tests whether a batch is drawn as the reference is, by permuting whole near-duplicate groups.

Under the hypothesis groups are exchangeable, so that the p value is exact whatever the statistic and however
alike the products of a group are: rejecting at alpha is wrong with probability alpha at most (Hemerik and
Goeman 2018, Exact testing with random permutations, theorem 2).
"""

import numpy as np


def labellings(
    group: np.ndarray, new: np.ndarray, n_permutations: int, rng: np.random.Generator
) -> np.ndarray:
    """Return which products are called new: as they are, then with as many whole groups drawn anew.

    Parameters
    ----------
    group
        (n,): a group is of the reference or of the batch, never of both (`apart`).
    new
        Boolean (n,): the batch's products.
    n_permutations
        B.
    rng
        Draws them.

    Returns
    -------
    numpy.ndarray
        Boolean (n, B + 1); the first column is `new`.
    """
    _, place = np.unique(group, return_inverse=True)
    of_batch = np.zeros(place.max() + 1, bool)
    of_batch[place[new]] = True
    drawn = np.tile(of_batch, (n_permutations, 1))
    drawn = rng.permuted(drawn, axis=1)
    return np.vstack([of_batch, drawn])[:, place].T


def apart(reference: np.ndarray, batch: np.ndarray) -> np.ndarray:
    """Return which products of the batch, boolean, are of no group of the reference.

    A product that stands in the catalogue already says nothing of drift; it is left out of the tests.
    """
    return ~np.isin(batch, reference)


def p_value(statistics: np.ndarray) -> float:
    """Return the share of labellings, (B + 1,), whose statistic is at least that of the first."""
    return float((statistics >= statistics[0] * (1 - 1e-12)).mean())


def mean_differences(scores: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return the new products' mean minus the others', (columns, B + 1).

    Parameters
    ----------
    scores
        (n, columns).
    labels
        Of `labellings`, (n, B + 1).
    """
    n_new, total = labels.sum(axis=0), scores.sum(axis=0)[:, None]
    of_new = scores.T @ labels.astype(float)
    return np.asarray(of_new / n_new - (total - of_new) / (len(labels) - n_new))
