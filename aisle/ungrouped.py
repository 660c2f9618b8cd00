"""What scores would be if folds ignored near-duplicates."""

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.model_selection import StratifiedKFold

from aisle import metrics, predictions, tables
from aisle.folds import FoldsParams
from aisle.params import Section
from aisle.repeats import cv_rows


class ComparedModel(Section):
    """Section `leakage.models.<name>`: its classifier and input, as in `classifiers.<name>`."""

    classifier: str
    input: str


def ungrouped(folds: pd.DataFrame, params: FoldsParams) -> pd.DataFrame:
    """Return the folds table with cv_<repeat> by scikit-learn's StratifiedKFold: same seeds, no groups."""
    ordered = folds.sort_values(tables.KEY)  # the same folds whatever the order of the rows
    category = ordered["category"].to_numpy(str)
    columns = {}
    for repeat, name in enumerate(predictions.repeats(folds)):
        fold = np.full(len(folds), -1)
        splitter = StratifiedKFold(params.n_splits, shuffle=True, random_state=params.seed + repeat)
        for number, (_, test) in enumerate(splitter.split(category, category)):
            fold[test] = number
        columns[name] = pd.Series(fold, ordered.index)
    return folds.assign(**columns)


def compare(
    estimator: BaseEstimator,
    X: np.ndarray,
    available: np.ndarray,
    folds: pd.DataFrame,
    grouped: pd.DataFrame,
    params: FoldsParams,
) -> pd.DataFrame:
    """Return the accuracy of each repeat and fold, with grouped and with ungrouped folds.

    Parameters
    ----------
    estimator, X, available, folds
        As of `predictions.out_of_fold`.
    grouped
        The model's predictions with the grouped folds.
    params
        Seed and folds of the cross-validation.

    Returns
    -------
    pandas.DataFrame
        repeat, fold, accuracy_grouped, accuracy_ungrouped. Fold i of one is not fold i of the other: they
        have in common the repeat's seed and the number of products.
    """
    table = predictions.out_of_fold(estimator, X, available, ungrouped(folds, params), inner=False)
    both = []
    for name, rows in (("grouped", cv_rows(grouped)), ("ungrouped", cv_rows(table))):
        products = rows.drop_duplicates(tables.KEY)
        tables.align(products, folds[tables.KEY], f"predictions ({name} folds)", "the classifier's input")
        right = rows.assign(right=metrics.predicted(rows) == rows["category"].to_numpy(str))
        by_fold = right.groupby(["repeat", "fold"])["right"]
        both.append(by_fold.mean().rename(f"accuracy_{name}").reset_index())
    return both[0].merge(both[1], on=["repeat", "fold"], validate="one_to_one")
