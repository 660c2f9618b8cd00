"""Cross-fitting: fit a model on each training part of the folds, predict its test part and its inner rows."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, clone

from aisle.models.predictions_table import KEYS, PREFIX, TEST, WEIGHT, repeats
from aisle.pipeline.cores import in_processes
from aisle.pipeline.errors import AisleError

SideBySide = Callable[[Callable[[int], Any], Iterable[int]], Iterable[Any]]
"""`map`, or a way to run it side by side (aisle/pipeline/cores.py)."""


@dataclass(frozen=True)
class Fit:
    """One fit: what it learns from, and what it predicts: (protocol, repeat, fold, inner_fold), mask."""

    train: np.ndarray
    targets: list[tuple[tuple[str, int, int, np.ndarray | int], np.ndarray]]


def plan(folds: pd.DataFrame, inner_too: bool = True) -> list[Fit]:
    """Return every fit; those for test rows alone unless `inner_too`.

    A model that leaves out two folds, f and g, serves twice: for the test fold f its predictions of g are
    inner ones, and the other way round. So inner predictions cost n_splits * (n_splits - 1) / 2 fits a
    repeat. The hold-out's inner rows are its validation part, predicted by the one model; their
    `inner_fold` is that of the last repeat, for whatever is cross-fitted on them.
    """
    split, columns = folds["split"].to_numpy(str), repeats(folds)
    holdout: list[Any] = [(("holdout", 0, 0, TEST), split == "test")]
    if columns and inner_too:
        inner = folds[columns[-1]].to_numpy()  # the first repeat shares the hold-out's seed
        holdout.append((("holdout", 0, 0, inner), split == "validation"))
    fits = [Fit(split == "train", holdout)]
    for repeat, column in enumerate(columns):
        fold = folds[column].to_numpy()
        numbers = [int(number) for number in np.unique(fold)]
        fits += [Fit(fold != f, [(("cv", repeat, f, TEST), fold == f)]) for f in numbers]
        fits += [
            Fit(
                (fold != f) & (fold != g),
                [(("cv", repeat, f, g), fold == g), (("cv", repeat, g, f), fold == f)],
            )
            for f, g in combinations(numbers, 2)
            if inner_too and ((fold != f) & (fold != g)).any()
        ]
    return fits


def out_of_fold(
    estimator: BaseEstimator,
    X: np.ndarray,
    available: np.ndarray,
    folds: pd.DataFrame,
    progress: Callable[[Iterable[Any]], Iterable[Any]] = iter,
    inner: bool = True,
    side_by_side: SideBySide = in_processes,
) -> pd.DataFrame:
    """Fit on each training part, predict its test part, under both protocols.

    Parameters
    ----------
    estimator
        Unfitted; cloned for every fit.
    X
        n inputs, row i for row i of `folds`.
    available
        Boolean (n,). A product without input is not trained on, and is predicted as the categories' shares in
        the training part.
    folds
        The table of data/folds.parquet.
    progress
        Wraps the list of fits, to show progress.
    inner
        Whether inner rows are wanted too: they cost two of three fits.
    side_by_side
        How fits run: in processes, in threads (an estimator that leaves Python while it learns, and does not
        survive a fork) or one after another (`map`). The result is the same.

    Returns
    -------
    pandas.DataFrame
        protocol (`holdout`: trained on train, tested on test; `cv`), repeat, fold, inner_fold (TEST, or the
        fold of the training part that was left out), product_id, category (true), available, one probability
        column per category, and `weight_<modality>` from an estimator with `modality_weights`.
    """
    categories = folds["category"].to_numpy(str)
    names = np.unique(categories)
    fits = plan(folds, inner)
    table, place = _rows(fits, folds, available)
    # a category's values lie together, and each goes to its place as it comes: of a large catalogue with many
    # categories there is room for them once
    probabilities = np.empty((len(names), len(table)))
    weights: dict[str, np.ndarray] = {}

    def predict(fit: Fit) -> tuple[np.ndarray, np.ndarray, dict[str, np.ndarray]]:
        where = np.logical_or.reduce([mask for _, mask in fit.targets])
        return where, *_predict(estimator, X, available, categories, fit.train, where)

    results, done = side_by_side(lambda number: predict(fits[number]), range(len(fits))), 0
    for fit, (where, predicted, weighed) in zip(progress(fits), results, strict=True):
        for _, mask in fit.targets:
            rows, count = mask[where], int(mask.sum())
            here, done = place[done : done + count], done + count
            probabilities[:, here] = predicted[rows].T
            for name, values in weighed.items():
                weights.setdefault(name, np.full(len(table), np.nan))[here] = values[rows]
    columns = pd.DataFrame(probabilities.T, columns=[PREFIX + name for name in names], copy=False)
    return pd.concat([table, columns, pd.DataFrame(weights)], axis=1, copy=False)  # type: ignore[call-overload]


def _rows(fits: Iterable[Fit], folds: pd.DataFrame, available: np.ndarray) -> tuple[pd.DataFrame, np.ndarray]:
    """Return the keys, category and `available` of all rows by `KEYS`, and each one's place in it.

    The places are those of the fits' targets, one after another, each by the products' order in `folds`.
    """
    parts = [
        folds.loc[mask, ["product_id", "category"]].assign(
            protocol=protocol,
            repeat=repeat,
            fold=fold,
            inner_fold=number if isinstance(number, int) else number[mask],
            available=available[mask],
        )
        for fit in fits
        for (protocol, repeat, fold, number), mask in fit.targets
    ]
    table = pd.concat(parts, ignore_index=True).sort_values(KEYS)
    place = np.empty(len(table), int)
    place[table.index] = np.arange(len(table))
    return table[[*KEYS, "category", "available"]].reset_index(drop=True), place


def _predict(
    estimator: BaseEstimator,
    X: np.ndarray,
    available: np.ndarray,
    categories: np.ndarray,
    train: np.ndarray,
    where: np.ndarray,
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Fit a clone on `train`; return its probabilities for `where`, (n, categories), and its weights."""
    names = np.unique(categories)
    prior = np.array([(categories[train] == name).mean() for name in names])
    probabilities = np.tile(prior, (where.sum(), 1))
    fit, seen = train & available, available[where]
    weights: dict[str, np.ndarray] = {}
    if len(np.unique(categories[fit])) > 1 and seen.any():
        try:
            fitted: Any = clone(estimator).fit(X[fit], categories[fit])
        except ValueError as error:  # scikit-learn's word for, say, an empty vocabulary
            raise AisleError(f"the model must fit its training part; {error}") from None
        known = np.zeros((seen.sum(), len(names)))
        known[:, np.searchsorted(names, fitted.classes_)] = fitted.predict_proba(X[where & available])
        probabilities[seen] = known
        if hasattr(fitted, "modality_weights"):
            for modality, values in fitted.modality_weights(X[where & available]).items():
                weights[WEIGHT + modality] = np.full(where.sum(), np.nan)
                weights[WEIGHT + modality][seen] = values
    return probabilities, weights
