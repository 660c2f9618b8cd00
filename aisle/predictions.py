"""Predictions files: class probabilities out of fold, and how they are made and read."""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from aisle import tables
from aisle.errors import AisleError, some

if TYPE_CHECKING:
    from sklearn.base import BaseEstimator

PREFIX = "p_"
"""Probability columns are named PREFIX + category."""
KEYS = ["protocol", "repeat", "fold", "product_id"]


def repeats(table: pd.DataFrame) -> list[str]:
    """Return the names of the cross-validation columns of data/folds.parquet."""
    return [column for column in table.columns if column.startswith("cv_")]


def _tasks(folds: pd.DataFrame) -> list[tuple[str, int, int, np.ndarray, np.ndarray]]:
    """Return (protocol, repeat, fold, training mask, test mask) of every fit."""
    split = folds["split"].to_numpy(str)
    tasks = [("holdout", 0, 0, split == "train", split == "test")]
    for repeat, column in enumerate(repeats(folds)):
        fold = folds[column].to_numpy()
        tasks += [("cv", repeat, number, fold != number, fold == number) for number in np.unique(fold)]
    return tasks


def out_of_fold(
    estimator: "BaseEstimator",
    X: np.ndarray,
    available: np.ndarray,
    folds: pd.DataFrame,
    progress: Callable[[Iterable[Any]], Iterable[Any]] = iter,
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

    Returns
    -------
    pandas.DataFrame
        protocol (`holdout`: trained on train, tested on test; `cv`), repeat, fold, product_id, category
        (true), available, and one probability column per category.
    """
    from sklearn.base import clone  # the stages that only read predictions need no scikit-learn

    categories = folds["category"].to_numpy(str)
    names = np.unique(categories)
    parts = []
    for protocol, repeat, fold, train, test in progress(_tasks(folds)):
        prior = np.array([(categories[train] == name).mean() for name in names])
        probabilities = np.tile(prior, (test.sum(), 1))
        fit, seen = train & available, available[test]
        if len(np.unique(categories[fit])) > 1 and seen.any():
            try:
                fitted: Any = clone(estimator).fit(X[fit], categories[fit])
            except ValueError as error:  # scikit-learn's word for, say, an empty vocabulary
                raise AisleError(f"the model must fit its training part ({protocol}); {error}") from None
            columns = np.searchsorted(names, fitted.classes_)
            known = np.zeros((seen.sum(), len(names)))
            known[:, columns] = fitted.predict_proba(X[test & available])
            probabilities[seen] = known
        part = folds.loc[test, ["product_id", "category"]].assign(
            protocol=protocol, repeat=repeat, fold=int(fold), available=seen
        )
        part[[PREFIX + name for name in names]] = probabilities
        parts.append(part)
    table = pd.concat(parts).sort_values(KEYS, ignore_index=True)
    return table[[*KEYS, "category", "available", *(PREFIX + name for name in names)]]


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
        return rows[tables.KEY] + " (" + rows["protocol"] + ", repeat " + rows["repeat"].astype(str) + ")"

    aligned = tables.align(table.assign(**{tables.KEY: keys(table)}), keys(reference), name, reference_name)
    for column in ("fold", "category"):
        differ = aligned[column].to_numpy() != reference[column].to_numpy()
        if differ.any():
            raise AisleError(
                f"{name} must have the {column}s of {reference_name}; they differ for "
                f"{some(aligned.loc[differ, tables.KEY])}. Run `dvc repro`."
            )
    return aligned.assign(**{tables.KEY: reference[tables.KEY].to_numpy()})
