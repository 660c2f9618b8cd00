"""Classifier two-sample test: is a batch told from the reference by their encodings, or not.

Lopez-Paz and Oquab 2017, Revisiting classifier two-sample tests. The classifier is a ridge regression on
principal components of reference and batch together, whose leave-one-out predictions have a closed form: a
thousand permutations cost one product of matrices. Components and penalty know no label, so that the
permutation test is exact.
"""

import numpy as np
from sklearn.utils.extmath import randomized_svd

from aisle.monitoring.drift.permutation import labellings, p_value


def components(X: np.ndarray, n_components: int) -> np.ndarray:
    """Return the first principal components (n, at most n_components), each of its own variance.

    Columns of figures with a unit are to be standardised before.
    """
    centred = X - X.mean(axis=0)
    U, s, _ = randomized_svd(centred, min(n_components, *X.shape), random_state=0)
    kept = s > s[:1] * 1e-6
    return np.asarray(U[:, kept] * s[kept])


def unit_length(X: np.ndarray) -> np.ndarray:
    """Return vectors (n, d) at length 1: what cosines compare."""
    return np.asarray(X / np.maximum(np.linalg.norm(X, axis=1, keepdims=True), 1e-12))


def standardised(X: np.ndarray) -> np.ndarray:
    """Return columns with mean 0 and standard deviation 1."""
    return np.asarray((X - X.mean(axis=0)) / np.maximum(X.std(axis=0), 1e-12))


def separations(Z: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return how well left-out products are told apart, for each labelling.

    Parameters
    ----------
    Z
        (n, components).
    labels
        Boolean (n, B + 1).

    Returns
    -------
    numpy.ndarray
        (B + 1,): mean leave-one-out prediction of the new products minus that of the others.
    """
    n = len(Z)
    U, s, _ = np.linalg.svd(Z - Z.mean(axis=0), full_matrices=False)
    shrink = s**2 / (s**2 + (s**2).mean())
    Y = labels.astype(float)
    leverage = 1 / n + (U**2) @ shrink
    fitted = Y.mean(axis=0) + (U * shrink) @ (U.T @ Y)
    left_out = (fitted - leverage[:, None] * Y) / (1 - leverage[:, None])
    n_new = Y.sum(axis=0)
    of_new = (left_out * Y).sum(axis=0)
    return np.asarray(of_new / n_new - (left_out.sum(axis=0) - of_new) / (n - n_new))


def test(
    reference: np.ndarray,
    batch: np.ndarray,
    groups: tuple[np.ndarray, np.ndarray],
    n_components: int,
    n_permutations: int,
    rng: np.random.Generator,
) -> float:
    """Return the p value that reference and batch are drawn alike.

    Parameters
    ----------
    reference, batch
        (n, d) and (m, d), without NaN.
    groups
        Near-duplicate groups of both.
    n_components
        Principal components that the classifier reads.
    n_permutations
        The p value is a multiple of 1 / (n_permutations + 1).
    rng
        Draws the permutations.
    """
    X = np.concatenate([reference, batch])
    new = np.arange(len(X)) >= len(reference)
    labels = labellings(np.concatenate(groups), new, n_permutations, rng)
    return p_value(separations(components(X, n_components), labels))
