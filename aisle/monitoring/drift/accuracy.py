"""How accurate a model is where nobody has told the categories yet, by its calibrated probabilities.

The mean confidence is the accuracy of a calibrated model. What is left of miscalibration out of fold is taken
off, the probabilities are those of the batch's own shares of categories (label_shift.py), and products of no
known kind are wrong whatever is said of them. A change of what a category means (concept drift) cannot be
seen here: nothing but labels shows it.
"""

from dataclasses import dataclass

import numpy as np

from aisle.monitoring.drift import label_shift
from aisle.monitoring.observed import Observed


@dataclass(frozen=True)
class Estimate:
    """An accuracy without labels, with its interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Reference:
    """What of the reference an estimate reads; see `aisle.monitoring.observed`.

    Attributes
    ----------
    group
        (n,).
    label
        (n,): place of the true category among the k.
    confidence
        (n,): of the prediction.
    right
        (n,): 1 where it is right.
    k
        Categories.
    """

    group: np.ndarray
    label: np.ndarray
    confidence: np.ndarray
    right: np.ndarray
    k: int

    @classmethod
    def of(cls, products: Observed) -> "Reference":
        """Return it of labelled products."""
        label = np.array([products.categories.index(each) for each in products.label])
        confidence = products.probabilities.max(axis=1)
        return cls(products.group, label, confidence, products.right, len(products.categories))


def expected_accuracy(
    reference: Reference, rows: np.ndarray, probabilities: np.ndarray, unknown: np.ndarray, shifted: bool
) -> float:
    """Return the expected share of right predictions.

    Parameters
    ----------
    reference
        Labelled products, predicted out of fold.
    rows
        Which of them, as places.
    probabilities
        (m, k): calibrated, of the new products.
    unknown
        (m,): probability that each is of no known kind.
    shifted
        Whether the categories' shares may have changed.
    """
    gap = float((reference.right[rows] - reference.confidence[rows]).mean())
    predicted = probabilities.argmax(axis=1)
    if shifted:
        counts = np.bincount(reference.label[rows], minlength=reference.k) + 0.5
        shares = counts / counts.sum()
        weights = label_shift.em(probabilities, shares) / shares
        probabilities = label_shift.reweighted(probabilities, weights)
    right = probabilities[np.arange(len(predicted)), predicted] + gap
    return float(np.clip((np.clip(right, 0, 1) * (1 - unknown)).mean(), 0, 1))


def estimate(
    reference: Observed,
    batch: Observed,
    unknown: np.ndarray,
    shifted: bool,
    confidence: float,
    n_bootstrap: int,
    rng: np.random.Generator,
) -> Estimate:
    """Return the expected accuracy with a percentile interval over resamples of the groups of both.

    Parameters
    ----------
    reference, batch
        Labelled products, predicted out of fold; and new ones.
    unknown, shifted
        See `expected_accuracy`.
    confidence, n_bootstrap, rng
        Of the interval: its level, the resamples, and who draws them.
    """
    known, values = Reference.of(reference), batch.probabilities
    own = np.arange(len(reference))
    value = expected_accuracy(known, own, values, unknown, shifted)
    draws = [resamples(each.group, n_bootstrap, rng) for each in (reference, batch)]
    found = [
        expected_accuracy(known, before, values[after], unknown[after], shifted)
        for before, after in zip(*draws, strict=True)
    ]
    # besides what is drawn, whether each prediction is right is chance: a binomial error of the batch
    chance = rng.normal(0, np.sqrt(max(value * (1 - value), 1e-4) / len(values)), n_bootstrap)
    tail = (1 - confidence) / 2
    low, high = np.clip(np.quantile(np.array(found) + chance, [tail, 1 - tail]), 0, 1)
    return Estimate(value, float(min(low, value)), float(max(high, value)))


def resamples(group: np.ndarray, n: int, rng: np.random.Generator) -> list[np.ndarray]:
    """Return n times the places of as many near-duplicate groups, drawn with replacement."""
    order = np.argsort(group, kind="stable")
    _, start, size = np.unique(group[order], return_index=True, return_counts=True)
    found = []
    for drawn in rng.integers(0, len(start), (n, len(start))):
        lengths = size[drawn]
        first = np.repeat(start[drawn] - np.concatenate([[0], lengths.cumsum()[:-1]]), lengths)
        found.append(order[first + np.arange(lengths.sum())])
    return found
