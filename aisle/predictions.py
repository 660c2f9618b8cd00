"""Predictions files: class probabilities out of fold, and how they are made and read.

A file has two kinds of rows. Test rows (`inner_fold` TEST) are what models are scored by. Inner rows are
predictions for the products of a fold's *training* part, each by a model that did not see it nor the test
part: what temperatures, fusion weights and thresholds are fitted on, so that they never see the test part
either.
"""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from aisle import tables
from aisle.errors import AisleError, some

if TYPE_CHECKING:
    from sklearn.base import BaseEstimator

PREFIX = "p_"
"""Probability columns are named PREFIX + category."""
TEST = -1
"""`inner_fold` of the rows that models are scored by."""
KEYS = ["protocol", "repeat", "fold", "inner_fold", "product_id"]
WEIGHT = "weight_"
"""Columns of a model that weighs its inputs product by product: WEIGHT + modality."""


def repeats(table: pd.DataFrame) -> list[str]:
    """Return the names of the cross-validation columns of data/folds.parquet."""
    return [column for column in table.columns if column.startswith("cv_")]


@dataclass(frozen=True)
class _Fit:
    """One fit: what it learns from, and what it predicts: (protocol, repeat, fold, inner_fold), mask."""

    train: np.ndarray
    targets: list[tuple[tuple[str, int, int, np.ndarray | int], np.ndarray]]


def _fits(folds: pd.DataFrame, inner_too: bool = True) -> list[_Fit]:
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
    fits = [_Fit(split == "train", holdout)]
    for repeat, column in enumerate(columns):
        fold = folds[column].to_numpy()
        numbers = [int(number) for number in np.unique(fold)]
        fits += [_Fit(fold != f, [(("cv", repeat, f, TEST), fold == f)]) for f in numbers]
        fits += [
            _Fit(
                (fold != f) & (fold != g),
                [(("cv", repeat, f, g), fold == g), (("cv", repeat, g, f), fold == f)],
            )
            for f, g in combinations(numbers, 2)
            if inner_too and ((fold != f) & (fold != g)).any()
        ]
    return fits


def out_of_fold(
    estimator: "BaseEstimator",
    X: np.ndarray,
    available: np.ndarray,
    folds: pd.DataFrame,
    progress: Callable[[Iterable[Any]], Iterable[Any]] = iter,
    inner: bool = True,
    workers: int = 1,
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
    workers
        Fits at a time, in threads: for an estimator that leaves Python while it learns.

    Returns
    -------
    pandas.DataFrame
        protocol (`holdout`: trained on train, tested on test; `cv`), repeat, fold, inner_fold (TEST, or the
        fold of the training part that was left out), product_id, category (true), available, one probability
        column per category, and `weight_<modality>` from an estimator with `modality_weights`.
    """
    categories = folds["category"].to_numpy(str)
    names = np.unique(categories)
    fits, parts = _fits(folds, inner), []

    def predict(fit: _Fit) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        where = np.logical_or.reduce([mask for _, mask in fit.targets])
        return where, _predict(estimator, X, available, categories, fit.train, where)

    with ThreadPoolExecutor(workers) as pool:
        results = pool.map(predict, fits) if workers > 1 else map(predict, fits)
        for fit, (where, predicted) in zip(progress(fits), results, strict=True):
            for (protocol, repeat, fold, number), mask in fit.targets:
                rows = mask[where]
                part = folds.loc[mask, ["product_id", "category"]].assign(
                    protocol=protocol,
                    repeat=repeat,
                    fold=fold,
                    inner_fold=number if isinstance(number, int) else number[mask],
                    available=available[mask],
                )
                parts.append(part.assign(**{name: values[rows] for name, values in predicted.items()}))
    table = pd.concat(parts).sort_values(KEYS, ignore_index=True)
    weights = [name for name in table.columns if name.startswith(WEIGHT)]
    return table[[*KEYS, "category", "available", *(PREFIX + name for name in names), *weights]]


def _predict(
    estimator: "BaseEstimator",
    X: np.ndarray,
    available: np.ndarray,
    categories: np.ndarray,
    train: np.ndarray,
    where: np.ndarray,
) -> dict[str, np.ndarray]:
    """Fit a clone on `train`; return the columns of its predictions for `where`."""
    from sklearn.base import clone  # the stages that only read predictions need no scikit-learn

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
    columns = {PREFIX + name: probabilities[:, i] for i, name in enumerate(names)}
    return columns | weights


def test_rows(table: pd.DataFrame) -> pd.DataFrame:
    """Return the rows that models are scored by."""
    return table[table["inner_fold"] == TEST]


def inner_rows(table: pd.DataFrame) -> pd.DataFrame:
    """Return the predictions inside the training parts, to fit temperatures, weights and thresholds on."""
    return table[table["inner_fold"] != TEST]


def categories(table: pd.DataFrame) -> list[str]:
    """Return the categories that a predictions table has probabilities for."""
    return [column.removeprefix(PREFIX) for column in table.columns if column.startswith(PREFIX)]


def probabilities(table: pd.DataFrame) -> np.ndarray:
    """Return the probabilities (rows, categories) of a predictions table."""
    return table[[PREFIX + name for name in categories(table)]].to_numpy(float)


def align(table: pd.DataFrame, reference: pd.DataFrame, name: str, reference_name: str) -> pd.DataFrame:
    """Return `table` with the rows of `reference`, in its order.

    Raises
    ------
    AisleError
        If the products of a protocol and repeat differ (names them), or their folds or categories do.
    """
    if categories(table) != categories(reference):
        differing = sorted({*categories(table)} ^ {*categories(reference)})
        raise AisleError(f"{name} must have the categories of {reference_name}, not other: {some(differing)}")

    def keys(rows: pd.DataFrame) -> pd.Series:
        test = " (" + rows["protocol"] + ", repeat " + rows["repeat"].astype(str)
        inner = ", fold " + rows["fold"].astype(str) + ", inner fold " + rows["inner_fold"].astype(str)
        return rows[tables.KEY] + test + inner.where(rows["inner_fold"] != TEST, "") + ")"

    columns = [*KEYS, "category"]
    found, wanted = (rows[columns].reset_index(drop=True) for rows in (table, reference))
    if found.equals(wanted) and not found.duplicated(KEYS).any():
        return table.reset_index(drop=True)  # as a rule; what follows takes ten times as long
    aligned = tables.align(table.assign(**{tables.KEY: keys(table)}), keys(reference), name, reference_name)
    for column in ("fold", "category"):
        differ = aligned[column].to_numpy() != reference[column].to_numpy()
        if differ.any():
            raise AisleError(
                f"{name} must have the {column}s of {reference_name}; they differ for "
                f"{some(aligned.loc[differ, tables.KEY])}. Run `dvc repro`."
            )
    return aligned.assign(**{tables.KEY: reference[tables.KEY].to_numpy()})
