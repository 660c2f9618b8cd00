"""How accurate a model is where nobody has told the categories yet, with an interval.

What is expected is told by correctness.py. A change of what a category means (concept drift) cannot be seen
without labels.
"""

from dataclasses import dataclass

import numpy as np
from scipy.stats import norm

from aisle.monitoring.drift.correctness import Model
from aisle.monitoring.observed import Observed


@dataclass(frozen=True)
class Estimate:
    """An accuracy without labels, with its interval."""

    value: float
    low: float
    high: float


def estimate(
    model: Model, batch: Observed, confidence: float, n_bootstrap: int, rng: np.random.Generator
) -> Estimate:
    """Return the expected accuracy of a batch.

    The interval is normal. Its variance is that over resamples of the batch's groups, that of the reference's
    accuracy, from which what is right is learned, and that of chance: whether each prediction is right. What
    is not in it is that the week may be of a condition which nobody planted.

    Parameters
    ----------
    model
        Of the reference.
    batch
        New products.
    confidence, n_bootstrap, rng
        Of the interval: its level, the resamples, and who draws them.
    """
    posterior = model.posterior(batch)
    value = model.expected(posterior)
    drawn = [model.expected(posterior[rows]) for rows in resamples(batch.group, n_bootstrap, rng)]
    of_groups = max(value * (1 - value), 1e-4) / len(np.unique(batch.group))
    of_reference = max(model.accuracy * (1 - model.accuracy), 1e-4) / model.groups
    half = norm.ppf((1 + confidence) / 2) * np.sqrt(np.var(drawn) + of_groups + of_reference)
    return Estimate(value, float(max(value - half, 0)), float(min(value + half, 1)))


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
