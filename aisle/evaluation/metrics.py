"""Scores of predictions from what is counted of their categories."""

import numpy as np
import pandas as pd
from pydantic import Field
from scipy.sparse import csr_array

from aisle.models.predictions_table import categories, probabilities
from aisle.pipeline.params import Section


class EvaluationParams(Section):
    """Section `evaluation`.

    Parameters
    ----------
    baseline
        The model that every other is tested against.
    confidence
        Of every interval.
    n_bootstrap, seed
        Resamples of near-duplicate groups.
    target_error
        Share of the automatic decisions that may be wrong.
    n_bins
        Of the calibration error, of equal width.
    threshold_by_category
        Whether each predicted category has a threshold and a promise of its own (Mondrian: Vovk et al. 2005).
    """

    baseline: str
    confidence: float = Field(gt=0.5, lt=1)
    n_bootstrap: int = Field(ge=100)
    seed: int
    target_error: float = Field(gt=0, lt=1)
    n_bins: int = Field(ge=2)
    threshold_by_category: bool = False


def predicted(table: pd.DataFrame) -> np.ndarray:
    """Return the most probable category of each row."""
    return np.array(categories(table))[probabilities(table).argmax(axis=1)]


def right(table: pd.DataFrame) -> np.ndarray:
    """Return whether the most probable category of each row is the true one, boolean (rows,)."""
    return predicted(table) == table["category"].to_numpy(str)


def counts_by_group(table: pd.DataFrame, group: np.ndarray) -> csr_array:
    """Return what the scores need of each near-duplicate group's confusion matrix: its diagonal and its sums.

    The matrix itself has the square of as many cells, and of hundreds of categories nearly all are empty.

    Parameters
    ----------
    table
        Predictions.
    group
        Group of each row, integers.

    Returns
    -------
    scipy.sparse.csr_array
        Counts (groups, 3 * k) of k categories: predicted right, true, predicted.
    """
    k = len(categories(table))
    groups = np.unique(group, return_inverse=True)[1]
    true = pd.Categorical(table["category"], categories(table)).codes.astype(int)
    said = probabilities(table).argmax(axis=1)
    hit = true == said
    rows = np.concatenate([groups[hit], groups, groups])
    cells = np.concatenate([true[hit], k + true, 2 * k + said])
    return csr_array((np.ones(len(rows)), (rows, cells)), shape=(groups.max() + 1, 3 * k))


def total(counts: csr_array) -> np.ndarray:
    """Return the counts (3, k) of all groups together."""
    return np.asarray(counts.sum(axis=0)).reshape(3, -1)


def per_class(counts: np.ndarray) -> dict[str, np.ndarray]:
    """Return precision, recall, f1 and support per category, for counts (..., 3, k).

    A category that is never predicted has precision 0, as in scikit-learn with `zero_division=0`.
    """
    hits, support, called = (counts[..., part, :] for part in range(3))
    with np.errstate(invalid="ignore", divide="ignore"):
        precision = np.where(called > 0, hits / called, 0.0)
        recall = np.where(support > 0, hits / support, 0.0)
        f1 = np.where(support + called > 0, 2 * hits / (support + called), 0.0)
    return {"precision": precision, "recall": recall, "f1": f1, "support": support}


def scores(counts: np.ndarray) -> dict[str, np.ndarray]:
    """Return accuracy, macro_f1, micro_f1 and weighted_f1 of counts (..., 3, k).

    With one label per product micro F1 is accuracy; both are given because readers look for both.
    """
    classes = per_class(counts)
    hits, support, called = (counts[..., part, :] for part in range(3))
    n = support.sum(axis=-1)
    accuracy = hits.sum(axis=-1) / n
    present = (support + called) > 0  # as in scikit-learn
    return {
        "accuracy": accuracy,
        "macro_f1": classes["f1"].sum(axis=-1) / present.sum(axis=-1),
        "micro_f1": accuracy,
        "weighted_f1": (classes["f1"] * classes["support"]).sum(axis=-1) / n,
    }


def fold_scores(table: pd.DataFrame) -> pd.DataFrame:
    """Return the scores of each seed, repeat and fold."""
    runs = table.groupby(["seed", "repeat", "fold"])
    counts, k = counts_by_group(table, runs.ngroup().to_numpy()), len(categories(table))
    by_run = counts.toarray().reshape(-1, 3, k)
    return runs.size().rename("n").reset_index().assign(**scores(by_run))
