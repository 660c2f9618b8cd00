"""Scores of predictions, their intervals and paired tests."""

import math
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd
from pydantic import Field
from scipy.sparse import csr_array

from aisle.params import Section
from aisle.predictions import categories, probabilities


class EvaluationParams(Section):
    """Section `evaluation`."""

    floor: str
    confidence: float = Field(gt=0.5, lt=1)
    n_bootstrap: int = Field(ge=100)
    seed: int
    target_error: float = Field(gt=0, lt=1)
    n_bins: int = Field(ge=2)


def predicted(table: pd.DataFrame) -> np.ndarray:
    """Return the most probable category of each row."""
    return np.array(categories(table))[probabilities(table).argmax(axis=1)]


def confusion_by_group(table: pd.DataFrame, group: np.ndarray) -> csr_array:
    """Return a confusion matrix for each near-duplicate group.

    Parameters
    ----------
    table
        Predictions.
    group
        Group of each row, integers.

    Returns
    -------
    scipy.sparse.csr_array
        Counts (groups, categories * categories): true category by predicted category, flattened.
    """
    names = categories(table)
    groups = np.unique(group, return_inverse=True)[1]
    true = pd.Categorical(table["category"], names).codes.astype(int)
    cells = true * len(names) + probabilities(table).argmax(axis=1)
    shape = (groups.max() + 1, len(names) ** 2)
    return csr_array((np.ones(len(table)), (groups, cells)), shape=shape)


def total(confusion: csr_array) -> np.ndarray:
    """Return the confusion matrix (k, k) of all groups together."""
    k = math.isqrt(confusion.shape[1])
    return np.asarray(confusion.sum(axis=0)).reshape(k, k)


def per_class(confusion: np.ndarray) -> dict[str, np.ndarray]:
    """Return precision, recall, f1 and support per category, for confusion matrices (..., k, k).

    A category that is never predicted has precision 0, as in scikit-learn with `zero_division=0`.
    """
    hits = np.diagonal(confusion, axis1=-2, axis2=-1)
    support, called = confusion.sum(axis=-1), confusion.sum(axis=-2)
    with np.errstate(invalid="ignore", divide="ignore"):
        precision = np.where(called > 0, hits / called, 0.0)
        recall = np.where(support > 0, hits / support, 0.0)
        f1 = np.where(support + called > 0, 2 * hits / (support + called), 0.0)
    return {"precision": precision, "recall": recall, "f1": f1, "support": support}


def scores(confusion: np.ndarray) -> dict[str, np.ndarray]:
    """Return accuracy, macro_f1, micro_f1 and weighted_f1 of confusion matrices (..., k, k).

    With one label per product micro F1 is accuracy; both are given because readers look for both.
    """
    classes = per_class(confusion)
    n = confusion.sum(axis=(-1, -2))
    accuracy = np.trace(confusion, axis1=-2, axis2=-1) / n
    present = (confusion.sum(axis=-1) + confusion.sum(axis=-2)) > 0  # as in scikit-learn
    return {
        "accuracy": accuracy,
        "macro_f1": classes["f1"].sum(axis=-1) / present.sum(axis=-1),
        "micro_f1": accuracy,
        "weighted_f1": (classes["f1"] * classes["support"]).sum(axis=-1) / n,
    }


@lru_cache(maxsize=2)
def draws(n: int, n_bootstrap: int, seed: int) -> np.ndarray:
    """Return how often each of n groups is in each bootstrap resample, float (n_bootstrap, n)."""
    drawn = np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), n_bootstrap)
    return drawn.astype(float)


def resampled(confusion: csr_array, params: EvaluationParams) -> np.ndarray:
    """Return bootstrap confusion matrices (n_bootstrap, k, k): groups drawn with replacement.

    The draws are one multinomial and one matrix product, so that every score comes from the same resamples.
    """
    n, k = confusion.shape[0], math.isqrt(confusion.shape[1])
    return (draws(n, params.n_bootstrap, params.seed) @ confusion).reshape(-1, k, k)


def resampled_sums(values: np.ndarray, group: np.ndarray, params: EvaluationParams) -> np.ndarray:
    """Return the sums of columns (n, s) over bootstrap resamples of the rows' groups, (n_bootstrap, s).

    The resamples are those of `resampled`, where the groups are the same.
    """
    names, numbers = np.unique(group, return_inverse=True)
    by_group = csr_array((np.ones(len(group)), (numbers, np.arange(len(group))))) @ values
    return np.asarray(draws(len(names), params.n_bootstrap, params.seed) @ by_group)


