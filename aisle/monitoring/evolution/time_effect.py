"""What time does to accuracy: learn on earlier products, test on later ones, or on random ones."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from aisle.monitoring.drift.accuracy import resamples


@dataclass(frozen=True)
class Effect:
    """Accuracy on later products, of random splits, and the difference with its interval."""

    later: float
    at_random: float
    difference: float
    low: float
    high: float
    learned: int
    tested: int


def measure(
    vectors: np.ndarray,
    label: np.ndarray,
    day: np.ndarray,
    group: np.ndarray,
    n_random: int,
    n_bootstrap: int,
    rng: np.random.Generator,
) -> Effect | None:
    """Return the effect of time on a logistic regression of the encodings; None of too few products.

    Parameters
    ----------
    vectors, label, day, group
        Of n dated and labelled products: (n, d), category, ISO day, near-duplicate group. A group is put
        where its first day is.
    n_random, n_bootstrap
        Random splits; resamples of the tested groups, from which the interval is.
    rng
        Draws both.
    """
    groups, first, place = np.unique(group, return_index=True, return_inverse=True)
    start = pd.Series(day).groupby(place).min().to_numpy()
    order = np.lexsort((first, start))
    later = np.zeros(len(groups), bool)
    later[order[len(order) * 2 // 3 :]] = True  # the last third
    if len(groups) < 60 or start[order[0]] == start[order[-1]]:
        return None
    right = _right(vectors, label, later[place])
    at_random = [_right(vectors, label, rng.permutation(later)[place]) for _ in range(n_random)]
    means = np.array([each.mean() for each in at_random])
    drawn = np.array([right[rows].mean() for rows in resamples(group[later[place]], n_bootstrap, rng)])
    # what is drawn is the tested products; a random split's mean is known as well as its splits tell
    differences = drawn - rng.normal(means.mean(), means.std(ddof=1) / np.sqrt(n_random), n_bootstrap)
    low, high = np.quantile(differences, [0.025, 0.975])
    value = float(right.mean() - means.mean())
    n_tested = int(later[place].sum())
    return Effect(
        float(right.mean()), float(means.mean()), value, min(float(low), value), max(float(high), value),
        len(label) - n_tested, n_tested,
    )  # fmt: skip


def _right(vectors: np.ndarray, label: np.ndarray, tested: np.ndarray) -> np.ndarray:
    """Return whether each tested product is predicted right by what was learned from the others."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=300))
    fitted = model.fit(vectors[~tested], label[~tested])
    return np.asarray(fitted.predict(vectors[tested]) == label[tested])
