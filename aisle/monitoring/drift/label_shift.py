"""Label shift: the categories' shares change, and within a category products stay as they were.

Two estimates of the new shares from predictions alone. EM (Saerens, Latinne and Decaestecker 2002, Adjusting
the outputs of a classifier to new a priori probabilities) trusts calibrated probabilities; BBSE (Lipton, Wang
and Smola 2018, Detecting and correcting for label shift with black box predictors) trusts the confusions seen
out of fold alone. Where both agree the shift is likely to be one of shares.
"""

import numpy as np
from scipy.optimize import nnls

from aisle.monitoring.drift.permutation import labellings, mean_differences, p_value

ITERATIONS = 200
TOLERANCE = 1e-5
PRIOR = 5.0
"""Products that the reference's shares count as in EM: a category without a product is not gone yet."""


def em(probabilities: np.ndarray, shares: np.ndarray, prior: float = PRIOR) -> np.ndarray:
    """Return the categories' shares among new products, (k,), by expectation maximisation.

    Parameters
    ----------
    probabilities
        (n, k), calibrated on products with the shares `shares`.
    shares
        (k,), of the reference.
    prior
        See `PRIOR`.
    """
    new = shares.copy()
    for _ in range(ITERATIONS):
        posterior = reweighted(probabilities, new / shares)
        before, new = new, (posterior.sum(axis=0) + prior * shares) / (len(posterior) + prior)
        if np.abs(new - before).max() < TOLERANCE:
            break
    return np.asarray(new)


def reweighted(probabilities: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return probabilities (n, k) where categories are `weights` (k,) times as frequent as they were."""
    scaled = probabilities * weights
    return np.asarray(scaled / scaled.sum(axis=1, keepdims=True))


def bbse(confusion: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Return the categories' shares among new products, (k,), by the confusions of the reference.

    Parameters
    ----------
    confusion
        (k, k): of the products of each true category (row) the share that is predicted as each (column).
    predicted
        (k,): shares of the new products' predictions.
    """
    found, _ = nnls(confusion.T, predicted)
    return np.asarray(found / found.sum()) if found.sum() > 0 else predicted


def confusion_of(label: np.ndarray, predicted: np.ndarray, k: int) -> np.ndarray:
    """Return the row-wise confusion (k, k) of labels and predictions, both places among k categories."""
    counts = np.zeros((k, k))
    np.add.at(counts, (label, predicted), 1)
    counts[counts.sum(axis=1) == 0, :] = 1 / k  # nothing is known of it
    return counts / counts.sum(axis=1, keepdims=True)


def test(
    predicted: tuple[np.ndarray, np.ndarray],
    groups: tuple[np.ndarray, np.ndarray],
    k: int,
    n_permutations: int,
    rng: np.random.Generator,
) -> float:
    """Return the p value that predictions have the same shares in reference and batch.

    Parameters
    ----------
    predicted, groups
        Of reference and batch: predicted category, 0 to k - 1, and near-duplicate group.
    k, n_permutations, rng
        Categories; permutations of groups, and who draws them.

    Returns
    -------
    float
        Of the largest standardised difference of the shares, by permutation: a category that vanishes
        or grows is not lost among the others.
    """
    every = np.concatenate(predicted)
    one_hot = np.eye(k)[every]
    new = np.arange(len(every)) >= len(predicted[0])
    labels = labellings(np.concatenate(groups), new, n_permutations, rng)
    expected = np.maximum(one_hot.mean(axis=0), 1 / len(every))
    variance = expected * (1 - np.minimum(expected, 1 - 1 / len(every)))
    return p_value((mean_differences(one_hot, labels) ** 2 / variance[:, None]).max(axis=0))