def interval(values: np.ndarray, confidence: float) -> np.ndarray:
    """Return the low and high percentile of bootstrap values along the first axis, (2, ...)."""
    return np.quantile(values, [(1 - confidence) / 2, (1 + confidence) / 2], axis=0)


def fold_scores(table: pd.DataFrame) -> pd.DataFrame:
    """Return the scores of each seed, repeat and fold."""
    runs = table.groupby(["seed", "repeat", "fold"])
    confusion, k = confusion_by_group(table, runs.ngroup().to_numpy()), len(categories(table))
    by_run = np.asarray(confusion.todense()).reshape(-1, k, k)
    return runs.size().rename("n").reset_index().assign(**scores(by_run))


def summarise(table: pd.DataFrame, group: np.ndarray, params: EvaluationParams) -> dict[str, Any]:
    """Return the scores of one model under one protocol.

    Parameters
    ----------
    table
        Predictions of one protocol.
    group
        Near-duplicate group of each row.
    params
        Confidence and resamples.

    Returns
    -------
    dict
        For accuracy, macro_f1, micro_f1, weighted_f1: the score over all rows (a repeat counts each product
        once), `_low` and `_high` (bootstrap by group), and `_sd` over the folds where there are several.
        `input_share`: share of products that the model had input for; `accuracy_with_input`: on those.
    """
    confusion = confusion_by_group(table, group)
    intervals = scores(resampled(confusion, params))
    folds = fold_scores(table)
    result: dict[str, Any] = {}
    for name, score in scores(total(confusion)).items():
        low, high = interval(intervals[name], params.confidence)
        result |= {name: score, f"{name}_low": low, f"{name}_high": high}
        if len(folds) > 1:
            result[f"{name}_sd"] = folds[name].std()
    right = predicted(table) == table["category"].to_numpy(str)
    available = table["available"].to_numpy(bool)
    result["input_share"] = available.mean()
    result["accuracy_with_input"] = right[available].mean() if available.any() else float("nan")
    return result


def corrected_error(difference: np.ndarray, test_share: float) -> float:
    """Return the standard error of a mean of fold-wise differences, corrected for overlapping training parts.

    Parameters are those of `corrected_t_test`.
    """
    return float(np.sqrt((1 / len(difference) + test_share) * np.var(difference, ddof=1)))


def corrected_t_test(difference: np.ndarray, test_share: float, confidence: float) -> dict[str, float]:
    """Return the Nadeau-Bengio corrected resampled t-test of fold-wise score differences.

    Parameters
    ----------
    difference
        Score of the model minus the reference's, for each fold of each repeat, (m,).
    test_share
        Test products per training product, 1 / (n_splits - 1) for k-fold.
    confidence
        Of the interval.

    Returns
    -------
    dict
        gain (mean difference), gain_low, gain_high, gain_p (two-sided; 1 where the folds never differ).
        Nadeau and Bengio 2003, Inference for the generalization error, equation 9.
    """
    from scipy import stats  # 0.5 s, like statsmodels below: not for those that only read the params

    m, mean = len(difference), float(np.mean(difference))
    error = corrected_error(difference, test_share)
    half = error * float(stats.t.ppf((1 + confidence) / 2, m - 1))
    with np.errstate(divide="ignore"):
        p = float(2 * stats.t.sf(np.abs(mean) / np.float64(error), m - 1)) if mean else 1.0
    return {"gain": mean, "gain_low": mean - half, "gain_high": mean + half, "gain_p": p}


def mcnemar_p(first: np.ndarray, second: np.ndarray) -> float:
    """Return the exact McNemar p value of two fixed models, from whether each is right on each product."""
    from statsmodels.stats.contingency_tables import mcnemar

    table = [
        [int((first & second).sum()), int((first & ~second).sum())],
        [int((~first & second).sum()), int((~first & ~second).sum())],
    ]
    return float(mcnemar(table, exact=True).pvalue)


def score_classes(
    table: pd.DataFrame, model: str, protocol: str, group: np.ndarray, params: EvaluationParams
) -> pd.DataFrame:
    """Return precision, recall and F1 (with its interval) of each category."""
    confusion = confusion_by_group(table, group)
    low, high = interval(per_class(resampled(confusion, params))["f1"], params.confidence)
    columns = per_class(total(confusion))
    columns["support"] = columns["support"] / len(table[["seed", "repeat"]].drop_duplicates())
    return pd.DataFrame(
        {
            "model": model,
            "protocol": protocol,
            "category": categories(table),
            **columns,
            "f1_low": low,
            "f1_high": high,
        }
    )
